"""Sources of batches: generators, PyDatasets and other iterables, and fixed numbers of steps."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from fastconv import Input, Sequential, callbacks, layers, utils

X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "float32")
W = np.linspace(0.1, 2, 20).astype("float32")


def a_model():
    model = Sequential([Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


class Batches(utils.PyDataset):
    """Batches of 4 that record which threads have created which of them."""

    def __init__(self, weights=False, **how):
        super().__init__(**how)
        self.weights, self.made, self.ended = weights, [], 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        self.made.append((index, threading.current_thread().name))
        part = slice(4 * index, 4 * index + 4)
        return (X[part], Y[part], W[part]) if self.weights else (X[part], Y[part])

    def on_epoch_end(self):
        self.ended += 1


class Steps(callbacks.Callback):
    """Records the number of steps of each epoch."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_epoch_begin(self, epoch, logs=None):
        self.steps.append(0)

    def on_train_batch_end(self, batch, logs=None):
        self.steps[-1] += 1


def endless():
    while True:
        for start in range(0, 20, 4):
            yield X[start : start + 4], Y[start : start + 4]


def from_arrays(epochs=2, **how):
    model = a_model()
    history = model.fit(X, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, **how).history
    return model, history


@pytest.mark.parametrize(
    "source",
    [
        lambda: Batches(),
        lambda: Batches(workers=3, max_queue_size=2),
    ],
)
def test_a_dataset_trains_like_its_arrays(source):
    model, expected = from_arrays()
    dataset, same = source(), a_model()
    history = same.fit(dataset, epochs=2, shuffle=False, verbose=0).history
    assert history == expected
    assert dataset.ended == 2
    assert [index for index, _ in sorted(dataset.made)] == sorted([*range(5)] * 2)
    np.testing.assert_allclose(same.predict(Batches(), verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert same.evaluate(Batches(weights=True), verbose=0) == pytest.approx(
        model.evaluate(X, Y, sample_weight=W, batch_size=4, verbose=0)
    )


def test_workers_prepare_batches_in_their_own_threads():
    class Slow(Batches):
        def __getitem__(self, index):
            time.sleep(0.002)
            return super().__getitem__(index)

    dataset = Slow(workers=4)
    a_model().fit(dataset, shuffle=False, verbose=0)
    assert len({name for _, name in dataset.made}) > 1
    assert threading.main_thread().name not in {name for _, name in dataset.made}


def test_an_error_in_a_worker_reaches_the_caller():
    class Broken(Batches):
        def __getitem__(self, index):
            raise OSError("no such image")

    for workers in (1, 2):
        with pytest.raises(OSError, match="no such image"):
            a_model().fit(Broken(workers=workers), verbose=0)


def test_batches_of_a_dataset_are_shuffled():
    dataset = Batches()
    utils.set_random_seed(1)
    a_model().fit(dataset, epochs=3, verbose=0)
    orders = [tuple(index for index, _ in dataset.made[5 * i : 5 * i + 5]) for i in range(3)]
    assert len(set(orders)) > 1
    assert all(sorted(order) == [*range(5)] for order in orders)


def test_a_generator_continues_after_the_last_epoch():
    _, expected = from_arrays()
    steps, model = Steps(), a_model()
    model.fit(endless(), steps_per_epoch=5, epochs=2, verbose=0, callbacks=[steps])
    assert steps.steps == [5, 5]
    again = a_model()
    history = again.fit(endless(), steps_per_epoch=10, verbose=0).history
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    assert history["loss"][0] == pytest.approx(np.mean(expected["loss"]), rel=1e-5)


def test_epochs_of_fixed_steps_continue_through_arrays():
    steps, model = Steps(), a_model()
    model.fit(X, Y, batch_size=4, epochs=5, steps_per_epoch=2, shuffle=False, verbose=0, callbacks=[steps])
    whole, _ = from_arrays(epochs=2)
    assert steps.steps == [2] * 5
    np.testing.assert_array_equal(model.get_weights()[0], whole.get_weights()[0])


def test_data_that_ends_early_warns():
    with pytest.warns(UserWarning, match="ended after 3 of 4 steps"):
        a_model().fit((batch for batch, _ in zip(endless(), range(3))), steps_per_epoch=4, verbose=0)


def test_data_without_batches_is_an_error():
    model = a_model()
    with pytest.warns(UserWarning, match="gave no batch"):
        model.fit(iter([]), verbose=0)
    with pytest.warns(UserWarning, match="gave no batch"):
        model.evaluate(iter([]), verbose=0)
    with pytest.raises(ValueError, match=r"predict needs at least one batch\. Received: none"):
        model.predict(iter([]), verbose=0)


def test_validation_by_batches_every_other_epoch():
    model = a_model()
    history = model.fit(
        X, Y, epochs=5, verbose=0, validation_data=Batches(), validation_steps=2, validation_freq=2
    ).history
    assert len(history["loss"]) == 5
    assert len(history["val_loss"]) == 2
    history = a_model().fit(X, Y, epochs=5, verbose=0, validation_data=(X, Y), validation_freq=[1, 5]).history
    assert len(history["val_mae"]) == 2


def test_names_of_keras_2():
    model, expected = from_arrays()
    same = a_model()
    history = same.fit_generator(endless(), 5, 2, workers=4, max_queue_size=3, verbose=0).history
    assert history == expected
    scores = model.evaluate(X, Y, batch_size=4, verbose=0)
    assert same.evaluate_generator(endless(), 5) == pytest.approx(scores)
    np.testing.assert_allclose(same.predict_generator(iter([X[:4], X[4:]])), model.predict(X, verbose=0), rtol=1e-6)


def test_memory_mapped_arrays_are_read_batch_by_batch(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = a_model()
    model.fit(mapped, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], from_arrays()[0].get_weights()[0])


def test_weighted_metrics_count_samples_by_their_weights():
    model = Sequential([Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
    logs = model.evaluate(X, Y, sample_weight=W, verbose=0, return_dict=True)
    error = model.predict(X, verbose=0) - Y
    assert logs["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert logs["mse"] == pytest.approx((np.square(error)[:, 0] * W).sum() / W.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.fit(endless(), Y, steps_per_epoch=1), "targets and weights are a part"),
        (lambda m: m.fit(endless(), validation_split=0.5), "validation_split is for arrays"),
        (lambda m: m.fit(X, Y, steps_per_epoch=0), "at least 1"),
        (lambda m: m.compile(metrics=[], weighted_metrics="mse"), "weighted_metrics must be a list"),
        (lambda m: utils.PyDataset(workers=0), "workers"),
    ],
)
def test_refused_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(a_model())


def test_a_dataset_without_methods_is_an_error():
    with pytest.raises(NotImplementedError, match="__len__"):
        len(utils.PyDataset())
