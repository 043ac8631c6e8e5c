"""Models, their arrays, and what users wrote are freed; loops over short-lived models keep nothing."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import fastconv
from fastconv import Input, Model, Sequential, layers, models, ops
from fastconv.callbacks import Callback


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def net(run_eagerly: bool = False) -> Sequential:
    model = Sequential(
        [Input((6, 6, 2)), layers.Conv2D(3, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(4)]
    )
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=run_eagerly)
    return model


def data() -> tuple[np.ndarray, np.ndarray]:
    return np.ones((6, 6, 6, 2), np.float32), np.ones((6, 4), np.float32)


class Interrupting(Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyError("a fault of a callback")


def interrupted(model, x, y):
    with pytest.raises(KeyError):
        model.fit(x, y, verbose=0, callbacks=[Interrupting()])


def refused(model, x, y):
    with pytest.raises(ValueError, match="shape"):
        model.predict(x[:, :4], verbose=0)


USES = {
    "fit": lambda model, x, y: model.fit(x, y, batch_size=4, verbose=0, validation_split=0.5),
    "train_on_batch": lambda model, x, y: model.train_on_batch(x, y),
    "evaluate": lambda model, x, y: model.evaluate(x, y, verbose=0),
    "predict": lambda model, x, y: model.predict(x, batch_size=4, verbose=0),
    "call": lambda model, x, y: model(x, training=True),
    "generator": lambda model, x, y: model.fit(iter([(x, y)]), verbose=0),
    "interrupted": interrupted,
    "refused": refused,
}


@pytest.mark.parametrize("run_eagerly", [False, True], ids=["graph", "eager"])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_data_is_freed_after_use(no_collector, use, run_eagerly):
    model = net(run_eagerly)
    for _ in range(2):  # the first batch may be an example for the graph
        x, y = data()
        freed = weakref.ref(x), weakref.ref(y)
        use(model, x, y)
        del x, y
        if use in (interrupted, refused):
            gc.collect()  # pytest.raises holds frames
        assert [ref() for ref in freed] == [None, None]


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_model_is_freed_after_use(use):
    model = net()
    use(model, *data())
    models.clone_model(model).set_weights(model.get_weights())
    freed = [weakref.ref(model), *map(weakref.ref, [*model.weights, *model.optimizer.variables])]
    del model
    gc.collect()
    assert [ref() for ref in freed] == [None] * len(freed)


@pytest.mark.parametrize("ending", [".keras", ".npz", ".h5", ".weights.h5"])
def test_saving_and_loading_keep_nothing(ending, tmp_path):
    if ending != ".npz":
        pytest.importorskip("h5py")
    model = net()
    model.train_on_batch(*data())
    path = tmp_path / f"model{ending}"
    (model.save_weights if "weights" in ending else model.save)(path)
    loaded = net() if "weights" in ending else models.load_model(path)
    if "weights" in ending:
        loaded.load_weights(path)
    freed = [*map(weakref.ref, [*model.weights, *loaded.weights])]
    del model, loaded
    gc.collect()
    assert [ref() for ref in freed] == [None] * len(freed)


def written_layer(held):
    class Own(layers.Layer):
        def call(self, x, training=None):
            return x * float(held[0])

    model = Sequential([Input((6, 6, 2)), Own(), layers.Flatten(), layers.Dense(4)])
    model.compile("sgd", "mse")
    model.fit(*data(), verbose=0)
    return Own


def written_model(held):
    class Own(Model):
        def call(self, x):
            return ops.reshape(x, (-1, 72))[:, :4] * float(held[0])

    inputs = Input((6, 6, 2))
    functional = Own(inputs, layers.Dense(4)(layers.Flatten()(inputs)))
    functional.compile("sgd", "mse")
    functional.evaluate(*data(), verbose=0)
    Own().predict(data()[0], verbose=0)
    return Own


def written_callback(held):
    class Own(Callback):
        def on_epoch_end(self, epoch, logs=None):
            held.sum()

        def on_train_batch_begin(self, batch, **kwargs):
            held.sum()

    net().fit(*data(), verbose=0, callbacks=[Own()])
    return Own


@pytest.mark.parametrize("write", [written_layer, written_model, written_callback], ids=lambda f: f.__name__)
def test_a_class_that_a_user_wrote_is_freed_with_what_it_uses(write):
    held = np.ones(1)
    freed = weakref.ref(held), weakref.ref(write(held))
    del held
    gc.collect()
    assert [ref() for ref in freed] == [None, None]


def set_threads():
    before = fastconv.config.get_num_threads()
    fastconv.config.set_num_threads(before)


class Batches(fastconv.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return data()


LOOPS = {
    "build": net,
    "fit": lambda: net().fit(*data(), verbose=0),
    "workers": lambda: net().fit(Batches(workers=2), verbose=0),
    "interrupted": lambda: interrupted(net(), *data()),
    "clear_session": lambda: (net(), fastconv.backend.clear_session()),
    "json": lambda: models.model_from_json(net().to_json()),
    "threads": set_threads,
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_loop_keeps_no_objects(loop):
    counts = []
    for rounds in (3, 6):
        for _ in range(rounds):
            loop()
        gc.collect()
        counts.append(len(gc.get_objects()))
    assert counts[1] - counts[0] < 6  # fewer than one for each round
