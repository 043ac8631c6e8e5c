"""Every loss compared with the loss of the same name in Keras 3: values, gradients, weights and configuration."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fastconv import losses, ops, value_and_grad

from ..losses.cases import CASES, IDS

each_loss = pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES, ids=IDS)


def theirs_of(name, arguments):
    import keras

    return getattr(keras.losses, name)(**arguments)


@each_loss
def test_values_are_the_same(name, arguments, y_true, y_pred, reference):
    ours = getattr(losses, name)(**arguments)
    found = ours(y_true, y_pred)
    expected = reference(lambda: theirs_of(name, arguments)(y_true, y_pred))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    if np.ndim(found) == 0 and "axis" not in arguments and name not in ("Dice", "Tversky"):
        weights = np.random.default_rng(2).random(len(y_true)).astype("float32")
        expected = reference(lambda: theirs_of(name, arguments)(y_true, y_pred, weights))
        np.testing.assert_allclose(ours(y_true, y_pred, weights), expected, rtol=1e-4, atol=1e-6)


@each_loss
def test_gradients_are_the_same(name, arguments, y_true, y_pred, reference):
    def gradient_of_theirs():
        import jax

        return jax.grad(lambda x: theirs_of(name, arguments)(y_true, x).sum())(y_pred)

    expected = reference(gradient_of_theirs)
    ours = getattr(losses, name)(**arguments)
    _, dx = value_and_grad(lambda x: ops.sum(ours(y_true, x)))(y_pred)
    np.testing.assert_allclose(dx, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@each_loss
def test_configuration_has_the_same_arguments(name, arguments, y_true, y_pred, reference):
    ours = getattr(losses, name)(**arguments).get_config()
    theirs = reference(lambda: theirs_of(name, arguments).get_config())
    expected = {key: value for key, value in theirs.items() if key not in ("dtype", "fn")}
    assert json.dumps({**ours, **expected}) == json.dumps(ours)
