"""Overridden methods of models are called with the arguments that they take."""

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, losses, metrics, ops, optimizers

X, Y = np.random.default_rng(0).normal(size=(12, 3)).astype("float32"), np.ones((12, 1), "float32")
SQUARES = losses.MeanSquaredError()


class Full(Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return SQUARES(y, y_pred, sample_weight) * 2.0


class FormerKeras(Sequential):
    def compute_loss(self, x, y, y_pred, sample_weight, allow_empty=False):
        return SQUARES(y, y_pred, sample_weight) * 2.0


class NoMore(Sequential):
    def compute_loss(self, x, y, y_pred, sample_weight):
        return SQUARES(y, y_pred, sample_weight) * 2.0


class Rest(Sequential):
    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs) * 2.0


class Tells(Sequential):
    def compute_loss(self, x, y, y_pred, sample_weight=None, *, training):
        return SQUARES(y, y_pred, sample_weight) * (2.0 if training else 3.0)


def a_model(kind, **how):
    model = kind([Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizers.SGD(0.01), "mse", **how)
    return model


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("kind", [Full, FormerKeras, NoMore, Rest, Tells])
def test_compute_loss_receives_the_arguments_that_it_takes(kind, eager):
    twice, plain = a_model(kind, run_eagerly=eager), a_model(Sequential)
    plain.optimizer.learning_rate = 0.02
    expected = plain.evaluate(X, Y, verbose=0) * (3 if kind is Tells else 2)
    assert twice.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-6)
    assert twice.test_on_batch(X, Y) == pytest.approx(expected, rel=1e-6)
    for model in (twice, plain):
        model.fit(X, Y, batch_size=4, shuffle=False, verbose=0, validation_data=(X, Y))
        model.train_on_batch(X, Y)
    for a, b in zip(twice.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


class Counting(Sequential):
    """Overrides every method that may be overridden, and counts the calls by name."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.called = []
        self.largest = metrics.Mean("largest")

    def train_step(self, data):
        self.called.append("train_step")
        return super().train_step(data)

    def test_step(self, data):
        self.called.append("test_step")
        return super().test_step(data)

    def predict_step(self, data):
        self.called.append("predict_step")
        return super().predict_step(data)

    def compute_metrics(self, x, y, y_pred, sample_weight):
        self.called.append("compute_metrics")
        results = super().compute_metrics(x, y, y_pred, sample_weight)
        self.largest.update_state(ops.max(y_pred))
        return {**results, "largest": self.largest.result()}

    def get_metrics_result(self):
        self.called.append("get_metrics_result")
        return super().get_metrics_result()

    def reset_metrics(self):
        self.called.append("reset_metrics")
        super().reset_metrics()

    @property
    def metrics(self):
        return [*super().metrics]


def test_every_method_that_may_be_overridden_is_called():
    model = a_model(Counting, metrics=["mae"])
    history = model.fit(X, Y, verbose=0, validation_data=(X, Y)).history
    assert set(history) == {f"{val}{name}" for val in ("", "val_") for name in ("loss", "mae", "largest")}
    assert history["val_largest"] == pytest.approx([model.predict(X, verbose=0).max()])
    names = {"train_step", "test_step", "predict_step", "compute_metrics", "get_metrics_result", "reset_metrics"}
    assert set(model.called) == names


@pytest.mark.parametrize("method", ["apply", "apply_gradients", "update_step", "scale_loss"])
def test_methods_of_optimizers_that_may_be_overridden_are_called(method):
    class Twice(optimizers.SGD):
        def apply(self, grads, variables=None):
            super().apply([g * 2.0 for g in grads] if method == "apply" else grads, variables)

        def apply_gradients(self, grads_and_vars):
            pairs = [(g * 2.0 if method == "apply_gradients" else g, v) for g, v in grads_and_vars]
            return super().apply_gradients(pairs)

        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient * (2.0 if method == "update_step" else 1.0), variable, learning_rate)

        def scale_loss(self, loss):
            return loss * (2.0 if method == "scale_loss" else 1.0)

    weights = []
    for optimizer in (Twice(0.01, momentum=0.5), optimizers.SGD(0.02, momentum=0.5)):
        model = a_model(Sequential)
        model.compile(optimizer, "mse")
        model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


class Layers(Model):
    """A model whose `call` takes the given arguments."""

    def __init__(self):
        super().__init__()
        self.drop, self.dense = layers.Dropout(0.9), layers.Dense(1)


class CallOnly(Layers):
    def call(self, x):
        return self.dense(self.drop(x))


class CallTraining(Layers):
    def call(self, inputs, training=False):
        return self.dense(self.drop(inputs, training=training))


class CallMask(Layers):
    def call(self, inputs, training=None, mask=None):
        return self.dense(self.drop(inputs, training=training))


class CallRest(Layers):
    def call(self, inputs, **kwargs):
        return self.dense(self.drop(inputs, **kwargs))


class CallKeyword(Layers):
    def call(self, inputs, *, training):
        return self.dense(self.drop(inputs, training=training))


@pytest.mark.parametrize("kind", [CallOnly, CallTraining, CallMask, CallRest, CallKeyword])
def test_call_receives_the_arguments_that_it_takes(kind):
    model = kind()
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=2, batch_size=4, verbose=0, validation_data=(X, Y))
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ kernel + bias, rtol=1e-4, atol=1e-6)


def test_without_an_optimizer_models_evaluate_and_refuse_to_train():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile(None, "mse", metrics=["mae"])
    assert len(model.evaluate(X, Y, verbose=0)) == 2
    for train in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match=r"must name an optimizer. Received: optimizer=None"):
            train(X, Y)


def test_a_custom_step_needs_no_optimizer_of_compile():
    class Own(Sequential):
        def train_step(self, data):
            return {"calls": ops.mean(data[0])}

    model = Own([Input((3,)), layers.Dense(1)])
    model.compile(optimizer=None)
    assert model.fit(X, Y, verbose=0).history["calls"] == pytest.approx([X.mean()], rel=1e-4)
