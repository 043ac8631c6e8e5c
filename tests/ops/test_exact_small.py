"""Small problems are exact: float32 gives the numbers that a reader computes by hand, by single calls and by plans.

Integers are computed by plain integer arithmetic, and compared with the kernels of float32.
"""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, config, grad, layers, ops
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import Plan, Trace
from tests import naive

RNG = np.random.default_rng(0)


def integers(*shape, most=9):
    return RNG.integers(-most, most + 1, shape)


def planned(f, *arrays):
    with Trace() as trace:
        inputs = [trace.input(a) for a in arrays]
        y = f(*inputs)
    return Plan(inputs, [y])(*arrays)[0]


def assert_exact(f, expected, *arrays):
    given = [np.asarray(a, np.float32) for a in arrays]
    for y in (f(*given), planned(f, *given)):
        np.testing.assert_array_equal(to_host(y), np.asarray(expected).astype(np.float32))


def small_windows(count):
    """Yield (spatial sizes, window, stride, padding, dilation) of small convolutions over one to three axes."""
    for i in range(count):
        rank = i % 3 + 1
        size = tuple(RNG.integers(1, 4 if rank == 3 else 8, rank).tolist())
        stride = int(RNG.integers(1, 4))
        dilation = 1 if stride > 1 else int(RNG.integers(1, 3))
        spans = [(k - 1) * dilation + 1 for k in size]
        spatial = tuple(span + int(RNG.integers(0, 5 if rank == 3 else 20)) for span in spans)
        yield spatial, size, stride, ("valid", "same")[int(RNG.integers(2))], dilation


@pytest.mark.parametrize("op", [ops.conv, ops.depthwise_conv, ops.conv_transpose])
def test_convolutions_of_any_form(op):
    for spatial, size, stride, padding, dilation in small_windows(60):
        groups, ci, co = (int(n) for n in RNG.integers(1, [4, 8, 8]))
        channels = {
            ops.conv: (ci, groups * co), ops.depthwise_conv: (groups * ci, co), ops.conv_transpose: (co, groups * ci),
        }[op]  # fmt: skip
        x, w = integers(int(RNG.integers(1, 4)), *spatial, groups * ci), integers(*size, *channels)
        how = {"strides": stride, "padding": padding, "dilation_rate": dilation}
        assert_exact(lambda x, w, how=how: op(x, w, **how), op(x, w, **how), x, w)


def test_integers_are_those_of_nested_loops():
    """The arithmetic with which this file compares is itself right."""
    x, w = integers(2, 7, 6, 4), integers(3, 2, 2, 6)
    expected = naive.conv(x, w, strides=(2, 1), padding=((0, 0), (0, 0)), dilation=(1, 1))
    np.testing.assert_array_equal(ops.conv(x, w, (2, 1)), expected)


@pytest.mark.parametrize("channels", [1, 3, 16, 17])
def test_means_of_windows_are_rounded_once(channels):
    x = integers(2, 12, 13, channels, most=20)
    for size in (2, 3, 5, 7, 11):
        for padding in ("valid", "same"):
            expected = ops.average_pool(x.astype(np.float64), size, 2, padding)
            assert_exact(lambda x, s=size, p=padding: ops.average_pool(x, s, 2, p), expected, x)


def test_sums_and_means_are_rounded_once():
    for shape, axis in (((7, 9), None), ((7, 9), 0), ((7, 9), 1), ((3, 5, 6, 4), (1, 2)), ((2, 7, 7, 3), (1, 2))):
        x = integers(*shape)
        assert_exact(lambda x, axis=axis: ops.sum(x, axis), x.sum(axis), x)
        if config.get_device() == "cpu":  # a GPU rounds the sum and the quotient
            assert_exact(lambda x, axis=axis: ops.mean(x, axis), x.mean(axis), x)


def test_matrix_products():
    for m, k, n in ((1, 1, 1), (2, 3, 4), (5, 16, 9), (3, 33, 17), (33, 7, 1), (1, 64, 33)):
        a, b = integers(m, k), integers(k, n)
        assert_exact(ops.matmul, a @ b, a, b)


@pytest.mark.parametrize("count", [1, 4, 16, 33])
def test_functions_at_points_that_everybody_knows(count):
    x, zeros = np.resize(np.arange(1.0, 21), count), np.zeros(count)
    for n in (0, 1, 2, 3):
        assert_exact(lambda x, n=n: ops.power(x, float(n)), x**n, x)
        assert_exact(lambda x, n=n: x**n, x**n, x)
    assert_exact(ops.sqrt, x, x * x)
    assert_exact(ops.divide, x / 7, x, zeros + 7)
    for name, value in (("sigmoid", 0.5), ("hard_sigmoid", 0.5), ("exp", 1), ("cos", 1), ("softplus", np.log(2))):
        assert_exact(getattr(ops, name), zeros + value, zeros)
    for name in ("tanh", "softsign", "silu", "elu", "gelu", "mish", "selu", "expm1", "log1p", "sin", "relu"):
        assert_exact(getattr(ops, name), zeros, zeros)


def test_receptive_fields_by_gradients():
    """The gradient of an output is exactly zero outside its receptive field: three 3x3 windows see 7x7 pixels."""
    model = Sequential([Input((32, 32, 1)), *(layers.Conv2D(n, 3, kernel_initializer="ones") for n in (4, 4, 1))])
    dx = grad(lambda x: ops.sum(model(x)[0, 10, 12]))(np.ones((1, 32, 32, 1), np.float32))[0, :, :, 0]
    expected = np.zeros((32, 32))
    paths = np.convolve(np.convolve(np.ones(3), np.ones(3)), np.ones(3))
    expected[10:17, 12:19] = 16 * np.outer(paths, paths)
    np.testing.assert_array_equal(dx, expected)
    assert model.counts()[-1].receptive_field == (7, 7)


def test_training_by_hand():
    """A step of gradient descent on (y - w x)^2, for x = 2, y = 1 and w = 1/2 of a single neuron with bias 1/4."""
    model = Sequential([Input((1,)), layers.Dense(1)])
    model.set_weights([np.array([[0.5]]), np.array([0.25])])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate.assign(0.125)
    model.train_on_batch(np.array([[2.0]]), np.array([[1.0]]))
    error = 1 - (0.5 * 2 + 0.25)
    w, b = model.get_weights()
    assert w.item() == 0.5 + 0.125 * 2 * error * 2
    assert b.item() == 0.25 + 0.125 * 2 * error
