"""Results of metrics and steps as dicts: their entries are in logs under their own names."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import GradientTape, Input, Model, Sequential, callbacks, layers, metrics, ops

X, Y = np.ones((8, 3), "float32"), np.arange(8, dtype="float32").reshape(8, 1)


class Extent(metrics.Metric):
    def __init__(self, name="extent"):
        super().__init__(name=name)
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(y_true))

    def result(self):
        return {"total": self.total, "more": {"twice": self.total * 2}}


class Reporting(Model):
    """A train step as in Keras's guide, which returns the results of all metrics by name."""

    def train_step(self, data):
        x, y = data
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return self._results(y, y_pred, loss)

    def test_step(self, data):
        x, y = data
        y_pred = self(x, training=False)
        return self._results(y, y_pred, self.compute_loss(y=y, y_pred=y_pred))

    def _results(self, y, y_pred, loss):
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


def a_model(kind=Model):
    x = Input((3,))
    return kind(x, layers.Dense(1)(x))


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_metric_may_have_several_results(tmp_path, eagerly):
    model = a_model()
    model.compile("sgd", "mse", metrics=[Extent(), "mae"], run_eagerly=eagerly)
    log = callbacks.CSVLogger(str(tmp_path / "log.csv"))
    checkpoint = callbacks.ModelCheckpoint(str(tmp_path / "{twice:.0f}.npz"), monitor="total", mode="max")
    history = model.fit(
        X, Y, batch_size=4, epochs=2, validation_data=(X, Y), callbacks=[log, checkpoint], verbose=2
    ).history
    names = {"loss", "total", "twice", "mae"}
    assert set(history) == names | {f"val_{name}" for name in names}
    assert history["total"] == [28, 28]
    assert history["val_twice"] == [56, 56]
    assert (tmp_path / "56.npz").exists()
    assert model.evaluate(X, Y, return_dict=True, verbose=0)["twice"] == 56
    assert len(model.evaluate(X, Y, verbose=0)) == 4
    assert model.train_on_batch(X, Y, return_dict=True)["total"] == 28


def test_a_step_may_report_the_results_of_all_metrics():
    model = a_model(Reporting)
    model.compile("sgd", "mse", metrics=["mae", Extent()])
    history = model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0).history
    plain = Sequential([Input((3,)), layers.Dense(1)])
    assert set(history) == {f"{part}{name}" for part in ("", "val_") for name in ("loss", "mae", "total", "twice")}
    plain.compile("sgd", "mse", metrics=["mae"])
    plain.set_weights(model.get_weights())
    scores = model.evaluate(X, Y, return_dict=True, verbose=0)
    assert [scores["loss"], scores["mae"]] == pytest.approx(plain.evaluate(X, Y, verbose=0))
