"""Callbacks driven by a fake fit and a fake model."""

from __future__ import annotations

import csv
import json
import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from fastconv.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TerminateOnNaN,
)


class Model:
    """A fake model: its weights are the number of the epoch, and it records saved files."""

    def __init__(self):
        self.stop_training = False
        self.weights = None
        self.saved = []
        self.validates = None

    def get_weights(self):
        return [self.weights]

    def set_weights(self, weights):
        (self.weights,) = weights

    def check_save(self, path, save_weights_only):
        """Accept every path."""

    def names_in_logs(self):
        """Return None: the names are known only after a step."""

    def save(self, path):
        self.saved.append(path)

    def save_weights(self, path):
        self.saved.append(("weights", path))


def fit(todo, steps=1, verbose=0, **names):
    """Call `todo` as fit does, with a keyword for each quantity: its value in each epoch. Return the model."""
    model = Model()
    quantities = {name: list(values) for name, values in names.items()}
    epochs = max(len(values) for values in quantities.values())
    everything = CallbackList(todo, model=model, epochs=epochs, steps=steps, verbose=verbose)
    everything.on_train_begin()
    for epoch in range(epochs):
        everything.on_epoch_begin(epoch)
        model.weights = epoch
        logs = {name: values[epoch] for name, values in quantities.items()}
        for step in range(steps):
            everything.on_train_batch_begin(step)
            everything.on_train_batch_end(step, logs)
        everything.on_test_begin()
        everything.on_test_batch_begin(0)
        everything.on_test_batch_end(0, logs)
        everything.on_test_end(logs)
        everything.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    everything.on_train_end()
    return model


def test_a_list_calls_every_callback():
    events = []
    names = [name for name in vars(Callback) if name.startswith(("on_", "set_"))]
    assert len(names) == 19

    def noting(name):
        return lambda self, *args: events.append((name, args))

    everything = type("Everything", (Callback,), {name: noting(name) for name in names})
    both = CallbackList([everything(), everything()])
    events.clear()
    wanted = {}
    for name in names:
        given = (1,) if "epoch" in name or "batch" in name or name.startswith("set_") else ()
        wanted[name] = given if name.startswith("set_") or name == "on_exception" else (*given, {})
        getattr(both, name)(*given)
    assert events == [(name, wanted[name]) for name in names for _ in range(2)]


def test_a_list_passes_model_and_params_on():
    model, callback = Model(), Callback()
    CallbackList([callback], model=model, epochs=3)
    assert callback.model is model
    assert callback.params == {"epochs": 3}


def test_history():
    history = History()
    fit([history], loss=[3.0, 2.0], val_loss=[4.0, 5.0])
    assert history.epoch == [0, 1]
    assert history.history == {"loss": [3.0, 2.0], "val_loss": [4.0, 5.0]}
    fit([history], loss=[1.0])
    assert history.epoch == [0]
    assert history.history == {"loss": [1.0]}


# ---- EarlyStopping ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "values", "stopped"),
    [
        ({}, [3, 2, 1, 2, 0], 3),
        ({"patience": 2}, [3, 2, 2.5, 2.5, 0], 3),
        ({"patience": 2}, [3, 2, 2.5, 1, 2, 2], 5),
        ({"min_delta": 0.5, "patience": 1}, [3, 2.6, 2.4, 2], 1),
        ({"min_delta": -0.5, "patience": 1}, [3, 2.4, 1.8, 1.5], 3),
        ({"mode": "max"}, [1, 2, 3, 3, 9], 3),
        ({"baseline": 1.0, "patience": 2}, [3, 2.5, 2.6, 2.7, 2.8], 2),
        ({"start_from_epoch": 2}, [1, 2, 3, 2, 4, 0], 4),
        ({"patience": 1}, [math.nan, math.nan, 1], 1),
        ({"patience": 2}, [math.nan, 3, 2, 1], 0),
    ],
)
def test_early_stopping(arguments, values, stopped):
    stopping = EarlyStopping(**arguments)
    history = History()
    fit([history, stopping], val_loss=values)
    assert stopping.stopped_epoch == stopped
    assert len(history.epoch) == (stopped + 1 if stopped else len(values))


def test_early_stopping_restores_the_best_weights(capsys):
    stopping = EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
    model = fit([stopping], val_loss=[3, 1, 2, 2, 0])
    assert model.weights == 1
    assert stopping.best_epoch == 1
    assert stopping.best == 1
    out = capsys.readouterr().out
    assert out == "Epoch 4: early stopping\nRestoring model weights from the end of the best epoch: 2.\n"


