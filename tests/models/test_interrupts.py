"""Ctrl-C at many moments of training: each step is done completely or not at all."""

import os
import signal
import threading
import time
from contextlib import suppress
from functools import partial

import numpy as np
import pytest

from fastconv import GradientTape, Input, Sequential, Variable, callbacks, layers, optimizers
from fastconv.engine.interrupts import uninterrupted
from fastconv.utils import Dataset, files

# Python ignores KeyboardInterrupt in finalizers, with this warning.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

X = np.random.default_rng(0).normal(size=(32, 6, 6, 1)).astype("float32")
Y = np.arange(32) % 3

OPTIMIZERS = {
    "momentum": lambda: optimizers.SGD(0.01, momentum=0.9),
    "nadam": lambda: optimizers.Nadam(1e-3, use_ema=True, ema_overwrite_frequency=2),
    "accumulating": lambda: optimizers.Adam(1e-3, gradient_accumulation_steps=2),
}


def a_model(optimizer, eager=False):
    model = Sequential(
        [
            Input((6, 6, 1)),
            layers.Conv2D(2, 3, kernel_initializer="ones"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3, "softmax", kernel_initializer="ones"),
        ]
    )
    model.compile(OPTIMIZERS[optimizer](), "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=eager)
    model.train_on_batch(X[:8], Y[:8])
    return model


def state(model):
    """Return everything that a step changes, except metrics."""
    return [v.numpy() for v in [*model.weights, *model.optimizer.variables]]


def states(optimizer, eager, steps):
    """Return the states after each number of steps without interruption, by the count of steps."""
    model, found = a_model(optimizer, eager), {}
    for i in range(steps):
        found[1 + i] = state(model)
        batch = slice(8 * (i % 4), 8 * (i % 4) + 8)
        model.train_on_batch(X[batch], Y[batch])
    return found


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_are_whole_whenever_fit_is_interrupted(optimizer, eager):
    epochs = 3 if eager else 15
    expected = states(optimizer, eager, 4 * epochs + 1)
    tries, interrupted = (8 if eager else 40), 0
    rng = np.random.default_rng(0)
    for _ in range(tries):
        model = a_model(optimizer, eager)
        timer = threading.Timer(rng.uniform(1e-4, 0.03), os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
            timer.join()
            time.sleep(0.001)
        except KeyboardInterrupt:
            interrupted += 1
        done = int(model.optimizer._iterations.numpy())
        if done in expected and done < 4 * epochs + 1:
            for found, wanted in zip(state(model), expected[done], strict=True):
                np.testing.assert_array_equal(found, wanted)
    assert interrupted


def test_predictions_follow_the_last_step():
    """Weights that are packed in advance are packed again after an interrupted step."""
    model = a_model("momentum")
    model.predict(X, verbose=0)
    for delay in np.linspace(1e-4, 0.02, 30):
        timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
        with suppress(KeyboardInterrupt):
            timer.start()
            model.fit(X, Y, batch_size=8, epochs=300, verbose=0)
            timer.join()
        fresh = a_model("momentum")
        fresh.set_weights(model.get_weights())
        np.testing.assert_array_equal(model.predict(X, verbose=0), fresh.predict(X, verbose=0))


def test_uninterrupted_work():
    done = []

    def work():
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            done.append(len(done))

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        uninterrupted(work)
    assert len(done) == 1000
    with pytest.raises(KeyboardInterrupt):
        uninterrupted(lambda: uninterrupted(work))
    assert len(done) == 2000
    assert signal.getsignal(signal.SIGINT) is handler
    uninterrupted(lambda: done.clear())
    assert not done
    thread = threading.Thread(target=uninterrupted, args=(lambda: done.append(1),))
    thread.start()
    thread.join()
    assert done == [1]


def test_errors_of_uninterrupted_work_are_raised():
    with pytest.raises(ZeroDivisionError):
        uninterrupted(lambda: 1 / 0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_custom_and_missing_handlers(monkeypatch):
    calls = []
    former = signal.signal(signal.SIGINT, lambda *args: calls.append(args[0]))
    try:
        uninterrupted(lambda: os.kill(os.getpid(), signal.SIGINT))
        assert calls == [signal.SIGINT]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        uninterrupted(lambda: os.kill(os.getpid(), signal.SIGINT))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)


def test_callbacks_are_notified_of_an_interruption():
    events = []

    class Watch(callbacks.Callback):
        def on_exception(self):
            events.append("exception")

        def on_train_end(self, logs=None):
            events.append("end")

        def on_train_batch_end(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        a_model("momentum").fit(X, Y, verbose=0, callbacks=[Watch()])
    assert events == ["exception"]


# ---- changes outside of steps ----------------------------------------------------------------------------------------


@pytest.fixture
def interrupted_assignments(monkeypatch):
    """Raise KeyboardInterrupt during the first assignment of a variable after `arm()`."""
    armed = []
    assign = Variable.assign

    def interrupting(self, value):
        if armed:
            armed.pop()
            os.kill(os.getpid(), signal.SIGINT)
        return assign(self, value)

    monkeypatch.setattr(Variable, "assign", interrupting)
    return lambda: armed.append(True)


def weights_file(ending):
    def change(model, path):
        other = a_model("momentum")
        other.set_weights([w + 1 for w in other.get_weights()])
        other.save_weights(path / f"other{ending}")
        return lambda: model.load_weights(path / f"other{ending}")

    return change


CHANGES = {
    "set_weights": lambda model, path: partial(model.set_weights, [w + 1 for w in model.get_weights()]),
    "npz": weights_file(".npz"),
    "weights.h5": weights_file(".weights.h5"),
    "h5": weights_file(".h5"),
    "call": lambda model, path: partial(model.layers[1], 3 * np.ones((2, 4, 4, 2), "float32"), training=True),
}


@pytest.mark.parametrize("name", CHANGES)
def test_variables_change_together(name, interrupted_assignments, tmp_path):
    change = CHANGES[name]
    if "h5" in name:
        pytest.importorskip("h5py")
    uninterrupted_model, model = a_model("momentum"), a_model("momentum")
    change(uninterrupted_model, tmp_path)()
    work = change(model, tmp_path)
    interrupted_assignments()
    with pytest.raises(KeyboardInterrupt):
        work()
    for found, wanted in zip(model.get_weights(), uninterrupted_model.get_weights()):
        np.testing.assert_array_equal(found, wanted)


def test_renormalized_averages_change_together(interrupted_assignments):
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    expected, layer = (layers.BatchNormalization(renorm=True) for _ in range(2))
    expected.build(x.shape)
    layer.build(x.shape)
    expected(x, training=True)
    interrupted_assignments()
    with pytest.raises(KeyboardInterrupt):
        layer(x, training=True)
    for found, wanted in zip(layer.get_weights(), expected.get_weights()):
        np.testing.assert_array_equal(found, wanted)


def test_adapted_statistics_change_together(interrupted_assignments):
    x = np.random.default_rng(0).normal(3.0, size=(8, 3)).astype("float32")
    expected, layer = layers.Normalization(), layers.Normalization()
    expected.adapt(x)
    layer.build(x.shape)
    interrupted_assignments()
    with pytest.raises(KeyboardInterrupt):
        layer.adapt(x)
    np.testing.assert_array_equal(layer(x), expected(x))


def test_assignments_of_a_tape_are_done_together(interrupted_assignments):
    variables = [Variable(np.zeros(2)) for _ in range(3)]
    tape = GradientTape()
    tape.__enter__()
    for variable in variables:
        variable.assign(variable + 1.0)
    interrupted_assignments()
    with pytest.raises(KeyboardInterrupt):
        tape.__exit__(None, None, None)
    for variable in variables:
        np.testing.assert_array_equal(variable.numpy(), 1.0)


def test_a_thread_that_makes_elements_ends_whenever_it_is_interrupted(monkeypatch):
    started = []

    def start(self):
        start_of_thread(self)
        started.append(self)
        raise KeyboardInterrupt

    start_of_thread = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(KeyboardInterrupt):
        next(iter(Dataset.from_tensor_slices(np.arange(100)).prefetch(2)))
    started[0].join(10)
    assert not started[0].is_alive()


def test_an_interrupted_write_leaves_no_partial_file(monkeypatch, tmp_path):
    def lock(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.fcntl, "flock", lock)
    with pytest.raises(KeyboardInterrupt):
        files.write_whole(tmp_path / "file", lambda file: file.write(b"new"))
    assert not list(tmp_path.iterdir())
