"""Custom steps of training, evaluation and prediction."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from fastconv import (
    GradientTape,
    Input,
    Model,
    Sequential,
    callbacks,
    config,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    utils,
)
from fastconv.models import Functional

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 8, 8, 1)).astype("float32")
Y = np.arange(20) % 3
W = rng.random(20).astype("float32")

both_ways = pytest.mark.parametrize("run_eagerly", [False, True])


def outputs(x):
    x = layers.Conv2D(4, 3, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.3, seed=1)(x)
    return layers.Dense(3, activation="softmax")(layers.Flatten()(x))


class ByHand(Functional):
    """Does the work of the built-in steps with the calls of a script."""

    def train_step(self, data):
        x, y, w = utils.unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=w)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=x.shape[0])
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics if m.name == "loss"} | self.metrics[1].result()

    def test_step(self, data):
        x, y, w = utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        self.metrics[0].update_state(self.compute_loss(y=y, y_pred=y_pred, sample_weight=w), sample_weight=x.shape[0])
        return self.compute_metrics(x, y, y_pred, w)

    def predict_step(self, data):
        x, _, _ = utils.unpack_x_y_sample_weight(data)
        return self(x, training=False)


@both_ways
def test_a_custom_step_has_the_bits_of_the_built_in_step(run_eagerly):
    results = []
    for cls in (Functional, ByHand):
        utils.set_random_seed(3)
        x = Input((8, 8, 1))
        model = cls(x, outputs(x))
        judges = ["accuracy", metrics.SparseTopKCategoricalAccuracy(2, "top")]
        model.compile("adam", "sparse_categorical_crossentropy", metrics=judges, run_eagerly=run_eagerly)
        history = model.fit(X, Y, 8, 3, verbose=0, sample_weight=W, validation_data=(X[:5], Y[:5]))
        results.append((history.history, model.get_weights(), model.predict(X, verbose=0)))
    (history, weights, predicted), (own_history, own_weights, own_predicted) = results
    assert own_history == history
    assert list(history) == ["loss", "accuracy", "top", "val_loss", "val_accuracy", "val_top"]
    for a, b in zip([*weights, predicted], [*own_weights, own_predicted]):
        np.testing.assert_array_equal(a, b)


class Gan(Model):
    """Two models, two optimizers, two trackers, and no `call`."""

    def __init__(self):
        super().__init__()
        self.discriminator = Sequential([Input((2,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])
        self.generator = Sequential([Input((3,)), layers.Dense(8, activation="tanh"), layers.Dense(2)])
        self.d_tracker = metrics.Mean("d_loss")
        self.g_tracker = metrics.Mean("g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn, **options):
        super().compile(**options)
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    @property
    def metrics(self):
        return [self.d_tracker, self.g_tracker]

    def train_step(self, real):
        if isinstance(real, tuple):
            real = real[0]
        n = real.shape[0]
        fake = self.generator(np.tile(np.linspace(-1, 1, 3, dtype="float32"), (n, 1)) * ops.mean(real))
        labels = np.concatenate([np.ones((n, 1)), np.zeros((n, 1))])
        with GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(ops.concatenate([fake, real])))
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply(tape.gradient(d_loss, weights), weights)
        with GradientTape() as tape:
            noise = np.tile(np.linspace(0, 1, 3, dtype="float32"), (n, 1))
            g_loss = self.loss_fn(np.zeros((n, 1)), self.discriminator(self.generator(noise)))
        weights = self.generator.trainable_weights
        self.g_optimizer.apply(tape.gradient(g_loss, weights), weights)
        self.d_tracker.update_state(d_loss)
        self.g_tracker.update_state(g_loss)
        return {"d_loss": self.d_tracker.result(), "g_loss": self.g_tracker.result()}


def gan(run_eagerly):
    utils.set_random_seed(1)
    model = Gan()
    loss = losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(0.01), optimizers.SGD(0.1), loss, run_eagerly=run_eagerly)
    return model


def test_two_models_and_two_optimizers(tmp_path):
    """A plan, eager operations, and a custom loop agree; both models learn."""
    x = rng.normal(size=(24, 2)).astype("float32")
    traced, recorded, alone = (gan(run_eagerly) for run_eagerly in (False, True, False))
    start = alone.generator.get_weights() + alone.discriminator.get_weights()
    backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq=1)
    fit = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, "callbacks": backup}
    histories = [m.fit(x, **fit).history for m in (traced, recorded)]
    for _ in range(2):
        alone.reset_metrics()
        for batch in utils.Dataset.from_tensor_slices(x).batch(8):
            logs = alone.train_step(batch)
    assert list(histories[0]) == ["d_loss", "g_loss"]
    for name, values in histories[0].items():
        assert values == pytest.approx(histories[1][name], rel=1e-6)
        assert values[-1] == pytest.approx(logs[name], rel=1e-6)
    for before, *after in zip(start, *(m.generator.get_weights() + m.discriminator.get_weights()
                                       for m in (traced, recorded, alone))):  # fmt: skip
        assert not np.array_equal(before, after[0])
        np.testing.assert_allclose(after[0], after[1], rtol=1e-5, atol=1e-7)
        # NumPy 1's operators compute zero-dimensional arrays in float64. A user's own loop computes on the processor.
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0" and config.get_device() == "cpu":
            np.testing.assert_array_equal(after[1], after[2])
        np.testing.assert_allclose(after[1], after[2], rtol=1e-5, atol=1e-7)


class Autoencoder(Model):
    """Has its own loss and its own metrics, which it does not list."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = layers.Dense(2), layers.Dense(4)
        self.trackers = [metrics.Mean("reconstruction"), metrics.RootMeanSquaredError("rmse")]

    def call(self, x):
        return self.decoder(self.encoder(x))

    def train_step(self, data):
        with GradientTape() as tape:
            made = self(data, training=True)
            loss = ops.mean(ops.square(made - data))
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        mean, rmse = self.trackers
        mean.update_state(loss)
        rmse.update_state(data, made)
        return {m.name: m.result() for m in self.trackers} | {"steps": self.optimizer.iterations}


