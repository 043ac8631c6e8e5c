"""Activations and their gradients near 0, in their tails and at infinity, compared with numbers of 250 digits.

limits.json holds results of mpmath, rounded to float64, at numbers that every float dtype except float16 represents.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from fastconv import activations, ops
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import grad
from tests.check import NUMPY_2

STORED = json.loads(Path(__file__).with_name("limits.json").read_text(encoding="utf-8"))
X, FUNCTIONS = np.array(STORED["x"]), STORED["functions"]
# Their gradients are computed from their results, which differ from 1 only in the last digit of a dtype.
OF_RESULTS = ("sigmoid", "tanh", "elu", "selu", "celu")
# Exponents of some hundreds are rounded before the power is computed.
FAR = {"gelu": 80, "gelu_exact": 80}
SLOPES_AT_INFINITY = {  # values at -inf and inf, if not 0 and 1
    **dict.fromkeys(("sigmoid", "tanh", "softsign", "hard_sigmoid"), (0, 0)),
    "log_sigmoid": (1, 0),
    "tanh_shrink": (1, 1),
    "selu": (0, 1.0507009873554805),
    "exp": (0, np.inf),
    "expm1": (0, np.inf),
}
ENDS = {  # values at -inf and inf, if not 0 and inf
    "sigmoid": (0, 1),
    "hard_sigmoid": (0, 1),
    "tanh": (-1, 1),
    "softsign": (-1, 1),
    "log_sigmoid": (-np.inf, 0),
    "tanh_shrink": (-np.inf, np.inf),
    **dict.fromkeys(("elu", "celu", "expm1"), (-1, np.inf)),
    "selu": (-1.7580993408473768, np.inf),
}


def function_of(name):
    return (lambda x: ops.gelu(x, approximate=False)) if name == "gelu_exact" else getattr(ops, name)


def slope_of(name):
    return grad(lambda x: ops.sum(function_of(name)(x)))


def stored(name, kind, dtype):
    """Return the right values in `dtype`; null stands for a number beyond float64."""
    with np.errstate(over="ignore"):
        return np.array([np.inf if y is None else y for y in FUNCTIONS[name][kind]]).astype(dtype)


def assert_close(found, wanted, ulps, absolute=0.0):
    """Compare with a relative tolerance; subnormal numbers may be 0."""
    limits = np.finfo(wanted.dtype)
    absolute = max(absolute, float(limits.tiny))
    found = to_host(found)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(found, wanted, rtol=ulps * float(limits.eps), atol=absolute)


def check(name, x, dtype):
    ulps = 6 * FAR.get(name, 1)
    absolute = 2 * float(np.finfo(dtype).eps) if name in OF_RESULTS else 0.0
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        found, slope = function_of(name)(x), slope_of(name)(x)
    assert_close(found, stored(name, "value", dtype), ulps)
    assert_close(slope, stored(name, "slope", dtype), ulps, absolute)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64(name):
    check(name, X, np.float64)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32(isa, name):
    check(name, X.astype(np.float32), np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_on_a_gpu(fake_gpu, name, dtype):
    check(name, fake_gpu.asarray(X.astype(dtype)), dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float16(name):
    x = X[(X == 0) | ((np.abs(X) >= 2.0**-10) & (np.abs(X) <= 100))].astype(np.float16)
    with np.errstate(over="ignore", divide="ignore"):
        found = function_of(name)(x)
        wanted = function_of(name)(x.astype(np.float64)).astype(np.float16)
    assert found.dtype == np.float16 or not NUMPY_2
    np.testing.assert_allclose(found, wanted, rtol=0.01, atol=2e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_infinity_and_of_nan(isa, name, dtype):
    x = np.array([-np.inf, np.inf, np.nan], dtype)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        found, slope = function_of(name)(x), slope_of(name)(x[:2])
    np.testing.assert_allclose(found, [*ENDS.get(name, (0, np.inf)), np.nan], rtol=1e-6)
    np.testing.assert_allclose(slope, SLOPES_AT_INFINITY.get(name, (0, 1)), rtol=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numbers_are_accepted_like_arrays(name):
    for number in (-40.0, 0.0, 2.0):
        wanted = function_of(name)(np.array([number]))[0]
        for x in (np.float64(number), np.array(number)):
            found = function_of(name)(x)
            assert found.dtype == np.float64
            assert found.shape == ()
            assert found == wanted
        for x in (np.float32(number), np.array(number, np.float32), number, int(number), np.int32(number)):
            found = function_of(name)(x)
            assert found.dtype == np.float32 or not NUMPY_2
            assert found.shape == ()
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-37)


def test_a_slope_of_0_stops_an_infinite_gradient(isa):
    x = np.array([-1.0, 2.0], np.float32)
    for function in (ops.relu, lambda x: ops.clip(x, 0.0, 5.0), ops.relu6, lambda x: ops.maximum(x, 0.0)):
        for values in (x, x.astype(np.float64)):
            with np.errstate(invalid="ignore"):
                found = grad(lambda x: ops.sum(function(x) * np.inf))(values)  # noqa: B023
            np.testing.assert_array_equal(found, [0, np.inf])


def test_minus_infinity_below_a_threshold_gives_zero():
    x = np.array([-np.inf, -1.0, 0.5, np.nan], np.float32)
    np.testing.assert_array_equal(activations.relu(x, threshold=1.0), [0, 0, 0, np.nan])
    np.testing.assert_array_equal(ops.leaky_relu(x, 0.0), [0, 0, 0.5, np.nan])
    np.testing.assert_array_equal(ops.celu(np.array([0.1, 7.0]), 3.0), [0.1, 7.0])


# Rows of logits, and -log of the softmax of the first: its distance from 1 may be far below the last digit of 1.
ROWS = [
    ([0.0, -20.0], math.log1p(math.exp(-20))),
    ([100.0, 75.0, 70.0], math.log1p(math.exp(-25) + math.exp(-30))),
    ([0.0, -80.0] + [-100.0] * 40, math.log1p(math.exp(-80) + 40 * math.exp(-100))),
    ([5.0] * 100, math.log(100)),
    ([1e30, 1e30, -1e30], math.log(2)),
    ([-2.0, 30.0], 32 + math.log1p(math.exp(-32))),
    ([3.0, -np.inf], 0.0),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("row", "wanted"), ROWS)
def test_logarithms_of_softmax_near_1(isa, row, wanted, dtype):
    check_logarithms(np.array([row], dtype), wanted, ulps=4)


@pytest.mark.parametrize(("row", "wanted"), ROWS)
def test_logarithms_of_softmax_near_1_on_a_gpu(fake_gpu, row, wanted):
    for dtype in (np.float32, np.float64):
        check_logarithms(fake_gpu.asarray([row], dtype), wanted, ulps=8)


def check_logarithms(logits, wanted, ulps):
    label = np.zeros(1, np.int64)
    losses = [-ops.log_softmax(logits)[0, 0], ops.sparse_categorical_crossentropy(label, logits, from_logits=True)[0]]
    if np.isfinite(to_host(logits)).all():
        target = np.eye(logits.shape[1], dtype=logits.dtype)[:1]
        losses.append(ops.categorical_crossentropy(target, logits, from_logits=True)[0])
    for loss in losses:
        np.testing.assert_allclose(to_host(loss), wanted, rtol=ulps * float(np.finfo(logits.dtype).eps))


@pytest.mark.parametrize("n", [2, 20, 70])
def test_softmax_at_infinity(isa, n):
    """As in JAX: -inf gives 0; a row with +inf or NaN gives NaN."""
    for dtype in (np.float32, np.float64):
        x = np.zeros((4, n), dtype)
        x[0, 0], x[1, 1], x[2, 0], x[3] = -np.inf, np.inf, np.nan, -np.inf
        with np.errstate(invalid="ignore"):
            y, logarithm = ops.softmax(x), ops.log_softmax(x)
        np.testing.assert_allclose(y[0], [0] + [1 / (n - 1)] * (n - 1), rtol=1e-6)
        np.testing.assert_allclose(logarithm[0], [-np.inf] + [-math.log(n - 1)] * (n - 1), rtol=1e-6)
        assert np.isnan(y[1:]).all()
        assert np.isnan(logarithm[1:, 1]).all()
