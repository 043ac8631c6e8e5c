"""One-hot rows."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.utils import to_categorical


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
def test_labels_lie_within_the_classes(labels):
    with pytest.raises(ValueError, match="Received: labels from"):
        to_categorical(labels, 3)
