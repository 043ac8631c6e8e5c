"""Penalties and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import regularizers
from fastconv.engine import Variable, grad

W = np.array([[1.0, -2.0], [0.5, -4.0]], np.float32)


@pytest.mark.parametrize(
    ("regularizer", "penalty", "gradient"),
    [
        (regularizers.L1(0.5), 0.5 * 7.5, 0.5 * np.sign(W)),
        (regularizers.l2(0.5), 0.5 * 21.25, W),
        (regularizers.L1L2(0.5, 0.25), 0.5 * 7.5 + 0.25 * 21.25, 0.5 * np.sign(W) + 0.5 * W),
        (regularizers.get("l2"), 0.01 * 21.25, 0.02 * W),
        (regularizers.get("l1"), 0.01 * 7.5, 0.01 * np.sign(W)),
        (regularizers.get("l1_l2"), 0, 0 * W),
    ],
)
def test_penalty_and_gradient(regularizer, penalty, gradient):
    assert regularizer(W) == pytest.approx(penalty)
    assert regularizer(Variable(W)) == pytest.approx(penalty)
    np.testing.assert_allclose(grad(regularizer)(W), gradient, rtol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf")])
def test_a_strength_is_finite_and_not_negative(strength):
    with pytest.raises(ValueError, match="Received: l2="):
        regularizers.L2(strength)


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_rows_or_columns_have_no_penalty(mode):
    regularizer = regularizers.OrthogonalRegularizer(0.5, mode)
    assert float(regularizer(np.eye(3, dtype=np.float32))) == 0
    rows = W if mode == "rows" else W.T
    cosine = rows[0] @ rows[1] / np.linalg.norm(rows[0]) / np.linalg.norm(rows[1])
    assert float(regularizer(W)) == pytest.approx(0.5 * abs(cosine), rel=1e-5)
    assert regularizers.deserialize(regularizers.serialize(regularizer)).get_config() == regularizer.get_config()
    with pytest.raises(ValueError, match="must be a matrix"):
        regularizer(np.zeros((2, 2, 2), np.float32))