def test_early_stopping_restores_the_best_weights_after_the_last_epoch():
    model = fit([EarlyStopping(patience=5, restore_best_weights=True)], val_loss=[3, 1, 2])
    assert model.weights == 1


def test_early_stopping_is_reset_by_each_fit():
    stopping = EarlyStopping()
    fit([stopping], val_loss=[1, 2])
    fit([stopping], val_loss=[5, 4, 3])
    assert stopping.stopped_epoch == 0
    assert stopping.best == 3


def test_a_missing_quantity_warns():
    with pytest.warns(UserWarning, match="must be one of loss, accuracy.*monitor='val_loss'"):
        fit([EarlyStopping()], loss=[1.0], accuracy=[0.5])


@pytest.mark.parametrize("make", [EarlyStopping, lambda **k: ModelCheckpoint("x.npz", save_best_only=True, **k)])
def test_the_direction_follows_from_the_name_or_must_be_given(make):
    for name in ("val_accuracy", "acc", "val_top_accuracy", "auc", "precision", "recall", "val_auc_2", "mean_io_u"):
        assert make(monitor=name).is_better(2, 1)
    for name in ("loss", "val_loss", "val_mse", "mae", "mean_squared_error", "categorical_crossentropy", "val_KLD"):
        assert make(monitor=name).is_better(1, 2)
    assert make(monitor="dice", mode="max").is_better(2, 1)
    assert make(monitor="accuracy", mode="min").is_better(1, 2)
    with pytest.raises(
        ValueError, match=r"neither the model's metrics nor the quantity's name give a direction.*'dice'"
    ):
        make(monitor="dice").set_model(Model())
    with pytest.raises(ValueError, match="mode must be"):
        make(mode="up")


# ---- ModelCheckpoint ------------------------------------------------------------------------------------------------


def test_a_checkpoint_after_each_epoch(tmp_path, capsys):
    path = tmp_path / "new" / "{epoch:02d}-{val_loss:.2f}.npz"
    model = fit([ModelCheckpoint(path, verbose=1)], val_loss=[3.14159, 1])
    first, second = str(tmp_path / "new" / "01-3.14.npz"), str(tmp_path / "new" / "02-1.00.npz")
    assert model.saved == [first, second]
    assert (tmp_path / "new").is_dir()
    assert f"Epoch 1: saving model to {first}\n" in capsys.readouterr().out


def test_only_the_best_checkpoints():
    model = fit([ModelCheckpoint("{epoch}.npz", save_best_only=True)], val_loss=[math.nan, 3, 4, 2, 2])
    assert model.saved == ["2.npz", "4.npz"]
    model = fit([ModelCheckpoint("{epoch}.npz", "val_acc", save_best_only=True)], val_acc=[1, 3, 2])
    assert model.saved == ["1.npz", "2.npz"]


def test_only_the_weights():
    model = fit([ModelCheckpoint("w.npz", save_weights_only=True)], val_loss=[1])
    assert model.saved == [("weights", "w.npz")]


def test_checkpoints_after_numbers_of_batches():
    model = fit([ModelCheckpoint("{epoch}-{batch}.npz", save_freq=4)], steps=3, loss=[1, 1, 1, 1])
    assert model.saved == ["2-1.npz", "3-2.npz", "4-3.npz"]


def test_checkpoints_after_every_other_epoch():
    model = fit([ModelCheckpoint("{epoch}.npz", period=2)], loss=[1, 1, 1, 1, 1])
    assert model.saved == ["2.npz", "4.npz"]


def test_wrong_arguments_of_a_checkpoint():
    with pytest.raises(ValueError, match="period must be an int of at least 1"):
        ModelCheckpoint("x.npz", period=0)
    for save_freq in (0, "batch", 1.5, True):
        with pytest.raises(ValueError, match="save_freq must be"):
            ModelCheckpoint("x.npz", save_freq=save_freq)
    with pytest.warns(UserWarning, match=r"filepath may contain loss, epoch, .* Received: {val_loss} in filepath="):
        model = fit([ModelCheckpoint("{val_loss}-{epoch}.npz")], loss=[1])
    assert model.saved == ["NA-1.npz"]
    with pytest.raises(ValueError, match=r"A model is saved as .npz, .*, .hdf5; write 'best.keras'. Received"):
        ModelCheckpoint("best.weights.h5")
    with pytest.raises(
        ValueError,
        match=r"Weights are saved as .*, .weights.h5; write .best.weights.h5.. Received: filepath='best.keras'",
    ):
        ModelCheckpoint("best.keras", save_weights_only=True)


