"""Callbacks refuse wrong arguments when they are created or when training begins, not in the middle of training."""

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, callbacks, layers, metrics, optimizers


def a_model(optimizer="sgd"):
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


def fit(callback, model=None):
    """Train for an epoch; fail if a step is run."""
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
        (lambda: callbacks.EarlyStopping(patience=np.array([1, 2])), "patience"),
        (lambda: callbacks.EarlyStopping(patience=2**63), "patience"),
        (lambda: callbacks.EarlyStopping(min_delta=float("nan")), "min_delta"),
        (lambda: callbacks.EarlyStopping(verbose="loud"), "verbose"),
        (lambda: callbacks.EarlyStopping(3), "monitor"),
        (lambda: callbacks.LearningRateScheduler(0.1), "schedule"),
        (lambda: callbacks.EarlyStopping(start_from_epoch="2"), "start_from_epoch"),
        (lambda: callbacks.EarlyStopping(min_delta="0.1"), "min_delta"),
        (lambda: callbacks.EarlyStopping(baseline="0.1"), "baseline"),
        (lambda: callbacks.EarlyStopping(mode="up"), "mode"),
        (lambda: callbacks.ReduceLROnPlateau(patience="3"), "patience"),
        (lambda: callbacks.ReduceLROnPlateau(cooldown="3"), "cooldown"),
        (lambda: callbacks.ReduceLROnPlateau(factor="0.1"), "factor"),
        (lambda: callbacks.ReduceLROnPlateau(factor=-0.1), "factor"),
        (lambda: callbacks.ReduceLROnPlateau(min_lr=None), "min_lr"),
        (lambda: callbacks.ModelCheckpoint("x.npz", initial_value_threshold="low"), "initial_value_threshold"),
        (lambda: callbacks.ModelCheckpoint("{epoch:02d.npz"), "filepath"),
        (lambda: callbacks.ModelCheckpoint("{}.npz"), "filepath"),
        (lambda: callbacks.ModelCheckpoint("{0}.npz"), "filepath"),
        (lambda: callbacks.CSVLogger("x.csv", separator=", "), "separator"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused_at_once(make, name):
    with pytest.raises(ValueError, match=rf"{name}.* must|filepath may contain fields.*Received: {name}"):
        make()


def test_numpy_scalars_are_numbers():
    callbacks.EarlyStopping(patience=np.int64(3), min_delta=np.float32(0.1), baseline=np.array(0.5))
    callbacks.ReduceLROnPlateau(patience=np.int32(3), factor=np.float32(0.5), cooldown=np.uint8(1))
    callbacks.ModelCheckpoint("x.npz", save_freq=np.int64(3), period=np.int64(2))


def test_paths_that_cannot_be_written_are_refused_before_the_first_step(tmp_path):
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


def a_classifier(loss="categorical_crossentropy", metrics=("accuracy", "mae")):
    model = Sequential([Input((2,)), layers.Dense(3, "softmax")])
    model.compile("sgd", loss, metrics=list(metrics))
    return model


class WithStep(Model):
    """A model whose logs have names that only its own train step shows."""

    def train_step(self, data):
        super().train_step(data)
        return {"own": 1.0}


X, Y = np.ones((4, 2), np.float32), np.eye(3, dtype="float32")[[0, 1, 2, 0]]


def train(model, filepath, *others, epochs=1, **how):
    """Train, and return the names of the files that are written."""
    saved = callbacks.ModelCheckpoint(filepath, **how.pop("checkpoint", {}))
    model.fit(X, Y, 2, epochs, verbose=0, callbacks=[*others, saved], **how)
    return sorted(path.name for path in filepath.parent.iterdir())


class Began(callbacks.Callback):
    steps = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.steps += 1


@pytest.mark.parametrize(
    ("field", "how"),
    [
        ("{val_los:.2f}", {"validation_split": 0.5}),
        ("{val_loss:.2f}", {}),
        ("{accuracy_1}", {}),
        ("{batch}", {}),
        ("{learning_rate}", {}),
        ("{val_loss}", {"validation_data": (X, Y), "checkpoint": {"save_freq": 1}}),
    ],
)
def test_unknown_fields_are_found_before_the_first_batch(tmp_path, field, how):
    began = Began()
    with pytest.raises(
        ValueError, match=r"filepath may contain loss, accuracy, mae, .*epoch.* Received: \w+ in filepath="
    ):
        train(a_classifier(), tmp_path / f"{field}.npz", began, **how)
    assert began.steps == 0


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("{loss:.2f}-{accuracy:.1f}-{mae}", ""),
        ("{val_loss:.2f}-{val_accuracy:.1f}-{epoch:03d}", ""),
        ("{learning_rate:.1f}", "0.5.npz"),
        ("{epoch}-{{loss}}-{loss.real:.1f}", "1-{loss}-"),
    ],
)
def test_known_fields(tmp_path, field, name):
    rates = callbacks.LearningRateScheduler(lambda epoch: 0.5)
    (found,) = train(a_classifier(), tmp_path / f"{field}.npz", rates, validation_data=(X, Y))
    assert "NA" not in found
    assert name in found