@both_ways
def test_custom_trackers_are_reset_in_each_epoch(run_eagerly):
    x = rng.normal(size=(12, 4)).astype("float32")
    model = Autoencoder()
    model.compile(optimizers.SGD(0.05), run_eagerly=run_eagerly)
    history = model.fit(x, batch_size=12, epochs=3, verbose=0).history
    assert list(history) == ["reconstruction", "rmse", "steps"]
    assert history["steps"] == [1, 2, 3]
    np.testing.assert_allclose(np.square(history["rmse"]), history["reconstruction"], rtol=1e-6)
    assert history["reconstruction"][2] < history["reconstruction"][0]
    assert [m.name for m in model.metrics] == ["loss", "reconstruction", "rmse"]
    logs = model.train_on_batch(x, return_dict=True)
    assert logs["reconstruction"] < history["reconstruction"][2]
    assert model.predict_on_batch(x).shape == (12, 4)


class Accumulating(Sequential):
    """Applies the mean of two gradients in every second step."""

    def train_step(self, data):
        x, y = data
        if not hasattr(self, "sums"):
            self.sums = [layers.base.Variable(np.zeros(v.shape, v.dtype), trainable=False) for v in self.weights]
            self.count = layers.base.Variable(np.zeros((), "int64"))
        with GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        grads = tape.gradient(loss, self.trainable_weights)
        self.count.assign(self.count + 1)
        due = ops.equal(ops.mod(self.count, 2), 0)
        for v, s, g in zip(self.trainable_weights, self.sums, grads):
            total = s + g
            v.assign(ops.where(due, v - 0.1 * total / 2, v))
            s.assign(ops.where(due, 0.0, total))
        return {"loss": loss}


def test_gradients_of_two_batches_make_one_step():
    x, y = rng.normal(size=(16, 3)).astype("float32"), rng.normal(size=(16, 1)).astype("float32")
    model, plain = (cls([Input((3,)), layers.Dense(1)]) for cls in (Accumulating, Sequential))
    plain.set_weights(model.get_weights())
    for m, size in ((model, 4), (plain, 8)):
        m.compile(optimizers.SGD(0.1), "mse")
        m.fit(x, y, size, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.trainable_weights, plain.trainable_weights):
        np.testing.assert_allclose(a.value, b.value, rtol=1e-5, atol=1e-7)


class Looking(Sequential):
    """Reads values, so that its steps run eagerly."""

    def train_step(self, data):
        logs = super().train_step(data)
        return {**logs, "psnr": -10 * np.log10(float(logs["loss"]))}


def test_a_step_that_reads_values():
    model = Looking([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((4, 3)), np.zeros((4, 1)), 4, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["psnr"], -10 * np.log10(history["loss"]), rtol=1e-6)
    assert history["loss"][1] < history["loss"][0]


def test_a_gradient_penalty():
    """The gradient of a gradient, within fit."""

    class Smooth(Sequential):
        def train_step(self, data):
            x, y = data
            with GradientTape() as outer:
                with GradientTape() as inner:
                    x = inner.watch(x)
                    y_pred = self(x, training=True)
                slope = inner.gradient(y_pred, x)
                loss = self.compute_loss(x, y, y_pred) + ops.mean(ops.square(slope))
            self.optimizer.apply(outer.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {"loss": loss}

    weights = []
    for run_eagerly in (False, True):
        utils.set_random_seed(0)
        model = Smooth([Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
        model.compile(optimizers.SGD(0.1), "mse", run_eagerly=run_eagerly)
        model.fit(np.ones((4, 3)), np.zeros((4, 1)), 2, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_custom_loss_in_the_built_in_steps():
    class Own(Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return super().compute_loss(x, y, y_pred, sample_weight, training) + 1.0

    model = Own([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    plain = model.predict(np.ones((4, 3)), verbose=0)
    assert model.test_on_batch(np.ones((4, 3)), np.zeros((4, 1))) == pytest.approx((plain**2).mean() + 1)


def test_models_with_only_penalties_need_no_targets():
    model = Sequential([Input((3,)), layers.Dense(2, activity_regularizer="l2")])
    model.compile(optimizers.SGD(0.1))
    history = model.fit(np.ones((4, 3)), epochs=3, verbose=0).history["loss"]
    assert history[2] < history[0]


def test_a_step_needs_compile_and_returns_a_dict():
    class Wrong(Sequential):
        def train_step(self, data):
            return 1.0

    model = Wrong([Input((3,)), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"call compile\(optimizer, loss\) before"):
        model.fit(np.ones((4, 3)), verbose=0)
    model.compile()
    with pytest.raises(TypeError, match=r"train_step must return a dict .* Received: float"):
        model.fit(np.ones((4, 3)), verbose=0)


def test_a_step_may_call_another():
    class Asking(Functional):
        def train_step(self, data):
            return {**super().train_step(data), "asked": float(self.predict_on_batch(X[:1]).sum())}

    x = Input((8, 8, 1))
    model = Asking(x, outputs(x))
    model.compile("sgd", "sparse_categorical_crossentropy")
    found = []
    fit = threading.Thread(target=lambda: found.append(model.fit(X, Y, verbose=0).history["asked"]), daemon=True)
    fit.start()
    fit.join(60)
    assert found == [[pytest.approx(1, rel=1e-5)]]