# ---- ProgbarLogger --------------------------------------------------------------------------------------------------


def test_the_progress_of_fit(capsys):
    fit([ProgbarLogger()], steps=3, verbose=1, accuracy=[0.5, 0.75], loss=[1.25, 1e-4])
    lines = capsys.readouterr().out.splitlines()
    assert [lines[0], lines[2]] == ["Epoch 1/2", "Epoch 2/2"]
    assert lines[1].startswith("3/3 ")
    assert lines[1].endswith("/step - accuracy: 0.5000 - loss: 1.2500")
    assert lines[3].endswith("/step - accuracy: 0.7500 - loss: 1.0000e-04")
    assert len(lines) == 4


def test_a_single_epoch_has_no_title(capsys):
    fit([ProgbarLogger()], steps=3, verbose=2, loss=[1.25])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("3/3 - 0s - ")
    assert line.endswith("/step - loss: 1.2500")


def test_silence(capsys):
    fit([ProgbarLogger()], steps=3, verbose=0, loss=[1.25, 1])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("mode", ["test", "predict"])
def test_the_progress_of_evaluation_and_prediction(mode, capsys):
    logger = CallbackList([ProgbarLogger()], model=Model(), steps=None, verbose=1)
    getattr(logger, f"on_{mode}_begin")()
    for batch in range(2):
        getattr(logger, f"on_{mode}_batch_end")(batch, {"loss": 2.0})
    getattr(logger, f"on_{mode}_end")({"loss": 1.0})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("2/2 ")
    assert line.endswith(" - loss: 1.0000" if mode == "test" else "/step")


def a_regression(**compiled):
    """Return a model that is easily trained, and its data."""
    from fastconv import Input, Sequential, layers

    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile(loss="mse", **{"optimizer": "sgd", **compiled})
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    return model, x, x.sum(1, keepdims=True)


@pytest.mark.parametrize("schedule", [lambda epoch, rate: rate / 2, lambda epoch: 0.01 / 2 ** (epoch + 1)])
def test_a_schedule_sets_the_learning_rate_of_each_epoch(schedule, capsys):
    model, x, y = a_regression()
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[LearningRateScheduler(schedule, verbose=1)]).history
    assert history["learning_rate"] == pytest.approx([0.005, 0.0025, 0.00125])
    assert "\nEpoch 2: LearningRateScheduler setting learning rate to 0.002" in capsys.readouterr().out


def test_an_error_inside_a_schedule_is_shown():
    def schedule(epoch, rate):
        return rate / "2"

    model, x, y = a_regression()
    with pytest.raises(TypeError, match="unsupported operand"):
        model.fit(x, y, verbose=0, callbacks=[LearningRateScheduler(schedule)])


def reduced(losses, **how):
    """Return the learning rates after epochs with these losses, from 1 on."""

    class Stub(Model):
        optimizer = SimpleNamespace(learning_rate=1.0)

    callback, model, rates = ReduceLROnPlateau(monitor="loss", **how), Stub(), []
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"loss": loss})
        rates.append(model.optimizer.learning_rate)
    model.optimizer.learning_rate = 1.0
    return rates


def test_a_plateau_reduces_the_learning_rate():
    assert reduced([3, 2, 2, 2, 1, 1, 1], factor=0.5, patience=2) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert reduced([1] * 6, factor=0.5, patience=1, cooldown=2) == [1, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert reduced([1] * 4, factor=0.1, patience=1, min_lr=0.05) == pytest.approx([1, 0.1, 0.05, 0.05])
    assert reduced([1, 0.99995, 0.9999], factor=0.5, patience=1) == [1, 0.5, 0.25]
    assert reduced([1, 2, 3], factor=0.5, patience=1, mode="max") == [1, 1, 1]
    with pytest.raises(ValueError, match="factor must be a number at least 0 and below 1"):
        ReduceLROnPlateau(factor=1.0)


def test_training_ends_when_the_loss_is_nan(capsys):
    model, x, y = a_regression()
    x[5] = np.nan
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=TerminateOnNaN())
    assert history.epoch == [0]
    assert capsys.readouterr().out == "Batch 1: Invalid loss, terminating training\n"


