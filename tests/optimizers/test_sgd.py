"""Gradient descent compared with its formula and with PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.engine import Variable
from fastconv.optimizers import SGD

GRADS = [np.array([1.0, -2.0]), np.array([0.5, 0.5]), np.array([-3.0, 1.0])]


def run(optimizer):
    w = Variable(np.array([1.0, 2.0]))
    for g in GRADS:
        optimizer.apply([g], [w])
    return w.value


def by_formula(rate, momentum, nesterov):
    w, v = np.array([1.0, 2.0]), np.zeros(2)
    for g in GRADS:
        v = momentum * v - rate * g
        w = w + (momentum * v - rate * g if nesterov else v)
    return w


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_formula(momentum, nesterov):
    np.testing.assert_allclose(run(SGD(0.125, momentum, nesterov)), by_formula(0.125, momentum, nesterov), rtol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_pytorch(nesterov):
    torch = pytest.importorskip("torch")
    w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.125, momentum=0.9, nesterov=nesterov)
    for g in GRADS:
        w.grad = torch.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(run(SGD(0.125, 0.9, nesterov)), w.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("momentum", [-0.1, 1.5])
def test_momentum_lies_between_zero_and_one(momentum):
    with pytest.raises(ValueError, match="Received: momentum="):
        SGD(momentum=momentum)
