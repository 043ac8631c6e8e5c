"""Pickles, copies and other processes: a copy computes and trains like the original, and shares nothing with it."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, callbacks, layers, losses, metrics, models, ops, optimizers, random
from fastconv.engine import GradientTape, Variable
from tests.layers.cases import CASES, IDS, RANDOM_CASES, RANDOM_IDS
from tests.layers.test_layers import inputs_for
from tests.losses.cases import CASES as LOSSES
from tests.losses.cases import IDS as LOSS_IDS
from tests.metrics.cases import CASES as METRICS
from tests.metrics.cases import IDS as METRIC_IDS
from tests.optimizers.cases import OPTIMIZERS
from tests.saving.samples import MODELS, assert_same_outputs, data_for, flat

METHODS = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "old pickle": lambda thing: pickle.loads(pickle.dumps(thing, protocol=2)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}
each_way = pytest.mark.parametrize("copied", METHODS.values(), ids=METHODS)
X, Y = np.random.default_rng(0).normal(size=(8, 4)).astype("float32"), np.ones((8, 3), "float32")


def assert_shares_nothing(first, other):
    assert not {id(v) for v in first.variables} & {id(v) for v in other.variables}
    for a, b in zip(first.variables, other.variables, strict=True):
        assert a.path == b.path
        assert not np.shares_memory(a.value, b.value)


def train(model, x=X, y=Y, steps=3):
    return [model.train_on_batch(x, y, return_dict=True) for _ in range(steps)]


def small(optimizer="adam"):
    model = Sequential([Input((4,)), layers.Dense(5, activation="relu"), layers.Dropout(0.3), layers.Dense(3)])
    model.compile(optimizer, "mse", metrics=["mae", metrics.MeanSquaredError(name="squares")])
    return model


# ---- models ----------------------------------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_models(make, copied):
    model = make()
    again = copied(model)
    assert_same_outputs(model, again)
    assert_shares_nothing(model, again)
    assert type(again) is type(model)
    assert model.get_config() == again.get_config()
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert [w.path for w in again.trainable_weights] == [w.path for w in model.trainable_weights]
    assert again.input_shape == model.input_shape
    assert again.optimizer is None


@each_way
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_trained_models(make, copied):
    model = make()
    model.compile("adam", "mse")
    x = data_for(model)
    y = model.predict(x, verbose=0)
    y = {key: item + 1 for key, item in y.items()} if isinstance(y, dict) else [item + 1 for item in flat(y)]
    model.fit(x, y, verbose=0)
    again = copied(model)
    assert_shares_nothing(model.optimizer, again.optimizer)
    assert model.evaluate(x, y, verbose=0) == again.evaluate(x, y, verbose=0)
    assert train(model, x, y) == train(again, x, y)
    assert_same_outputs(model, again)


@each_way
def test_a_copy_is_independent(copied):
    model = small()
    train(model)
    before = model.get_weights()
    again = copied(model)
    train(again)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(model.optimizer.iterations) == 3
    assert int(again.optimizer.iterations) == 6
    again.add(layers.Dense(2))
    assert len(model.layers) == 3
    assert model.output_shape == (None, 3)


@each_way
@pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS)
def test_optimizers_of_models(name, arguments, copied):
    model = small(getattr(optimizers, name)(**arguments))
    train(model)
    assert train(copied(model)) == train(model)


@each_way
def test_a_schedule_and_frozen_layers(copied):
    model = small(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), momentum=0.9))
    model.layers[0].trainable = False
    model.compile(model.optimizer, losses.Huber(0.5), metrics=["mae"])
    train(model)
    again = copied(model)
    assert not again.layers[0].trainable
    assert train(again) == train(model)


@each_way
def test_metrics_continue(copied):
    model = small()
    model.fit(X, Y, verbose=0)
    assert copied(model).get_metrics_result() == model.get_metrics_result()


@each_way
@pytest.mark.parametrize("layers_of", [list, lambda: [layers.Dense(3)], lambda: [layers.Dense(3), layers.ReLU()]])
def test_models_that_are_not_built(layers_of, copied):
    model = Sequential(layers_of())
    again = copied(model)
    assert not again.built
    again.add(layers.Dense(2))
    assert again.predict(X, verbose=0).shape == (8, 2)
    assert len(model.layers) == len(layers_of())


@each_way
def test_copies_of_a_layer_in_a_model_keep_its_graph(copied):
    i = Input((4,))
    hidden = layers.Dense(5, name="hidden")
    shared = layers.Dense(5, name="shared")
    model = Model(i, layers.Dense(2)(shared(shared(hidden(i)))))
    again = copied(model)
    features = Model(again.input, again.get_layer("hidden").output)
    np.testing.assert_array_equal(features.predict(X, verbose=0), hidden(X))
    assert again.get_layer("shared").input.shape == (None, 5)
    sequential = copied(small())
    assert Model(sequential.input, sequential.layers[0].output).predict(X, verbose=0).shape == (8, 5)


@each_way
def test_models_that_share_layers_share_them_after_copying(copied):
    i = Input((4,))
    encoded = layers.Dense(2)(i)
    encoder, coder = Model(i, encoded), Model(i, layers.Dense(4)(encoded))
    coder.compile("sgd", "mse")
    encoder, coder = copied([encoder, coder]) if copied is not copy.copy else copy.deepcopy([encoder, coder])
    before = encoder.predict(X, verbose=0)
    coder.train_on_batch(X, X)
    assert not np.array_equal(encoder.predict(X, verbose=0), before)
    np.testing.assert_array_equal(encoder.layers[1].kernel.value, coder.layers[1].kernel.value)


@pytest.mark.parametrize("copied", [METHODS["pickle"], copy.deepcopy], ids=["pickle", "deepcopy"])
def test_deep_models(copied):
    i = j = Input((2,))
    for _ in range(3000):
        j = ops.add(j, 1.0)
    model = Model(i, layers.Dense(1)(j))
    assert len(copied(model).nodes) == 3001
    deep = Sequential([Input((2,)), *(layers.ReLU() for _ in range(1500))])
    assert len(copied(deep).layers) == 1500


# ---- custom objects --------------------------------------------------------------------------------------------------


class Scaled(layers.Layer):
    """Neither its arguments nor its attributes are in its configuration."""

    def __init__(self, factor, inner):
        super().__init__()
        self.factor = factor
        self.inner = inner
        self.several = {"a": [layers.Dense(4)]}

    def build(self, input_shape):
        self.shift = self.add_weight((), "ones", name="shift")

    def call(self, x):
        return self.several["a"][0](self.inner(x)) * self.factor + self.shift


def cubed(x):
    return x * x * x


def absolute(y_true, y_pred):
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


class Squares(losses.Loss):
    def __init__(self, factor, name="squares"):
        super().__init__(name=name)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * ops.mean(ops.square(y_true - y_pred), axis=-1)


class Largest(metrics.Metric):
    def __init__(self, name="largest"):
        super().__init__(name=name)
        self.found = self.add_variable((), "zeros", name="found")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.found.assign(ops.maximum(self.found, ops.max(ops.absolute(y_true - y_pred))))

    def result(self):
        return float(self.found)


@each_way
def test_custom_classes(copied):
    model = Sequential([Input((4,)), Scaled(2.0, layers.Dense(3, activation=cubed)), layers.Lambda(cubed)])
    model.compile("adam", Squares(0.5), metrics=[Largest(), absolute])
    y = np.ones((8, 4), "float32")
    train(model, y=y)
    again = copied(model)
    assert_shares_nothing(model, again)
    assert train(again, y=y) == train(model, y=y)


class Net(Model):
    """A subclass with a metric, a second optimizer, a train step, and a functional part."""

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.dense = layers.Dense(width)
        self.blocks = [layers.Dense(3), layers.BatchNormalization()]
        i = Input((3,))
        self.functional = Model(i, ops.tanh(layers.Dense(3)(i)) + 1.0)
        self.tracker = metrics.Mean("tracked")

    def compile(self, other, **kwargs):
        super().compile(**kwargs)
        self.other = other

    def call(self, x, training=False):
        x = self.dense(x)
        for block in self.blocks:
            x = block(x)
        return self.functional(x)

    def train_step(self, data):
        x, y = data
        with GradientTape() as tape:
            loss = ops.mean(ops.square(self(x, training=True) - y))
        half = len(self.trainable_weights) // 2
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(grads[:half], self.trainable_weights[:half])
        self.other.apply(grads[half:], self.trainable_weights[half:])
        self.tracker.update_state(loss)
        return {"tracked": self.tracker.result()}


@each_way
def test_subclasses(copied):
    model = Net(6)
    unbuilt = copied(model)
    assert unbuilt.predict(X, verbose=0).shape == (8, 3)
    model.compile(optimizers.SGD(0.1, momentum=0.9), optimizer="adam", loss="mse")
    train(model)
    again = copied(model)
    assert again.width == 6
    assert again.tracker in again.metrics
    assert_shares_nothing(model.other, again.other)
    assert train(again) == train(model)
    np.testing.assert_array_equal(model.predict(X, verbose=0), again.predict(X, verbose=0))


def test_lambdas_are_copied():
    model = Sequential([Input((4,)), layers.Lambda(lambda x: 2 * x), layers.Dense(3, activation=lambda x: x + 1)])
    model.compile("adam", lambda y, z: ops.mean((y - z) ** 2, axis=-1), metrics=[lambda y, z: ops.mean(z, axis=-1)])
    train(model)
    for again in (copy.deepcopy(model), copy.copy(model)):
        assert_same_outputs(model, again)
    assert train(copy.deepcopy(model)) == train(model)


# ---- single objects --------------------------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize(("cls", "arguments", "shape", "_"), [*CASES, *RANDOM_CASES], ids=[*IDS, *RANDOM_IDS])
def test_layers(cls, arguments, shape, _, copied):
    layer = cls(**arguments)
    x = inputs_for(shape)
    unbuilt = copied(layer)
    assert (unbuilt.name, unbuilt.built) == (layer.name, layer.built)
    unbuilt(x)
    layer(x)
    again = copied(layer)
    assert_shares_nothing(layer, again)
    np.testing.assert_array_equal(again(x, training=True), layer(x, training=True))


@each_way
@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), LOSSES, ids=LOSS_IDS)
def test_losses(name, arguments, y_true, y_pred, copied):
    loss = getattr(losses, name)(**arguments)
    np.testing.assert_array_equal(copied(loss)(y_true, y_pred), loss(y_true, y_pred))


@each_way
@pytest.mark.parametrize(("name", "arguments", "batches"), METRICS, ids=METRIC_IDS)
def test_metrics(name, arguments, batches, copied):
    metric = getattr(metrics, name)(**arguments)
    metric.update_state(*batches[0])
    again = copied(metric)
    np.testing.assert_array_equal(again.result(), metric.result())
    for item in (metric, again):
        item.update_state(*batches[1])
    np.testing.assert_array_equal(again.result(), metric.result())
    assert_shares_nothing(metric, again)


@each_way
def test_variables(copied):
    variable = Variable(np.arange(6.0).reshape(2, 3), trainable=False, name="v")
    again = copied(variable)
    again.assign(np.zeros((2, 3)))
    assert (again.name, again.trainable, again.dtype) == ("v", False, np.dtype("float64"))
    assert float(variable.value.sum()) == 15
    generator = random.SeedGenerator(3)
    other = copied(generator)
    np.testing.assert_array_equal(random.normal((4,), seed=generator), random.normal((4,), seed=other))


@pytest.mark.parametrize("name", sorted({"mod", "round", "abs", *ops.__all__}))
def test_functions_are_found_again(name):
    function = getattr(ops, name)
    assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize(
    "make",
    [
        lambda path: callbacks.EarlyStopping("loss", restore_best_weights=True),
        lambda path: callbacks.ModelCheckpoint(path / "m.npz"),
        lambda path: callbacks.CSVLogger(path / "log.csv"),
        lambda path: callbacks.ReduceLROnPlateau("loss"),
        lambda path: callbacks.History(),
        lambda path: callbacks.BackupAndRestore(path / "backup"),
    ],
)
@pytest.mark.parametrize("copied", [METHODS["pickle"], copy.deepcopy], ids=["pickle", "deepcopy"])
def test_callbacks_after_training(tmp_path, make, copied):
    model, callback = small(), make(tmp_path)
    history = model.fit(X, Y, verbose=0, callbacks=[callback])
    assert_same_outputs(model, copied(callback).model)
    assert copied(history).history == history.history


# ---- other processes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_pools(start_method):
    model = small()
    train(model)
    with multiprocessing.get_context(start_method).Pool(2) as pool:
        found = pool.map(model.predict_on_batch, [X[:4], X[4:]])
    for x, y in zip((X[:4], X[4:]), found, strict=True):
        np.testing.assert_allclose(y, model.predict_on_batch(x), rtol=1e-4, atol=1e-5)  # perhaps from another device


def test_clones_and_copies_of_copies():
    model = small()
    train(model)
    again = pickle.loads(pickle.dumps(copy.deepcopy(copy.copy(model))))
    assert train(again) == train(model)
    assert models.clone_model(again).get_config() == model.get_config()
