"""A class with a logit of -infinity adds nothing to the loss, unless it is the target."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastconv import losses, ops
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import grad

LOGITS = [[1.0, -math.inf, 2.0], [0.5, 1.5, -math.inf]]
TARGETS = [[1.0, 0.0, 0.0], [0.25, 0.75, 0.0]]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def log_shares(dtype):
    x = np.array(LOGITS, dtype).astype(np.float64)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def wanted(dtype):
    return [-sum(t * p for t, p in zip(*row) if t) for row in zip(TARGETS, log_shares(dtype))]


@DTYPES
def test_cross_entropy(isa, dtype):
    x, target = np.array(LOGITS, dtype), np.array(TARGETS, dtype)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = ops.categorical_crossentropy(target, x, from_logits=True)
        slope = grad(lambda x: ops.sum(ops.categorical_crossentropy(target, x, from_logits=True)))(x)
    np.testing.assert_allclose(found, wanted(dtype), rtol=1e-6)
    np.testing.assert_allclose(slope, np.exp(log_shares(dtype)) - target, rtol=1e-5)


@DTYPES
def test_on_a_gpu(fake_gpu, dtype):
    x, target = (fake_gpu.asarray(np.array(a, dtype)) for a in (LOGITS, TARGETS))
    found = to_host(ops.categorical_crossentropy(target, x, from_logits=True))
    np.testing.assert_allclose(found, wanted(dtype), rtol=1e-6)


@DTYPES
def test_a_target_with_an_infinite_logit_has_an_infinite_loss(isa, dtype):
    with np.errstate(divide="ignore"):
        found = ops.categorical_crossentropy(np.array([[0.0, 1.0]], dtype), np.array([[1, -np.inf]], dtype), True)
    assert found[0] == np.inf


CERTAIN = [[0.0, -math.inf, 0.0], [1.0, math.inf, 0.0], [0.0, math.inf, math.inf], [1.0, -math.inf, math.inf]]
# target, logit, loss, slope
BINARY = [
    [0.0, -40.0, math.exp(-40), math.exp(-40)],
    [1.0, 40.0, math.exp(-40), -math.exp(-40)],
    [1.0, -90.0, 90.0, -1.0],
    [0.0, 1e30, 1e30, 1.0],
    [0.25, 2.0, math.log1p(math.exp(2)) - 0.5, 1 / (1 + math.exp(-2)) - 0.25],
    [0.75, 2.0, math.log1p(math.exp(2)) - 1.5, 1 / (1 + math.exp(-2)) - 0.75],
    [0.5, 0.0, math.log(2), 0.0],
]


def check_binary(dtype, array):
    target, x, loss = (np.array(column, dtype) for column in zip(*CERTAIN))
    np.testing.assert_array_equal(to_host(ops.binary_crossentropy(array(target), array(x), True)), loss)
    target, x, loss, slope = (np.array(column, dtype) for column in zip(*BINARY))
    rtol = 8 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(to_host(ops.binary_crossentropy(array(target), array(x), True)), loss, rtol=rtol)
    target = array(target)
    found = grad(lambda x: ops.sum(ops.binary_crossentropy(target, x, True)))(array(x))
    np.testing.assert_allclose(to_host(found), slope, rtol=rtol)


@DTYPES
def test_binary_cross_entropy(isa, dtype):
    check_binary(dtype, np.asarray)


@DTYPES
def test_binary_cross_entropy_on_a_gpu(fake_gpu, dtype):
    check_binary(dtype, fake_gpu.asarray)


def test_gradients_of_binary_cross_entropy():
    """Gradients by targets, and gradients of the gradient, are compared with differences."""
    rng = np.random.default_rng(0)
    x, target, dx, dtarget = rng.standard_normal((4, 30))
    target = np.abs(target) % 1

    def loss(x, target):
        return ops.sum(ops.binary_crossentropy(target, x, True) * np.arange(30.0))

    def slope(x, target):
        return ops.sum(grad(loss)(x, target) * np.arange(30.0))

    for function in (loss, slope):
        step = 1e-6
        change = function(x + step * dx, target + step * dtarget) - function(x - step * dx, target - step * dtarget)
        by_x, by_target = grad(function, (0, 1))(x, target)
        np.testing.assert_allclose(change / (2 * step), by_x @ dx + by_target @ dtarget, rtol=1e-6)


@DTYPES
def test_focal_cross_entropy(isa, dtype):
    x, target = np.array(LOGITS, dtype), np.array(TARGETS, dtype)

    def loss(x):
        return losses.categorical_focal_crossentropy(target, x, from_logits=True)

    shares = np.exp(log_shares(dtype))
    expected = [
        -0.25 * sum((1 - s) ** 2 * t * p for t, p, s in zip(*row) if t)
        for row in zip(TARGETS, log_shares(dtype), shares)
    ]
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(loss(x), expected, rtol=1e-5)
        assert np.isfinite(grad(lambda x: ops.sum(loss(x)))(x)).all()
