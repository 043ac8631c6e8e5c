"""The digits of the package and their fixed split."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.datasets import digits


def test_the_split_is_fixed_and_complete():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, y_train.shape) == ((1438, 8, 8), (1438,))
    assert (x_test.shape, y_test.shape) == ((359, 8, 8), (359,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    assert x_train.max() == 16
    assert y_train[:5].tolist() == [8, 6, 5, 3, 4]


def test_the_digits_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.datasets")
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    rows = np.column_stack([np.concatenate([x_test, x_train]).reshape(1797, 64), np.concatenate([y_test, y_train])])
    original = np.column_stack(sklearn.load_digits(return_X_y=True))
    np.testing.assert_array_equal(rows, original[np.random.RandomState(0).permutation(1797)])


def test_every_class_is_in_both_parts():
    (_, y_train), (_, y_test) = digits.load_data()
    assert np.bincount(y_train).min() > 130
    assert np.bincount(y_test).min() > 25
