"""What callbacks refuse when they are made or when training begins, not in the middle of it."""

import numpy as np
import pytest

from fastconv import Input, Sequential, callbacks, layers, optimizers


def a_model(optimizer="sgd"):
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


def fit(callback, model=None):
    """Train for an epoch; fails if a step is done."""
    model = model or a_model()
    before = model.get_weights()[0]
    try:
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[callback])
    finally:
        np.testing.assert_array_equal(before, model.get_weights()[0])


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: callbacks.EarlyStopping(patience="3"), "patience"),
        (lambda: callbacks.EarlyStopping(patience=-1), "patience"),
        (lambda: callbacks.EarlyStopping(patience=1.5), "patience"),
        (lambda: callbacks.EarlyStopping(start_from_epoch="2"), "start_from_epoch"),
        (lambda: callbacks.EarlyStopping(min_delta="0.1"), "min_delta"),
        (lambda: callbacks.EarlyStopping(baseline="0.1"), "baseline"),
        (lambda: callbacks.EarlyStopping(mode="up"), "mode"),
        (lambda: callbacks.ReduceLROnPlateau(patience="3"), "patience"),
        (lambda: callbacks.ReduceLROnPlateau(cooldown="3"), "cooldown"),
        (lambda: callbacks.ReduceLROnPlateau(factor="0.1"), "factor"),
        (lambda: callbacks.ReduceLROnPlateau(min_lr=None), "min_lr"),
        (lambda: callbacks.ModelCheckpoint("x.npz", initial_value_threshold="low"), "initial_value_threshold"),
        (lambda: callbacks.ModelCheckpoint("{epoch:02d.npz"), "filepath"),
        (lambda: callbacks.ModelCheckpoint("{}.npz"), "filepath"),
        (lambda: callbacks.ModelCheckpoint("{0}.npz"), "filepath"),
        (lambda: callbacks.CSVLogger("x.csv", separator=", "), "separator"),
    ],
)
def test_arguments_of_another_kind_are_refused_at_once(make, name):
    with pytest.raises(ValueError, match=rf"{name}.* must|filepath may hold fields.*Received: {name}"):
        make()


def test_numbers_of_numpy_are_numbers():
    callbacks.EarlyStopping(patience=np.int64(3), min_delta=np.float32(0.1), baseline=np.array(0.5))
    callbacks.ReduceLROnPlateau(patience=np.int32(3), factor=np.float32(0.5), cooldown=np.uint8(1))
    callbacks.ModelCheckpoint("x.npz", save_freq=np.int64(3), period=np.int64(2))


def test_places_that_cannot_be_written_are_refused_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.npz").mkdir()
    inside = tmp_path / "file" / "inside"
    for callback in (
        callbacks.ModelCheckpoint(inside / "x.npz"),
        callbacks.ModelCheckpoint(tmp_path / "folder.npz"),
        callbacks.CSVLogger(inside),
        callbacks.CSVLogger(tmp_path / "none" / "x.csv"),
        callbacks.BackupAndRestore(inside),
    ):
        with pytest.raises(OSError, match=r"file|folder|none"):
            fit(callback)


def test_tensorboard_refuses_a_folder_before_the_first_step(tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        fit(callbacks.TensorBoard(tmp_path / "file" / "inside"))


@pytest.mark.parametrize(
    "callback", [callbacks.ReduceLROnPlateau("loss"), callbacks.LearningRateScheduler(lambda epoch: 0.1)]
)
def test_rates_of_a_schedule_are_refused_before_the_first_step(callback):
    schedule = optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    with pytest.raises(TypeError, match=f"{type(callback).__name__}: the learning rate must be a number"):
        fit(callback, a_model(optimizers.SGD(schedule)))


def test_a_quantity_without_a_direction_is_refused_before_the_first_step():
    for make in (
        lambda **k: callbacks.EarlyStopping("dice", **k),
        lambda **k: callbacks.ReduceLROnPlateau("dice", **k),
        lambda **k: callbacks.ModelCheckpoint("x.npz", "dice", save_best_only=True, **k),
    ):
        with pytest.raises(ValueError, match="mode must be 'min' or 'max'"):
            fit(make())
        make(mode="max").set_model(a_model())


def test_a_checkpoint_of_every_epoch_needs_no_direction(tmp_path):
    callbacks.ModelCheckpoint(tmp_path / "x.npz", "dice").set_model(a_model())
