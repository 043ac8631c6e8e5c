"""The fake CuPy is as strict as CuPy, and offers no names that CuPy lacks."""

from __future__ import annotations

import types

import numpy as np
import pytest

from tests import fake_cupy


@pytest.fixture
def gpu(fake_gpu):
    """Return the fake CuPy, whether or not this machine has a GPU."""
    return fake_gpu


def test_every_name_exists_in_cupy():
    real = pytest.importorskip("cupy", exc_type=ImportError)
    for ours, theirs in (
        (fake_cupy.cupy, real),
        (fake_cupy.cupy.cuda, real.cuda),
        (fake_cupy.cupy.cuda.runtime, real.cuda.runtime),
    ):
        assert not [name for name in vars(ours) if name[0] != "_" and not hasattr(theirs, name)]
    for name in ("ndarray", "ufunc", "ElementwiseKernel"):
        ours, theirs = getattr(fake_cupy.cupy, name), getattr(real, name)
        assert not [n for n in dir(ours) if n[0] != "_" and not hasattr(theirs, n)], name
    for name in ("Device", "Event", "Graph", "MemoryPool", "Stream"):
        ours, theirs = getattr(fake_cupy.cupy.cuda, name), getattr(real.cuda, name)
        assert not [n for n in dir(ours) if n[0] != "_" and not hasattr(theirs, n)], name


@pytest.mark.parametrize(
    "mixed",
    [
        lambda xp, x, y: np.asarray(x),
        lambda xp, x, y: np.exp(x),
        lambda xp, x, y: np.sum(x),
        lambda xp, x, y: np.concatenate([y, x]),
        lambda xp, x, y: x + y,
        lambda xp, x, y: y + x,
        lambda xp, x, y: y < x,
        lambda xp, x, y: xp.add(x, y),
        lambda xp, x, y: xp.concatenate([x, y]),
        lambda xp, x, y: x.__setitem__(..., y),
        lambda xp, x, y: x[y.astype(int)],
        lambda xp, x, y: xp.exp(x, where=x > 0),
        lambda xp, x, y: xp.exp(x, out=y),
        lambda xp, x, y: hash(x),
    ],
)
def test_arrays_of_the_host_are_refused(gpu, mixed):
    y = np.ones(3, "float32")
    with pytest.raises(TypeError):
        mixed(gpu, gpu.asarray(y), y)


def test_numbers_are_accepted(gpu):
    x = gpu.asarray(np.float32([1, 2]))
    assert (np.float32(2) * x + 1 - x / 2).get().tolist() == [2.5, 4]
    assert (2 * x).dtype == x.dtype
    x *= 3
    assert x.get().tolist() == [3, 6]
    assert gpu.maximum(x, 4).get().tolist() == [4, 6]


def test_views_share_memory_and_results_do_not(gpu):
    x = gpu.arange(6, dtype="float32").reshape(2, 3)
    x[0, 1:] = 7
    x.T[2] = -1
    assert x.get().tolist() == [[0, 7, -1], [3, 4, -1]]
    assert gpu.may_share_memory(x, x[1])
    assert not gpu.may_share_memory(x, x + 1)
    assert gpu.ascontiguousarray(x) is x
    assert isinstance(x.sum(), gpu.ndarray)
    assert x.sum().shape == ()
    assert not x.T.flags.c_contiguous


def test_transfers_of_values_are_counted(gpu):
    x = gpu.ones(1, "float32")
    assert fake_cupy.state.synchronizations == 0
    float(x), int(x), bool(x), x.get(), x.item(), x.tolist(), x.nonzero(), x[x > 0]
    assert fake_cupy.state.synchronizations == 8


def test_arrays_belong_to_a_device(gpu):
    with gpu.cuda.Device(1):
        x = gpu.ones(2)
    assert x.device.id == 1
    with pytest.raises(ValueError, match="device"):
        x + 1
    with pytest.raises(RuntimeError):
        gpu.cuda.Device(2)


def captured(gpu, f):
    stream = gpu.cuda.Stream(non_blocking=True)
    with stream, gpu.cuda.using_allocator(gpu.cuda.MemoryPool().malloc):
        stream.begin_capture()
        result = f()
        return stream.end_capture(), result


