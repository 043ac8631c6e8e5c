"""Penalties on outputs are averaged over samples: they do not grow with the batch."""

import numpy as np
import pytest

import fastconv
from fastconv import Input, Model, Sequential, layers, ops, optimizers

X = np.random.default_rng(5).normal(size=(6, 5, 5, 2)).astype("float32")

LAYERS = {
    "Dense": lambda **penalty: layers.Dense(3, **penalty),
    "Conv2D": lambda **penalty: layers.Conv2D(3, 3, **penalty),
    "Conv2DTranspose": lambda **penalty: layers.Conv2DTranspose(3, 3, strides=2, **penalty),
    "DepthwiseConv2D": lambda **penalty: layers.DepthwiseConv2D(3, **penalty),
    "SeparableConv2D": lambda **penalty: layers.SeparableConv2D(3, 3, **penalty),
    "Activation": lambda **penalty: layers.Activation("tanh", **penalty),
    "Flatten": lambda **penalty: layers.Flatten(**penalty),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("n", [1, 6])
def test_a_penalty_on_the_output_is_divided_by_the_number_of_samples(name, n):
    layer = LAYERS[name](activity_regularizer=fastconv.regularizers.L2(0.1))
    y = np.asarray(layer(X[:n]))
    assert float(layer.losses[-1]) == pytest.approx(0.1 * np.square(y).sum() / n, rel=1e-5)


def test_activity_regularization_is_divided_by_the_number_of_samples():
    layer = layers.ActivityRegularization(l1=0.1, l2=0.2)
    layer(X)
    expected = 0.1 * np.abs(X).sum() + 0.2 * np.square(X).sum()
    assert float(layer.losses[0]) == pytest.approx(expected / len(X), rel=1e-5)


def test_a_batch_without_samples_costs_nothing():
    layer = layers.ActivityRegularization(l2=0.2)
    layer(X[:0])
    assert float(layer.losses[0]) == 0


def test_the_penalty_of_an_output_without_axes_is_not_divided():
    class Total(layers.Layer):
        def call(self, inputs):
            return ops.sum(inputs)

    layer = Total(activity_regularizer=lambda y: 2.0 * y)
    y = layer(X)
    assert float(layer.losses[0]) == pytest.approx(2 * float(y), rel=1e-5)


def test_each_of_several_outputs_is_divided():
    class Two(layers.Layer):
        def call(self, inputs):
            return inputs, {"other": 2.0 * inputs}

    layer = Two(activity_regularizer=fastconv.regularizers.L1(0.5))
    layer(X)
    total = 0.5 * np.abs(X).sum() / len(X)
    assert [float(loss) for loss in layer.losses] == pytest.approx([total, 2 * total], rel=1e-5)


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_twice_the_batch_has_the_same_loss_and_gradient(run_eagerly):
    def trained(times):
        x = Input((5, 5, 2))
        y = layers.Conv2D(3, 3, activity_regularizer="l2", kernel_initializer="ones")(x)
        model = Model(x, layers.Dense(1, kernel_initializer="ones")(layers.Flatten()(y)))
        model.compile(optimizers.SGD(1e-3), "mse", run_eagerly=run_eagerly)
        data = np.concatenate([X] * times), np.ones((len(X) * times, 1), "float32")
        return model.train_on_batch(*data), model.evaluate(*data, verbose=0, batch_size=len(X)), model.get_weights()

    for once, twice in zip(trained(1), trained(2)):
        for a, b in zip(once, twice) if isinstance(once, list) else [(once, twice)]:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_loss_of_a_penalised_model():
    model = Sequential([Input((5, 5, 2)), layers.ActivityRegularization(l2=0.5), layers.Flatten()])
    model.compile("sgd", "mse")
    loss = model.evaluate(X, X.reshape(6, -1), verbose=0, batch_size=2)
    assert loss == pytest.approx(0.5 * np.square(X).sum() / 6, rel=1e-5)
