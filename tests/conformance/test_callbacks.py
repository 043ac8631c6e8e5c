"""The stages and arguments of callbacks, compared with Keras; and the directions of its metrics."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import fastconv
from fastconv import callbacks, metrics

X, Y = np.ones((10, 2), "float32"), np.arange(10, dtype="float32").reshape(10, 1)
# Arguments that Keras's metrics need, and metrics without a direction.
ARGUMENTS = {
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
BASES = ("Metric", "MeanMetricWrapper", "Mean", "Sum")


def stages(library, watch_of):
    """Return the calls that a callback receives from fit, evaluate and predict: stages, numbers, and names in logs."""
    events = []

    def note(name):
        def method(self, *args, **kwargs):
            *numbers, logs = [*args, *kwargs.values()]
            events.append([name, *map(int, numbers), sorted(logs or {})])
            getattr(super(type(self), self), name)(*args, **kwargs)

        return method

    base = library.callbacks.Callback
    names = [name for name in vars(base) if name.startswith("on_") and name != "on_exception"]
    watch = type("Watch", (base,), {"__init__": lambda self: None, **{name: note(name) for name in names}})()
    model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    watch_of(watch, model, events)
    return events


def all_calls(watch, model, events):
    model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[watch])
    events.append(["params", watch.params, watch.model is model, watch._model is model])
    model.evaluate(X, Y, batch_size=5, verbose=0, callbacks=[watch])
    events.append(["params", watch.params])
    model.predict(X, batch_size=5, verbose=0, callbacks=[watch])


def stopped_early(watch, model, events):
    watch.on_test_batch_end = lambda batch, logs: setattr(model, "stop_evaluating", True)
    watch.on_predict_batch_end = lambda batch, logs: setattr(model, "stop_predicting", True)
    model.evaluate(X, Y, batch_size=5, verbose=0, callbacks=[watch])
    events.append(["outputs", len(model.predict(X, batch_size=5, verbose=0, callbacks=[watch]))])
    model.fit(X, Y, batch_size=5, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[watch])


@pytest.mark.parametrize("watch_of", [all_calls, stopped_early])
def test_stages_are_those_of_keras(watch_of, reference):
    def theirs():
        import keras

        return stages(keras, watch_of)

    assert stages(fastconv, watch_of) == reference(theirs)


def test_methods_of_callbacks_are_those_of_keras(reference):
    def methods(base):
        return {
            name: [p.name for p in inspect.signature(method).parameters.values()]
            for name, method in vars(base).items()
            if name.startswith(("on_", "set_")) and name != "on_exception"
        }

    def theirs():
        import keras

        return methods(keras.callbacks.Callback)

    assert methods(callbacks.Callback) == reference(theirs)


def test_directions_of_metrics_are_those_of_keras(reference):
    """Mode "auto" is compared for each class, for an object with another name, and for its name as a string."""
    names = sorted(name for name in metrics.__all__ if name[0].isupper() and name not in BASES and not name.isupper())

    def theirs():
        import keras

        made = {name: getattr(keras.metrics, name, None) for name in [*names, "AUC"]}
        made = {name: kind(**ARGUMENTS.get(name, {})) for name, kind in made.items() if kind is not None}
        return {name: [metric.name, getattr(metric, "_direction", None)] for name, metric in made.items()}

    for name, (snake, direction) in reference(theirs).items():
        model = fastconv.Sequential([fastconv.Input((2,)), fastconv.layers.Dense(1)])
        metric = getattr(metrics, name)(**ARGUMENTS.get(name, {}), name="something")
        model.compile("sgd", "mse", metrics=[metric])
        if direction is None:
            with pytest.raises(ValueError, match="neither the model's metrics nor the quantity's name give"):
                callbacks.EarlyStopping("val_something").set_model(model)
            continue
        for stopping in (callbacks.EarlyStopping("val_something"), callbacks.EarlyStopping(f"val_{snake}")):
            stopping.set_model(model)
            assert stopping.is_better(2, 1) is (direction == "up"), name
