"""Properties of every loss: configuration, sample weights, float64, gradients, and the written-out formulas."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import losses, value_and_grad
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import Plan, Tensor, Trace

from .cases import BITS, CASES, IDS, LOGITS, MAPS, MASKS, NUMBERS, ONE_HOT, SIGNS, P, Q

each_loss = pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES, ids=IDS)
EPSILON = 1e-7


@each_loss
def test_configuration_round_trip(name, arguments, y_true, y_pred):
    loss = getattr(losses, name)(**arguments)
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config() == {**loss.get_config(), **arguments}
    np.testing.assert_array_equal(again(y_true, y_pred), loss(y_true, y_pred))


@each_loss
def test_the_gradient_is_the_derivative(name, arguments, y_true, y_pred):
    if arguments.get("reduction") == "none":
        return
    loss, x = getattr(losses, name)(**arguments), y_pred.astype("float64")
    _, dx = value_and_grad(lambda x: loss(y_true, x))(x)
    direction, step = np.random.default_rng(1).normal(size=x.shape), 1e-6
    quotient = (float(loss(y_true, x + step * direction)) - float(loss(y_true, x - step * direction))) / (2 * step)
    assert float((dx * direction).sum()) == pytest.approx(quotient, rel=1e-5, abs=1e-8)


@each_loss
def test_plans_agree_with_single_calls(name, arguments, y_true, y_pred):
    loss = getattr(losses, name)(**arguments)
    inputs = [Tensor(a.shape, a.dtype) for a in (y_true, y_pred)]
    with Trace():
        plan = Plan(inputs, [loss(*inputs)])
    np.testing.assert_allclose(to_host(plan(y_true, y_pred)[0]), loss(y_true, y_pred), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments", "y_true", "y_pred", "expected"),
    [
        ("MeanAbsolutePercentageError", {}, *NUMBERS, 100 * np.abs((NUMBERS[0] - NUMBERS[1]) / NUMBERS[0]).mean()),
        ("MeanSquaredLogarithmicError", {}, *P, np.square(np.log1p(P[0]) - np.log1p(P[1])).mean()),
        ("LogCosh", {}, *NUMBERS, np.log(np.cosh(NUMBERS[1] - NUMBERS[0])).mean()),
        ("Hinge", {}, BITS, LOGITS, np.maximum(1 - SIGNS * LOGITS, 0).mean()),
        ("SquaredHinge", {}, SIGNS, LOGITS, np.square(np.maximum(1 - SIGNS * LOGITS, 0)).mean()),
        ("KLDivergence", {}, *P, (P[0] * np.log(P[0] / P[1])).sum(-1).mean()),
        ("Poisson", {}, *P, (P[1] - P[0] * np.log(P[1])).mean()),
        (
            "BinaryFocalCrossentropy",
            {"gamma": 1.0},
            BITS,
            Q,
            (np.where(BITS == 1, 1 - Q, Q) * -np.log(np.where(BITS == 1, Q, 1 - Q))).mean(),
        ),
        (
            "CategoricalFocalCrossentropy",
            {"alpha": 0.5, "gamma": 1.0},
            ONE_HOT,
            P[0],
            -(0.5 * (1 - P[0]) * ONE_HOT * np.log(P[0])).sum(-1).mean(),
        ),
        ("Dice", {}, MASKS, MAPS, 1 - 2 * (MASKS * MAPS).sum() / (MASKS.sum() + MAPS.sum())),
        (
            "Tversky",
            {"alpha": 1.0, "beta": 0.0},
            MASKS,
            MAPS,
            1 - (MASKS * MAPS).sum() / MASKS.sum(),
        ),
    ],
)
def test_the_formula(name, arguments, y_true, y_pred, expected):
    assert float(getattr(losses, name)(**arguments)(y_true, y_pred)) == pytest.approx(expected, rel=1e-4)


def test_huber_is_quadratic_near_and_linear_far():
    y = np.array([[0.5], [3.0], [-3.0]], np.float32)
    np.testing.assert_allclose(losses.huber(np.zeros_like(y), y), [0.125, 2.5, 2.5])
    np.testing.assert_allclose(losses.Huber(2.0, "none")(np.zeros_like(y), y), [0.125, 4, 4])


def test_ignored_classes_do_not_count():
    outputs, targets = np.log(P[0]), np.array([0, 255, 2, 255, 1, 3])
    loss = losses.SparseCategoricalCrossentropy(True, ignore_class=255)
    kept = targets != 255
    assert float(loss(targets, outputs)) == pytest.approx(-np.log(P[0][kept, targets[kept]]).mean(), rel=1e-5)
    each = losses.SparseCategoricalCrossentropy(True, ignore_class=255, reduction="none")(targets, outputs)
    np.testing.assert_array_equal(each[~kept], 0)


def test_a_weighted_mean_divides_by_the_weights():
    weights = np.array([1, 0, 2, 0, 0, 1], np.float32)
    each = np.square(NUMBERS[1] - NUMBERS[0]).mean(-1)
    loss = losses.MeanSquaredError("mean_with_sample_weight")
    assert float(loss(*NUMBERS, weights)) == pytest.approx((each * weights).sum() / 4, rel=1e-5)


def test_every_loss_is_in_the_table():
    classes = {name for name in losses.__all__ if isinstance(getattr(losses, name), type)}
    assert classes == {name for name, *_ in CASES} | {"Loss", "LossFunctionWrapper"}
