"""One-hot rows."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, ops
from fastconv.engine import Tensor, grad
from fastconv.utils import normalize, to_categorical


def test_one_row_for_each_label():
    found = to_categorical([0, 2, 1], 4)
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]


def test_the_number_of_classes_may_follow_from_the_labels():
    assert to_categorical(np.array([3, 0], np.uint8)).shape == (2, 4)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5,), (5, 3)), ((5, 1), (5, 3)), ((5, 2), (5, 2, 3)), ((), (3,)), ((1,), (1, 3)), ((0,), (0, 3))],
)
def test_shapes(shape, expected):
    found = to_categorical(np.ones(shape, int), 3)
    assert found.shape == expected
    assert (found[..., 1] == 1).all()
    assert found.sum() == np.prod(expected[:-1])


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_labels_must_be_within_the_classes(labels):
    with pytest.raises(ValueError, match="Received: labels from"):
        to_categorical(labels, 3)


@pytest.mark.parametrize("value", [0.5, np.nan, -0.25])
def test_labels_must_be_integers(value):
    with pytest.raises(ValueError, match=rf"must be integers; .* Received: {value} at position 1"):
        to_categorical([0.0, value])
    np.testing.assert_array_equal(to_categorical(np.array([[2.0], [0.0]])), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(("axis", "order"), [(-1, 2), (0, 1), (-1, 3)])
def test_tensors_are_normalized_too(axis, order):
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    found = normalize(Tensor.of(x), axis, order)
    np.testing.assert_allclose(found.numpy(), normalize(x, axis, order), rtol=1e-5)
    assert normalize(Input((3,)), axis, order).shape == (None, 3)
    gradient = grad(lambda x: ops.sum(normalize(x, axis, order)))(np.zeros((4, 3), "float32"))
    assert np.isfinite(gradient).all()
