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