def test_epochs_are_written_line_by_line(tmp_path):
    model, x, y = a_regression(metrics=["mae"])
    path = tmp_path / "log.csv"
    first = model.fit(x, y, epochs=2, verbose=0, callbacks=CSVLogger(path)).history
    second = model.fit(x, y, epochs=1, verbose=0, callbacks=CSVLogger(path, append=True)).history
    header, *lines = path.read_text().splitlines()
    assert header == "epoch,loss,mae"
    assert [int(line.split(",")[0]) for line in lines] == [0, 1, 0]
    losses = [float(line.split(",")[1]) for line in lines]
    assert losses == first["loss"] + second["loss"]
    model.fit(x, y, epochs=1, verbose=0, callbacks=CSVLogger(path, separator=";"))
    assert path.read_text().splitlines()[0] == "epoch;loss;mae"
    assert len(path.read_text().splitlines()) == 2


def test_functions_in_place_of_methods():
    model, x, y = a_regression()
    seen = []
    watch = LambdaCallback(
        on_epoch_begin=lambda epoch, logs=None: seen.append(epoch),
        on_epoch_end=lambda epoch, logs: seen.append(sorted(logs)),
    )
    model.fit(x, y, epochs=2, verbose=0, callbacks=[watch])
    assert seen == [0, ["loss"], 1, ["loss"]]
    with pytest.raises(TypeError, match="on_nothing"):
        LambdaCallback(on_nothing=print)


# ---- stages ----------------------------------------------------------------------------------------------------------


STAGES_WITH_LOGS = [
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
    *(f"on_{mode}_batch_{end}" for mode in ("train", "test", "predict") for end in ("begin", "end")),
    *(f"on_{mode}_{end}" for mode in ("test", "predict") for end in ("begin", "end")),
]


@pytest.mark.parametrize("stage", STAGES_WITH_LOGS)
def test_logs_are_passed_by_keyword_if_a_method_takes_them_so(stage):
    seen = []
    if "batch" in stage or "epoch" in stage:
        methods = [
            lambda self, number, **kwargs: seen.append(kwargs),
            lambda self, number, *, logs=None: seen.append({"logs": logs}),
            lambda self, number, *rest: seen.append({"logs": rest[0]}),
            lambda self, number, anything: seen.append({"logs": anything}),
        ]
    else:
        methods = [
            lambda self, **kwargs: seen.append(kwargs),
            lambda self, *, logs=None: seen.append({"logs": logs}),
            lambda self, anything=None: seen.append({"logs": anything}),
        ]
    model, x, y = a_regression()
    callbacks = [type("Own", (Callback,), {stage: method})() for method in methods]
    model.fit(x, y, verbose=0, validation_data=(x, y), callbacks=callbacks)
    model.predict(x, verbose=0, callbacks=callbacks)
    assert len(seen) == len(methods)
    assert all(list(kwargs) == ["logs"] and isinstance(kwargs["logs"], dict) for kwargs in seen)


def test_former_names_of_stages_and_callbacks_without_init():
    class Former(Callback):
        def __init__(self):
            self.seen = []

        def on_batch_begin(self, batch, logs=None):
            self.seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            self.seen.append(("end", batch, sorted(logs)))

    class Both(Former):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.seen.append("after")

    model, x, y = a_regression()
    former, both = Former(), Both()
    assert former.params is None
    model.fit(x, y, verbose=0, callbacks=[[former], [both]])
    assert former.seen == [("begin", 0), ("end", 0, ["loss"])]
    assert both.seen == [("begin", 0), ("end", 0, ["loss"]), "after"]
    assert former.model is model
    assert former._model is model
    assert former.params == {"epochs": 1, "steps": 1, "verbose": 0}


def test_outputs_of_each_batch_of_prediction():
    model, x, _ = a_regression()
    seen = []
    watch = LambdaCallback(on_predict_batch_end=lambda batch, logs: seen.append(logs["outputs"]))
    y = model.predict(x, batch_size=6, verbose=0, callbacks=watch)
    np.testing.assert_array_equal(np.concatenate(seen), y)
    assert [len(part) for part in seen] == [6, 6, 4]


def test_the_history_and_progress_bar_of_the_user_are_used(capsys):
    model, x, y = a_regression()
    history = History()
    assert model.fit(x, y, callbacks=[ProgbarLogger(), history]) is history
    assert model.history is history
    assert len(capsys.readouterr().out.splitlines()) == 1
    with pytest.raises(TypeError, match="callbacks must be Callback objects"):
        model.fit(x, y, callbacks=[print])


