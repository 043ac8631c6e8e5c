"""Small convolutions are the sums of their definition: integers stay integers, and windows end where they end."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, config, explain_conv, grad, layers, ops
from fastconv.backends import algorithms
from tests import naive

# (input, kernel, strides, padding, dilation): lecture examples, and the largest that count as small
CASES = [
    ((1, 28, 28, 1), (5, 5, 1, 1), 1, "valid", 1),
    ((1, 28, 28, 1), (5, 5, 1, 6), 1, "valid", 1),
    ((1, 28, 28, 1), (11, 11, 1, 1), 1, "same", 1),
    ((2, 32, 32, 3), (5, 5, 3, 8), 1, "same", 1),
    ((1, 32, 32, 12), (3, 3, 12, 12), 1, "same", 1),
    ((4, 14, 14, 16), (3, 3, 16, 16), 1, "same", 1),
    ((1, 16, 16, 32), (3, 3, 32, 28), 1, "valid", 1),
    ((1, 32, 32, 32), (3, 3, 1, 32), 1, "same", 1),
    ((1, 32, 32, 16), (3, 3, 16, 12), 1, "same", 2),
    ((1, 9, 10, 11, 8), (3, 3, 3, 8, 8), 1, "same", 1),
    ((2, 40, 12), (5, 12, 16), 1, "same", 1),
    ((1, 28, 28, 8), (3, 3, 8, 8), 2, "same", 1),
]


def integers(shape, seed):
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_integers_stay_integers_in_every_direction(case, isa):
    x_shape, w_shape, *window = case
    x, w = integers(x_shape, 0), integers(w_shape, 1)
    wide = x.astype(float), w.astype(float)
    y = ops.conv(x, w, window[0], window[1], None, window[2])
    expected = ops.conv(*wide, window[0], window[1], None, window[2])  # of NumPy, in float64
    np.testing.assert_array_equal(y, expected)
    dy = integers(y.shape, 2)
    how = (window[0], window[1], None, window[2])
    dx = ops.conv_backward_input(dy, w, x_shape, *how)
    np.testing.assert_array_equal(dx, ops.conv_backward_input(dy.astype(float), wide[1], x_shape, *how))
    dw = ops.conv_backward_kernel(x, dy, w_shape, *how)
    np.testing.assert_array_equal(dw, ops.conv_backward_kernel(wide[0], dy.astype(float), w_shape, *how))


def test_the_integers_are_those_of_nested_loops():
    x, w = integers((1, 28, 28, 1), 3), integers((5, 5, 1, 2), 4)
    one = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
    np.testing.assert_array_equal(ops.conv(x, w), naive.conv(x, w, **one))


@pytest.mark.parametrize("channels", [1, 12])
def test_an_impulse_changes_its_windows_alone(channels, isa):
    x = np.zeros((1, 32, 32, channels), np.float32)
    x[0, 16, 17, channels // 2] = 1
    w = np.random.default_rng(5).uniform(0.1, 1, (3, 3, channels, 12)).astype(np.float32)
    y = ops.conv(x, w, padding="same")
    hit = np.zeros((32, 32), bool)
    hit[15:18, 16:19] = True
    np.testing.assert_array_equal((y != 0).all(-1)[0], hit)
    np.testing.assert_array_equal((y != 0).any(-1)[0], hit)
    back = ops.conv_transpose(x, w.transpose(0, 1, 3, 2), 1, "same")
    np.testing.assert_array_equal((back != 0).any(-1)[0], hit)


def test_the_gradient_of_one_output_covers_its_window_alone():
    x = np.random.default_rng(6).normal(size=(1, 28, 28, 12)).astype(np.float32)
    w = np.random.default_rng(7).normal(size=(5, 5, 12, 8)).astype(np.float32)
    dx = grad(lambda x: ops.conv(x, w)[0, 7, 9, 3])(x)
    hit = np.zeros((28, 28), bool)
    hit[7:12, 9:14] = True
    np.testing.assert_array_equal((dx != 0).any(-1)[0], hit)


def test_plans_are_as_exact():
    model = Sequential([Input((28, 28, 12)), layers.Conv2D(12, 3, padding="same", use_bias=False)])
    w = integers((3, 3, 12, 12), 8)
    model.set_weights([w])
    x = integers((1, 28, 28, 12), 9)
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), ops.conv(x.astype(float), w.astype(float), padding="same")
    )


def test_where_small_ends():
    """Of the multiply-adds, those in the padding do not count."""
    for direction in algorithms.RULES:
        small = explain_conv((1, 32, 32, 12), (3, 3, 12, 12), padding="same")[direction]
        large = explain_conv((8, 32, 32, 64), (3, 3, 64, 64), padding="same")[direction]
        assert small.algorithm not in algorithms.SMALL_PRODUCTS
        assert large.algorithm == "winograd"
    config.set_conv_precision("exact")
    for direction in algorithms.RULES:
        large = explain_conv((8, 32, 32, 64), (3, 3, 64, 64), padding="same")[direction]
        assert large.algorithm not in algorithms.SMALL_PRODUCTS
