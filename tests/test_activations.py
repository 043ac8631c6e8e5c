"""Names of activations."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import activations, ops, serialization

X = np.array([-2.0, -0.5, 0.0, 1.5], np.float32)


@pytest.mark.parametrize("name", sorted(serialization._tables["activation"]))
def test_names_round_trip(name):
    function = activations.get(name)
    assert activations.deserialize(activations.serialize(function)) is function
    arguments = {"threshold": 0.5, "default_value": 0.0} if name == "threshold" else {}
    assert function(X, **arguments).shape == ((2,) if name == "glu" else X.shape)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", [0, 0, 0, 1.5]),
        ("linear", X),
        ("exponential", np.exp(X)),
        ("swish", X / (1 + np.exp(-X))),
        ("softmax", np.exp(X) / np.exp(X).sum()),
    ],
)
def test_activations_match_their_names(name, expected):
    np.testing.assert_allclose(activations.get(name)(X), expected, rtol=1e-6)


def test_relu_with_a_threshold_takes_lists():
    assert activations.relu([-1.0, 0.5, 2.0], threshold=1.0).tolist() == [0.0, 0.0, 2.0]
    assert activations.relu([-1.0, 2.0], 0.5, threshold=1.0).tolist() == [-1.0, 2.0]


def test_none_is_linear():
    assert activations.get(None) is ops.linear
    assert activations.get(ops.relu) is ops.relu
