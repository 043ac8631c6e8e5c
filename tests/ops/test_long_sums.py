"""Sums and means of very many numbers, over any axes, although adding 1 does not change a float of 2^24."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import layers, ops
from fastconv.backends.gpu.transfer import to_host
from fastconv.metrics import Mean, MeanSquaredError

MANY = (1 << 24) + (1 << 20) + 8


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), (1, 3), (0, 2, 4), (2, 3), (2, 4), (0, 4), -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_any_axes(isa, axis, keepdims):
    x = np.random.default_rng(0).uniform(0, 1, (6, 5, 40, 10, 30)).astype(np.float32)
    wide = x.astype(np.float64)
    for name in ("sum", "mean", "max", "min"):
        found, wanted = getattr(ops, name)(x, axis, keepdims), getattr(np, name)(wide, axis, keepdims=keepdims)
        assert np.shape(found) == np.shape(wanted)
        np.testing.assert_allclose(found, wanted, rtol=3e-7)


def test_axes_that_are_apart_agree_with_nan_and_infinity(isa):
    x = np.random.default_rng(1).standard_normal((3, 4, 5)).astype(np.float32)
    x[0, 1, 2], x[2, 3, 4] = np.nan, np.inf
    for name in ("sum", "mean", "max", "min"):
        np.testing.assert_allclose(getattr(ops, name)(x, (0, 2)), getattr(np, name)(x, (0, 2)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(MANY,), (MANY // 8, 1, 8), (8, 1, MANY // 8)])
def test_ones(isa, shape):
    x = np.ones(shape, np.float32)
    for axis in (None, tuple({0, x.ndim - 1})):
        assert ops.sum(x, axis) == MANY
        assert ops.mean(x, axis) == 1


@pytest.mark.parametrize("sides", [(MANY // 8, 8), (1, MANY), (MANY, 1)])
def test_windows(isa, sides):
    x = np.ones((1, *sides, 1), np.float32)
    assert np.all(ops.average_pool(x, sides) == 1)
    assert np.all(layers.GlobalAveragePooling2D()(x) == 1)


@pytest.mark.parametrize("channels", [1, 3, 16, 37])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_wide_windows(isa, channels, padding):
    """More taps than are added sequentially."""
    x = np.random.default_rng(2).uniform(0, 1, (2, 70, 60, channels)).astype(np.float32)
    for window in ((40, 50), (70, 60), (1, 55), (70, 1)):
        found = ops.average_pool(x, window, (7, 9), padding)
        np.testing.assert_allclose(found, ops.average_pool(x.astype(np.float64), window, (7, 9), padding), rtol=2e-6)


def test_wide_windows_on_a_gpu(fake_gpu):
    x = np.random.default_rng(3).uniform(0, 1, (1, 40, 60, 2)).astype(np.float32)
    found = to_host(ops.average_pool(fake_gpu.asarray(x), (30, 50), 5))
    np.testing.assert_allclose(found, ops.average_pool(x.astype(np.float64), (30, 50), 5), rtol=3e-7)
    x[0, 3, 4, 0] = np.inf
    assert np.isinf(to_host(ops.average_pool(fake_gpu.asarray(x), (30, 50), 5))[0, 0, 0, 0])


def test_metrics_count_beyond_2_to_the_24():
    mean = Mean()
    mean.count.assign(2.0**24)
    mean.total.assign(2.0**24)
    for _ in range(3):
        mean.update_state(np.zeros(1, np.float32))
    assert float(mean.count) == 2**24 + 3
    error = MeanSquaredError()
    error.update_state(np.zeros((MANY, 1), np.float32), np.ones((MANY, 1), np.float32))
    assert error.result() == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_variance_beyond_the_largest_float_is_infinite(dtype):
    largest = float(np.finfo(dtype).max)
    x = np.array([[largest / 8, 1.0], [largest / 4, 2.0], [largest / 2, 3.0]], dtype)
    with np.errstate(over="ignore"):
        for found in (ops.var(x, 0), ops.std(x, 0), ops.moments(x, 0)[1]):
            found = np.asarray(to_host(found))
            assert found[0] == np.inf
            assert np.isfinite(found[1])
