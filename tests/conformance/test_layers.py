"""Every layer compared with the layer of the same name in Keras 3: weights, outputs, gradients and configuration."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import layers, ops, value_and_grad
from fastconv.saving.keras.kinds import LACKING_LAYERS

from ..layers.cases import CASES, IDS, RANDOM_CASES
from ..layers.test_layers import inputs_for

pytestmark = pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
SAMPLES = 2


def is_only_ours(cls, arguments):
    """Return whether Keras lacks the layer, or the explicit padding that only our pooling and convolution accept."""
    explicit = isinstance(arguments.get("padding"), tuple) and not cls.__name__.startswith("ZeroPadding")
    return cls.__name__ in LACKING_LAYERS or explicit


SHARED = [(i, case) for i, case in zip(IDS, CASES) if not is_only_ours(*case[:2])]
each_layer = pytest.mark.parametrize(
    ("cls", "arguments", "shape"), [case[:3] for _, case in SHARED], ids=[i for i, _ in SHARED]
)


def theirs_of(cls, arguments):
    import keras

    return getattr(keras.layers, cls.__name__)(**arguments)


def two_of(shape):
    x = inputs_for(shape)
    return [a[:SAMPLES] for a in x] if isinstance(x, list) else x[:SAMPLES]


def with_weights(layer, x):
    """Return the layer, built for x, with weights that depend only on their shapes."""
    layer(x)
    rng = np.random.default_rng(3)
    layer.set_weights([np.abs(rng.normal(0.2, 1, tuple(w.shape))).astype("float32") for w in layer.weights])
    return layer


def assert_near(ours, theirs):
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * max(1, np.abs(theirs).max()))


@each_layer
def test_weights_have_the_same_names_shapes_and_order(cls, arguments, shape, reference):
    def weights(layer):
        layer(two_of(shape))
        kinds = ("weights", "trainable_weights", "non_trainable_weights")
        return {kind: [[w.name, list(w.shape)] for w in getattr(layer, kind)] for kind in kinds}

    assert weights(cls(**arguments)) == reference(lambda: weights(theirs_of(cls, arguments)))


@each_layer
def test_outputs_are_the_same(cls, arguments, shape, reference):
    x = two_of(shape)
    assert_near(with_weights(cls(**arguments), x)(x), reference(lambda: with_weights(theirs_of(cls, arguments), x)(x)))


@each_layer
def test_gradients_are_the_same(cls, arguments, shape, reference):
    x = two_of(shape)
    ours = with_weights(cls(**arguments), x)
    probe = np.random.default_rng(4).normal(size=ours(x).shape).astype("float32")

    def gradient_of_theirs():
        import jax

        theirs = with_weights(theirs_of(cls, arguments), x)
        state = [w.value for w in theirs.trainable_weights], [w.value for w in theirs.non_trainable_variables]
        return jax.grad(lambda x: (theirs.stateless_call(*state, x)[0] * probe).sum())(x)

    expected = reference(gradient_of_theirs)
    _, dx = value_and_grad(lambda x: ops.sum(ours(x) * probe))(x)
    for a, b in zip(dx, expected, strict=True) if isinstance(x, list) else [(dx, expected)]:
        assert_near(a, b)


@each_layer
def test_configuration_round_trips(cls, arguments, shape):
    config = cls(**arguments).get_config()
    assert cls.from_config(config).get_config() == config


def test_configurations_have_the_same_arguments(reference):
    theirs = reference(lambda: {i: list(theirs_of(*case[:2]).get_config()) for i, case in SHARED})
    ours = {i: cls(**arguments).get_config() for i, (cls, arguments, *_) in SHARED}
    assert {name for i, config in ours.items() for name in theirs[i] if name not in config} == NOT_HERE


# A penalty on outputs of layers without activations, and quantization.
NOT_HERE = {"activity_regularizer", "quantization_config"}


def test_every_layer_is_compared():
    compared = {cls for _, (cls, *_) in SHARED} | {cls for cls, *_ in RANDOM_CASES}  # compared in test_augmentation.py
    public = {getattr(layers, name) for name in layers.__all__ if name[0].isupper()}
    left_out = {cls.__name__ for cls in public - compared}
    assert left_out == LACKING_LAYERS | {"Layer", "Input", "InputLayer", "Lambda", "SpectralNormalization"} | HOLDERS


HOLDERS = {"Pipeline", "TimeDistributed", "Wrapper"}  # wrap layers of a single library
HELD = [
    ("Conv2D", {"filters": 2, "kernel_size": 3}, False),
    ("BatchNormalization", {}, False),
    ("BatchNormalization", {}, True),
]


@pytest.mark.parametrize(("name", "arguments", "training"), HELD, ids=str)
def test_layers_are_applied_to_each_time_alike(name, arguments, training, reference):
    x = inputs_for((3, 6, 8, 2))[:SAMPLES]

    def applied(module):
        layer = with_weights(module.TimeDistributed(getattr(module, name)(**arguments)), x)
        return np.asarray(layer(x, training=training)), [np.asarray(w.value) for w in layer.weights]

    def of_theirs():
        import keras

        return applied(keras.layers)

    (y, weights), (expected, their_weights) = applied(layers), reference(of_theirs)
    assert_near(y, expected)
    for found, wanted in zip(weights, their_weights, strict=True):
        assert_near(found, wanted)
