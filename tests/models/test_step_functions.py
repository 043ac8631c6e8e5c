"""The functions that fit, evaluate and predict run: created once, created again, and replaced."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, metrics, ops

X, Y = np.random.default_rng(0).normal(size=(12, 3)).astype("float32"), np.ones((12, 1), "float32")
MODES = ("train", "test", "predict")


class Switched(Sequential):
    """A model whose steps read an attribute, which graphs do not follow."""

    factor = 1.0

    def train_step(self, data):
        super().train_step(data)
        return {"factor": ops.cast(self.factor, "float32")}

    def test_step(self, data):
        return {"factor": ops.cast(self.factor, "float32")}

    def predict_step(self, data):
        return super().predict_step(data) * self.factor


def a_model(kind=Sequential):
    model = kind([Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def reported(model, mode):
    if mode == "predict":
        return float(np.sum(model.predict_on_batch(X)) / np.sum(a_model().predict_on_batch(X)))
    on_batch = model.train_on_batch if mode == "train" else model.test_on_batch
    return on_batch(X, Y, return_dict=True)["factor"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("how", ["make", "none"])
def test_a_function_that_is_created_again_follows_changes(mode, how):
    model = a_model(Switched)
    model.optimizer.learning_rate = 0.0
    assert reported(model, mode) == pytest.approx(1)
    model.factor = 3.0
    assert reported(model, mode) == pytest.approx(1)
    if how == "make":
        getattr(model, f"make_{mode}_function")(force=True)
    else:
        setattr(model, f"{mode}_function", None)
    assert reported(model, mode) == pytest.approx(3)


@pytest.mark.parametrize("mode", MODES)
def test_functions_are_made_when_they_are_needed(mode):
    model = a_model()
    assert getattr(model, f"{mode}_function") is None
    function = getattr(model, f"make_{mode}_function")()
    assert function is getattr(model, f"{mode}_function") is getattr(model, f"make_{mode}_function")()
    model.fit(X, Y, validation_data=(X, Y), verbose=0)
    model.predict(X, verbose=0)
    assert getattr(model, f"{mode}_function") is function
    assert getattr(copy.deepcopy(model), f"{mode}_function") is None
    model.compile("sgd", "mse")
    assert getattr(model, f"{mode}_function") is None


def test_functions_take_the_next_batch_of_an_iterator():
    model, twin = a_model(), a_model()
    batches = iter([(X[:4], Y[:4]), (X[4:8], Y[4:8], np.full(4, 0.5, np.float32))])
    step = model.make_train_function()
    step(batches)
    logs = step(batches)
    twin.train_on_batch(X[:4], Y[:4])
    twin.reset_metrics()
    twin.train_on_batch(X[4:8], Y[4:8], np.full(4, 0.5, np.float32))
    for a, b in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert set(logs) == {"loss", "mae"}
    assert model.make_test_function()([(X, Y)]).keys() == logs.keys()
    np.testing.assert_array_equal(model.make_predict_function()([(X,)]), model.predict_on_batch(X))


class Watched(Sequential):
    """Wraps the functions of the model in functions of its own."""

    def around(self, mode, inner):
        def function(batches):
            found = inner(batches)
            self.calls.append(mode)
            return {**found, "extra": np.float32(7)} if isinstance(found, dict) else found + 1

        return function

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = self.around("train", self.train_function)

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = self.around("test", self.test_function)

    def make_predict_function(self, force=False):
        if self.predict_function is None or force:
            super().make_predict_function(force)
            self.predict_function = self.around("predict", self.predict_function)


def test_functions_of_a_subclass_are_used():
    model, plain = a_model(Watched), a_model()
    model.calls = []
    history = model.fit(X, Y, batch_size=4, shuffle=False, validation_data=(X, Y), verbose=0).history
    expected = plain.fit(X, Y, batch_size=4, shuffle=False, validation_data=(X, Y), verbose=0).history
    assert model.calls == ["train"] * 3 + ["test"] * 3
    assert history == {**expected, "extra": [7.0], "val_extra": [7.0]}
    np.testing.assert_array_equal(model.predict(X, verbose=0), plain.predict(X, verbose=0) + 1)
    np.testing.assert_array_equal(model.predict_on_batch(X), plain.predict_on_batch(X) + 1)
    assert model.train_on_batch(X, Y, return_dict=True)["extra"] == 7.0
    assert model.test_on_batch(X, Y, return_dict=True)["extra"] == 7.0


class Counted(layers.Layer):
    """A layer that reports the mean of its inputs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = metrics.Mean(name="seen")
        self.others = [metrics.Sum(name="total")]

    def call(self, inputs):
        self.seen.update_state(inputs)
        self.others[0].update_state(inputs)
        return inputs


def test_metrics_of_layers_are_reported_and_reset():
    inner = Sequential([Input((3,)), Counted(name="counted")])
    inner.compile("sgd", "mse")  # the total loss needs its metric
    model = Sequential([Input((3,)), inner, layers.Dense(1)])
    model.compile("sgd", "mse")
    layer = inner.layers[0]
    assert layer.metrics == [layer.seen, *layer.others]
    assert [v.path for v in layer.metrics_variables] == ["seen/total", "seen/count", "total/total"]
    assert [m.name for m in model.metrics] == ["loss", "seen", "total"]
    history = model.fit(X, Y, epochs=2, batch_size=5, verbose=0).history
    np.testing.assert_allclose(history["seen"], [X.mean()] * 2, rtol=1e-4)
    np.testing.assert_allclose(history["total"], [X.sum()] * 2, rtol=1e-4)
    assert len(model.metrics_variables) == 5


def test_a_metric_that_a_layer_gets_later_is_found():
    model = a_model()
    assert [m.name for m in model.metrics] == ["loss", "compile_metrics"]
    model.layers[0].late = metrics.Mean(name="late")
    assert [m.name for m in model.metrics] == ["loss", "compile_metrics", "late"]


def test_adapted_layers_are_not_metrics():
    layer = layers.Normalization()
    layer.adapt(X)
    model = Sequential([Input((3,)), layer, layers.Dense(1)])
    assert model.metrics == layer.metrics == []
