"""A model that several Python threads train, evaluate and use."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastconv import Input, Sequential, callbacks, layers, metrics, optimizers, utils

X = np.random.default_rng(0).normal(size=(16, 6, 6, 1)).astype("float32")
Y = np.arange(16) % 3


def a_model(**how):
    model = Sequential([Input((6, 6, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile(optimizers.SGD(0.0, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"], **how)
    return model


def in_threads(work, n=4):
    """Call `work(number)` in n threads at once; raise their errors."""
    errors, start = [], threading.Barrier(n)

    def run(number):
        start.wait()
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("eager", [False, True])
def test_no_step_of_several_threads_is_lost(eager):
    model, each = a_model(run_eagerly=eager), 10 if eager else 40
    scores = [model.test_on_batch(X[: 4 + i], Y[: 4 + i]) for i in range(4)]

    def work(i):
        for _ in range(each):
            assert model.train_on_batch(X[: 4 + i], Y[: 4 + i]) == pytest.approx(scores[i], rel=1e-5)

    in_threads(work)
    assert int(model.optimizer.iterations) == 4 * each


def test_fit_and_evaluate_in_several_threads_share_no_metrics():
    model = a_model()
    scores = model.evaluate(X, Y, verbose=0)

    def work(i):
        for _ in range(3):
            if i % 2:
                assert model.evaluate(X, Y, batch_size=3, verbose=0) == pytest.approx(scores, rel=1e-5)
            else:
                history = model.fit(X, Y, batch_size=5, epochs=2, verbose=0, validation_data=(X, Y)).history
                for name, score in zip(("loss", "accuracy"), scores):
                    assert history[name] + history[f"val_{name}"] == pytest.approx([score] * 4, rel=1e-5)

    in_threads(work)
    assert int(model.optimizer.iterations) == 2 * 3 * 2 * 4


def test_predictions_do_not_wait_for_training():
    model, found = a_model(), []
    expected = model.predict(X, verbose=0)

    def predict(epoch, logs):
        thread = threading.Thread(target=lambda: found.append(model.predict(X, verbose=0)))
        thread.start()
        thread.join(60)

    def evaluate(epoch, logs):
        model.evaluate(X, Y, verbose=0)

    todo = [callbacks.LambdaCallback(on_epoch_begin=evaluate, on_epoch_end=predict)]
    model.fit(X, Y, epochs=2, verbose=0, callbacks=todo)
    assert len(found) == 2
    for y in found:
        np.testing.assert_allclose(y, expected, rtol=1e-6)


def test_a_model_is_built_once():
    for _ in range(5):
        model = Sequential([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3)])
        in_threads(lambda i, model=model: model.predict(X, verbose=0))
        assert [w.shape for w in model.weights] == [(3, 3, 1, 2), (2,), (32, 3), (3,)]


def test_custom_metrics_count_every_step():
    class Counting(Sequential):
        def __init__(self, *args):
            super().__init__(*args)
            self.steps = metrics.Sum("steps")

        def train_step(self, data):
            self.steps.update_state(1.0)
            return {**super().train_step(data), "steps": self.steps.result()}

    model = Counting([Input((6, 6, 1)), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")

    def work(i):
        assert model.fit(X, Y, batch_size=2, verbose=0).history["steps"] == [8.0]

    in_threads(work)


# ---- callbacks and data that wait for threads which use the model ----------------------------------------------------


def in_another_thread(work):
    """Return the result of `work` in an already started thread, as in a pool, and wait for it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(60)


USES = {
    "evaluate": lambda model: model.evaluate(X, Y, batch_size=3, verbose=0),
    "fit": lambda model: model.fit(X, Y, batch_size=3, verbose=0, validation_data=(X, Y)),
    "train_on_batch": lambda model: model.train_on_batch(X[:3], Y[:3]),
    "test_on_batch": lambda model: model.test_on_batch(X[:3], Y[:3]),
    "predict": lambda model: model.predict(X, verbose=0),
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("stage", ["on_train_batch_end", "on_epoch_end", "on_test_batch_end", "on_train_batch_begin"])
def test_callbacks_wait_for_threads_that_use_the_model(stage, use, eager):
    model = a_model(run_eagerly=eager)
    expected = model.fit(X, Y, batch_size=5, epochs=2, verbose=0, validation_data=(X, Y)).history
    waited = []

    def wait(*_):
        waited.append(in_another_thread(lambda: use(model)))

    found = model.fit(
        X,
        Y,
        batch_size=5,
        epochs=2,
        verbose=0,
        validation_data=(X, Y),
        callbacks=[callbacks.LambdaCallback(**{stage: wait})],
    ).history
    assert waited
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-5)


def test_data_waits_for_threads_that_use_the_model():
    model = a_model()
    scores = model.evaluate(X, Y, verbose=0)

    class Hardest(utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            assert model.evaluate(X, Y, verbose=0) == pytest.approx(scores, rel=1e-5)
            return X[4 * index :][:4], Y[4 * index :][:4]

    history = model.fit(Hardest(workers=2), epochs=2, verbose=0).history
    assert history["loss"] == pytest.approx(2 * [model.evaluate(X[:12], Y[:12], verbose=0)[0]], rel=1e-5)


def test_logs_that_are_read_late_belong_to_their_step():
    model, logs = a_model(), []
    model.fit(X, Y, batch_size=4, verbose=0, callbacks=[callbacks.LambdaCallback(on_train_batch_end=lambda *a: 0)])
    expected = [model.test_on_batch(X[: 4 * n], Y[: 4 * n], return_dict=True)["loss"] for n in (1, 2, 3, 4)]

    class Late(callbacks.Callback):
        looks_at_once = True

        def on_train_batch_end(self, batch, found=None):
            in_another_thread(lambda: model.evaluate(X[:5], Y[:5], verbose=0))
            logs.append(found["loss"])

    model.fit(X, Y, batch_size=4, verbose=0, shuffle=False, callbacks=[Late()])
    assert logs == pytest.approx(expected, rel=1e-5)


def test_metrics_of_threads_that_have_ended_are_forgotten():
    model = a_model()
    in_threads(lambda i: [model.evaluate(X, Y, batch_size=3, verbose=0) for _ in range(5)])
    model.fit(X, Y, verbose=0)
    turns = model._turns
    assert not turns._calls
    assert not turns._kept
    assert turns.latest is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_children_forked_while_a_thread_trains_use_the_model():
    """A lock that the thread holds must be free in the child, in which the thread does not exist."""
    inside, go_on = threading.Event(), threading.Event()

    class Slow(Sequential):
        def train_step(self, data):
            inside.set()
            go_on.wait(60)
            return super().train_step(data)

    model = Slow([Input((6, 6, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    model.predict(X, verbose=0)
    thread = threading.Thread(target=lambda: model.train_on_batch(X, Y))
    thread.start()
    inside.wait(60)
    child = os.fork()
    if not child:
        signal.alarm(60)
        go_on.set()
        try:
            model.predict(X, verbose=0)
            model.fit(X, Y, verbose=0)
            layers.Dense(1)
            os._exit(0)
        finally:
            os._exit(1)
    go_on.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
