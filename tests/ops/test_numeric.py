"""Arrays that do not hold numbers are refused, with their dtype, in every computation."""

import numpy as np
import pytest

from fastconv import layers, losses, metrics, ops

Y = np.ones((1, 2), np.float32)
NOT_NUMERIC = [
    np.array([["a", "b"]]),
    np.array([[b"a", b"b"]]),
    np.array([[1.0, None]]),
    np.array([[1, 2]], object),
    np.array([["2026-01-01", "2026-01-02"]], "datetime64[D]"),
    np.array([[1, 2]], "timedelta64[s]"),
]


@pytest.mark.parametrize("x", NOT_NUMERIC, ids=lambda x: x.dtype.str)
@pytest.mark.parametrize(
    "call",
    [
        lambda x: ops.cast(x, "float32"),
        lambda x: layers.Dense(2)(x),
        lambda x: layers.ReLU()(x),
        lambda x: layers.Flatten()(x),
        lambda x: losses.mean_squared_error(x, Y),
        lambda x: losses.mean_squared_error(Y, x),
        lambda x: losses.CategoricalCrossentropy()(x, Y),
        lambda x: losses.MeanSquaredError()(Y, Y, sample_weight=x),
        lambda x: metrics.Accuracy()(x, Y),
        lambda x: metrics.AUC()(x, Y),
        lambda x: metrics.Precision()(x, Y),
        lambda x: metrics.BinaryAccuracy()(x, Y),
        lambda x: metrics.MeanIoU(2)(x, Y),
        lambda x: ops.one_hot(x, 3),
        lambda x: ops.take(Y, x),
        lambda x: ops.softmax(x),
        lambda x: ops.add(x.tolist(), Y),
        lambda x: ops.convert_to_tensor(x.tolist()),
    ],
)
def test_arrays_without_numbers_are_refused(call, x):
    if x.dtype.kind == "O" and None not in x and isinstance(_given(call, x), list):
        pytest.skip("a list of numbers")
    with pytest.raises((ValueError, TypeError), match=r"must hold (real )?numbers.*Received: dtype="):
        call(x)


def _given(call, x):
    """Return the argument of a call: a list if the call builds an array from it."""
    return x.tolist() if "tolist" in call.__code__.co_names else x


def test_positions_that_no_signed_integer_holds():
    x = np.array([0, 2**64 - 1], np.uint64)
    for call in (lambda: ops.take(Y[0], x), lambda: ops.one_hot(x, 3)):
        with pytest.raises(ValueError, match=r"must be below 2\*\*63\. Received: 18446744073709551615"):
            call()
    np.testing.assert_array_equal(ops.take(np.arange(3), np.array([2], np.uint64)), [2])


def test_numbers_of_every_dtype_are_accepted():
    for dtype in ("bool", "int8", "uint64", "float16", "float64", "complex64"):
        assert ops.convert_to_tensor(np.ones(2, dtype)).dtype == dtype
        assert ops.cast(np.ones(2, dtype), "float64" if dtype != "complex64" else dtype).shape == (2,)
