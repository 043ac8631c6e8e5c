"""Constraints of weights."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import constraints, layers, models, optimizers
from fastconv.engine import Variable

W = np.array([[3.0, 0.3], [-4.0, 0.4]], np.float32)  # columns of norms 5 and 0.5


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (constraints.NonNeg(), [[3, 0.3], [0, 0.4]]),
        (constraints.MaxNorm(2), [[1.2, 0.3], [-1.6, 0.4]]),
        (constraints.get("max_norm"), [[1.2, 0.3], [-1.6, 0.4]]),
        (constraints.MaxNorm(1, axis=[0, 1]), W / np.sqrt(25.25)),
        (constraints.unit_norm(), [[0.6, 0.6], [-0.8, 0.8]]),
        (constraints.MinMaxNorm(1, 2), [[1.2, 0.6], [-1.6, 0.8]]),
        (constraints.MinMaxNorm(1, 2, rate=0.5), [[2.1, 0.45], [-2.8, 0.6]]),
    ],
)
def test_constrained_weights(constraint, expected):
    np.testing.assert_allclose(constraint(W), expected, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(constraint(Variable(W))), expected, rtol=1e-5)
    again = constraints.deserialize(constraints.serialize(constraint))
    assert again.get_config() == constraint.get_config()


def test_an_optimizer_applies_constraints_in_every_step():
    model = models.Sequential([layers.Input((3,)), layers.Dense(4, kernel_constraint=constraints.MaxNorm(0.1))])
    model.compile(optimizers.SGD(0.1), "mse")
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(32, 3)), rng.normal(size=(32, 4)), batch_size=8, verbose=0)
    norms = np.linalg.norm(model.layers[0].kernel.numpy(), axis=0)
    assert (norms <= 0.1 + 1e-6).all()
    assert model.layers[0].bias.numpy().any()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="constraint: unknown name"):
        layers.Dense(3, kernel_constraint="nothing")
