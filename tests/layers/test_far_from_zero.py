"""Normalisation of data with a mean far from 0, and of empty batches."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import layers, ops
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import grad
from fastconv.ops.norm import standardize

MEANS = np.tile([0, 1e3, 1e5, 1e6], 2)
X = (np.random.default_rng(0).standard_normal((4, 6, 5, 8)) + MEANS).astype(np.float32)
EPSILON = 1e-3


def standardized(x, axes):
    """Compute the layers' formula in float64, and its gradient for dy."""
    x = x.astype(np.float64)
    inverse = 1 / np.sqrt(x.var(axes, keepdims=True) + EPSILON)
    y = (x - x.mean(axes, keepdims=True)) * inverse

    def gradient(dy):
        return inverse * (dy - dy.mean(axes, keepdims=True) - y * (dy * y).mean(axes, keepdims=True))

    return y, gradient


CASES = [
    (layers.LayerNormalization, {}, np.moveaxis(X, -1, 0), (3,)),
    (layers.LayerNormalization, {"axis": 1}, np.moveaxis(X, -1, 0), (1,)),
    (layers.LayerNormalization, {"axis": [1, 2, 3]}, np.moveaxis(X, -1, 0), (1, 2, 3)),
    (layers.GroupNormalization, {"groups": -1}, X, (1, 2)),
    (layers.BatchNormalization, {}, X, (0, 1, 2)),
    (layers.BatchNormalization, {"axis": 1}, np.moveaxis(X, -1, 1), (0, 2, 3)),
]


@pytest.mark.parametrize(("layer", "arguments", "x", "axes"), CASES)
def test_no_digits_are_lost(isa, layer, arguments, x, axes):
    layer = layer(epsilon=EPSILON, **arguments)
    training = {"training": True} if isinstance(layer, layers.BatchNormalization) else {}
    y, gradient = standardized(x, axes)
    np.testing.assert_allclose(layer(x, **training), y, atol=5e-6)
    dy = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)
    found = grad(lambda x: ops.sum(layer(x, **training) * dy))(x)
    np.testing.assert_allclose(found, gradient(dy), atol=2e-5)


@pytest.mark.parametrize("far", [0.0, 150.0, 1e4, 1e6, 3e6])
def test_gradients_of_scale_and_shift(isa, far):
    """The batches lie on both sides of the bound from which the rounding of the mean is corrected."""
    x = (np.random.default_rng(3).standard_normal((300, 40)) + far).astype(np.float32)
    dy = (np.random.default_rng(4).standard_normal((300, 40)) + 2).astype(np.float32)
    y, gradient = standardized(x, (0,))
    dx, dgamma, dbeta = grad(lambda x, g, b: ops.sum(ops.batch_norm(x, g, b)[0] * dy), (0, 1, 2))(
        x, np.ones(40, np.float32), np.zeros(40, np.float32)
    )
    np.testing.assert_allclose(dx, gradient(dy), atol=2e-5)
    np.testing.assert_allclose(dgamma, (dy * y).sum(0), atol=0.01)
    np.testing.assert_allclose(dbeta, dy.sum(0, dtype=float), rtol=1e-5)


def test_groups_of_channels(isa):
    x = X[..., ::4]
    layer = layers.GroupNormalization(1, epsilon=EPSILON)
    np.testing.assert_allclose(layer(x), standardized(x, (1, 2, 3))[0], atol=5e-6)
    far = x + np.float32(1e5)
    np.testing.assert_allclose(layer(far), standardized(far, (1, 2, 3))[0], atol=5e-6)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), (1, 2), -1])
def test_moments(isa, axis):
    for far in (0.0, 1e3, 1e6):
        x = (np.random.default_rng(2).standard_normal((40, 9, 31)) + far).astype(np.float32)
        exact = x.astype(np.float64)
        np.testing.assert_allclose(ops.var(x, axis), exact.var(axis), rtol=3e-6)
        np.testing.assert_allclose(ops.std(x, axis), exact.std(axis), rtol=3e-6)
        mean, variance = ops.moments(x, axis)
        np.testing.assert_allclose(mean, exact.mean(axis), rtol=1.3e-7, atol=1e-7)
        np.testing.assert_allclose(variance, exact.var(axis), rtol=3e-6)