def test_a_callback_list_for_custom_loops():
    model, x, y = a_regression()
    todo = CallbackList([], add_history=True, add_progbar=True, model=model, epochs=2, steps=1, verbose=0)
    todo.on_train_begin()
    for epoch in range(2):
        todo.on_epoch_begin(epoch)
        todo.on_train_batch_begin(0)
        logs = model.train_on_batch(x, y, return_dict=True)
        todo.on_train_batch_end(0, logs=logs)
        todo.on_epoch_end(epoch, logs)
    todo.on_train_end()
    assert [type(callback) for callback in todo.callbacks] == [ProgbarLogger, History]
    assert len(todo.history.history["loss"]) == 2
    assert model.history is todo.history


# ---- array-valued metrics --------------------------------------------------------------------------------------------


def several_numbers():
    """Return a model with array-valued metrics, and its data."""
    from fastconv import Input, Sequential, layers, metrics

    model = Sequential([Input((2,)), layers.Dense(3, "softmax")])
    given = [metrics.F1Score(), metrics.Precision(thresholds=[0.2, 0.5]), metrics.R2Score(class_aggregation=None)]
    model.compile("sgd", "mse", metrics=given)
    return model, np.random.default_rng(0).normal(size=(9, 2)), np.eye(3)[np.arange(9) % 3]


NAMES = {"loss": (), "f1_score": (3,), "precision": (2,), "r2_score": (3,)}


def test_array_valued_metrics_in_fit_and_evaluate(capsys, tmp_path):
    model, x, y = several_numbers()
    seen = []
    todo = [
        LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs))),
        CSVLogger(tmp_path / "log.csv"),
        TerminateOnNaN(),
    ]
    history = model.fit(x, y, epochs=2, batch_size=3, validation_data=(x, y), callbacks=todo).history
    assert {name: np.shape(value) for name, value in seen[0].items()} == {
        **NAMES,
        **{f"val_{name}": shape for name, shape in NAMES.items()},
    }
    assert {name: np.shape(values) for name, values in history.items()} == {
        name: (2, *np.shape(value)) for name, value in seen[0].items()
    }
    assert json.loads(json.dumps(history)) == history
    found = model.evaluate(x, y, return_dict=True)
    assert {name: np.shape(value) for name, value in found.items()} == NAMES
    assert [np.shape(value) for value in model.evaluate(x, y, verbose=0)] == [*NAMES.values()]
    assert [np.shape(value) for value in model.train_on_batch(x, y)] == [*NAMES.values()]
    assert f"f1_score: {np.mean(found['f1_score']):.4f}" in capsys.readouterr().out
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, values in history.items():
        assert [json.loads(row[name]) for row in rows] == values


@pytest.mark.parametrize("make", [EarlyStopping, ReduceLROnPlateau])
def test_array_valued_metrics_are_not_compared(make):
    model, x, y = several_numbers()
    callback = make("f1_score")
    with pytest.warns(UserWarning, match=r"must be a single number. Received: monitor='f1_score', shape=\(3,\)"):
        history = model.fit(x, y, epochs=3, verbose=0, callbacks=callback)
    assert len(history.epoch) == 3
    assert callback.best is None


def test_an_array_of_one_number_is_a_number():
    stopping = EarlyStopping("f1_score")
    fit([stopping], f1_score=[np.array([0.5]), np.array(0.25)])
    assert stopping.best == 0.5
    assert stopping.stopped_epoch == 1


# ---- the best value so far -------------------------------------------------------------------------------------------


def test_a_threshold_for_the_first_checkpoint():
    for threshold in (0.5, np.float32(0.5)):
        checkpoint = ModelCheckpoint("{epoch}.npz", save_best_only=True, initial_value_threshold=threshold)
        assert fit([checkpoint], val_loss=[0.7, 0.5, 0.4, 0.6]).saved == ["3.npz"]
        assert checkpoint.best == 0.4


