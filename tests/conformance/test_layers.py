"""Every layer beside the one of that name in Keras 3: weights, outputs, gradients and configuration."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import layers, ops, value_and_grad

from ..layers.cases import CASES, IDS
from ..layers.test_layers import inputs_for

keras = pytest.importorskip("keras")

OURS_ALONE = {"LocallyConnected1D", "LocallyConnected2D", "Maxout", "MinPooling1D", "MinPooling2D", "MinPooling3D"}


def is_ours_alone(cls, arguments):
    """Layers that Keras does not have, and padding that only pooling and convolution here take."""
    explicit = isinstance(arguments.get("padding"), tuple) and not cls.__name__.startswith("ZeroPadding")
    return cls.__name__ in OURS_ALONE or explicit


SHARED = [(i, case) for i, case in zip(IDS, CASES) if not is_ours_alone(*case[:2])]
each_layer = pytest.mark.parametrize(
    ("cls", "arguments", "shape", "expected"), [case for _, case in SHARED], ids=[i for i, _ in SHARED]
)


def pair(cls, arguments, shape):
    """Our layer and Keras's, with the same weights, and inputs."""
    x = inputs_for(shape)
    ours, theirs = cls(**arguments), getattr(keras.layers, cls.__name__)(**arguments)
    ours(x)
    theirs(x)
    rng = np.random.default_rng(3)
    values = [np.abs(rng.normal(0.2, 1, w.shape)).astype("float32") for w in ours.get_weights()]
    ours.set_weights(values)
    theirs.set_weights(values)
    return ours, theirs, x


@each_layer
def test_weights_have_the_same_names_shapes_and_order(cls, arguments, shape, expected):
    ours, theirs, _ = pair(cls, arguments, shape)
    for which in ("weights", "trainable_weights", "non_trainable_weights"):
        found = [(w.name, tuple(w.shape)) for w in getattr(ours, which)]
        assert found == [(w.name, tuple(w.shape)) for w in getattr(theirs, which)]


@each_layer
def test_outputs_are_the_same(cls, arguments, shape, expected):
    ours, theirs, x = pair(cls, arguments, shape)
    y = np.asarray(theirs(x))
    np.testing.assert_allclose(ours(x), y, rtol=1e-4, atol=1e-5 * max(1, np.abs(y).max()))


@each_layer
def test_gradients_are_the_same(cls, arguments, shape, expected):
    import jax

    ours, theirs, x = pair(cls, arguments, shape)
    probe = np.random.default_rng(4).normal(size=ours(x).shape).astype("float32")
    state = [w.value for w in theirs.trainable_weights], [w.value for w in theirs.non_trainable_variables]
    reference = jax.grad(lambda x: (theirs.stateless_call(*state, x)[0] * probe).sum())(x)
    _, dx = value_and_grad(lambda x: ops.sum(ours(x) * probe))(x)
    for a, b in zip(dx, reference) if isinstance(x, list) else [(dx, reference)]:
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * max(1, np.abs(b).max()))


@each_layer
def test_configuration_has_the_same_arguments(cls, arguments, shape, expected):
    ours, theirs = cls(**arguments), getattr(keras.layers, cls.__name__)(**arguments)
    missing = set(theirs.get_config()) - set(ours.get_config()) - NOT_HERE
    assert not missing
    again = cls.from_config(ours.get_config())
    assert again.get_config() == ours.get_config()


# Quantization, batch renormalization, training on several machines, what RMSNormalization is for; and a penalty on
# outputs where there is none.
NOT_HERE = {
    "activity_regularizer",
    "quantization_config",
    "renorm",
    "renorm_clipping",
    "renorm_momentum",
    "rms_scaling",
    "synchronized",
}


def test_every_layer_is_compared():
    compared = {cls for _, (cls, *_) in SHARED}
    public = {getattr(layers, name) for name in layers.__all__ if name[0].isupper()}
    left_out = {cls.__name__ for cls in public - compared}
    assert left_out == OURS_ALONE | {"Layer", "Input", "InputLayer", "Lambda", "SpectralNormalization"}
