"""Arrays passed in are not changed, and arrays returned belong to the caller."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import GradientTape, Input, Model, Sequential, callbacks, initializers, layers, ops, preprocessing, utils

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
IMAGES = np.random.default_rng(1).uniform(0, 255, (6, 5, 5, 3)).astype("float32")


def by_every_way(model, x):
    """Return the outputs of a model by all of its methods."""
    return [model(x), model.predict_on_batch(x), *(model.predict(x, batch_size=n, verbose=0) for n in (2, 4, 6))]


# ---- constants of models ---------------------------------------------------------------------------------------------

CONSTANTS = {
    "an operator": lambda x, c: x + c,
    "an operator from the right": lambda x, c: c * x,
    "an op": lambda x, c: ops.multiply(x, c),
    "a keyword": lambda x, c: ops.add(x, x2=c),
    "a list of an op": lambda x, c: ops.stack([x, ops.multiply(x, c)], axis=1),
    "a list": lambda x, c: ops.add(x, c.tolist()),
    "a layer": lambda x, c: layers.Lambda(lambda t, c: t * c, arguments={"c": c})(x),
    "a view": lambda x, c: ops.reshape(c, (1, 4)) * x,
    "a matrix": lambda x, c: ops.matmul(x, np.outer(c, c)),
    "where": lambda x, c: ops.where(c > 0, x, c),
    "clip": lambda x, c: ops.maximum(x, c),
}


@pytest.mark.parametrize("kind", CONSTANTS)
def test_a_constant_of_a_functional_model(kind):
    constant = np.array([1.0, -2.0, 3.0, 0.5], "float32")
    x = Input((4,))
    model, wanted = Model(x, CONSTANTS[kind](x, constant)), np.asarray(CONSTANTS[kind](X, constant.copy()))
    for change in (0.0, 7.0):
        for found in by_every_way(model, X):
            np.testing.assert_allclose(found, wanted, rtol=1e-5)
        constant[:] = change
    again = Model.from_config(model.get_config()) if kind != "a layer" else model
    np.testing.assert_allclose(again.predict(X, verbose=0), wanted, rtol=1e-5)


def test_a_list_of_a_functional_model():
    numbers, axes = [[1.0, 2.0, 3.0, 4.0]], [1]
    x = Input((4,))
    model = Model(x, ops.sum(ops.add(x, numbers), axis=axes))
    wanted = (X + np.array(numbers)).sum(1)
    numbers[0][0], axes[0] = 100.0, 0
    for found in by_every_way(model, X):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("see", ["multiplied", "reshaped"])
def test_a_constant_of_a_plan(see):
    """A plan keeps the constants of its trace, including constants accessed through a view."""

    class Constant(Model):
        def __init__(self, constant):
            super().__init__()
            self.constant = constant

        def call(self, inputs):
            return inputs * self.constant if see == "multiplied" else inputs + ops.reshape(self.constant, (1, 4))

    constant = np.array([1.0, 2.0, 3.0, 4.0], "float32")
    model = Constant(constant)
    before = [np.array(model.predict_on_batch(X)) for _ in range(2)]
    constant[:] = 0
    np.testing.assert_array_equal(model.predict_on_batch(X), before[0])


def test_arguments_of_layers():
    numbers = [np.array([2.0, 3.0, 4.0]) for _ in range(4)]
    net = Sequential(
        [
            Input((5, 5, 3)),
            layers.Rescaling(numbers[0], numbers[1]),
            layers.Normalization(mean=numbers[2], variance=numbers[3]),
        ]
    )
    wanted = np.array(net(IMAGES))
    later = [layers.Rescaling(numbers[0], numbers[1]), layers.Normalization(mean=numbers[2], variance=numbers[3])]
    for array in numbers:
        array[:] = 9
    for found in (*by_every_way(net, IMAGES), later[1](later[0](IMAGES))):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


# ---- weights ---------------------------------------------------------------------------------------------------------


def test_first_values_of_weights():
    kernel, bias = np.ones((4, 2), "float32"), np.zeros(2, "float32")
    given = layers.Dense(2, weights=[kernel, bias])
    constant = layers.Dense(2, kernel_initializer=initializers.Constant(kernel), bias_initializer="zeros")
    made = layers.Dense(2, kernel_initializer=lambda shape, dtype=None: kernel, bias_initializer="zeros")
    made.build((None, 4))
    kernel[:] = bias[:] = 5
    for layer in (given, constant, made):
        np.testing.assert_allclose(layer(X), X.sum(1, keepdims=True).repeat(2, 1), rtol=1e-5)
    made.kernel.assign(np.full((4, 2), 3.0))
    assert (kernel == 5).all()


def test_set_weights_and_get_weights():
    layer = layers.Dense(2)
    layer.build((None, 4))
    kernel, bias = np.ones((4, 2), "float32"), np.zeros(2, "float32")
    layer.set_weights([kernel, bias])
    variable = layer.kernel
    kernel[:] = 4
    variable.assign(kernel)
    kernel[:] = 5
    assert (variable.numpy() == 4).all()
    views = [
        variable.numpy(),
        np.asarray(variable),
        layer.get_weights()[0],
        ops.convert_to_numpy(variable),
        ops.reshape(variable, (-1,)),
        ops.transpose(variable),
        ops.expand_dims(variable, 0),
        ops.broadcast_to(variable, (3, 4, 2)),
        ops.stop_gradient(variable),
        variable[0],
    ]
    variable.assign(np.zeros((4, 2)))
    for found in views:
        assert (found == 4).all()
    for found in views:
        found[...] = 7
    assert (variable.numpy() == 0).all()


def test_weights_stored_by_callbacks():
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    stopping = callbacks.EarlyStopping("loss", restore_best_weights=True)
    seen = []

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.get_weights()[0])

    model.fit(X, X[:, :1], epochs=3, verbose=0, callbacks=[Look(), stopping])
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(stopping.best_weights[0], model.get_weights()[0])
    kept = stopping.best_weights[0].copy()
    model.fit(X, X[:, :1], epochs=3, verbose=0)
    np.testing.assert_array_equal(stopping.best_weights[0], kept)


# ---- data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_data_and_predictions(run_eagerly):
    x = Input((4,))
    model = Model(x, x)
    model.compile("sgd", run_eagerly=run_eagerly)
    data = X.copy()
    calls = [lambda: model.predict(data, verbose=0), lambda: model.predict(data, batch_size=2, verbose=0)]
    for call in [*calls, lambda: model.predict_on_batch(data), lambda: model.predict(iter([data]), verbose=0)]:
        found = call()
        found *= 0
        assert (call() == X).all()
        np.testing.assert_array_equal(data, X)


def test_predictions_that_callbacks_see():
    class Spoil(callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            logs["outputs"][...] = 0

    x = Input((4,))
    found = Model(x, x * 1.0).predict(X, batch_size=2, verbose=0, callbacks=[Spoil()])
    np.testing.assert_array_equal(found, X)


def test_a_step_that_works_in_place():
    class Spoil(Model):
        def train_step(self, data):
            x, y = utils.unpack_x_y_sample_weight(data)[:2]
            x, y = x.numpy(), y.numpy()
            x *= 0
            y *= 0
            return {"loss": float(x.sum() + y.sum())}

    model = Spoil()
    model.compile("sgd", run_eagerly=True)
    x, y = X.copy(), X.copy()
    model.fit(x, y, shuffle=False, verbose=0)
    model.train_on_batch(x, y)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, X)


def in_place(x, *rest):
    x *= 0
    for other in rest:
        other *= 0
    return (x, *rest) if rest else x


DATASETS = {
    "map": lambda d: d.map(in_place),
    "map in threads": lambda d: d.map(in_place, num_parallel_calls=2),
    "batches": lambda d: d.batch(2).map(in_place),
    "cache": lambda d: d.cache().map(in_place),
    "shuffle": lambda d: d.shuffle(3).map(in_place),
    "repeat": lambda d: d.repeat(2).map(in_place),
    "filter": lambda d: d.filter(lambda x, y: in_place(x, y)[0].sum() == 0),
    "prefetch": lambda d: d.prefetch(2).map(in_place),
    "unbatch": lambda d: d.batch(3).unbatch().map(in_place),
    "take": lambda d: d.take(4).skip(1).map(in_place),
    "twice": lambda d: d.map(lambda x, y: (x, y)).map(in_place),
}


@pytest.mark.parametrize("kind", DATASETS)
def test_a_dataset_whose_elements_are_changed_in_place(kind):
    x, y = X.copy(), X[:, :2].copy()
    sources = [
        utils.Dataset.from_tensor_slices((x, y)),
        utils.Dataset.from_generator(lambda: zip(x, y)),
        utils.split_dataset((x, y), 5)[0],
        utils.Dataset.from_tensor_slices((x, y)).cache(),
    ]
    for source in sources:
        before = list(source)
        changed = DATASETS[kind](source)
        for _ in range(2):
            assert all((np.asarray(part) == 0).all() for element in changed for part in element)
        for element in source:
            for part in element:
                part *= 0
        for (a, b), (c, d) in zip(source, before):
            np.testing.assert_array_equal(a, c)
            np.testing.assert_array_equal(b, d)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, X[:, :2])


def test_a_dataset_keeps_its_arguments():
    x = X.copy()
    datasets = [
        utils.Dataset.from_tensor_slices(x),
        utils.timeseries_dataset_from_array(x, x, 1, batch_size=1),
        utils.split_dataset(x, 5)[0],
    ]
    before = [list(dataset) for dataset in datasets]
    x[:] = 0
    for dataset, elements in zip(datasets, before):
        for found, element in zip(dataset, elements):
            for part, kept in zip(found, element):
                np.testing.assert_array_equal(part, kept)


def test_a_constant_that_a_dataset_returns():
    constant = np.ones(2, "float32")
    assert all(
        (batch == 0).all() for batch in utils.Dataset.from_tensor_slices(X).map(lambda x: constant).map(in_place)
    )
    assert (constant == 1).all()


@pytest.mark.parametrize("after", [lambda d: d, lambda d: d.shuffle(4), lambda d: d.cache(), lambda d: d.prefetch(3)])
def test_a_source_that_reuses_its_memory(after):
    buffer = np.empty(4, "float32")

    def rows():
        for row in X:
            buffer[:] = row
            yield buffer

    def copy_into_room(row):
        buffer[:] = row
        return buffer

    for dataset in (
        utils.Dataset.from_generator(rows),
        utils.Dataset.from_tensor_slices(X).map(copy_into_room),
    ):
        for _ in range(2):
            found = np.stack(list(after(dataset)))
            np.testing.assert_array_equal(found[np.lexsort(found.T)], X[np.lexsort(X.T)])


def test_files_mapped_into_memory_are_not_read_at_once(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r+")
    dataset = utils.Dataset.from_tensor_slices(mapped)
    for element in dataset.map(in_place):
        assert (element == 0).all()
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), X)
    mapped[0] = 5
    assert (next(iter(dataset)) == 5).all()


def test_images_that_a_function_changes_in_place():
    def spoil(image):
        image *= 0
        return image

    images, labels = IMAGES.copy(), np.arange(6.0)
    generator = preprocessing.image.ImageDataGenerator(preprocessing_function=spoil, rescale=0.5)
    for batch, y in (next(generator.flow(images, labels)), generator.flow(images, labels)[0]):
        assert (batch == 0).all()
        y[:] = 9
    generator.standardize(images[0])
    generator.standardize(images)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, np.arange(6.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: preprocessing.image.ImageDataGenerator().standardize(x),
        lambda x: preprocessing.image.img_to_array(x),
        lambda x: utils.img_to_array(x),
    ],
)
def test_a_changed_image_is_another_array(call):
    image = IMAGES[0].copy()
    call(image)[...] = 0
    np.testing.assert_array_equal(image, IMAGES[0])


def test_gradients_of_arrays_that_change_later():
    w = np.array([1.0, 2.0], "float32")
    with GradientTape() as tape:
        watched = tape.watch(w)
        loss = ops.sum(watched * watched)
    w[:] = 100
    np.testing.assert_allclose(tape.gradient(loss, watched), [2.0, 4.0])
