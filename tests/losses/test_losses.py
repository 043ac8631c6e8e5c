"""Losses compared with their formulas in float64 and with PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import losses, ops
from fastconv.engine import Tensor, grad

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(5, 4)).astype(np.float32)
SPARSE = np.array([0, 3, 1, 1, 2])
ONE_HOT = np.eye(4, dtype=np.float32)[SPARSE]
Y = RNG.normal(size=(5, 4)).astype(np.float32)
BITS = (Y > 0).astype(np.float32)


def softmax(x):
    e = np.exp(x.astype(np.float64))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def binary(target, p):
    return -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean(-1)


P, Q = softmax(LOGITS), sigmoid(LOGITS)
SMOOTH = ONE_HOT * 0.8 + 0.2 / 4

# (function, class, targets, outputs, arguments, the losses of the samples)
CASES = {
    "mse": (losses.mean_squared_error, losses.MeanSquaredError, Y, LOGITS, {}, ((Y - LOGITS) ** 2).mean(-1)),
    "mae": (losses.mean_absolute_error, losses.MeanAbsoluteError, Y, LOGITS, {}, np.abs(Y - LOGITS).mean(-1)),
    "binary": (losses.binary_crossentropy, losses.BinaryCrossentropy, BITS, Q.astype("f"), {}, binary(BITS, Q)),
    "binary, logits": (
        losses.binary_crossentropy,
        losses.BinaryCrossentropy,
        BITS,
        LOGITS,
        {"from_logits": True},
        binary(BITS, Q),
    ),
    "binary, smoothed": (
        losses.binary_crossentropy,
        losses.BinaryCrossentropy,
        BITS,
        Q.astype("f"),
        {"label_smoothing": 0.2},
        binary(BITS * 0.8 + 0.1, Q),
    ),
    "categorical": (
        losses.categorical_crossentropy,
        losses.CategoricalCrossentropy,
        ONE_HOT,
        P.astype("f"),
        {},
        -np.log(P)[range(5), SPARSE],
    ),
    "categorical, logits, smoothed": (
        losses.categorical_crossentropy,
        losses.CategoricalCrossentropy,
        ONE_HOT,
        LOGITS,
        {"from_logits": True, "label_smoothing": 0.2},
        -(SMOOTH * np.log(P)).sum(-1),
    ),
    "categorical, first axis": (
        losses.categorical_crossentropy,
        losses.CategoricalCrossentropy,
        ONE_HOT.T,
        LOGITS.T,
        {"from_logits": True, "axis": 0},
        -np.log(P)[range(5), SPARSE],
    ),
    "sparse": (
        losses.sparse_categorical_crossentropy,
        losses.SparseCategoricalCrossentropy,
        SPARSE,
        P.astype("f"),
        {},
        -np.log(P)[range(5), SPARSE],
    ),
    "sparse, logits": (
        losses.sparse_categorical_crossentropy,
        losses.SparseCategoricalCrossentropy,
        SPARSE.astype(np.uint8)[:, None],
        LOGITS,
        {"from_logits": True},
        -np.log(P)[range(5), SPARSE],
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
def test_functions_return_a_loss_for_each_sample(case):
    function, _, y_true, y_pred, arguments, expected = case
    np.testing.assert_allclose(function(y_true, y_pred, **arguments), expected, rtol=1e-5)


@every_case
def test_objects_reduce(case):
    _, cls, y_true, y_pred, arguments, expected = case
    weights = np.array([1, 2, 0, 0.5, 3])
    for sample_weight, values in ((None, expected), (weights, expected * weights)):
        for reduction, result in (
            ("sum_over_batch_size", values.mean()),
            ("sum", values.sum()),
            ("none", values),
            (None, values),
        ):
            found = cls(**arguments, reduction=reduction)(y_true, y_pred, sample_weight)
            np.testing.assert_allclose(found, result, rtol=1e-5)


@every_case
def test_gradients_match_difference_quotients(case):
    _, cls, y_true, y_pred, arguments, _ = case
    y_pred = y_pred.astype(np.float64)
    loss = cls(**arguments)
    direction = np.random.default_rng(1).normal(size=y_pred.shape) * 1e-5
    slope = loss(y_true, y_pred + direction) - loss(y_true, y_pred - direction)
    found = grad(lambda x: loss(y_true, x))(y_pred)
    assert (found * direction).sum() * 2 == pytest.approx(slope, rel=1e-4)


def test_pytorch():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    logits, labels = torch.tensor(LOGITS), torch.tensor(SPARSE)
    assert losses.SparseCategoricalCrossentropy(True)(SPARSE, LOGITS) == pytest.approx(
        functional.cross_entropy(logits, labels).item(), rel=1e-5
    )
    assert losses.CategoricalCrossentropy(True, 0.1)(ONE_HOT, LOGITS) == pytest.approx(
        functional.cross_entropy(logits, labels, label_smoothing=0.1).item(), rel=1e-5
    )
    assert losses.BinaryCrossentropy(True)(BITS, LOGITS) == pytest.approx(
        functional.binary_cross_entropy_with_logits(logits, torch.tensor(BITS)).item(), rel=1e-5
    )


@pytest.mark.parametrize("cls", [losses.CategoricalCrossentropy, losses.SparseCategoricalCrossentropy])
def test_the_loss_after_a_softmax_does_not_overflow(cls):
    x = np.array([[500.0, -500.0, 0.0]], np.float32)
    y_true = np.array([[0.0, 1.0, 0.0]], np.float32) if cls is losses.CategoricalCrossentropy else np.array([1])
    assert float(cls()(y_true, ops.softmax(Tensor.of(x)))) == 1000
    np.testing.assert_allclose(grad(lambda x: cls()(y_true, ops.softmax(x)))(x), [[1, -1, 0]], atol=1e-6)


def test_the_loss_after_a_sigmoid_does_not_overflow():
    x = np.array([[500.0]], np.float32)
    assert float(losses.BinaryCrossentropy()(np.array([0.0], np.float32), ops.sigmoid(Tensor.of(x)))) == 500


@pytest.mark.parametrize(
    ("y_true", "y_pred", "shape"),
    [((5,), (5, 1), (5,)), ((5, 1), (5,), (5,)), ((5, 3, 1), (5, 3), (5,)), ((5, 3), (5, 3, 1), (5,))],
)
def test_a_last_axis_of_one_may_be_missing(y_true, y_pred, shape):
    a, b = np.ones(y_true, np.float32), np.zeros(y_pred, np.float32)
    found = losses.MeanSquaredError("none")(a, b)
    assert found.shape == shape
    assert (found == 1).all()


def test_targets_may_be_integers_and_booleans():
    outputs = np.array([[0.25], [0.75]], np.float32)
    for dtype in ("bool", "uint8", "int64", "float64"):
        found = losses.MeanSquaredError()(np.array([0, 1], dtype), outputs)
        assert found.dtype == np.float32
        assert found == 0.0625


def test_weights_belong_to_leading_axes():
    y_true, y_pred = np.zeros((2, 3, 4), np.float32), np.ones((2, 3, 4), np.float32)
    loss = losses.MeanSquaredError("none")
    assert loss(y_true, y_pred, np.array([1.0, 2.0])).tolist() == [[1] * 3, [2] * 3]
    assert loss(y_true, y_pred, np.array([[1, 2, 3], [4, 5, 6]])).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert loss(y_true[:, 0], y_pred[:, 0], np.array([[1.0], [2.0]])).tolist() == [1, 2]
    assert loss(y_true, y_pred, np.array([[1.0], [2.0]])).tolist() == [[1] * 3, [2] * 3]
    with pytest.raises(ValueError, match=r"leading axes.*sample_weight.shape=\(3,\)"):
        loss(y_true, y_pred, np.ones(3))


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"Received: y_true\.shape="):
        losses.MeanSquaredError()(np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32))


@pytest.mark.parametrize("name", ["mse", "MSE", "mean_squared_error", "MeanSquaredError", losses.mse])
def test_get_returns_a_loss(name):
    loss = losses.get(name)
    assert isinstance(loss, losses.Loss)
    assert loss.name == "mean_squared_error"
    assert loss(Y, LOGITS) == pytest.approx(((Y - LOGITS) ** 2).mean(), rel=1e-6)
    assert losses.get(loss) is loss
    assert losses.get(None) is None


def test_a_custom_function_becomes_a_loss():
    def cubed(y_true, y_pred, power=3):
        return ops.mean(ops.absolute(y_pred - y_true) ** power, -1)

    assert losses.get(cubed).name == "cubed"
    assert losses.LossFunctionWrapper(cubed, "sum", power=2)(Y, LOGITS) == pytest.approx(
        ((Y - LOGITS) ** 2).mean(-1).sum(), rel=1e-5
    )


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="reduction must be one of"):
        losses.MeanSquaredError("average")
    with pytest.raises(ValueError, match="label_smoothing must be"):
        losses.CategoricalCrossentropy(label_smoothing=1.5)
