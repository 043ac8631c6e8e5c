"""One model that several Python threads train, evaluate and use."""

import threading

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, metrics, optimizers

X = np.random.default_rng(0).normal(size=(16, 6, 6, 1)).astype("float32")
Y = np.arange(16) % 3


def a_model(**how):
    model = Sequential([Input((6, 6, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile(optimizers.SGD(0.0, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"], **how)
    return model


def in_threads(work, n=4):
    """Call `work(number)` in n threads at once; their errors are raised."""
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
    from fastconv import callbacks

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


def test_metrics_of_ones_own_count_every_step():
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
