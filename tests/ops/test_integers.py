"""Integers in ops for images: exact integers come out, or floats if another array holds floats."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import layers, ops
from fastconv.engine import value_and_grad
from tests import naive

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (2, 6, 5, 4), dtype=np.uint8)
W = RNG.integers(-9, 10, (3, 2, 4, 6))
WINDOW = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}


@pytest.mark.parametrize(("x", "w", "expected"), [
    ("uint8", "int8", "int32"), ("int32", "int32", "int32"), ("int64", "int8", "int64"), ("uint32", "int32", "int64"),
    ("uint64", "int64", "int64"), ("bool", "bool", "int32"), ("uint8", "float32", "float32"),
    ("int64", "float64", "float64"), ("float32", "int64", "float32"), ("float64", "bool", "float64"),
])  # fmt: skip
def test_convolutions_of_integers(x, w, expected):
    a, b = X.astype(x), W.astype(w)
    y = ops.conv(a, b)
    assert y.dtype == expected
    np.testing.assert_array_equal(y, naive.conv(a, b, **WINDOW))


def test_other_convolutions_of_integers():
    depthwise, pointwise = W[..., :1], RNG.integers(-9, 10, (1, 1, 4, 3))
    y = ops.depthwise_conv(X, depthwise)
    for c in range(4):
        expected = naive.conv(X[..., c : c + 1], depthwise[:, :, c : c + 1], **WINDOW)
        np.testing.assert_array_equal(y[..., c : c + 1], expected)
    z = ops.separable_conv(X, depthwise, pointwise)
    np.testing.assert_array_equal(z, np.asarray(y) @ pointwise[0, 0])
    t = ops.conv_transpose(y, W[:, :, :, :4], strides=2)
    assert y.dtype == z.dtype == t.dtype == np.int64
    floats = ops.conv_transpose(np.asarray(y, "float64"), W[:, :, :, :4].astype("float64"), strides=2)
    np.testing.assert_array_equal(t, floats)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pooling_of_integers(dtype, padding):
    x = X.astype(dtype)
    for pool in (ops.max_pool, ops.min_pool):
        y = pool(x, 2, padding=padding)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, pool(X.astype(np.float64), 2, padding=padding))
    y = ops.average_pool(x, 2, padding=padding)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, ops.average_pool(X.astype(np.float32), 2, padding=padding))


def test_activations_that_keep_integers():
    x = np.array([-3, 0, 5])
    for y, expected in ((ops.relu(x), [0, 0, 5]), (ops.round(x, 2), x)):
        assert y.dtype == x.dtype
        np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(ops.round(np.array([15, 25, 101]), -1), [20, 20, 100])


def test_weights_learn_from_integer_images():
    w = W.astype(np.float32)
    value, dw = value_and_grad(lambda w: ops.sum(ops.conv(X, w)))(w)
    again, expected = value_and_grad(lambda w: ops.sum(ops.conv(X.astype(np.float32), w)))(w)
    assert value == again
    np.testing.assert_array_equal(dw, expected)


def test_layers_take_integer_images():
    layer = layers.Conv2D(3, 2, data_format="channels_last")
    y = layer(X)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, layer(X.astype(np.float32)))


def test_the_step_has_no_slope():
    y, dx = value_and_grad(lambda x: ops.sum(ops.step(x) * 3.0))(np.array([-1.0, 0.0, 2.0]))
    assert y == 3.0
    np.testing.assert_array_equal(dx, [0, 0, 0])
