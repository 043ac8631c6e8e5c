"""Batches: their containers, the length of an epoch, and the notification of data sets at its end."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, callbacks, layers, optimizers, preprocessing, utils

X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "float32")
W = np.linspace(0.1, 2, 20).astype("float32")
Batch = namedtuple("Batch", "x y")


def a_model():
    model = Sequential([Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizers.SGD(0.0), "mse")
    return model


def batches(form, weights=False):
    for start in range(0, 20, 4):
        parts = [a[start : start + 4] for a in ((X, Y, W) if weights else (X, Y))]
        yield form(parts)


def torch_tensors(parts):
    torch = pytest.importorskip("torch")
    return [torch.from_numpy(part) for part in parts]


FORMS = {
    "tuple": tuple,
    "list": list,
    "named tuple": lambda parts: Batch(*parts) if len(parts) == 2 else tuple(parts),
    "nested": lambda parts: (parts[0].tolist(), *([part] for part in parts[1:])),
    "torch": torch_tensors,
}


class Numbered(utils.PyDataset):
    """Batches by index, in any container."""

    def __init__(self, form, weights, **how):
        super().__init__(**how)
        self.made = list(batches(form, weights))

    def __len__(self):
        return len(self.made)

    def __getitem__(self, index):
        return self.made[index]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weights", [False, True])
def test_batches_in_every_container(form, weights):
    model = a_model()
    wanted = model.evaluate(X, Y, batch_size=4, sample_weight=W if weights else None, verbose=0)
    outputs = model.predict(X, verbose=0)
    for make in (
        lambda: batches(FORMS[form], weights),
        lambda: iter(list(batches(FORMS[form], weights))),
        lambda: Numbered(FORMS[form], weights),
        lambda: Numbered(FORMS[form], weights, workers=2),
    ):
        assert model.evaluate(make(), verbose=0) == pytest.approx(wanted, rel=1e-5)
        history = model.fit(make(), validation_data=make(), verbose=0).history
        assert [history["loss"][0], history["val_loss"][0]] == pytest.approx([wanted, wanted], rel=1e-5)
        np.testing.assert_allclose(model.predict(make(), verbose=0), outputs, rtol=1e-5, atol=1e-6)


def test_a_loader_of_pytorch():
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    dataset = data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    model = a_model()
    wanted = model.evaluate(X, Y, verbose=0)
    for loader in (data.DataLoader(dataset, batch_size=4), data.DataLoader(dataset, batch_size=8, shuffle=True)):
        assert model.evaluate(loader, verbose=0) == pytest.approx(wanted, rel=1e-5)
        history = model.fit(loader, validation_data=loader, epochs=2, verbose=0).history
        assert history["loss"] + history["val_loss"] == pytest.approx([wanted] * 4, rel=1e-5)
    np.testing.assert_allclose(
        model.predict(data.DataLoader(dataset, batch_size=7), verbose=0), model.predict(X, verbose=0), rtol=1e-5
    )

    class Endless(data.IterableDataset):
        def __iter__(self):
            while True:
                yield from zip(torch.from_numpy(X), torch.from_numpy(Y))

    loader = data.DataLoader(Endless(), batch_size=4)
    assert model.evaluate(loader, steps=5, verbose=0) == pytest.approx(wanted, rel=1e-5)
    tensors = torch.from_numpy(X), torch.from_numpy(Y)
    assert model.evaluate(*tensors, verbose=0) == pytest.approx(wanted, rel=1e-5)
    assert model.train_on_batch(*tensors) == pytest.approx(wanted, rel=1e-5)


def test_batches_of_named_inputs():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model([a, b], layers.Dot(1)([a, b]))
    model.compile(optimizers.SGD(0.0), "mse")
    wanted = np.square((X * X[::-1]).sum(1, keepdims=True) - Y).mean()
    named = [({"b": X[::-1][i : i + 5], "a": X[i : i + 5]}, Y[i : i + 5]) for i in range(0, 20, 5)]
    assert model.evaluate(iter(named), verbose=0) == pytest.approx(wanted, rel=1e-4)
    assert model.evaluate(iter([list(batch) for batch in named]), verbose=0) == pytest.approx(wanted, rel=1e-4)
    found = model.predict(iter([x for x, _ in named]), verbose=0)
    np.testing.assert_allclose(found, (X * X[::-1]).sum(1, keepdims=True), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", [tuple, list])
def test_batches_of_four_parts_are_refused(form):
    model = a_model()
    for call in (
        lambda data: model.fit(data, verbose=0),
        lambda data: model.evaluate(data, verbose=0),
        lambda data: model.predict(data, verbose=0),
        lambda data: model.fit(X, Y, validation_data=data, verbose=0),
    ):
        with pytest.raises(ValueError, match=r"x, \(x,\), \(x, y\) or \(x, y, sample_weight\). Received: a tuple of 4"):
            call(iter([form((X, Y, W, 1))]))


# ---- datasets by index -----------------------------------------------------------------------------------------------


class Plain(utils.Sequence):
    """As in scripts for Keras 2: without a call of `super().__init__`."""

    def __init__(self, batches=5):
        self.count = batches
        self.begun = self.ended = 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        part = slice(4 * index, 4 * index + 4)
        return X[part], Y[part]

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


class WithAttribute(utils.PyDataset):
    def __init__(self, **how):
        super().__init__(**how)
        self.num_batches = 5

    __getitem__ = Plain.__getitem__


class WithProperty(utils.PyDataset):
    num_batches = property(lambda self: 5)
    __getitem__ = Plain.__getitem__


class OfTheClass(utils.PyDataset):
    num_batches = 5
    __getitem__ = Plain.__getitem__


class Both(utils.PyDataset):
    def __init__(self):
        self.num_batches = 5

    def __len__(self):
        return self.num_batches

    __getitem__ = Plain.__getitem__


class OfAnotherMeaning(Plain):
    def __init__(self):
        super().__init__()
        self.num_batches = 77

    def __len__(self):
        return 5


@pytest.mark.parametrize("make", [Plain, WithAttribute, WithProperty, OfTheClass, Both, OfAnotherMeaning])
def test_the_number_of_batches_of_a_dataset(make):
    model = a_model()
    wanted = model.evaluate(X, Y, verbose=0)
    dataset = make()
    assert (len(dataset), dataset.count_batches(), len(list(dataset))) == (5, 5, 5)
    assert model.evaluate(dataset, verbose=0) == pytest.approx(wanted, rel=1e-5)
    assert model.fit(dataset, epochs=2, verbose=0).history["loss"] == pytest.approx([wanted] * 2, rel=1e-5)
    assert model.predict(dataset, verbose=0).shape == (20, 1)


class Endless(utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        part = slice(4 * (index % 5), 4 * (index % 5) + 4)
        return X[part], Y[part]


class WithoutLength(utils.PyDataset):
    __getitem__ = Endless.__getitem__


@pytest.mark.parametrize("make", [Endless, WithoutLength])
@pytest.mark.parametrize("workers", [1, 3])
def test_an_infinite_dataset(make, workers):
    model = a_model()
    wanted = model.evaluate(X, Y, verbose=0)
    history = model.fit(
        make(workers=workers),
        steps_per_epoch=5,
        epochs=3,
        verbose=0,
        validation_data=make(workers=workers),
        validation_steps=5,
    )
    assert history.history["loss"] + history.history["val_loss"] == pytest.approx([wanted] * 6, rel=1e-5)
    assert model.evaluate(make(workers=workers), steps=5, verbose=0) == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_array_equal(model.predict(make(), steps=5, verbose=0), model.predict(X, verbose=0))

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 6

    assert model.fit(make(workers=workers), verbose=0, callbacks=[Stop()]).epoch == [0]
    assert make().num_batches is None
    with pytest.raises(NotImplementedError, match="__len__ or num_batches"):
        len(make())


@pytest.mark.filterwarnings("ignore:The data ended after 5 of 7 steps:UserWarning")
@pytest.mark.parametrize("steps", [None, 2, 3, 5, 7])
def test_a_dataset_is_notified_at_both_ends_of_each_epoch(steps):
    events = []

    class Watched(Plain):
        def on_epoch_begin(self):
            events.append("begin")

        def on_epoch_end(self):
            events.append("end")

        def __getitem__(self, index):
            events.append("batch")
            return super().__getitem__(index)

    model, epoch = a_model(), ["begin", *["batch"] * (steps or 5), "end"]  # in training, passes follow one another
    model.fit(Watched(), epochs=3, steps_per_epoch=steps, verbose=0)
    assert events == epoch * 3
    epoch = ["begin", *["batch"] * min(steps or 5, 5), "end"]
    for call in (model.evaluate, model.predict):
        events.clear()
        call(Watched(), steps=steps, verbose=0)
        assert events == epoch
    events.clear()
    model.fit(X, Y, epochs=2, validation_data=Watched(), validation_steps=steps, verbose=0)
    assert events == epoch * 2


def test_images_without_targets_beside_other_inputs():
    images = np.random.default_rng(0).normal(size=(6, 4, 4, 1)).astype("float32")
    a, b = Input((4, 4, 1)), Input((1,))
    model = Model([a, b], layers.Add()([layers.GlobalMaxPooling2D()(a), b]))
    flow = preprocessing.image.ImageDataGenerator().flow((images, np.arange(6.0)[:, None]), batch_size=3, shuffle=False)
    found = model.predict(flow, verbose=0)
    np.testing.assert_allclose(found, images.max((1, 2)) + np.arange(6)[:, None], rtol=1e-6)


# ---- numeric arguments of fit, evaluate and predict ------------------------------------------------------------------


def test_numpy_scalars():
    model = a_model()
    first, two = np.int64(1), np.int32(2)
    history = model.fit(
        X,
        Y,
        batch_size=np.uint8(4),
        epochs=np.int64(4),
        initial_epoch=first,
        steps_per_epoch=np.int64(3),
        validation_data=(X, Y),
        validation_steps=two,
        validation_batch_size=np.int16(5),
        validation_freq=two,
        validation_split=np.float32(0.0),
        verbose=0,
    )
    assert history.epoch == [1, 2, 3]
    assert history.params["steps"] == 3
    assert len(history.history["val_loss"]) == 2
    for epochs in ([2, 4], (2, 4), {2, 4}, np.array([2, 4]), range(2, 5, 2)):
        history = model.fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=epochs, verbose=0).history
        assert len(history["val_loss"]) == 2
    assert model.evaluate(X, Y, batch_size=two, steps=np.int64(10), verbose=0) > 0
    assert model.predict(X, batch_size=two, steps=np.int64(3), verbose=0).shape == (6, 1)
    assert model.predict(iter([X, X]), steps=first, verbose=0).shape == (20, 1)
    assert model.fit(batches(tuple), steps_per_epoch=two, verbose=0).params["steps"] == 2
    assert model.fit(X, Y, validation_split=np.float64(0.25), verbose=0).history["val_loss"]
    assert model.fit(X, Y, epochs=0, verbose=0).epoch == []
    assert model.fit(X, Y, epochs=3, initial_epoch=5, verbose=0).epoch == []


NUMBERS = {
    "batch_size": [0, -1, 2.5, 4.0, "4", True, float("nan"), [4], 2**70 * 1.0],
    "epochs": [-1, 2.0, "3", None, True, np.float64(2)],
    "initial_epoch": [-3, 1.0, "1", None],
    "steps_per_epoch": [0, -2, 2.0, "3", True, np.nan],
    "validation_steps": [0, -2, 2.0, "3"],
    "validation_batch_size": [0, -2, 2.0, "3"],
    "validation_freq": [0, -1, 1.5, "1", None, [0], [1.5], ["1"]],
    "validation_split": [np.nan, 1.0, -0.1, 2, "0.2"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NUMBERS.items() for value in values])
def test_invalid_numbers_are_refused_at_the_start(name, value):
    model = a_model()
    before = model.get_weights()
    validation = {} if name == "validation_split" else {"validation_data": (X, Y)}
    with pytest.raises(ValueError, match=rf"{name} must .* Received: {name}="):
        model.fit(X, Y, verbose=0, **validation, **{name: value})
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", True])
def test_numbers_of_evaluate_and_predict(value):
    model = a_model()
    for call in (
        lambda **how: model.evaluate(X, Y, verbose=0, **how),
        lambda **how: model.predict(X, verbose=0, **how),
    ):
        for name in ("steps", "batch_size"):
            with pytest.raises(ValueError, match=rf"{name} must be an int of at least 1. Received: {name}="):
                call(**{name: value})


def test_the_batch_size_follows_from_the_number_of_steps():
    """As in Keras, if only the number of steps is given, the batch size follows from it."""
    seen = []

    class Sizes(Model):
        def call(self, inputs):
            seen.append(inputs.shape[0])
            return layers.Identity()(inputs)

    model = Sizes()
    model.compile("sgd", "mse", run_eagerly=True)
    model.predict(X, verbose=0)
    for steps, sizes in ((2, [10, 10]), (3, [7, 7, 6]), (1, [20])):
        for call in (
            lambda n: model.evaluate(X, X, steps=n, verbose=0),
            lambda n: model.predict(X, steps=n, verbose=0),
        ):
            seen.clear()
            call(steps)
            assert seen == sizes


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_every_validation_sees_the_same_batches(steps):
    """As in Keras, so that epochs can be compared; a generator cannot restart, and continues."""
    model = a_model()
    wanted = model.evaluate(X[: 4 * steps], Y[: 4 * steps], verbose=0)
    sources = [
        {"validation_data": (X, Y), "validation_batch_size": 4},
        {"validation_data": Plain()},
        {"validation_data": utils.Dataset.from_tensor_slices((X, Y)).batch(4)},
        {"validation_data": Again()},
        {"validation_data": Endless()},
    ]
    for source in sources:
        history = model.fit(X, Y, epochs=4, verbose=0, validation_steps=steps, **source).history
        assert history["val_loss"] == pytest.approx([wanted] * 4, rel=1e-5)
    held_out = model.fit(
        X, Y, epochs=3, verbose=0, validation_split=0.75, validation_steps=steps, validation_batch_size=4
    ).history
    wanted = model.evaluate(X[5 : 5 + 4 * steps], Y[5 : 5 + 4 * steps], verbose=0)
    assert held_out["val_loss"] == pytest.approx([wanted] * 3, rel=1e-5)
    endless = (batch for _ in range(9) for batch in batches(tuple))
    found = model.fit(X, Y, epochs=4, verbose=0, validation_data=endless, validation_steps=steps).history["val_loss"]
    parts = [np.arange(4 * steps * i, 4 * steps * (i + 1)) % 20 for i in range(4)]
    assert found == pytest.approx([model.evaluate(X[part], Y[part], verbose=0) for part in parts], rel=1e-5)


class Again:
    """An iterable that restarts each time."""

    def __iter__(self):
        return batches(tuple)


def test_more_steps_than_the_data_has():
    model = a_model()
    wanted = model.evaluate(X, Y, verbose=0)
    for source in ((X, Y), (Plain(),), (batches(tuple),)):
        how = {"batch_size": 4} if len(source) == 2 else {}
        with pytest.warns(UserWarning, match="The data ended after 5 of 7 steps"):
            assert model.evaluate(*source, steps=7, verbose=0, **how) == pytest.approx(wanted, rel=1e-5)
    for x in (X, Plain(), batches(tuple)):
        with pytest.warns(UserWarning, match="The data ended after 5 of 7 steps"):
            assert model.predict(x, batch_size=4, steps=7, verbose=0).shape == (20, 1)
    with pytest.warns(UserWarning, match="The data ended after 5 of 7 steps"):
        history = model.fit(X, Y, verbose=0, validation_data=Plain(), validation_steps=7).history
    assert history["val_loss"] == pytest.approx([wanted], rel=1e-5)


# ---- class weights ---------------------------------------------------------------------------------------------------

CLASSES = np.arange(20) % 2
BY_CLASS = np.where(CLASSES == 1, 5.0, 0.5)
TARGETS = {
    "integers": (CLASSES, 1, "binary_crossentropy"),
    "a column": (CLASSES[:, None], 1, "binary_crossentropy"),
    "booleans": (CLASSES.astype(bool), 1, "binary_crossentropy"),
    "a column of booleans": (CLASSES.astype(bool)[:, None], 1, "binary_crossentropy"),
    "uint8": (CLASSES.astype("uint8"), 1, "binary_crossentropy"),
    "floats": (CLASSES.astype("float32"), 1, "binary_crossentropy"),
    "nearly integers": (CLASSES * 0.998 + 0.001, 1, "binary_crossentropy"),
    "list": (CLASSES.tolist(), 1, "binary_crossentropy"),
    "sparse": (CLASSES, 2, "sparse_categorical_crossentropy"),
    "one-hot": (np.eye(2)[CLASSES], 2, "categorical_crossentropy"),
    "one-hot booleans": (np.eye(2, dtype=bool)[CLASSES], 2, "categorical_crossentropy"),
    "in a list": ([CLASSES], 1, "binary_crossentropy"),
    "by name": ({"out": CLASSES}, 1, "binary_crossentropy"),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_class_weights_in_every_mode(kind):
    y, units, loss = TARGETS[kind]
    model = Sequential([Input((3,)), layers.Dense(units, activation="sigmoid", name="out")])
    model.compile(optimizers.SGD(0.0), loss)
    wanted = model.evaluate(X, y, sample_weight=BY_CLASS, verbose=0)
    part = lambda a, i: {k: v[i : i + 4] for k, v in a.items()} if isinstance(a, dict) else a[i : i + 4]  # noqa: E731
    cut = (lambda i: [y[0][i : i + 4]]) if kind == "in a list" else (lambda i: part(y, i))

    class Cut(utils.PyDataset):
        num_batches = 5

        def __getitem__(self, index):
            return X[4 * index : 4 * index + 4], cut(4 * index)

    for weights in ({0: 0.5, 1: 5}, {np.int64(0): np.float32(0.5), np.int8(1): 5}, {0.0: 0.5, 1.0: 5.0}):
        found = [
            model.fit(X, y, class_weight=weights, verbose=0).history["loss"][0],
            model.fit(Cut(), class_weight=weights, verbose=0).history["loss"][0],
            model.fit((Cut()[i] for i in range(5)), class_weight=weights, verbose=0).history["loss"][0],
            model.train_on_batch(X, y, class_weight=weights),
        ]
        assert found == pytest.approx([wanted] * 4, rel=1e-5)
    only = model.train_on_batch(X, y, class_weight={1: 5.0})  # the others count 1
    assert only == pytest.approx(model.evaluate(X, y, sample_weight=np.where(CLASSES == 1, 5, 1), verbose=0), rel=1e-5)
    both = model.train_on_batch(X, y, sample_weight=W, class_weight={0: 0.5, 1: 5.0})
    assert both == pytest.approx(model.evaluate(X, y, sample_weight=W * BY_CLASS, verbose=0), rel=1e-5)


@pytest.mark.parametrize(
    "weights",
    [
        {"0": 1, "1": 5},
        {"a": 1},
        [1, 5],
        (1, 5),
        np.array([1, 5]),
        "balanced",
        {0.5: 1},
        {float("nan"): 1},
        {None: 1},
        {0: "a"},
        {0: None},
        {0: [1]},
        5,
    ],
)
def test_invalid_class_weights(weights):
    model = a_model()
    for call in (
        lambda: model.fit(X, CLASSES, class_weight=weights, verbose=0),
        lambda: model.fit(Plain(), class_weight=weights, verbose=0),
        lambda: model.fit(batches(tuple), class_weight=weights, verbose=0),
        lambda: model.train_on_batch(X, CLASSES, class_weight=weights),
    ):
        with pytest.raises(ValueError, match=r"class_weight must .* Received: class_weight="):
            call()


def test_class_weights_need_a_single_output():
    model = a_model()
    with pytest.raises(
        ValueError, match=r"class_weight needs one class for each sample. Received: y.shape=\(20, 2, 2\)"
    ):
        model.fit(X, np.zeros((20, 2, 2)), class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ValueError, match=r"class_weight is for models with one output\. Received: 2 targets"):
        model.fit(X, [CLASSES, CLASSES], class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ValueError, match=r"class_weight is for models with one output\. Received: 0 targets"):
        model.fit(X, class_weight={0: 1.0}, verbose=0)
