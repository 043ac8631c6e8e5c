"""Attributes that can be set and read before and after a layer is built."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, ops

from .cases import CASES, IDS, RANDOM_CASES, RANDOM_IDS
from .test_layers import inputs_for

X = np.ones((4, 5), "float32")


@pytest.mark.parametrize(("cls", "arguments", "shape", "expected"), [*CASES, *RANDOM_CASES], ids=[*IDS, *RANDOM_IDS])
def test_output_shapes_need_no_build(cls, arguments, shape, expected):
    layer = cls(**arguments)
    before = dict(vars(layer))
    assert layer.compute_output_shape([(None, *s) for s in shape] if isinstance(shape, list) else (None, *shape)) == (
        None,
        *expected,
    )
    assert (layer.built, layer.weights) == (False, [])
    assert vars(layer) == before
    layer(inputs_for(shape))
    assert layer.built


HUGE = 2**24
WITHOUT_MEMORY = [
    (lambda: layers.Dense(HUGE), (None, HUGE), (None, HUGE)),
    (lambda: layers.Conv2D(HUGE, 9), (None, 64, 64, HUGE), (None, 56, 56, HUGE)),
    (lambda: layers.Conv3DTranspose(HUGE, 9), (None, 4, 4, 4, HUGE), (None, 12, 12, 12, HUGE)),
    (lambda: layers.DepthwiseConv1D(3, depth_multiplier=HUGE), (None, 9, 2**20), (None, 7, HUGE * 2**20)),
    (lambda: layers.SeparableConv2D(HUGE, 3), (None, 9, 9, HUGE), (None, 7, 7, HUGE)),
    (lambda: layers.BatchNormalization(), (None, 2**50), (None, 2**50)),
    (lambda: layers.LayerNormalization(axis=[1, 2]), (None, HUGE, HUGE), (None, HUGE, HUGE)),
    (lambda: layers.PReLU(), (None, HUGE, HUGE), (None, HUGE, HUGE)),
    (lambda: layers.LocallyConnected2D(64, 5), (None, 9999, 9999, 64), (None, 9995, 9995, 64)),
    (lambda: layers.TimeDistributed(layers.Dense(HUGE)), (None, 3, HUGE), (None, 3, HUGE)),
    (lambda: layers.SpectralNormalization(layers.Dense(HUGE)), (None, HUGE), (None, HUGE)),
    (lambda: Sequential([layers.Dense(HUGE), layers.Dense(HUGE)]), (None, HUGE), (None, HUGE)),
    (lambda: layers.Dense(HUGE, weights=[np.ones((2, 3)), np.ones(3)]), (None, HUGE), (None, HUGE)),
]


@pytest.mark.parametrize(("make", "shape", "expected"), WITHOUT_MEMORY)
def test_shapes_take_no_memory(make, shape, expected):
    layer = make()
    assert layer.compute_output_shape(shape) == expected
    assert (layer.built, layer.weights) == (False, [])


def test_output_shapes_do_not_build_inner_layers():
    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first, self.others = layers.Dense(HUGE), []

        def build(self, input_shape):
            self.others.append(layers.Dense(3))
            self.scale = self.add_weight((HUGE, HUGE), "ones")

        def call(self, inputs):
            return self.others[0](self.first(inputs)) + self.scale[:1, :3]

    block = Block()
    assert block.compute_output_shape((None, HUGE)) == (None, 3)
    assert (block.built, block.first.built, block.others, hasattr(block, "scale")) == (False, False, [], False)
    model = Sequential([layers.Dense(2)])
    assert model.compute_output_shape((7, 5)) == (7, 2)
    assert (model.built, model.layers[0].built, model.layers[0].weights) == (False, False, [])
    assert model.predict(X, verbose=0).shape == (4, 2)


@pytest.mark.parametrize("activation", [None, "linear", "tanh", "softmax", np.tanh, layers.ReLU()], ids=repr)
def test_an_activation_may_be_set_at_any_time(activation):
    if activation is np.tanh:
        activation = ops.tanh
    for make in (
        lambda given: layers.Dense(3, given, kernel_initializer="ones"),
        lambda given: layers.Conv1D(3, 2, activation=given, kernel_initializer="ones"),
        lambda given: layers.LocallyConnected1D(3, 2, activation=given, kernel_initializer="ones"),
        lambda given: layers.Activation(given),
    ):
        x = np.linspace(-1, 1, 24, dtype="float32").reshape(2, 4, 3)
        layer = make("relu")
        model = Sequential([Input((4, 3)), layer])
        model.predict(x, verbose=0)
        layer.activation = activation
        expected = Sequential([Input((4, 3)), make(activation)]).predict(x, verbose=0)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-6)
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-6)


def test_invalid_activations_are_refused():
    with pytest.raises(ValueError, match="activation"):
        layers.Dense(3).activation = "relo"


SETTINGS = [
    (lambda: layers.Dense(3, bias_initializer="ones"), "use_bias", False),
    (lambda: layers.LeakyReLU(0.1), "negative_slope", 0.5),
    (lambda: layers.ELU(1.0), "alpha", 2.0),
    (lambda: layers.ReLU(), "max_value", 0.5),
    (lambda: layers.Softmax(), "axis", 0),
    (lambda: layers.Rescaling(2.0), "scale", 3.0),
    (lambda: layers.BatchNormalization(), "epsilon", 0.5),
    (lambda: layers.LayerNormalization(), "epsilon", 0.5),
]


@pytest.mark.parametrize(("make", "name", "value"), SETTINGS)
def test_settings_change_models_that_have_run(make, name, value):
    x = np.linspace(-1, 1, 20, dtype="float32").reshape(4, 5)
    layer = make()
    model = Sequential([Input((5,)), layer])
    before = model.predict(x, verbose=0)
    setattr(layer, name, value)
    after = model.predict(x, verbose=0)
    assert not np.array_equal(after, before)
    np.testing.assert_allclose(after, layer(x), rtol=1e-6)


def test_a_rate_that_changes_between_steps():
    dropout = layers.Dropout(0.0)
    model = Model(x := Input((5,)), dropout(x))
    assert np.array_equal(model(X, training=True), X)
    dropout.rate = 1.0
    assert not np.asarray(model(X, training=True)).any()


def test_an_activity_regularizer_that_is_set_later():
    layer = layers.Dense(1, kernel_initializer="ones")
    model = Sequential([Input((5,)), layer])
    model.compile("sgd", "mse")
    y = np.full((4, 1), 5.0)
    assert model.evaluate(X, y, verbose=0) == 0
    layer.activity_regularizer = lambda outputs: ops.sum(outputs)
    assert model.evaluate(X, y, verbose=0) == 5


def test_a_wrapper_may_be_built_without_a_shape_around_a_built_layer():
    inner = layers.Dense(3)
    inner.build((None, 2))
    wrapper = layers.Wrapper(inner)
    wrapper.build()
    assert wrapper.built
    assert len(wrapper.weights) == 2


def test_layers_take_the_arguments_of_call_by_their_names_in_keras():
    x = np.ones((2, 3), np.float32)
    dense, norm = layers.Dense(3), layers.RMSNormalization()
    np.testing.assert_array_equal(dense(x, training=True), dense.call(x, training=False))
    np.testing.assert_array_equal(norm(x), norm.call(x=x))


def test_layers_of_a_single_axis_keep_tuples():
    """As in Keras, whose configurations and attributes have this form."""
    assert layers.ZeroPadding1D((2, 1)).padding == (2, 1)
    assert layers.ZeroPadding1D(2).get_config()["padding"] == (2, 2)
    assert layers.Cropping1D((2, 1)).cropping == (2, 1)
    assert layers.Cropping1D().get_config().keys() == {"name", "trainable", "dtype", "cropping"}
    assert layers.UpSampling1D(3).get_config()["size"] == 3
    assert layers.UpSampling2D(3).size == (3, 3)
    assert layers.ZeroPadding2D(1).padding == ((1, 1), (1, 1))


def test_spatial_dropout_has_nothing_to_train():
    assert layers.SpatialDropout1D(0.5).get_config().keys() == {"name", "dtype", "rate", "seed"}
    for cls in (layers.SpatialDropout2D, layers.SpatialDropout3D):
        assert cls(0.5).get_config().keys() == {"name", "dtype", "rate", "seed", "data_format"}


def test_configurations_of_wrappers_name_the_module_of_the_inner_layer():
    inner = layers.Dense(3)
    held = layers.TimeDistributed(inner).get_config()["layer"]
    assert held["module"] == layers.Pipeline([inner]).get_config()["layers"][0]["module"] == "keras.layers"
    assert layers.Dense(3, activation=layers.ELU()).get_config()["activation"]["module"] == "keras.layers"
    for cls in (layers.Wrapper, layers.Layer):
        assert cls.__name__ in layers.serialize(layers.Wrapper(inner) if cls is layers.Wrapper else cls())["class_name"]