def test_epochs_without_the_quantity_are_saved_until_a_better_epoch():
    model = Model()
    checkpoint = ModelCheckpoint("{epoch}.npz", save_best_only=True)
    todo = CallbackList([checkpoint], model=model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for epoch, logs in enumerate([{"loss": 1}, {"loss": 1, "val_loss": 2}, {"loss": 1}]):
            todo.on_epoch_begin(epoch)
            todo.on_epoch_end(epoch, logs)
    assert ["must be one of loss" in str(warning.message) for warning in caught] == [True, True]
    assert model.saved == ["1.npz", "2.npz"]


@pytest.mark.parametrize("least", [3e-4, 1e-7, 0.1])
def test_the_least_learning_rate_is_reached_and_kept(least):
    model, x, y = a_regression()
    model.optimizer.learning_rate = least * 1.5
    plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9, min_lr=least, cooldown=0, verbose=0)
    rates = model.fit(x, y, epochs=5, verbose=0, callbacks=plateau).history["learning_rate"]
    assert np.float32(rates[2:]) == pytest.approx(np.float32(least), rel=0, abs=0)
    assert plateau.wait > 1  # no reduction to the same rate, which would restart the waiting


def test_directions_come_from_the_models_metrics():
    from fastconv import Input, Model, layers, metrics

    class Mine(metrics.Metric):
        _direction = "down"

    class Inherited(metrics.AUC):
        pass

    x = Input((2,))
    model = Model(x, [layers.Dense(1, name="a")(x), layers.Dense(1, name="b")(x)])
    given = {"a": [Mine(name="accuracy"), Inherited(name="x")], "b": [metrics.MeanMetricWrapper(metrics.mse, "gap")]}
    model.compile("sgd", "mse", metrics=given)
    for name, better in {"val_a_accuracy": 1, "a_x": 3, "val_b_gap": 1, "b_loss": 1, "val_loss": 1}.items():
        for make in (EarlyStopping, ReduceLROnPlateau, lambda m: ModelCheckpoint("x.npz", m, save_best_only=True)):
            callback = make(name)
            callback.set_model(model)
            assert callback.is_better(better, 2), name


# ---- CSVLogger -------------------------------------------------------------------------------------------------------


def written(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_columns_that_appear_later(tmp_path):
    model, x, y = a_regression(metrics=["mae"])
    path = tmp_path / "log.csv"
    validation = {"validation_data": (x, y), "validation_freq": 2}
    history = model.fit(x, y, epochs=4, verbose=0, callbacks=CSVLogger(path), **validation).history
    rows = written(path)
    assert list(rows[0]) == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [row["val_loss"] for row in rows] == ["NA", str(history["val_loss"][0]), "NA", str(history["val_loss"][1])]
    assert [float(row["loss"]) for row in rows] == history["loss"]


def test_columns_of_an_appended_training(tmp_path):
    model, x, y = a_regression(metrics=["mae"])
    path = tmp_path / "log.csv"
    model.fit(x, y, verbose=0, callbacks=CSVLogger(path, ";", append=True))
    fewer, _, _ = a_regression()
    schedule = LearningRateScheduler(lambda epoch: 0.5)
    fewer.fit(x, y, verbose=0, validation_data=(x, y), callbacks=[schedule, CSVLogger(path, ";", append=True)])
    with open(path, newline="") as file:
        first, second = csv.DictReader(file, delimiter=";")
    assert list(first) == ["epoch", "loss", "mae", "learning_rate", "val_loss"]
    assert [first["learning_rate"], first["val_loss"], second["mae"]] == ["NA"] * 3
    assert float(second["learning_rate"]) == 0.5


@pytest.mark.parametrize("content", [b"epoch,loss\n0,\xff\n", "epoch,loss\n0,1\n".encode("utf-16"), b"\x80"])
def test_a_file_that_cannot_be_appended_to_is_named_before_training(tmp_path, content):
    model, x, y = a_regression()
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"log\.csv: CSVLogger appends to files of values in UTF-8 only"):
        model.fit(x, y, verbose=0, callbacks=CSVLogger(tmp_path / "log.csv", append=True))
    assert model.optimizer.iterations == 0
    assert (tmp_path / "log.csv").read_bytes() == content


def test_a_resumed_training_continues_its_csv_file(tmp_path):
    class Stop(Exception):
        pass

    def fit_until(last):
        def stop(epoch, logs):
            if epoch == last:
                raise Stop

        model, x, y = a_regression()
        end, backup = LambdaCallback(on_epoch_begin=stop), BackupAndRestore(tmp_path / "backup")
        model.fit(x, y, epochs=4, verbose=0, callbacks=[end, CSVLogger(tmp_path / "log.csv"), backup])

    (tmp_path / "log.csv").write_text("of another training")
    with pytest.raises(Stop):
        fit_until(2)
    fit_until(None)
    assert [row["epoch"] for row in written(tmp_path / "log.csv")] == ["0", "1", "2", "3"]


def test_the_old_name_of_min_delta():
    assert ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