def test_norms_of_batches_of_very_large_and_small_numbers():
    layer = layers.UnitNormalization()
    for scale in (1e-10, 1.0, 1e30):
        y = layer(np.array([[3.0, -4.0]], np.float32) * np.float32(scale))
        np.testing.assert_allclose(y, [[0.6, -0.8]], rtol=1e-6)
    np.testing.assert_allclose(layer(np.array([[3.0, -4.0]]) * 1e-30), [[3e-18, -4e-18]], rtol=1e-6)
    np.testing.assert_array_equal(layer(np.zeros((1, 2), np.float32)), [[0, 0]])


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e15, 1e30])
@pytest.mark.parametrize("layer", [layers.LayerNormalization, layers.GroupNormalization])
def test_rows_of_very_large_and_small_numbers(isa, layer, scale):
    arguments = {"groups": 1} if layer is layers.GroupNormalization else {}
    x = (np.random.default_rng(5).standard_normal((5, 33)) * scale).astype(np.float32)
    wide = x.astype(np.float64)
    inverse = 1 / np.sqrt(wide.var(-1, keepdims=True) + 1e-3)
    layer = layer(**arguments)
    np.testing.assert_allclose(layer(x), (wide - wide.mean(-1, keepdims=True)) * inverse, rtol=1e-4, atol=1e-35)
    dy = np.random.default_rng(6).standard_normal(x.shape).astype(np.float32)
    y = (wide - wide.mean(-1, keepdims=True)) * inverse
    dx = inverse * (dy - dy.mean(-1, keepdims=True) - y * (dy * y).mean(-1, keepdims=True))
    found = grad(lambda x: ops.sum(layer(x) * dy))(x)
    np.testing.assert_allclose(found, dx, rtol=1e-4, atol=1e-5 * float(abs(dx).max()))


def test_rows_of_very_large_numbers_on_a_gpu(fake_gpu):
    x = (np.random.default_rng(5).standard_normal((5, 33)) * 1e30).astype(np.float32)
    wide = x.astype(np.float64)
    wanted = (wide - wide.mean(-1, keepdims=True)) / wide.std(-1, keepdims=True)
    found = to_host(standardize(fake_gpu.asarray(x), [1], 1e-3))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), None])
def test_adapted_means_are_as_exact_as_in_float64(axis):
    """The means equal those of float64, rounded to float32, also if the data comes in batches."""
    x = (np.random.default_rng(7).standard_normal((400, 5, 3)) * [1, 1e-2, 3] + [1e5, 1, 1e6]).astype(np.float32)
    kept = () if axis is None else tuple(a % 3 for a in (axis if isinstance(axis, tuple) else (axis,)))
    axes = tuple(a for a in range(3) if a not in kept)
    for data in (x, iter([x[:1], x[1:150], x[150:]])):
        layer = layers.Normalization(axis)
        layer.adapt(data)
        wide = x.astype(np.float64)
        np.testing.assert_allclose(layer.adapt_mean.numpy(), wide.mean(axes).astype(np.float32), rtol=1.2e-7)
        np.testing.assert_allclose(layer.adapt_variance.numpy(), wide.var(axes), rtol=2e-7)


def test_an_empty_batch_changes_no_statistics():
    for axis, shape in ((-1, (0, 4, 4, 3)), (1, (0, 3, 4, 4))):
        layer = layers.BatchNormalization(axis=axis)
        assert layer(np.zeros(shape, np.float32), training=True).shape == shape
        np.testing.assert_array_equal(layer.moving_mean.numpy(), [0, 0, 0])
        np.testing.assert_array_equal(layer.moving_variance.numpy(), [1, 1, 1])


def test_reductions_of_empty_arrays():
    nothing = np.zeros((0, 3), np.float32)
    assert np.isnan(ops.mean(nothing, 0)).all()
    assert np.isnan(ops.var(nothing, 0)).all()
    assert ops.sum(nothing, 0).tolist() == [0, 0, 0]
    for layer in (layers.LayerNormalization(), layers.GroupNormalization(1), layers.UnitNormalization()):
        assert layer(nothing).shape == (0, 3)
