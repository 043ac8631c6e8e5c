"""Elementwise functions and their gradients near 0, far from 0 and at infinity, compared with Python's math module."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from fastconv import ops
from fastconv.backends.cpu.stream import LARGE
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import grad

INF, NAN = math.inf, math.nan
SIZES = [0.0, 1e-30, 1e-7, 1e-3, 0.5, 1.0, 1.5, 2.0, 3.0, 90.0, 1e5, 1e10, 1e30, INF]
X = [*SIZES, *(-x for x in SIZES), NAN]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ULPS = 8
FAR = {"power": 40}  # rounding y - 1 changes x^(y - 1) by log(x) times as much


def quotient(a, b):
    """Return a / b, with the limits of IEEE 754."""
    if b != 0:
        return a / b
    return NAN if a == 0 or math.isnan(a) else math.copysign(INF, a) * math.copysign(1, b)


def log(x):
    return -INF if x == 0 else math.log(x)


def root(x):
    return x if x == 0 else math.sqrt(x)


def sign(x):
    return NAN if math.isnan(x) else float((x > 0) - (x < 0))


def half_up(x):
    return x if abs(x) > 1e15 or math.isnan(x) else float(round(x))


# The value and the slope of each function; an error stands for NaN, or for infinity if it is an overflow.
UNARY = {
    "exp": (math.exp, math.exp),
    "expm1": (math.expm1, math.exp),
    "log": (log, lambda x: quotient(1, x)),
    "log1p": (lambda x: log(1 + x) if x in (-1, INF) else math.log1p(x), lambda x: quotient(1, 1 + x)),
    "sqrt": (root, lambda x: quotient(0.5, root(x))),
    "rsqrt": (lambda x: quotient(1, root(x)), lambda x: -0.5 * quotient(1, root(x)) ** 3),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "reciprocal": (lambda x: quotient(1, x), lambda x: -(quotient(1, x) * quotient(1, x))),
    "sin": (math.sin, math.cos),
    "cos": (math.cos, lambda x: -math.sin(x)),
    "negative": (lambda x: -x, lambda x: -1.0),
    "absolute": (abs, sign),
    "sign": (sign, None),
    "floor": (lambda x: x if abs(x) > 1e15 or math.isnan(x) else float(math.floor(x)), None),
    "ceil": (lambda x: x if abs(x) > 1e15 or math.isnan(x) else float(math.ceil(x)), None),
    "round": (half_up, None),
}


def share(x, y):
    """Return e^x / (e^x + e^y)."""
    if x == y:
        return 0.5
    return math.exp(min(x - y, 0.0)) / (1 + math.exp(-abs(x - y)))


def logaddexp(x, y):
    return x + math.log(2) if x == y else max(x, y) + math.log1p(math.exp(-abs(x - y)))


def power(x, y):
    try:
        return math.pow(x, y)
    except OverflowError:
        return -INF if x < 0 and y % 2 == 1 else INF
    except ValueError:  # a negative power of 0, or a root of a negative number
        return NAN if x != 0 else math.copysign(INF, x) if y % 2 == 1 else INF


def power_by_base(x, y):
    if math.copysign(1, x) < 0 and 2**24 < abs(y) < INF:
        return NAN  # whether y - 1 is odd depends on the dtype
    return 0.0 if y == 0 else y * power(x, y - 1)


def power_by_exponent(x, y):
    if x < 0 or math.isnan(x) or math.isnan(y):
        return NAN
    return 0.0 if x == 0 and y >= 0 else power(x, y) * log(x)


def extreme(of_two):
    return lambda x, y: NAN if math.isnan(x) or math.isnan(y) else of_two(x, y)


# The value and the slopes by both operands.
BINARY = {
    "add": (lambda x, y: x + y, lambda x, y: 1.0, lambda x, y: 1.0),
    "subtract": (lambda x, y: x - y, lambda x, y: 1.0, lambda x, y: -1.0),
    "multiply": (lambda x, y: x * y, lambda x, y: y, lambda x, y: x),
    "divide": (quotient, lambda x, y: quotient(1, y), lambda x, y: -quotient(quotient(x, y), y)),
    "maximum": (extreme(max), lambda x, y: (x > y) + 0.5 * (x == y), lambda x, y: (y > x) + 0.5 * (x == y)),
    "minimum": (extreme(min), lambda x, y: (x < y) + 0.5 * (x == y), lambda x, y: (y < x) + 0.5 * (x == y)),
    "logaddexp": (logaddexp, share, lambda x, y: share(y, x)),
    "power": (power, power_by_base, power_by_exponent),
}


def expected(function, *columns, dtype):
    """Return results for numbers of `dtype`, computed in double precision."""

    def value(*numbers):
        try:
            return function(*map(float, numbers))
        except OverflowError:
            return INF
        except ValueError:
            return NAN

    with np.errstate(over="ignore"):
        return np.array([value(*numbers) for numbers in zip(*columns)]).astype(dtype)


def check(found, wanted, count, ulps=ULPS):
    """Compare with a relative tolerance; subnormal numbers may be 0."""
    found, limits = to_host(found), np.finfo(wanted.dtype)
    assert found.dtype == wanted.dtype
    first = found[:count]
    np.testing.assert_array_equal(found.reshape(-1, count), np.broadcast_to(first, (len(found) // count, count)))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(first, wanted, rtol=ulps * float(limits.eps), atol=float(limits.tiny))


def check_unary(name, dtype, array, repeats):
    x = np.array(X).astype(dtype)
    given, (value, slope) = array(np.tile(x, repeats)), UNARY[name]
    function = getattr(ops, name)
    with np.errstate(all="ignore"):
        check(function(given), expected(value, x, dtype=dtype), len(x))
        if slope is None:
            return
        found = to_host(grad(lambda x: ops.sum(function(x)))(given))
        inside = ~np.isnan(expected(value, x, dtype=dtype))  # frameworks differ elsewhere
        wanted = np.where(inside, expected(slope, x, dtype=dtype), found[: len(x)])
        check(found, wanted, len(x))


def check_binary(name, dtype, array, repeats):
    x, y = (np.array(numbers).astype(dtype) for numbers in zip(*itertools.product(X, X)))
    function, (value, *slopes) = getattr(ops, name), BINARY[name]
    a, b = array(np.tile(x, repeats)), array(np.tile(y, repeats))
    with np.errstate(all="ignore"):
        wanted = expected(value, x, y, dtype=dtype)
        check(function(a, b), wanted, len(x))
        for found, slope in zip(grad(lambda a, b: ops.sum(function(a, b)), (0, 1))(a, b), slopes):
            of_slope = expected(slope, x, y, dtype=dtype)
            inside = ~np.isnan(of_slope) & ~np.isnan(wanted)
            check(found, np.where(inside, of_slope, to_host(found)[: len(x)]), len(x), FAR.get(name, ULPS))


@DTYPES
@pytest.mark.parametrize("name", UNARY)
def test_unary_functions(isa, name, dtype):
    check_unary(name, dtype, np.asarray, 1)
    if dtype == np.float32:
        check_unary(name, dtype, np.asarray, LARGE // len(X) + 1)  # computed by kernels


@DTYPES
@pytest.mark.parametrize("name", UNARY)
def test_unary_functions_on_a_gpu(fake_gpu, name, dtype):
    check_unary(name, dtype, fake_gpu.asarray, 1)


@DTYPES
@pytest.mark.parametrize("name", BINARY)
def test_binary_functions(isa, name, dtype):
    check_binary(name, dtype, np.asarray, 1)
    if dtype == np.float32:
        check_binary(name, dtype, np.asarray, LARGE // len(X) ** 2 + 1)


@DTYPES
@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_on_a_gpu(fake_gpu, name, dtype):
    check_binary(name, dtype, fake_gpu.asarray, 1)


@DTYPES
def test_equal_numbers_share_the_gradient_equally(dtype):
    x = np.array([0, 90, 1e5, 1e30, -1e30, np.inf, -np.inf], dtype)
    with np.errstate(invalid="ignore"):  # of the sum of infinities
        slopes = grad(lambda x, y: ops.sum(ops.logaddexp(x, y)), (0, 1))(x, x.copy())
    for found in slopes:
        np.testing.assert_array_equal(found, np.full(len(x), 0.5, dtype))
