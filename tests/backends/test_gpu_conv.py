"""Convolutions on the fake GPU: exact on small integers, whose float32 sums carry no rounding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastconv import backends, config
from fastconv.backends.formulas import EPILOGUES
from fastconv.backends.gpu import conv
from fastconv.backends.reference import Reference
from fastconv.geometry import Convolution
from tests.fake_cupy import cuda, nvrtc
from tests.strategies import geometries
from tests.windows import Windows

reference = Windows(Reference(np))

PLAIN = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
SAME = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}
STRIDED = {"strides": (2, 3), "padding": ((1, 2), (0, 1)), "dilation": (1, 2)}
SAME_3D = {"strides": (1, 2, 1), "padding": ((1, 1), (1, 1), (1, 0)), "dilation": (1, 1, 1)}


def integers(rng, *shape):
    return rng.integers(-4, 5, shape).astype(np.float32)


def results(xp, x, w, dy, window):
    """Return the GPU's results for the operation and both gradients, as NumPy arrays."""
    gpu, arrays = Windows(backends.gpu_backend(0)), [xp.asarray(a) for a in (x, w, dy)]
    return [
        y.get()
        for y in (
            gpu.conv(arrays[0], arrays[1], **window),
            gpu.conv_backward_input(arrays[2], arrays[1], input_shape=x.shape, **window),
            gpu.conv_backward_kernel(arrays[0], arrays[2], kernel_shape=w.shape, **window),
        )
    ]


def assert_matches(xp, rng, x_shape, w_shape, **window):
    x, w = integers(rng, *x_shape), integers(rng, *w_shape)
    y = reference.conv(x, w, **window)
    dy = integers(rng, *y.shape)
    dx = reference.conv_backward_input(dy, w, input_shape=x_shape, **window)
    dw = reference.conv_backward_kernel(x, dy, kernel_shape=w_shape, **window)
    for found, wanted in zip(results(xp, x, w, dy, window), (y, dx, dw), strict=True):
        np.testing.assert_array_equal(found, wanted, strict=True)


@given(geometries(largest=6, channels=5), st.integers(0, 2**32 - 1), st.sampled_from(["forward", "reverse", 1]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_window_matches_the_reference(gpu, geometry, seed, order):
    x_shape, w_shape, window = geometry
    with cuda.order(order):
        assert_matches(gpu, np.random.default_rng(seed), x_shape, w_shape, **window)


@pytest.mark.parametrize("tile", [(128, 128), (64, 64), (128, 32)])
@pytest.mark.parametrize(("ci", "co"), [(3, 7), (4, 7), (3, 8), (4, 8), (33, 130), (136, 132)])
def test_every_tile_at_its_edges(gpu, monkeypatch, rng, tile, ci, co):
    monkeypatch.setattr(conv, "tile_of", lambda *_: tile)
    assert_matches(gpu, rng, (3, 7, 6, ci), (3, 2, ci, co), **SAME)


@pytest.mark.parametrize("pixels", [1, 31, 32, 33, 63, 64, 65, 127, 128, 129])
def test_pixels_around_the_tile(gpu, rng, pixels):
    assert_matches(gpu, rng, (1, 1, pixels, 8), (1, 1, 8, 4), **PLAIN)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "window"),
    [
        pytest.param((2, 9, 8, 8), (3, 2, 4, 12), STRIDED, id="groups"),
        pytest.param((2, 9, 8, 8), (3, 2, 1, 8), STRIDED, id="depthwise"),
        pytest.param((2, 9, 8, 34), (3, 3, 1, 68), SAME, id="depthwise, two filters a channel"),
        pytest.param((2, 17, 16, 4), (3, 3, 4, 12), {**SAME, "strides": (2, 2), "dilation": (2, 4)}, id="dilated"),
        pytest.param((2, 5, 5, 6), (2, 2, 6, 6), {**PLAIN, "strides": (3, 3)}, id="gaps between windows"),
        pytest.param((2, 300, 3), (5, 3, 9), {"strides": (2,), "padding": ((1, 3),), "dilation": (3,)}, id="a line"),
        pytest.param((2, 3, 7, 6, 9), (3, 3, 3, 9, 20), SAME_3D, id="a volume"),
        pytest.param((2, 3, 7, 6, 9), (3, 3, 3, 1, 9), SAME_3D, id="a volume, depthwise"),
        pytest.param((1, 6, 6, 3), (6, 6, 3, 10), PLAIN, id="kernel as large as the image"),
        pytest.param((0, 6, 6, 3), (3, 3, 3, 8), SAME, id="no images"),
        pytest.param((0, 6, 6, 3), (3, 3, 1, 6), SAME, id="no images, depthwise"),
        pytest.param((9, 24, 24, 4), (3, 3, 4, 8), SAME, id="pixels in parts"),
        pytest.param((9, 24, 24, 4), (3, 3, 1, 4), SAME, id="pixels in parts, depthwise"),
        pytest.param((2, 7, 6, 3), (3, 2, 3, 5), {**STRIDED, "strides": (3, 21849)}, id="strides beyond the image"),
        pytest.param((2, 7, 6, 3), (3, 2, 1, 6), {**STRIDED, "strides": (3, 21849)}, id="the same, depthwise"),
    ],
)
def test_shapes(gpu, rng, x_shape, w_shape, window):
    assert_matches(gpu, rng, x_shape, w_shape, **window)


