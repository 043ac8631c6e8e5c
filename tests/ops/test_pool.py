"""Pooling: ties, NaN, padding, layouts, adjoints, errors."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

from fastconv import ops
from fastconv.engine import grad
from tests.check import check_op, example
from tests.strategies import windows

X = example(2, 6, 5, 3)
POOLS = {"max": ops.max_pool, "min": ops.min_pool, "average": ops.average_pool}


def whole(seed, shape):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


def placed(window):
    """Yield the slices of x that each window reads, clipped to x, with the position of its output."""
    axes = [
        [(o, slice(max(start, 0), max(start + k, 0))) for o, start in enumerate(range(-before, n + after - k + 1, s))]
        for n, k, s, (before, after) in zip(window.x_shape[1:], window.w_shape, window.strides, window.padding)
    ]
    for places in product(*axes):
        yield (slice(None), *(o for o, _ in places)), (slice(None), *(part for _, part in places))


@settings(max_examples=40, deadline=None)
@given(windows(most_dilation=1, ranks=(1, 2, 3)))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", POOLS)
def test_any_window(name, dtype, window):
    x = whole(0, window.x_shape).astype(dtype)
    y = POOLS[name](x, window.w_shape[:-2], window.strides, window.padding)
    function = {"max": np.max, "min": np.min, "average": np.mean}[name]
    for o, i in placed(window):
        if x[i].size:
            np.testing.assert_allclose(y[o], function(x[i], axis=tuple(range(1, x.ndim - 1))), rtol=1e-6, atol=1e-6)
    assert y.dtype == dtype


@settings(max_examples=40, deadline=None)
@given(windows(most_dilation=1, ranks=(1, 2, 3)))
@pytest.mark.parametrize("count_padding", [False, True])
def test_average_pooling_and_its_gradient_are_adjoint(count_padding, window):
    x = whole(0, window.x_shape)

    def f(x):
        return ops.average_pool(x, window.w_shape[:-2], window.strides, window.padding, count_padding=count_padding)

    dy = whole(1, f(x).shape)
    dx = grad(lambda x: ops.sum(f(x) * dy))(x)
    np.testing.assert_allclose(np.sum(dy * f(x)), np.sum(dx * x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_maximum_takes_the_gradient(dtype):
    x = np.zeros((1, 4, 4, 1), dtype)
    for pool in (ops.max_pool, ops.min_pool):
        dx = grad(lambda x: ops.sum(pool(x, 2)))(x)  # noqa: B023
        np.testing.assert_array_equal(dx[0, :, :, 0], np.kron(np.eye(2) * 0 + 1, [[1, 0], [0, 0]]))


def test_the_first_maximum_of_a_volume_is_first_in_row_major_order():
    x = np.zeros((1, 2, 2, 2, 1))
    x[0, 0, 1, 1] = x[0, 1, 0, 0] = 1
    for pool in (ops.max_pool, lambda x, size: ops.min_pool(-x, size)):
        dx = grad(lambda x: ops.sum(pool(x, 2)))(x)  # noqa: B023
        np.testing.assert_array_equal(np.flatnonzero(dx), [3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_is_the_maximum_and_takes_the_gradient(dtype):
    x = np.array([[1, np.nan], [5, np.nan]], dtype).reshape(1, 2, 2, 1)
    for pool in (ops.max_pool, ops.min_pool):
        assert np.isnan(pool(x, 2)).all()
        dx = grad(lambda x: ops.sum(pool(x, 2)))(x)  # noqa: B023
        np.testing.assert_array_equal(dx.ravel(), [0, 1, 0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_padding_is_never_the_maximum(dtype):
    x = np.full((1, 2, 2, 1), -3, dtype)
    np.testing.assert_array_equal(ops.max_pool(x, 3, 1, "same"), x)
    np.testing.assert_array_equal(ops.min_pool(-x, 3, 1, "same"), -x)
    np.testing.assert_array_equal(ops.average_pool(x, 3, 1, "same"), x)
    np.testing.assert_array_equal(ops.average_pool(x, 3, 1, 1, count_padding=True), x * dtype(4 / 9))


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("padding", ["same", "valid", ((1, 0), (0, 1))])
def test_channels_first(name, padding):
    first = np.moveaxis(X, 3, 1)
    f = lambda x: POOLS[name](x, 2, (1, 2), padding, data_format="channels_first")  # noqa: E731
    check_op(f, first, second=False)
    np.testing.assert_array_equal(f(first), np.moveaxis(POOLS[name](X, 2, (1, 2), padding), 3, 1))


@pytest.mark.parametrize("shape", [(2, 7, 3), (1, 5, 4, 6, 2)])
@pytest.mark.parametrize("name", POOLS)
def test_lines_and_volumes(name, shape):
    """Values, gradients and graphs, in both layouts."""
    x, rank = example(*shape), len(shape) - 2
    window = (3, (2,) * (rank - 1) + (1,), ((1, 0),) * rank)
    check_op(lambda x: POOLS[name](x, *window), x, second=False)
    f = lambda x: POOLS[name](x, *window, data_format="channels_first")  # noqa: E731
    np.testing.assert_array_equal(f(np.moveaxis(x, -1, 1)), np.moveaxis(POOLS[name](x, *window), -1, 1))
    check_op(f, np.moveaxis(x, -1, 1), second=False)


@pytest.mark.parametrize("rank", [1, 3])
def test_lines_and_volumes_as_pytorch(rank):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, *(6, 7, 8)[:rank], 5), np.float32)
    planes = torch.from_numpy(np.moveaxis(x, -1, 1).copy()).requires_grad_()
    functional = torch.nn.functional
    for ours, theirs in (
        (lambda x: ops.max_pool(x, 3, 2, 1), getattr(functional, f"max_pool{rank}d")),
        (lambda x: ops.average_pool(x, 3, 2, 1, count_padding=True), getattr(functional, f"avg_pool{rank}d")),
    ):
        y = theirs(planes, 3, 2, 1)
        np.testing.assert_allclose(ours(x), np.moveaxis(y.detach().numpy(), 1, -1), rtol=1e-5, atol=1e-6)
        (dx,) = torch.autograd.grad(torch.sum(y * y), planes)
        found = grad(lambda x: ops.sum(ops.square(ours(x))))(x)  # noqa: B023
        np.testing.assert_allclose(found, np.moveaxis(dx.numpy(), 1, -1), rtol=1e-5, atol=1e-6)


def test_dilated_windows():
    y = ops.max_pool(X, 2, 1, dilation_rate=(2, 3))
    wanted = np.maximum.reduce([X[:, a : a + 4, b : b + 2] for a in (0, 2) for b in (0, 3)])
    np.testing.assert_array_equal(y, wanted)
    check_op(lambda x: ops.max_pool(x, 2, 1, dilation_rate=(2, 3)), X, second=False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_as_pytorch(dtype):
    torch = pytest.importorskip("torch")
    x = torch.tensor(np.moveaxis(X.astype(dtype), 3, 1).copy(), requires_grad=True)
    for ours, theirs in (
        (lambda x: ops.max_pool(x, 3, 2, 1), torch.nn.MaxPool2d(3, 2, 1)),
        (lambda x: ops.average_pool(x, (3, 2), (2, 1), ((1, 1), (0, 0)), count_padding=True),
         torch.nn.AvgPool2d((3, 2), (2, 1), (1, 0))),
        (lambda x: ops.average_pool(x, 3, 2, 1), torch.nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    ):  # fmt: skip
        y = theirs(x)
        np.testing.assert_allclose(ours(X.astype(dtype)), np.moveaxis(y.detach().numpy(), 1, 3), rtol=1e-5, atol=1e-6)
        (dx,) = torch.autograd.grad(torch.sum(y * y), x)
        found = grad(lambda x: ops.sum(ops.square(ours(x))))(X.astype(dtype))  # noqa: B023
        np.testing.assert_allclose(found, np.moveaxis(dx.numpy(), 1, 3), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ops.max_pool(X, 7),
            ValueError,
            "max_pool: the window must fit into the padded input. Received: input",
        ),
        (
            lambda: ops.min_pool(X[0, 0], 2),
            ValueError,
            "min_pool: inputs must have 3 or 4 or 5 axes, a batch of images. Received: in",
        ),
        (lambda: ops.average_pool(X, 0), ValueError, "pool_size must be at least 1. Received: pool_size=0"),
        (lambda: ops.max_pool(X, 2, (1,)), ValueError, "strides must be an int or 2 ints. Received: strides=(1,)"),
        (
            lambda: ops.max_pool(X.astype(np.float16), 2),
            TypeError,
            "max_pool: arrays must hold integers, or all be float32 or all float64; cast ",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(message)