def test_a_graph_repeats_the_captured_work(gpu):
    x, w = gpu.ones(3, "float32"), gpu.zeros(3, "float32")
    kernel = gpu.ElementwiseKernel("T a, float32 b", "T y", "y = a * b + i", "scaled")

    def step():
        nonlocal w
        y = kernel(x, 2.0)
        w += y[1:].sum()
        return y

    graph, y = captured(gpu, step)
    assert np.isnan(y.get()).all()
    assert w.get().tolist() == [0] * 3
    for value, total in ((1, 7), (5, 30)):
        x.set(np.full(3, value, "float32"))
        graph.launch()
        assert y.get().tolist() == [2 * value, 2 * value + 1, 2 * value + 2]
        assert w.get().tolist() == [total] * 3


def test_a_graph_holds_kernels_of_cuda(gpu):
    code = 'extern "C" __global__ void twice(float* y, const float* x) { y[threadIdx.x] = 2 * x[threadIdx.x]; }'
    twice = gpu.RawModule(code=code, options=("--std=c++17",)).get_function("twice")
    x, y = gpu.ones(3, "float32"), gpu.empty(3, "float32")
    graph, _ = captured(gpu, lambda: twice((1,), (3,), (y, x)))
    assert np.isnan(y.get()).all()
    x.set(np.float32([1, 2, 3]))
    graph.launch()
    assert y.get().tolist() == [2, 4, 6]


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda xp, x: x.get(),
        lambda xp, x: x.get(stream=xp.cuda.get_current_stream(), blocking=False),
        lambda xp, x: x.set(np.ones(3), stream=xp.cuda.get_current_stream()),
        lambda xp, x: float(x.sum()),
        lambda xp, x: xp.asarray(np.ones(2)),
        lambda xp, x: x[x > 0],
        lambda xp, x: xp.concatenate([x] * 9),
    ],
)
def test_operations_that_a_graph_cannot_hold_are_errors(gpu, forbidden):
    x = gpu.ones(3)
    with pytest.raises(gpu.cuda.runtime.CUDARuntimeError):
        captured(gpu, lambda: forbidden(gpu, x))


def test_memory_of_a_graph_comes_from_its_own_pool(gpu):
    x, stream = gpu.ones(3), gpu.cuda.Stream(non_blocking=True)
    stream.begin_capture()
    with stream, pytest.raises(gpu.cuda.runtime.CUDARuntimeError):
        x + 1


def test_streams_and_events_belong_to_a_device(gpu):
    with gpu.cuda.Device(1):
        stream, event = gpu.cuda.Stream(non_blocking=True), gpu.cuda.Event()
        with stream:
            assert gpu.cuda.get_current_stream() is stream
            with gpu.cuda.Device(0):
                assert gpu.cuda.get_current_stream() is gpu.cuda.Stream.null
    event.record(stream)
    with pytest.raises(RuntimeError, match="does not match"), stream:
        pass
    with pytest.raises(gpu.cuda.runtime.CUDARuntimeError, match="another device"):
        event.record()


def test_elementwise_kernels(gpu):
    kernel = gpu.ElementwiseKernel("T x, raw T table, S p", "T y, int64 place", "y = x * table[i % 2] + p; place = i")
    x = gpu.arange(6, dtype="float64").reshape(2, 3)
    y, place = kernel(x.T, gpu.asarray([1.0, 10.0]), np.float32(0.5))
    assert y.get().tolist() == [[0.5, 30.5], [1.5, 40.5], [2.5, 50.5]]
    assert place.get().ravel().tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(TypeError):
        kernel(x, gpu.ones(2, "float32"), np.float32(0.5))
    with pytest.raises(ValueError):
        kernel(x, gpu.ones(2), np.float32(0.5), gpu.ones(3), gpu.ones(3, "int64"))
    with pytest.raises(RuntimeError, match="Compile"):
        gpu.ElementwiseKernel("T x", "T y", "y = nonsense")(x)


def test_it_is_a_module(gpu):
    assert isinstance(gpu, types.ModuleType)
    assert __import__("cupy") is gpu
