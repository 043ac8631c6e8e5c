"""Losses and their slopes at the limits: 0, tiny and huge numbers, certain but wrong probabilities, infinities and NaN.

The oracles are the formulas, written without cancellation, in NumPy's widest floats.
"""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import losses, ops, value_and_grad

WIDE, EPSILON = np.longdouble, np.longdouble(1e-7)
SIZES = [0.0, 1e-30, 1e-10, 1e-5, 1e-3, 0.1, 0.7, 3.0, 20.0, 90.0, 1e4, 1e18, 1e30]
NUMBERS = [*SIZES, *(-x for x in SIZES[1:])]
PROBABILITIES = [1e-6, 1e-4, 1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-6]


def log_cosh(e):
    """Return log(cosh(e)) and its slope."""
    e = abs(e)
    near = np.log1p(np.square(np.expm1(-e)) * np.exp(np.minimum(e, 1)) / 2)
    return np.where(e < 1, near, e + np.log1p(np.exp(-2 * e)) - np.log(WIDE(2))), np.tanh(e)


def of_logits(t, x):
    p, q = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(x))
    soft = np.log1p(np.exp(-abs(x)))
    return t * (soft + np.maximum(-x, 0)) + (1 - t) * (soft + np.maximum(x, 0)), (1 - t) * p - t * q


def focal_of_logits(t, x):
    p, q = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(x))
    loss, slope = of_logits(t, x)
    error = t * q + (1 - t) * p
    return error**2 * loss, error**2 * slope + 2 * error * p * q * (1 - 2 * t) * loss


def squared_log(t, y):
    t, y = np.maximum(t, EPSILON), np.maximum(y, EPSILON)
    difference = np.log1p(y) - np.log1p(t)
    return difference**2, np.where(y > EPSILON, 2 * difference / (1 + y), 0)


