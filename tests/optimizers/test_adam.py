"""Adam compared with algorithm 1 of its paper and with PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.engine import Variable
from fastconv.optimizers import Adam

GRADS = [np.array([1.0, -2.0]), np.array([0.5, 0.5]), np.array([-3.0, 1.0]), np.array([0.0, 1e-3])]


def run(optimizer):
    w = Variable(np.array([1.0, 2.0]))
    for g in GRADS:
        optimizer.apply([g], [w])
    return w.value


def by_algorithm(rate, beta_1, beta_2):
    """Without epsilon, with corrected means instead of a corrected rate."""
    w, m, v = np.array([1.0, 2.0]), np.zeros(2), np.zeros(2)
    for t, g in enumerate(GRADS, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        w = w - rate * (m / (1 - beta_1**t)) / np.sqrt(v / (1 - beta_2**t))
    return w


@pytest.mark.parametrize("beta_1", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("beta_2", [0.9, 0.999, 0.99999])
def test_algorithm(beta_1, beta_2):
    found = run(Adam(0.125, beta_1, beta_2, epsilon=1e-15))
    np.testing.assert_allclose(found, by_algorithm(0.125, beta_1, beta_2), rtol=1e-6)


def test_pytorch():
    torch = pytest.importorskip("torch")
    w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.125, eps=1e-12)
    for g in GRADS:
        w.grad = torch.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(run(Adam(0.125, epsilon=1e-12)), w.detach().numpy(), rtol=1e-6)


def test_epsilon_is_added_to_the_uncorrected_root():
    w = Variable(np.array([1.0]))
    Adam(0.5, epsilon=1.0).apply([np.array([2.0])], [w])
    rate = 0.5 * np.sqrt(1 - 0.999) / (1 - 0.9)
    np.testing.assert_allclose(w.value, 1 - rate * 0.2 / (np.sqrt(0.004) + 1), rtol=1e-6)


@pytest.mark.parametrize("betas", [(1.0, 0.9), (0.9, 1.0), (-0.1, 0.9)])
def test_betas_are_less_than_one(betas):
    with pytest.raises(ValueError, match=r"must be a number at least 0 and below 1\. Received: beta_[12]="):
        Adam(0.1, *betas)
