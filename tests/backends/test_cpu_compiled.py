"""Recordings run compiled kernels in the place of Python code, with the same results bit for bit."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from fastconv import device, ops
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.cpu.compiled import ROUNDED, compiled
from fastconv.backends.cpu.recording import is_recordable, record
from fastconv.backends.reference import Reference
from fastconv.engine import Plan, Tensor, Trace, Variable
from fastconv.geometry import Convolution, Pooling

pytestmark = pytest.mark.not_recorded
cpu = Cpu()

# input shape, kernel shape: products that move the kernel past few images, dot products, and packed kernels
PRODUCTS = [
    ((1, 1, 1, 96), (1, 1, 96, 4)),
    ((1, 1, 1, 4), (1, 1, 4, 96)),
    ((2, 1, 1, 48), (1, 1, 48, 50)),
    ((9, 1, 1, 64), (1, 1, 64, 3)),
    ((20, 1, 1, 40), (1, 1, 40, 33)),
    ((3, 5, 5, 4), (5, 5, 4, 24)),
]


def geometry(x, w):
    return Convolution.of(x, w, (1, 1), ((0, 0), (0, 0)), (1, 1))


def launch_of(operation, arrays, parameters, out):
    launch = cpu.prepare(operation, arrays, parameters, out)
    return partial(launch.function, *launch.arguments)


def check_compiled(run, out):
    """A recording of `run` fills `out` with the bits that `run` computes, whatever `out` was before."""
    run()
    expected = out.copy()
    assert not is_recordable(run)
    assert is_recordable(compiled(run))
    out.fill(7)
    ((recorded,), _) = record([(run, True)])
    for _ in range(2):
        recorded()
        np.testing.assert_array_equal(out, expected)
        out.fill(7)


@pytest.mark.parametrize("activation", [None, "sigmoid"])
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize(("x", "w"), PRODUCTS)
def test_convolutions_that_are_products(isa, rng, x, w, has_bias, activation):
    c, y = geometry(x, w), np.empty((x[0], 1, 1, w[-1]), np.float32)
    bias = rng.standard_normal(w[-1], np.float32) if has_bias else None
    arrays = rng.standard_normal(x, np.float32), rng.standard_normal(w, np.float32), bias
    check_compiled(launch_of(Reference.conv, arrays, {"convolution": c, "activation": activation}, y), y)


@pytest.mark.parametrize(("x", "w"), PRODUCTS)
def test_gradients_of_convolutions_that_are_products(isa, rng, x, w):
    c, dx, dw = geometry(x, w), np.empty(x, np.float32), np.empty(w, np.float32)
    dy, kernel = rng.standard_normal((x[0], 1, 1, w[-1]), np.float32), rng.standard_normal(w, np.float32)
    check_compiled(launch_of(Reference.conv_backward_input, (dy, kernel), {"convolution": c}, dx), dx)
    given = rng.standard_normal(x, np.float32)
    run = launch_of(Reference.conv_backward_kernel, (given, dy), {"convolution": c}, dw)
    if is_recordable(compiled(run)):  # unless the kernel is transposed
        check_compiled(run, dw)


def test_a_bias_that_is_repeated_stays_in_python(rng):
    c, dx = geometry((2, 3, 3, 4), (3, 3, 4, 8)), np.empty((2, 3, 3, 4), np.float32)
    arrays = [rng.standard_normal(shape, np.float32) for shape in ((2, 1, 1, 8), (3, 3, 4, 8), (4,))]
    run = launch_of(Reference.conv_backward_input, tuple(arrays), {"convolution": c}, dx)
    assert compiled(run) is run


@pytest.mark.parametrize("rows", [2, 3000])
def test_gradients_of_dense_layers(isa, rng, rows):
    dw = np.empty((40, 32), np.float32)
    arrays = rng.standard_normal((rows, 40), np.float32), rng.standard_normal((rows, 32), np.float32)
    check_compiled(launch_of(Reference.matmul, arrays, {"transpose_a": True}, dw), dw)


def test_gradients_of_maximum_pooling(rng):
    x = rng.standard_normal((2, 6, 6, 5), np.float32)
    pooling = Pooling.of(x.shape, (2, 2), (2, 2), ((0, 0), (0, 0)))
    y, argmax = cpu.max_pool_argmax(x, pooling=pooling)
    check_compiled(launch_of(Reference.extreme_pool_backward, (y, argmax), {"pooling": pooling}, x), x)
    run = launch_of(Reference.extreme_pool_backward, (y, argmax.astype(np.int64)), {"pooling": pooling}, x)
    assert compiled(run) is run


def special(rng, shape):
    """Return numbers of all magnitudes, with zeros of both signs, infinities and NaN among them."""
    x = rng.standard_normal(shape, np.float32) * 10.0 ** rng.integers(-15, 18, shape)
    flat = x.astype(np.float32).reshape(-1)
    flat[:5] = np.float32([0, -0.0, np.inf, -np.inf, np.nan])[: flat.size]
    return flat.reshape(shape)


@pytest.mark.parametrize("shapes", [((3, 37), (3, 37)), ((3, 37), (37,)), ((37,), (2, 37)), ((70,), ()), ((), (7,))])
@pytest.mark.parametrize("ufunc", [f for f in ROUNDED if f.nin == 2])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_small_elementwise_functions(isa, rng, ufunc, shapes):
    arrays = tuple(special(rng, shape) for shape in shapes)
    out = np.empty(np.broadcast_shapes(*shapes), np.float32)
    check_compiled(launch_of(Reference.elementwise, arrays, {"function": ROUNDED[ufunc]}, out), out)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_small_square_roots(isa, rng):
    x, out = special(rng, (50,)), np.empty(50, np.float32)
    check_compiled(launch_of(Reference.elementwise, (x,), {"function": "sqrt"}, out), out)


def test_denormal_numbers_count_as_zero_as_in_all_kernels():
    x, out = np.full(20, 1e-40, np.float32), np.empty(20, np.float32)
    ((run,), _) = record([(launch_of(Reference.add, (x, x), {}, out), False)])
    run()
    assert not out.any()


def test_results_in_place_of_an_input(rng):
    x, y = rng.standard_normal((2, 9), np.float32), rng.standard_normal(9, np.float32)
    expected = x + y
    ((run,), _) = record([(launch_of(Reference.add, (x, y), {}, x), False)])
    run()
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize(
    ("x", "y", "out"),
    [
        (np.ones(8, np.float32), np.ones(8, np.float32), None),
        (np.ones(8), np.ones(8), np.ones(8)),
        (np.ones((2, 3), np.float32).T, np.ones((3, 2), np.float32), np.ones((3, 2), np.float32)),
        (np.ones((2, 1, 3), np.float32), np.ones((1, 4, 1), np.float32), np.ones((2, 4, 3), np.float32)),
        (np.ones((2, 3), np.float32), np.ones(3, np.float32), np.ones((3, 2), np.float32).T),
        (np.ones(0, np.float32), np.ones(0, np.float32), np.ones(0, np.float32)),
    ],
    ids=["no result", "float64", "other strides", "other shapes", "result with other strides", "empty"],
)
def test_other_elementwise_functions_stay_in_numpy(x, y, out):
    run = partial(partial(np.add, out=out), x, y)
    assert compiled(run) is run


def test_a_squeeze_and_excite_block_is_one_recording(rng, monkeypatch):
    monkeypatch.setattr(device, "_chosen", "cpu")
    down, up = (Variable(rng.standard_normal((1, 1, *pair), np.float32)) for pair in ((32, 8), (8, 32)))
    with Trace() as trace:
        x = Tensor((1, 12, 12, 32), np.dtype("float32"))
        squeezed = ops.relu(ops.conv(ops.mean(x, (1, 2), keepdims=True), down))
        y = ops.multiply(x, ops.sigmoid(ops.conv(squeezed, up)))
    plan = Plan([x], [y], trace.reads, trace.updates)
    given = rng.standard_normal(x.shape, np.float32)
    for _ in range(2):
        squeezed = np.maximum(given.mean((1, 2), keepdims=True) @ down.numpy(), 0)
        np.testing.assert_allclose(plan(given)[0], given / (1 + np.exp(-squeezed @ up.numpy())), rtol=1e-4, atol=1e-5)
        down.assign(2 * down.numpy())
    (ready,) = plan._idle
    assert len(ready.steps) == len(ready.recordings) == 1
