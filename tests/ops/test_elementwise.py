"""Result dtypes, and gradients at ties and edges."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import config, ops
from fastconv.engine import grad
from tests.check import NUMPY_2

F32, F64 = np.ones(3, np.float32), np.ones(3)
WHOLES = [np.ones(3, dtype) for dtype in ("uint8", "int8", "int32", "int64", "bool")]


@pytest.mark.parametrize("function", [ops.add, ops.subtract, ops.multiply, ops.divide, ops.maximum, ops.power, ops.mod])
def test_floats_keep_their_dtype(function):
    for number in (2, 2.5, True, np.float64(2), *WHOLES):
        assert function(F32, number).dtype == function(number, F32).dtype == np.float32
        assert function(F64, number).dtype == function(number, F64).dtype == np.float64
    assert function(F32, F64).dtype == np.float64


@pytest.mark.parametrize("x", WHOLES)
def test_integers_become_floatx_if_the_result_is_not_integral(x):
    for floatx in ("float32", "float64"):
        config.set_floatx(floatx)
        for y in (
            ops.exp(x),
            ops.sqrt(x),
            ops.floor(x),
            ops.divide(x, x),
            ops.mean(x),
            ops.sigmoid(x),
            ops.multiply(x, 0.5),
        ):
            assert y.dtype == floatx


def test_integers_stay_integers_if_the_result_is_integral():
    x = np.array([3, -2], np.int32)
    for y in (ops.negative(x), ops.abs(x), ops.square(x), ops.sign(x), ops.add(x, 1), ops.maximum(x, 0), ops.mod(x, 2)):
        assert y.dtype == np.int32


def test_lists_and_numbers_take_floatx():
    assert ops.add([1.0, 2.0], 1).dtype == np.float32
    assert ops.exp(1.0).dtype == np.float32
    config.set_floatx("float64")
    assert ops.exp([1.0]).dtype == np.float64


def test_maxima_share_their_gradient():
    """Equal elements share the gradient, and so do NaNs."""
    x = np.array([[1.0, 3.0, 3.0], [np.nan, 2.0, np.nan]])
    np.testing.assert_array_equal(grad(lambda x: ops.sum(ops.max(x, 1)))(x), [[0, 0.5, 0.5], [0.5, 0, 0.5]])
    np.testing.assert_array_equal(grad(lambda x: ops.sum(ops.min(x, 1)))(x), [[1, 0, 0], [0.5, 0, 0.5]])


@pytest.mark.parametrize("x", [np.ones(2, complex), np.array(["2020"], "datetime64[Y]")])
def test_only_real_numbers_are_accepted(x):
    with pytest.raises(TypeError, match=r"^arrays must hold real numbers\. Received: dtype="):
        ops.exp(x)
    with pytest.raises(ValueError, match=r"^Arrays must hold numbers\. Received: dtype="):
        ops.exp("a")


def test_gradients_are_shared_at_ties():
    x, y = np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 1.0])
    for function, first in ((ops.maximum, [0.5, 0, 1]), (ops.minimum, [0.5, 1, 0])):
        dx, dy = grad(lambda x, y: ops.sum(function(x, y)), argnums=(0, 1))(x, y)  # noqa: B023
        np.testing.assert_array_equal((dx, dy), (first, 1 - np.array(first)))


def test_clip_lets_the_gradient_pass_on_its_ends():
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    np.testing.assert_array_equal(grad(lambda x: ops.sum(ops.clip(x, -1.0, 1.0)))(x), [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(grad(lambda x: ops.sum(ops.clip(x, 0.0, 0.0)))(np.zeros(2)), [1, 1])


INFINITY = np.inf
POWERS = [  # x, y, and the slopes of x^y by x and by y, as in PyTorch
    (0.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 1.0, 0.0),
    (0.0, 2.0, 0.0, 0.0),
    (0.0, 0.5, INFINITY, 0.0),
    (0.0, -1.0, -INFINITY, -INFINITY),
    (-2.0, 0.0, 0.0, np.nan),
    (-2.0, 3.0, 12.0, np.nan),
    (-1.5, 0.5, np.nan, np.nan),
    (2.0, 0.0, 0.0, np.log(2)),
    (2.0, -1.0, -0.25, np.log(2) / 2),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slopes_of_powers(dtype):
    x, y, dx, dy = np.array(POWERS, dtype).T
    with np.errstate(divide="ignore", invalid="ignore"):
        found = grad(lambda x, y: ops.sum(ops.power(x, y)), argnums=(0, 1))(x, y)
        for number in (0, 0.0, 2):
            assert np.isfinite(grad(lambda x: ops.sum(x**number))(x)).all()  # noqa: B023
    np.testing.assert_allclose(found, (dx, dy), rtol=1e-6)


def test_logarithms_of_sums_at_infinity():
    x, y = np.array([0.0, INFINITY, -INFINITY, 1.0]), np.array([0.0, 0.0, 0.0, -INFINITY])
    for a, b in ((x, y), (y, x)):
        found = grad(lambda x, y: ops.sum(ops.logaddexp(x, y)), argnums=(0, 1))(a, b)
        np.testing.assert_array_equal(
            found, ([0.5, 1, 0, 1], [0.5, 0, 1, 0]) if a is x else ([0.5, 0, 1, 0], [0.5, 1, 0, 1])
        )


def test_equal_elements_have_no_deviation_and_no_slope():
    x = np.array([[1.0, 1.0, 1.0], [0.0, 3.0, 0.0]])
    with np.errstate(divide="ignore"):
        found = grad(lambda x: ops.sum(ops.std(x, 1)))(x)
    np.testing.assert_allclose(found, [[0, 0, 0], [-(2**0.5) / 6, 2**0.5 / 3, -(2**0.5) / 6]], rtol=1e-12)


def test_derivatives_at_kinks():
    zero = np.zeros(1)
    assert grad(lambda x: ops.sum(ops.softplus(x)))(zero) == 0.5
    flat = [(function, 0) for function in (ops.relu, ops.relu6, ops.abs, ops.sign, ops.floor)]
    for function, slope in (*flat, (ops.leaky_relu, 0.2)):
        assert grad(lambda x: ops.sum(function(x)))(zero) == slope  # noqa: B023


def test_nan_propagates():
    x = np.array([np.nan, 1.0])
    for dtype in (np.float32, np.float64):
        for f in (ops.relu, ops.relu6, lambda x: ops.maximum(x, 0), ops.tanh):
            y = f(x.astype(dtype))
            assert np.isnan(y[0])
            assert y[1] > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_arguments_do_not_overflow(dtype):
    x = np.array([-1e4, 0, 1e4], dtype)
    np.testing.assert_allclose(ops.sigmoid(x), [0, 0.5, 1])
    np.testing.assert_allclose(ops.softplus(x), [0, np.log(2), 1e4])
    np.testing.assert_allclose(ops.softmax(x), [0, 0, 1])
    np.testing.assert_allclose(ops.elu(x), [-1, 0, 1e4])
    np.testing.assert_allclose(ops.log_softmax(x), [-2e4, -1e4, 0])
    np.testing.assert_allclose(ops.silu(x), [0, 0, 1e4])


def test_large_arrays_use_compiled_kernels():
    """Sizes around a vector and above the threshold for threads, compared with float64."""
    rng = np.random.default_rng(0)
    for n in (15, 16, 17, 33, 70_001):
        x, y = rng.standard_normal((2, n))
        for f in (ops.add, ops.multiply, ops.subtract):
            np.testing.assert_allclose(f(x.astype("f"), y.astype("f")), f(x, y), rtol=1e-5, atol=1e-6)
        for f in (ops.relu, ops.relu6, ops.tanh, ops.sigmoid, ops.elu, ops.leaky_relu):
            np.testing.assert_allclose(f(x.astype("f")), f(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ops.leaky_relu(F32, -0.1),
            ValueError,
            "leaky_relu: negative_slope must be a finite number at least 0. Received: negative_slope=-0.1",
        ),
        (
            lambda: ops.elu(F32, float("nan")),
            ValueError,
            "elu: alpha must be a finite number at least 0. Received: alpha=nan",
        ),
        (
            lambda: ops.softmax(F32, 1),
            ValueError,
            "axis must lie within the 1 axes of the array, each once at most. Received: axis=1",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(message)


NUMBERS = (-1, 300, -200, 70_000, -(2**40), 2**40)


@pytest.mark.skipif(not NUMPY_2, reason="NumPy 1 chooses the dtype of the result by the value of a number")
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "int64", "bool"])
@pytest.mark.parametrize("number", NUMBERS)
def test_python_integers_beside_arrays_that_cannot_hold_them(dtype, number):
    x = np.array([0, 1, 1, 100], dtype)
    wide = x.astype("int64")
    for ours, theirs in (
        (ops.equal, np.equal),
        (ops.not_equal, np.not_equal),
        (ops.less, np.less),
        (ops.less_equal, np.less_equal),
        (ops.greater, np.greater),
        (ops.greater_equal, np.greater_equal),
        (ops.add, np.add),
        (ops.subtract, np.subtract),
        (ops.multiply, np.multiply),
        (ops.maximum, np.maximum),
        (ops.minimum, np.minimum),
    ):
        if not (ours in (ops.add, ops.subtract, ops.multiply) and np.can_cast(np.min_scalar_type(number), dtype)):
            np.testing.assert_array_equal(ours(x, number), theirs(wide, number))
            np.testing.assert_array_equal(ours(number, x), theirs(number, wide))
    np.testing.assert_array_equal(ops.where(x > 0, x, number), np.where(x > 0, wide, number))
    np.testing.assert_array_equal(ops.clip(x, number, max(number, 50)), np.clip(wide, number, max(number, 50)))


def test_python_integers_of_no_dtype():
    np.testing.assert_array_equal(ops.less(np.array([1, 2], "uint8"), 2**70), [True, True])
    np.testing.assert_array_equal(ops.equal(np.array([1, 2]), -(2**70)), [False, False])


def test_numbers_of_booleans():
    x = np.array([True, False])
    for function, expected in (
        (ops.negative, [-1, 0]),
        (ops.absolute, [1, 0]),
        (ops.sign, [1, 0]),
        (ops.square, [1, 0]),
        (ops.logical_not, [False, True]),
    ):
        np.testing.assert_array_equal(function(x), expected)
    assert ops.negative(x).dtype == np.int64
