"""Convolutions by cuDNN: requests for its plans, with a fake cuDNN that computes them by the reference."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastconv import backends, config
from fastconv.backends.gpu import conv as gpu_conv
from fastconv.backends.gpu import cudnn as gpu_cudnn
from fastconv.backends.reference import Reference
from fastconv.geometry import Convolution
from tests.fake_cupy import cudnn
from tests.strategies import geometries
from tests.windows import Windows

reference = Windows(Reference(np))
SAME = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}

SAME_3D = {"strides": (1, 1, 1), "padding": ((1, 1), (1, 1), (1, 1)), "dilation": (1, 1, 1)}


@pytest.fixture
def gpu(fake_gpu, monkeypatch):
    """Install the fake CuPy and the fake cuDNN."""
    monkeypatch.setitem(sys.modules, "cudnn", cudnn)
    monkeypatch.setattr(cudnn, "built", [])
    forget()
    yield fake_gpu
    forget()


def forget():
    for cache in (gpu_cudnn.cudnn, gpu_cudnn.handle, gpu_cudnn.planned):
        cache.cache_clear()
    gpu_cudnn._left.clear()


def integers(rng, *shape):
    return rng.integers(-4, 5, shape).astype(np.float32)


def assert_matches(xp, rng, x_shape, w_shape, **window):
    x, w = integers(rng, *x_shape), integers(rng, *w_shape)
    y = reference.conv(x, w, **window)
    dy, gpu = integers(rng, *y.shape), Windows(backends.gpu_backend(0))
    gx, gw, gdy = map(xp.asarray, (x, w, dy))
    np.testing.assert_array_equal(gpu.conv(gx, gw, **window).get(), y, strict=True)
    dx = gpu.conv_backward_input(gdy, gw, input_shape=x_shape, **window).get()
    np.testing.assert_array_equal(dx, reference.conv_backward_input(dy, w, input_shape=x_shape, **window))
    dw = gpu.conv_backward_kernel(gx, gdy, kernel_shape=w_shape, **window).get()
    np.testing.assert_array_equal(dw, reference.conv_backward_kernel(x, dy, kernel_shape=w_shape, **window))


@given(geometries(largest=6, channels=4), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_window_matches_the_reference(gpu, geometry, seed):
    x_shape, w_shape, window = geometry
    assert_matches(gpu, np.random.default_rng(seed), x_shape, w_shape, **window)


def test_bias_and_activation_follow(gpu, rng):
    x, w, bias = integers(rng, 2, 5, 6, 3), integers(rng, 3, 3, 3, 4), integers(rng, 4)
    arrays = map(gpu.asarray, (x, w, bias))
    y = Windows(backends.gpu_backend(0)).conv(*arrays, activation="relu", **SAME)
    np.testing.assert_array_equal(y.get(), reference.conv(x, w, bias, activation="relu", **SAME))


def test_a_plan_is_built_once(gpu, rng):
    for _ in range(2):
        assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 3, 4), **SAME)
    assert len(cudnn.built) == 3
    assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 3, 5), **SAME)
    assert len(cudnn.built) == 6


def test_depthwise_convolutions_have_kernels_of_their_own(gpu, rng):
    assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 1, 3), **SAME)
    assert not cudnn.built


def test_convolutions_that_cudnn_lacks_use_the_kernels(gpu, rng, monkeypatch):
    monkeypatch.setattr(cudnn, "supported", False)
    assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 3, 4), **SAME)
    assert not cudnn.built
    asked = gpu_cudnn.planned.cache_info().misses
    assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 3, 4), **SAME)
    assert gpu_cudnn.planned.cache_info().misses == asked == 3
    assert "(3 so far)" in gpu_cudnn.describe(0)


def test_a_refusal_may_be_a_runtime_error(gpu, rng, monkeypatch):
    monkeypatch.setattr(cudnn, "fault", RuntimeError("CUDNN_BACKEND_API_FAILED: CUDNN_STATUS_NOT_SUPPORTED"))
    assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 3, 4), **SAME)


def test_failures_of_cudnn_are_reported(gpu, rng, monkeypatch):
    monkeypatch.setattr(cudnn, "fault", RuntimeError("CUDNN_STATUS_BAD_PARAM"))
    x, w = integers(rng, 2, 5, 6, 3), integers(rng, 3, 3, 3, 4)
    with pytest.warns(UserWarning, match=r"cuDNN fails, .* CUDNN_STATUS_BAD_PARAM; conv_fprop"):
        y = Windows(backends.gpu_backend(0)).conv(gpu.asarray(x), gpu.asarray(w), **SAME)
    np.testing.assert_array_equal(y.get(), reference.conv(x, w, **SAME))


def test_a_graph_that_is_described_wrongly_is_an_error(gpu, rng, monkeypatch):
    monkeypatch.setattr(cudnn, "fault", ValueError("an attribute is not set"))
    with pytest.raises(ValueError, match="attribute"):
        assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 3, 4), **SAME)


@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("precision", ["fast", "exact"])
def test_engines_of_other_precision_are_excluded(gpu, rng, tf32, precision):
    config.set_tf32(tf32)
    config.set_conv_precision(precision)
    assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 3, 4), **SAME)
    for graph in cudnn.built:
        assert graph.notes >= {"NONDETERMINISTIC", "DOWN_CONVERT_INPUTS", "REDUCED_PRECISION_REDUCTION"}
        assert ("TENSOR_CORE" in graph.notes) == (not tf32)
        assert ("WINOGRAD" in graph.notes) == (tf32 or precision == "exact")


def test_the_kernels_are_used_if_the_library_is_missing(gpu, rng, monkeypatch):
    def missing():
        raise RuntimeError("libcudnn.so.9 is not found")

    monkeypatch.setattr(cudnn, "create_handle", missing)
    assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 3, 4), **SAME)
    assert "no libcudnn" in gpu_cudnn.describe(0)
    monkeypatch.setitem(sys.modules, "cudnn", None)
    forget()
    assert_matches(gpu, rng, (2, 5, 6, 3), (3, 3, 3, 4), **SAME)
    assert "not installed" in gpu_cudnn.describe(0)


def test_plans_are_run_by_a_graph(gpu, rng):
    x, w = gpu.zeros((2, 5, 6, 3), "float32"), gpu.ones((3, 3, 3, 4), "float32")
    y, backend = gpu.empty((2, 5, 6, 4), "float32"), Windows(backends.gpu_backend(0))
    backend.conv(x, w, out=y, **SAME)
    stream, pool = gpu.cuda.Stream(non_blocking=True), gpu.cuda.MemoryPool()
    with stream, gpu.cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        backend.conv(x, w, out=y, **SAME)
        graph = stream.end_capture()
    values = integers(rng, *x.shape)
    x.set(values)
    graph.launch()
    np.testing.assert_array_equal(y.get(), reference.conv(values, w.get(), **SAME))


@pytest.mark.parametrize("operation", ["conv_fprop", "conv_dgrad", "conv_wgrad"])
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "outputs", "window"),
    [
        ((2, 9, 8, 8), (3, 2, 4, 12), (5, 3), {"strides": (2, 3), "padding": ((1, 2), (0, 1)), "dilation": (1, 2)}),
        ((2, 30, 3), (5, 3, 9), (11,), {"strides": (2,), "padding": ((1, 3),), "dilation": (3,)}),
        (
            (2, 3, 7, 6, 9),
            (3, 3, 3, 9, 20),
            (3, 7, 6),
            {"strides": (1,) * 3, "padding": ((1, 1),) * 3, "dilation": (1,) * 3},
        ),
    ],
)
def test_the_package_itself_takes_the_graphs(monkeypatch, operation, x_shape, w_shape, outputs, window):
    """Checked as far as the package looks at graphs without a GPU; its C++ part needs a GPU."""
    package = pytest.importorskip("cudnn")
    monkeypatch.setattr(package.pygraph, "_backend_lowerable", lambda self: False)
    c = gpu_conv.window(Convolution.of(x_shape, w_shape, **window))
    graph = gpu_cudnn.described(package, None, operation, c)
    graph.validate()
    result = graph.find_tensor(gpu_cudnn.RESULT)
    assert result.uid == gpu_cudnn.RESULT
    if operation == "conv_fprop":
        assert list(result.dim)[2:] == [*(1,) * (2 - len(outputs)), *outputs]
    assert all(hasattr(graph, name) for name in ("deselect_numeric_notes", "deselect_workspace_greater_than"))
    assert len(gpu_cudnn.unwanted_notes(package, False, True)) == 9


def test_the_fake_cudnn_has_the_names_of_the_package():
    package = pytest.importorskip("cudnn")
    for name in ("numerical_note", "heur_mode", "build_plan_policy", "data_type"):
        assert all(hasattr(getattr(package, name), word) for word in vars(getattr(cudnn, name)))