def test_phases_lie_inside_the_image():
    c = conv.window(Convolution.of((2, 7, 6, 3), (3, 2, 3, 5), (3, 21849), STRIDED["padding"], STRIDED["dilation"]))
    assert c.phases == 3 * 6
    assert c.phase_pixels == 2 * 3
    assert conv.fits(c)


def test_gradients_of_kernels_are_summed_in_parts():
    c = conv.window(Convolution.of((9, 24, 24, 4), (3, 3, 4, 8), **SAME))
    assert 1 < -(-c.pixels // conv.part_length(c, 1, 1152)) < conv.BLOCKS
    config.set_max_workspace(0)
    assert conv.part_length(c, 1, 1152) >= c.pixels


@pytest.mark.parametrize("shapes", [((2, 9, 24, 8), (3, 3, 8, 40)), ((2, 9, 24, 40), (3, 3, 1, 40))])
def test_same_bits_in_any_order_of_blocks(gpu, rng, shapes):
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    dy = rng.standard_normal((*x.shape[:-1], w.shape[-1])).astype(np.float32)
    first = results(gpu, x, w, dy, SAME)
    for order in ("reverse", 1, 2):
        with cuda.order(order):
            for found, wanted in zip(results(gpu, x, w, dy, SAME), first, strict=True):
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("activation", [None, *EPILOGUES])
@pytest.mark.parametrize(("ci", "co"), [(6, 5), (1, 6)])
def test_bias_and_activation(gpu, rng, activation, ci, co):
    x, w, bias = (rng.standard_normal(s).astype(np.float32) for s in ((2, 5, 6, 6), (3, 3, ci, co), (co,)))
    how = {**STRIDED, "activation": activation, "alpha": 0.3}
    backend, (gx, gw, gbias) = Windows(backends.gpu_backend(0)), map(gpu.asarray, (x, w, bias))
    y = backend.conv(gx, gw, gbias, **how)
    np.testing.assert_allclose(y.get(), reference.conv(x, w, bias, **how), rtol=1e-5, atol=1e-5)
    back = {**how, "input_shape": x.shape}
    shift = rng.standard_normal(6).astype(np.float32)
    dx = backend.conv_backward_input(y, gw, gpu.asarray(shift), **back)
    wanted = reference.conv_backward_input(y.get(), w, shift, **back)
    np.testing.assert_allclose(dx.get(), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize(("ci", "co"), [(6, 5), (1, 6)])
def test_residual(gpu, rng, activation, ci, co):
    x, w, bias = (rng.standard_normal(s).astype(np.float32) for s in ((2, 5, 6, 6), (3, 3, ci, co), (co,)))
    residual = rng.standard_normal(reference.conv(x, w, **STRIDED).shape).astype(np.float32)
    how = {**STRIDED, "activation": activation, "alpha": 0.3}
    y = Windows(backends.gpu_backend(0)).conv(*map(gpu.asarray, (x, w, bias, residual)), **how)
    np.testing.assert_allclose(y.get(), reference.conv(x, w, bias, residual, **how), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", list(EPILOGUES))
def test_nan_stays(gpu, activation):
    x, w = gpu.asarray(np.full((1, 1, 1, 1), np.nan, np.float32)), gpu.ones((1, 1, 1, 1), "float32")
    assert np.isnan(Windows(backends.gpu_backend(0)).conv(x, w, activation=activation, alpha=0.3, **PLAIN).get())


def test_gradients_are_adjoint(gpu, rng):
    """<dy, conv(x, w)> = <backward_input(dy), x> = <backward_kernel(dy), w>, exactly in integers."""
    x, w = integers(rng, 3, 11, 12, 6), integers(rng, 3, 4, 3, 20)
    dy = integers(rng, *reference.conv(x, w, **STRIDED).shape)
    y, dx, dw = (a.astype(int) for a in results(gpu, x, w, dy, STRIDED))
    assert np.vdot(dy.astype(int), y) == np.vdot(dx, x.astype(int)) == np.vdot(dw, w.astype(int))


@pytest.mark.parametrize("strided", [False, True])
def test_out_receives_the_result(gpu, rng, strided):
    x, w = integers(rng, 2, 5, 6, 3), integers(rng, 3, 3, 3, 4)
    dy = integers(rng, 2, 5, 6, 4)
    wanted = results(gpu, x, w, dy, SAME)
    backend, (gx, gw, gdy) = Windows(backends.gpu_backend(0)), map(gpu.asarray, (x, w, dy))

    def target(shape):
        return gpu.empty((*shape[:-1], 2 * shape[-1]), "float32")[..., ::2] if strided else gpu.empty(shape, "float32")

    outs = [target(y.shape) for y in wanted]
    assert backend.conv(gx, gw, out=outs[0], **SAME) is outs[0]
    assert backend.conv_backward_input(gdy, gw, input_shape=x.shape, out=outs[1], **SAME) is outs[1]
    assert backend.conv_backward_kernel(gx, gdy, kernel_shape=w.shape, out=outs[2], **SAME) is outs[2]
    for out, y in zip(outs, wanted):
        np.testing.assert_array_equal(out.get(), y)


def test_inputs_may_have_any_strides(gpu, rng):
    x, w = integers(rng, 2, 5, 6, 3), integers(rng, 3, 3, 3, 4)
    turned = gpu.asarray(x.transpose(0, 3, 1, 2).copy()).transpose(0, 2, 3, 1)
    y = Windows(backends.gpu_backend(0)).conv(turned, gpu.asarray(w), **SAME)
    np.testing.assert_array_equal(y.get(), reference.conv(x, w, **SAME))


def test_float64_uses_the_reference(gpu, rng):
    x, w = rng.standard_normal((2, 5, 6, 3)), rng.standard_normal((3, 3, 3, 4))
    dy = rng.standard_normal((2, 5, 6, 4))
    for found in results(gpu, x, w, dy, SAME):
        assert found.dtype == np.float64
    np.testing.assert_allclose(results(gpu, x, w, dy, SAME)[0], reference.conv(x, w, **SAME))


@pytest.mark.parametrize("groups", [1, 4])
def test_a_graph_captures_convolutions(gpu, rng, groups):
    """Capturing a graph waits for nothing on the GPU and uses only memory of the graph's own pool."""
    x, w, dy = (gpu.zeros(s, "float32") for s in ((9, 24, 24, 4), (3, 3, 4 // groups, 8), (9, 24, 24, 8)))
    outs = [gpu.empty(a.shape, "float32") for a in (dy, x, w)]
    backend, stream, pool = Windows(backends.gpu_backend(0)), gpu.cuda.Stream(non_blocking=True), gpu.cuda.MemoryPool()

    def step():
        backend.conv(x, w, out=outs[0], **SAME)
        backend.conv_backward_input(dy, w, input_shape=x.shape, out=outs[1], **SAME)
        backend.conv_backward_kernel(x, dy, kernel_shape=w.shape, out=outs[2], **SAME)

    with stream, gpu.cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        step()
        graph = stream.end_capture()
    values = [integers(rng, *a.shape) for a in (x, w, dy)]
    for array, value in zip((x, w, dy), values):
        array.set(value)
    graph.launch()
    for out, wanted in zip(outs, results(gpu, *values, SAME)):
        np.testing.assert_array_equal(out.get(), wanted)


# ---- compiled for GPUs -----------------------------------------------------------------------------------------------

BOOLEANS = (False, True)
TILES = ((128, 128), (64, 64), (128, 32))
INSTANCES = [
    *((conv.GATHER, conv.instance("conv", *t, *b)) for t in TILES for b in itertools.product(BOOLEANS, repeat=3)),
    *(
        (conv.CORRELATE, conv.instance("conv_kernel", *t, *b))
        for t in TILES
        for b in itertools.product(BOOLEANS, repeat=2)
    ),
    *((conv.DEPTHWISE, conv.instance("depthwise", back)) for back in BOOLEANS),
    (conv.PARTS, "add_parts"),
    (conv.FINISH, "finish"),
]


@pytest.mark.skipif(nvrtc.library() is None, reason="nvidia-cuda-nvrtc-cu12 is not installed")
@pytest.mark.parametrize("architecture", ["sm_70", "sm_80", "sm_90"])
def test_kernels_compile_for_gpus_and_spill_little(architecture):
    for files in {files for files, _ in INSTANCES}:
        names = [name for f, name in INSTANCES if f == files and "<" in name]
        options = ["--std=c++17", f"--gpu-architecture={architecture}", "--ptxas-options=-v"]
        _, log = nvrtc.compiled(conv.code(*files), options, names)
        spills = [int(line.split(" bytes spill stores")[0].split()[-1]) for line in log.splitlines() if "spill" in line]
        assert max(spills) <= 64, log
