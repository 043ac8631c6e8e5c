"""Cross-entropies: logits recovered from a softmax or a sigmoid, labels, errors."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops
from fastconv.engine import Tensor, grad
from tests.check import example

LOGITS = example(3, 5, low=-4, high=4)
LABELS = np.array([4, 0, 2])
TARGET = np.eye(5)[LABELS]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def entropy_of_logits(x):
    return np.log(np.exp(x).sum(-1)) - x[np.arange(3), LABELS]


LOSSES = {
    "categorical": lambda y, **kw: ops.categorical_crossentropy(TARGET.astype(y.dtype), y, **kw),
    "sparse": lambda y, **kw: ops.sparse_categorical_crossentropy(LABELS, y, **kw),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients_by_logits(name, dtype):
    loss, x = LOSSES[name], LOGITS.astype(dtype)
    np.testing.assert_allclose(loss(x, from_logits=True), entropy_of_logits(LOGITS), rtol=1e-5)
    np.testing.assert_allclose(loss(ops.softmax(x)), entropy_of_logits(LOGITS), rtol=1e-4)
    for f in (lambda x: loss(x, from_logits=True), lambda x: loss(ops.softmax(x))):
        np.testing.assert_allclose(grad(lambda x: ops.sum(f(x)))(x), softmax(LOGITS) - TARGET, rtol=1e-4, atol=1e-6)  # noqa: B023


@pytest.mark.parametrize("name", LOSSES)
def test_logits_are_recovered_from_a_softmax_in_the_graph(name):
    """Probabilities of 0 and 1 in float32 still have the loss and gradient of their logits."""
    x = np.array([[200.0, 0, 0, 0, 0]] * 3, np.float32)
    d = grad(lambda x: ops.sum(LOSSES[name](ops.softmax(x))))(x)
    np.testing.assert_allclose(d, softmax(x) - TARGET, atol=1e-6)
    np.testing.assert_allclose(LOSSES[name](ops.softmax(Tensor.of(x))).numpy(), [200, 0, 200], atol=1e-4)


def test_logits_are_recovered_only_from_the_matching_function():
    """The inputs of a sigmoid are not logits of a softmax, and the inputs of a softmax are not logits of a sigmoid."""
    x = Tensor.of(LOGITS)
    p = 1 / (1 + np.exp(-LOGITS))
    wanted = -np.log(p / p.sum(-1, keepdims=True))[np.arange(3), LABELS]
    for loss in LOSSES.values():
        np.testing.assert_allclose(loss(ops.sigmoid(x)).numpy(), wanted, rtol=1e-6)
    q = softmax(LOGITS)
    wanted = -TARGET * np.log(q) - (1 - TARGET) * np.log(1 - q)
    np.testing.assert_allclose(ops.binary_crossentropy(TARGET, ops.softmax(x)).numpy(), wanted, rtol=1e-6)


def test_logits_are_recovered_from_a_sigmoid_in_the_graph():
    x = np.array([-300.0, 0.0, 300.0], np.float32)
    t = np.array([1.0, 1.0, 0.0], np.float32)
    d = grad(lambda x: ops.sum(ops.binary_crossentropy(t, ops.sigmoid(x))))(x)
    np.testing.assert_allclose(d, [-1, -0.5, 1])
    np.testing.assert_allclose(ops.binary_crossentropy(t, x, from_logits=True), [300, np.log(2), 300], rtol=1e-6)


def test_probabilities_are_normalised_and_clipped():
    y = np.array([[0.0, 2.0]])
    np.testing.assert_allclose(ops.categorical_crossentropy(np.array([[1.0, 0.0]]), y), -np.log([1e-7]))
    np.testing.assert_allclose(ops.categorical_crossentropy(np.array([[0.0, 1.0]]), y), -np.log([1 - 1e-7]))
    np.testing.assert_allclose(ops.binary_crossentropy(np.array([1.0]), np.array([0.0])), -np.log([1e-7]))


def test_classes_on_another_axis():
    x, t = example(2, 5, 3), np.eye(5)[np.array([[0, 4, 2], [1, 1, 3]])].transpose(0, 2, 1)
    last = ops.categorical_crossentropy(t.transpose(0, 2, 1), x.transpose(0, 2, 1), from_logits=True)
    np.testing.assert_allclose(ops.categorical_crossentropy(t, x, from_logits=True, axis=1), last)
    np.testing.assert_allclose(
        ops.sparse_categorical_crossentropy(t.argmax(1), x, from_logits=True, axis=1), last, rtol=1e-12
    )
    np.testing.assert_allclose(ops.categorical_crossentropy(t, ops.softmax(x, 1), axis=1), last, rtol=1e-5)


@pytest.mark.parametrize("labels", [LABELS[:, None], LABELS.astype(np.uint8), LABELS.astype(np.float32), [4, 0, 2]])
def test_labels_of_any_kind(labels):
    np.testing.assert_allclose(
        ops.sparse_categorical_crossentropy(labels, LOGITS, from_logits=True), entropy_of_logits(LOGITS)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label", [-1, 5])
def test_labels_out_of_range_are_refused(label, dtype):
    message = rf"labels must lie in \[0, 5\), the number of classes\. Received: target\[1\]={label}$"
    with pytest.raises(ValueError, match=message):
        ops.sparse_categorical_crossentropy(np.array([0, label, 1]), LOGITS.astype(dtype), from_logits=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ops.categorical_crossentropy(TARGET[:2], LOGITS),
            "categorical_crossentropy: target and output must have the same shape. "
            "Received: target.shape=(2, 5), output.shape=(3, 5)",
        ),
        (
            lambda: ops.binary_crossentropy(TARGET[0], LOGITS),
            "binary_crossentropy: target and output must have the same shape. "
            "Received: target.shape=(5,), output.shape=(3, 5)",
        ),
        (
            lambda: ops.sparse_categorical_crossentropy(LABELS[:2], LOGITS),
            "sparse_categorical_crossentropy: target must have the shape of output without its classes. "
            "Received: target.shape=(2,), output.shape=(3, 5)",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message
