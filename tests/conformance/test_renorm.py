"""Batch renormalisation compared with Keras: outputs, gradients and averages over training steps, then prediction."""

from __future__ import annotations

import numpy as np
import pytest

import fastconv
from fastconv import layers

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras's variables

CASES = [
    {},
    {"renorm_clipping": {"rmin": 0.5, "rmax": 1.5, "dmax": 0.3}, "renorm_momentum": 0.7},
    {"renorm_clipping": {"rmax": 1.1}, "momentum": 0.8, "axis": 1},
    {"center": False, "renorm_momentum": 0.5},
    {"scale": False, "moving_mean_initializer": "ones", "moving_variance_initializer": "ones", "epsilon": 0.1},
    {"center": False, "scale": False, "renorm_clipping": {"dmax": 0.1}},
]
X = np.random.default_rng(0).normal(0.5, 2, (3, 4, 5, 3)).astype("float32")
DY = np.random.default_rng(1).normal(size=X.shape).astype("float32")


@pytest.mark.parametrize("arguments", CASES, ids=str)
def test_steps_of_training(reference, arguments):
    def of_keras():
        import jax
        import keras

        layer = keras.layers.BatchNormalization(renorm=True, **arguments)
        layer.build(X.shape)
        steps = []
        for k in range(3):
            state = [v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables]

            def loss(x, state=state):
                return (layer.stateless_call(*state, x, training=True)[0] * DY).sum()

            dx = jax.grad(loss)(X * (k + 1))
            steps.append([layer(X * (k + 1), training=True), dx, *layer.get_weights()])
        return [*steps, [layer(X)]]

    layer = layers.BatchNormalization(renorm=True, **arguments)
    layer.build(X.shape)
    found = []
    for k in range(3):
        x = fastconv.Variable(X * (k + 1))
        before = layer.get_weights()
        with fastconv.GradientTape() as tape:
            tape.watch(x)
            loss = fastconv.ops.sum(layer(x, training=True) * DY)
        dx = tape.gradient(loss, x)
        layer.set_weights(before)
        found.append([layer(X * (k + 1), training=True), dx, *layer.get_weights()])
    found.append([layer(X)])
    for ours, theirs in zip(found, reference(of_keras), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(fastconv.ops.convert_to_numpy(a), np.asarray(b), rtol=2e-4, atol=2e-5)