# (loss, arguments, targets, outputs, loss and slope of a single output)
CASES = {
    "mse": ("mean_squared_error", {}, [0, 1, -2.5], NUMBERS, lambda t, y: ((y - t) ** 2, 2 * (y - t))),
    "mae": ("mean_absolute_error", {}, [0, 1, -2.5], NUMBERS, lambda t, y: (abs(y - t), np.sign(y - t))),
    "huber": (
        "huber",
        {},
        [0, 1, -2.5],
        NUMBERS,
        lambda t, y: (np.where(abs(y - t) <= 1, (y - t) ** 2 / 2, abs(y - t) - WIDE(0.5)), np.clip(y - t, -1, 1)),
    ),
    "log_cosh": ("log_cosh", {}, [0], NUMBERS, lambda t, y: (log_cosh(y)[0], np.sign(y) * log_cosh(y)[1])),
    "msle": ("mean_squared_logarithmic_error", {}, [0, 1, 1e6], [x for x in NUMBERS if x < 1e18], squared_log),
    "binary": ("binary_crossentropy", {"from_logits": True}, [0, 1], NUMBERS, of_logits),
    "focal": ("binary_focal_crossentropy", {"from_logits": True}, [0, 1], [x for x in NUMBERS if abs(x) < 21],
              focal_of_logits),
    "binary of probabilities": (
        "binary_crossentropy",
        {},
        [0, 1, 0.3],
        PROBABILITIES,
        lambda t, p: (-(t * np.log(p) + (1 - t) * np.log1p(-p)), (1 - t) / (1 - p) - t / p),
    ),
    "kl": ("kl_divergence", {}, [1e-3, 0.5, 1], PROBABILITIES, lambda t, p: (t * np.log(t / p), -t / p)),
    "dice": ("dice", {}, [1], PROBABILITIES, lambda t, p: ((1 - p + EPSILON) / (1 + p + EPSILON),
                                                           -(2 + 2 * EPSILON) / (1 + p + EPSILON) ** 2)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore:overflow encountered in square")  # 1e30 squared is infinite in float32
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_losses_and_slopes_are_accurate(case, dtype):
    name, arguments, targets, outputs, oracle = case
    limits = np.finfo(dtype)
    for target in targets:
        y, x = np.full((len(outputs), 1), target, dtype), np.array(outputs, dtype)[:, None]
        function = getattr(losses, name)
        if name == "dice":
            arguments = {"axis": -1}
        each, slope = function(y, x, **arguments), value_and_grad(lambda x: ops.sum(function(y, x, **arguments)))(x)[1]  # noqa: B023
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            loss, derivative = (np.broadcast_to(a, x.shape)[:, 0] for a in oracle(y.astype(WIDE), x.astype(WIDE)))
        for found, expected in ((each, loss), (slope[:, 0], derivative)):
            finite = abs(expected) < limits.max
            np.testing.assert_allclose(found[finite], expected[finite].astype("float64"), rtol=300 * limits.eps,
                                       atol=10 * limits.tiny)  # fmt: skip
            assert np.isinf(found[~finite]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("name", ["binary_focal_crossentropy", "categorical_focal_crossentropy"])
@pytest.mark.parametrize("logits", [False, True])
def test_the_slope_of_focal_losses_is_finite(name, gamma, dtype, logits):
    y = np.array([[1, 0], [0, 1]], dtype)
    sure = np.array([[1, 0], [0, 1]], dtype) * (180 if logits else 1) - (90 if logits else 0)
    for x in (sure, np.flip(sure, 0), 0.5 * (sure + np.flip(sure, 0))):
        value, slope = value_and_grad(lambda x: ops.sum(getattr(losses, name)(y, x, gamma=gamma, from_logits=logits)))(
            x
        )
        assert np.isfinite(value)
        assert np.isfinite(slope).all()
    value, slope = value_and_grad(lambda x: ops.sum(getattr(losses, name)(y, x, gamma=gamma, from_logits=logits)))(sure)
    np.testing.assert_allclose(slope, 0, atol=1e-6)


def test_a_focal_loss_with_gamma_0_is_the_cross_entropy():
    y, x = np.array([[1.0, 0.0, 1.0, 0.0]]), np.array([[1.0, 0.0, 0.3, 0.6]])
    for logits in (False, True):
        of = {"from_logits": logits}
        found, slope = value_and_grad(lambda x: ops.sum(losses.binary_focal_crossentropy(y, x, gamma=0.0, **of)))(x)  # noqa: B023
        expected, true = value_and_grad(lambda x: ops.sum(losses.binary_crossentropy(y, x, **of)))(x)  # noqa: B023
        assert float(found) == pytest.approx(float(expected))
        np.testing.assert_allclose(slope, true, atol=1e-12)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e18, 1e30])
def test_the_angle_does_not_depend_on_lengths(size):
    y, x = np.array([[3.0, 4.0]], "float32"), np.array([[size, 0.0]], "float32")
    value, slope = value_and_grad(lambda x: ops.sum(losses.cosine_similarity(y, x)))(x)
    assert float(value) == pytest.approx(-0.6)
    np.testing.assert_allclose(slope, [[0, -0.8 / size]], rtol=1e-5, atol=1e-6 / size)
    assert float(losses.cosine_similarity(y * np.float32(1e25), x)[0]) == pytest.approx(-0.6)
    assert float(losses.cosine_similarity(y, 0 * x)[0]) == 0


@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "squared_hinge"])
def test_infinities_and_nan_are_not_hidden(name):
    y = np.array([[0.0], [1.0]], "float32")
    for value in (np.inf, -np.inf):
        assert not np.isnan(getattr(losses, name)(y, np.full_like(y, value))).any()
    assert np.isnan(getattr(losses, name)(y, np.full_like(y, np.nan))).all()


def test_certain_but_wrong_probabilities_have_a_finite_loss():
    y, p = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    for name in ("binary_crossentropy", "categorical_crossentropy", "kl_divergence"):
        assert float(getattr(losses, name)(y, p)[0]) == pytest.approx(-np.log(1e-7), rel=1e-5)
