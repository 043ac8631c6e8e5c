"""Callbacks driven by a stand-in for fit, and a stand-in for its model."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from fastconv.callbacks import (
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
    """Its weights are the number of the epoch; it remembers what was saved."""

    def __init__(self):
        self.stop_training = False
        self.weights = None
        self.saved = []

    def get_weights(self):
        return [self.weights]

    def set_weights(self, weights):
        (self.weights,) = weights

    def save(self, path):
        self.saved.append(path)

    def save_weights(self, path):
        self.saved.append(("weights", path))


def fit(todo, steps=1, verbose=0, **names):
    """Call `todo` as fit does, with one quantity a keyword: its value in each epoch. Returns the model."""
    model = Model()
    quantities = {name: list(values) for name, values in names.items()}
    epochs = max(len(values) for values in quantities.values())
    everything = CallbackList(todo, model, {"epochs": epochs, "steps": steps, "verbose": verbose})
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


def test_a_list_tells_every_callback_everything():
    told = []
    names = [name for name in vars(Callback) if name.startswith(("on_", "set_"))]
    assert len(names) == 17

    def noting(name):
        return lambda self, *args: told.append((name, args))

    everything = type("Everything", (Callback,), {name: noting(name) for name in names})
    both = CallbackList([everything(), everything()])
    told.clear()
    wanted = {}
    for name in names:
        given = (1,) if "epoch" in name or "batch" in name or name.startswith("set_") else ()
        wanted[name] = given if name.startswith("set_") or name == "on_exception" else (*given, {})
        getattr(both, name)(*given)
    assert told == [(name, wanted[name]) for name in names for _ in range(2)]


def test_a_list_hands_on_model_and_params():
    model, one = Model(), Callback()
    CallbackList([one], model, {"epochs": 3})
    assert one.model is model
    assert one.params == {"epochs": 3}


def test_history():
    history = History()
    fit([history], loss=[3.0, 2.0], val_loss=[4.0, 5.0])
    assert history.epoch == [0, 1]
    assert history.history == {"loss": [3.0, 2.0], "val_loss": [4.0, 5.0]}
    fit([history], loss=[1.0])
    assert history.epoch == [0]
    assert history.history == {"loss": [1.0]}


# ---- EarlyStopping --------------------------------------------------------------------------------------------------


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


def test_early_stopping_restores_the_best_weights_of_a_run_that_ended_by_itself():
    model = fit([EarlyStopping(patience=5, restore_best_weights=True)], val_loss=[3, 1, 2])
    assert model.weights == 1


def test_early_stopping_begins_again_with_each_run():
    stopping = EarlyStopping()
    fit([stopping], val_loss=[1, 2])
    fit([stopping], val_loss=[5, 4, 3])
    assert stopping.stopped_epoch == 0
    assert stopping.best == 3


def test_a_missing_quantity_is_told():
    with pytest.warns(UserWarning, match="must be one of loss, accuracy.*monitor='val_loss'"):
        fit([EarlyStopping()], loss=[1.0], accuracy=[0.5])


@pytest.mark.parametrize("make", [EarlyStopping, lambda **k: ModelCheckpoint("x.npz", save_best_only=True, **k)])
def test_the_direction_is_told_by_the_name_or_must_be_given(make):
    for name in ("val_accuracy", "acc", "val_top_accuracy", "auc", "precision", "recall"):
        assert make(monitor=name).is_better(2, 1)
    for name in ("loss", "val_loss", "val_mse", "mae", "mean_squared_error", "categorical_crossentropy"):
        assert make(monitor=name).is_better(1, 2)
    assert make(monitor="dice", mode="max").is_better(2, 1)
    assert make(monitor="accuracy", mode="min").is_better(1, 2)
    with pytest.raises(ValueError, match="the name of the quantity does not tell"):
        make(monitor="dice")
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
    with pytest.raises(ValueError, match="filepath may hold loss, epoch"):
        fit([ModelCheckpoint("{val_loss}.npz")], loss=[1])
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


@pytest.mark.parametrize("what", ["test", "predict"])
def test_the_progress_of_evaluation_and_prediction(what, capsys):
    logger = CallbackList([ProgbarLogger()], Model(), {"steps": None, "verbose": 1})
    getattr(logger, f"on_{what}_begin")()
    for batch in range(2):
        getattr(logger, f"on_{what}_batch_end")(batch, {"loss": 2.0})
    getattr(logger, f"on_{what}_end")({"loss": 1.0})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("2/2 ")
    assert line.endswith(" - loss: 1.0000" if what == "test" else "/step")


def a_regression(**compiled):
    """A model that is easily trained, and its data."""
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
    """The learning rates after epochs with these losses, from 1 on."""

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
    with pytest.raises(ValueError, match="factor must be less than 1"):
        ReduceLROnPlateau(factor=1.0)


def test_training_ends_when_the_loss_is_no_number(capsys):
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
