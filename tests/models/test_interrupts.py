"""Ctrl-C at many moments of training: every step is done whole or not at all."""

import os
import signal
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

from fastconv import Input, Sequential, callbacks, layers, optimizers
from fastconv.engine.interrupts import uninterrupted

# Python swallows interruptions of finalizers, with this warning.
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
    """Everything that a step changes, but for metrics."""
    return [v.numpy() for v in [*model.weights, *model.optimizer.variables]]


def states(optimizer, eager, steps):
    """The states after each number of steps without interruption, by the count of steps."""
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


def test_predictions_know_of_the_last_step():
    """Weights that are packed in advance are packed again after a step that was interrupted."""
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


def test_what_runs_uninterrupted():
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


def test_handlers_of_ones_own_and_none(monkeypatch):
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


def test_callbacks_are_told_of_an_interruption():
    told = []

    class Watch(callbacks.Callback):
        def on_exception(self):
            told.append("exception")

        def on_train_end(self, logs=None):
            told.append("end")

        def on_train_batch_end(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        a_model("momentum").fit(X, Y, verbose=0, callbacks=[Watch()])
    assert told == ["exception"]
