"""Inputs with an axis too few or too many, and with sizes that differ from the graph's."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, optimizers

X = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype("float32")


def head(flat):
    return layers.Flatten() if flat else layers.GlobalAveragePooling2D()


def sequential(flat=True):
    return Sequential([Input((8, 8, 1)), layers.Conv2D(2, 3, kernel_initializer="ones"), head(flat), layers.Dense(3)])


def functional(flat=True):
    x = Input((8, 8, 1))
    return Model(x, layers.Dense(3)(head(flat)(layers.Conv2D(2, 3, kernel_initializer="ones")(x))))


def deferred(flat=True):
    model = Sequential([layers.Conv2D(2, 3, kernel_initializer="ones"), head(flat), layers.Dense(3)])
    model.build((None, 8, 8, 1))
    return model


MODELS = [sequential, functional, deferred]


def losses(model, x, y):
    """Return the loss of a step, by each method of a model."""
    model.compile(optimizers.SGD(0.0), "mse")
    return [
        model.fit(x, y, verbose=0, batch_size=len(x)).history["loss"][0],
        model.fit(x, y, verbose=0, batch_size=len(x), validation_data=(x, y)).history["val_loss"][0],
        model.evaluate(x, y, verbose=0),
        model.train_on_batch(x, y),
        model.test_on_batch(x, y),
        model.evaluate(iter([(x, y)]), verbose=0),
    ]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_last_axis_of_1_is_added_or_left_out(make, run_eagerly):
    model = make()
    model.compile("sgd", "mse", run_eagerly=run_eagerly)
    wanted = np.asarray(model(X))
    for x in (X, X[..., 0], X[..., None], X[..., 0].tolist()):
        for found in (model(np.array(x)), model.predict(x, verbose=0), model.predict_on_batch(x)):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
        assert losses(model, x, np.zeros((6, 3))) == pytest.approx([np.square(wanted).mean()] * 6, rel=1e-4)


def test_vectors_of_a_single_feature():
    x = Input((1,))
    model = Model(x, x * 2.0)
    for given in (np.arange(4.0), np.arange(4.0)[:, None], np.arange(4.0)[:, None, None], [0.0, 1.0, 2.0, 3.0]):
        for found in (model(np.array(given)), model.predict(given, verbose=0)):
            np.testing.assert_array_equal(found, [[0], [2], [4], [6]])
    three = Model(y := Input((3,)), y * 2.0)
    np.testing.assert_array_equal(three.predict(np.ones((4, 3, 1)), verbose=0), np.full((4, 3), 2.0))
    none = Model(z := Input(()), z * 2.0)
    np.testing.assert_array_equal(none.predict(np.ones((4, 1)), verbose=0), np.full(4, 2.0))


def test_several_inputs_each_get_their_axes():
    a, b = Input((8, 8, 1), name="a"), Input((1,), name="b")
    model = Model({"a": a, "b": b}, layers.Add()([layers.GlobalMaxPooling2D()(a), b]))
    wanted = X.max((1, 2)) + np.arange(6)[:, None]
    for x in ({"a": X[..., 0], "b": np.arange(6)}, {"b": np.arange(6)[:, None, None], "a": X}):
        np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-6)
        np.testing.assert_allclose(model(x), wanted, rtol=1e-6)


@pytest.mark.parametrize("make", MODELS)
def test_convolutions_take_other_sizes(make):
    model = make(flat=False)
    for size in ((12, 9), (3, 8), (8, 8), (20, 20)):
        x = np.random.default_rng(1).normal(size=(4, *size, 1)).astype("float32")
        same = Sequential([Input((*size, 1)), layers.Conv2D(2, 3), head(False), layers.Dense(3)])
        same.set_weights(model.get_weights())
        wanted = same.predict(x, verbose=0)
        for given in (x, x[..., 0]):
            for found in (model.predict(given, verbose=0), model(given), model.predict_on_batch(given)):
                np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
            loss = np.square(wanted).mean()
            assert losses(model, given, np.zeros((4, 3))) == pytest.approx([loss] * 6, rel=1e-4)


@pytest.mark.parametrize("make", MODELS)
def test_errors_of_layers_show_the_shapes(make):
    model = make()
    for shape in ((2, 12, 9, 1), (2, 8, 8, 3), (2, 1, 1, 1), (2, 8), (8,), (2, 8, 8, 1, 2), (2, 8, 8, 1, 1, 1)):
        for call in (model, lambda x: model.predict(x, verbose=0)):
            with pytest.raises(
                ValueError, match=r"inputs must have the shapes \[\(None, 8, 8, 1\)\].* Received: shapes="
            ):
                call(np.ones(shape))
    with pytest.raises(ValueError, match=r"add a batch axis, x\[None\]"):
        model(np.ones((8, 8, 1)))


def test_batch_sizes_may_differ():
    x = Input((3,), batch_size=4)
    model = Model(x, x * 2.0)
    np.testing.assert_array_equal(model.predict(np.ones((6, 3)), batch_size=4, verbose=0), np.full((6, 3), 2.0))
    np.testing.assert_array_equal(model(np.ones((5, 3))), np.full((5, 3), 2.0))


@pytest.mark.parametrize(("loss", "activation"), [("mse", None), ("binary_crossentropy", "sigmoid"), ("hinge", None)])
def test_targets_with_and_without_a_last_axis(loss, activation):
    flat = Sequential([Input((3,)), layers.Dense(1, activation=activation)])
    masks = Sequential([Input((8, 8, 1)), layers.Conv2D(1, 3, padding="same", activation=activation)])
    cases = [(flat, np.ones((6, 3)), np.arange(6) % 2), (masks, X, (X[..., 0] > 0).astype("uint8"))]
    for model, x, y in cases:
        model.compile(optimizers.SGD(0.0), loss, metrics=["mae", "binary_accuracy"])
        wanted = model.evaluate(x, y[..., None], verbose=0)
        for targets in (y, y[..., None, None], y.astype("float64"), y.astype(bool)):
            assert model.evaluate(x, targets, verbose=0) == pytest.approx(wanted, rel=1e-5)
            assert model.train_on_batch(x, targets) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    "old", [{"input_shape": (4,)}, {"batch_input_shape": (None, 4)}, {"batch_input_shape": [8, 4]}]
)
def test_input_layers_take_the_names_of_keras_2(old):
    layer = layers.InputLayer(**old)
    assert layer.shape == (4,)
    assert Sequential([layer, layers.Dense(2)]).output_shape == (layer.batch_size, 2)
