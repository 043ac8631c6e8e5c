"""scikit-learn's digits and their fixed split."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fastconv.datasets import digits


def test_the_split_is_fixed_and_complete():
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, y_train.shape) == ((1438, 8, 8), (1438,))
    assert (x_test.shape, y_test.shape) == ((359, 8, 8), (359,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    assert x_train.max() == 16
    assert y_train[:5].tolist() == [8, 6, 5, 3, 4]
    rows = np.column_stack([np.concatenate([x_train, x_test]).reshape(1797, 64), np.concatenate([y_train, y_test])])
    original = np.column_stack(load_digits(return_X_y=True))
    assert sorted(map(tuple, rows)) == sorted(map(tuple, original))


def test_every_class_is_in_both_parts():
    pytest.importorskip("sklearn")
    (_, y_train), (_, y_test) = digits.load_data()
    assert np.bincount(y_train).min() > 130
    assert np.bincount(y_test).min() > 25


def test_without_scikit_learn_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install fastconv\[data\]"):
        digits.load_data()