def test_logs_that_later_callbacks_add_are_unknown(tmp_path):
    saved = callbacks.ModelCheckpoint(tmp_path / "{learning_rate}.npz")
    with pytest.raises(ValueError, match="Received: learning_rate in filepath="):
        fit(callbacks.CallbackList([saved, callbacks.LearningRateScheduler(lambda epoch: 0.5)]))


def test_fields_of_several_outputs(tmp_path):
    x = Input((2,))
    model = Model(x, {"a": layers.Dense(3, name="a")(x), "b": layers.Dense(3, name="b")(x)})
    model.compile("sgd", "mse", metrics={"a": ["mae"]}, weighted_metrics={"b": ["mae"]})
    names = model.names_in_logs()
    logs = model.fit(X, {"a": Y, "b": Y}, verbose=0).history
    assert sorted(names) == sorted(logs)
    with pytest.raises(ValueError, match=r"filepath may contain .*a_mae"):
        model.fit(X, {"a": Y, "b": Y}, verbose=0, callbacks=[callbacks.ModelCheckpoint(tmp_path / "{mae}.npz")])


@pytest.mark.parametrize("field", ["{loss}", "{val_own}", "{won:.2f}"])
def test_fields_are_checked_after_the_first_batch_if_names_are_unknown_before(tmp_path, field):
    x = Input((2,))
    model = WithStep(x, layers.Dense(3)(x))
    model.compile("sgd", "mse")
    began = Began()
    with pytest.raises(ValueError, match=r"filepath may contain own, epoch\. Received: "):
        train(model, tmp_path / f"{field}.npz", began)
    assert began.steps == 1
    assert train(model, tmp_path / "{own:.1f}.npz") == ["1.0.npz"]


@pytest.mark.parametrize("field", ["{f1_score:.2f}", "{val_f1_score:.2f}", "{loss:d}", "{loss.none}", "{loss[0]}"])
def test_values_that_do_not_fit_the_format_are_found_after_the_first_batch(tmp_path, field):
    began = Began()
    model = a_classifier(metrics=[metrics.F1Score()])
    with pytest.raises(ValueError, match=r"must fit their formats\. Received: \{.*\} in filepath=.*(loss|f1_score)="):
        train(model, tmp_path / f"{field}.npz", began, validation_data=(X, Y))
    assert began.steps == 1


class Adds(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["added"] = 0.25


def test_logs_that_a_callback_adds_are_known_after_the_epoch(tmp_path):
    path = tmp_path / "{added:.2f}-{epoch}.npz"
    for adds in (Adds(), callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(added=0.25))):
        saved = callbacks.ModelCheckpoint(path)
        a_classifier().fit(X, Y, verbose=0, callbacks=[adds, saved])
    assert [found.name for found in tmp_path.iterdir()] == ["0.25-1.npz"]


def test_training_continues_if_an_epoch_lacks_the_value(tmp_path):
    with pytest.warns(UserWarning, match=r"Received: \{val_loss:.2f\} in filepath=.*; NA is written instead"):
        names = train(
            a_classifier(), tmp_path / "{epoch}-{val_loss:.2f}.npz", epochs=2, validation_split=0.5, validation_freq=2
        )
    assert names[0] == "1-NA.npz"
    assert "NA" not in names[1]
    with pytest.warns(UserWarning, match="NA is written"):
        train(a_classifier(), tmp_path / "{adde}-{epoch}.npz", Adds())
    assert (tmp_path / "NA-1.npz").exists()


def test_a_schedule_that_returns_no_rate():
    for rate in (None, "0.1", -1.0, float("nan"), True):
        with pytest.raises(ValueError, match=r"learning_rate must be a finite number at least 0\. Received"):
            fit(callbacks.LearningRateScheduler({0: rate}.get))
    a_model().fit(X, Y[:, :1], verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch: np.float32(0.1))])
