"""Files that one library writes and the other reads: predictions, and losses if training continues."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fastconv
from fastconv import models

from ..layers.cases import RANDOM_CASES, RANDOM_IDS
from ..layers.test_layers import inputs_for
from ..losses.cases import CASES as LOSSES
from ..metrics.cases import CASES as METRICS
from ..optimizers.cases import OPTIMIZER_IDS, OPTIMIZERS
from .test_layers import SHARED

keras = pytest.importorskip("keras")

pytestmark = [
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`"),
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # from Keras's variables
    pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning"),
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64"),
]
each_suffix = pytest.mark.parametrize("suffix", [".keras", ".h5"])
both_ways = pytest.mark.parametrize("writer", ["fastconv", "keras"])
# RandomCrop returns images of another size in Keras's `predict` than in a call.
LAYERS = [*SHARED, *((i, case) for i, case in zip(RANDOM_IDS, RANDOM_CASES) if "RandomCrop" not in i)]
each_layer = pytest.mark.parametrize(
    ("cls", "arguments", "shape"), [case[:3] for _, case in LAYERS], ids=[i for i, _ in LAYERS]
)


def sides(writer):
    """Parametrize a test by (writer, reader)."""
    return (fastconv, keras) if writer == "fastconv" else (keras, fastconv)


def moved(model, reader, path, **how):
    """Save `model` and return it as read by the other library."""
    model.save(path)
    return reader.models.load_model(path, **how)


def assert_same(a, b, x, tolerance=1e-5):
    ours, theirs = (model.predict(x, verbose=0) for model in (a, b))
    assert type(ours) is type(theirs)
    for y, z in zip(*((out if isinstance(out, (list, tuple)) else [out]) for out in (ours, theirs))):
        np.testing.assert_allclose(y, z, rtol=tolerance, atol=tolerance * max(1, np.abs(z).max()))


def randomized(model):
    """Return `model` with weights that differ from those of any initializer."""
    rng = np.random.default_rng(3)
    model.set_weights([np.abs(rng.normal(0.2, 1, w.shape)).astype("float32") for w in model.get_weights()])
    return model


@both_ways
@each_suffix
@each_layer
def test_every_layer(tmp_path, cls, arguments, shape, suffix, writer):
    source, reader = sides(writer)
    if cls.__name__ == "RandomBrightness" and (suffix, writer) == (".h5", "keras"):
        return  # Keras does not write it
    x = inputs_for(shape)
    several = isinstance(x, list)
    inputs = [source.Input(a.shape[1:]) for a in x] if several else source.Input(x.shape[1:])
    layer = getattr(source.layers, cls.__name__)(**arguments)
    model = randomized(source.Model(inputs, layer(inputs)))
    assert_same(model, moved(model, reader, tmp_path / f"m{suffix}"), x)


def sequential(k):
    return k.Sequential(
        [
            k.Input((9, 9, 2)),
            k.layers.Conv2D(4, 3, activation="relu", kernel_initializer="he_normal", kernel_regularizer="l2"),
            k.layers.BatchNormalization(),
            k.layers.DepthwiseConv2D(3, padding="same"),
            k.layers.LeakyReLU(0.1),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.Dense(5, kernel_constraint=k.constraints.MaxNorm(3.0), activation=k.activations.gelu),
            k.layers.Dense(3, activation="softmax"),
        ]
    )


def shared(k):
    """Return a model with two inputs at different depths, shared layers, functions of ops, and two outputs."""
    a, b = k.Input((9, 9, 2), name="a"), k.Input((4,), name="b")
    conv = k.layers.Conv2D(2, 3, padding="same", name="shared")
    x = conv(conv(a) * 2.0 + a)
    x = k.ops.relu(x)[:, 1:, :, :1]
    x = k.layers.Flatten()(k.layers.Conv2D(3, 2)(x))
    x = k.ops.concatenate([x, k.layers.Dense(3)(b)], axis=-1)
    x = k.layers.Dense(4, activation="tanh")(x)
    mean = k.ops.expand_dims(k.ops.mean(x, axis=1), 1)
    return k.Model([a, b], [k.layers.Dense(3, activation="softmax", name="left")(x), k.layers.add([mean, b])])


def nested(k):
    """Return a functional model that contains a functional and a sequential model, each applied twice."""
    i = k.Input((6,))
    block = k.Model(i, k.layers.add([k.layers.Dense(6, activation="relu")(i), i]), name="block")
    steps = k.Sequential([k.Input((6,)), k.layers.Dense(6), k.layers.BatchNormalization()], name="steps")
    j = k.Input((6,))
    x = block(steps(block(j)))
    return k.Model(j, block(k.layers.Dense(6, name="between")(steps(x))))


def branches(k):
    """Return a model with several layers of a class whose order depends on their depth."""
    i = k.Input((8, 8, 3))
    x = k.layers.Conv2D(4, 3, padding="same", name="stem")(i)
    left = k.layers.Conv2D(4, 1, name="left")(x)
    right = k.layers.Conv2D(4, 3, padding="same", name="right2")(k.layers.Conv2D(4, 1, name="right1")(x))
    skip = k.layers.Conv2D(4, 1, name="skip")(i)
    x = k.layers.Concatenate()([skip, right, left])
    return k.Model(i, k.layers.GlobalAveragePooling2D()(x))


def named(k):
    """Return a model with named inputs and outputs."""
    a, b = k.Input((5,), name="second"), k.Input((5,), name="first")
    z = k.layers.Dense(3, name="d1")(a)
    return k.Model({"second": a, "first": b}, {"y": k.layers.Dense(2)(z), "m": k.layers.Dense(2)(b)})


MODELS = {
    sequential: (9, 9, 2),
    shared: [(9, 9, 2), (4,)],
    nested: (6,),
    branches: (8, 8, 3),
}


def data(shape, n=8):
    rng = np.random.default_rng(1)
    if isinstance(shape, list):
        return [rng.normal(size=(n, *sizes)).astype("float32") for sizes in shape]
    return rng.normal(size=(n, *shape)).astype("float32")


@both_ways
@each_suffix
@pytest.mark.parametrize("make", MODELS, ids=lambda f: f.__name__)
def test_models(tmp_path, make, suffix, writer):
    source, reader = sides(writer)
    model = randomized(make(source))
    again = moved(model, reader, tmp_path / f"m{suffix}")
    assert_same(model, again, data(MODELS[make]))
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert_same(model, moved(again, source, tmp_path / f"back{suffix}"), data(MODELS[make]))


@both_ways
def test_parts_of_tensors(tmp_path, writer):
    """Not in .h5 files: Keras cannot read the ellipsis that it writes there."""
    source, reader = sides(writer)
    i = source.Input((4, 5, 3))
    model = source.Model(i, i[..., -1] * np.arange(5, dtype="float32") + i[:, :, ::2, 1:].shape[-1])
    assert_same(model, moved(model, reader, tmp_path / "m.keras"), data((4, 5, 3)))


@both_ways
def test_inputs_and_outputs_by_name(tmp_path, writer):
    source, reader = sides(writer)
    model = randomized(named(source))
    x = {"first": data((5,)), "second": data((5,)) + 1}
    a, b = model.predict(x, verbose=0), moved(model, reader, tmp_path / "m.keras").predict(x, verbose=0)
    assert set(a) == set(b) == {"y", "m"}
    for key in a:
        np.testing.assert_allclose(a[key], b[key], rtol=1e-5, atol=1e-5)


@both_ways
@pytest.mark.parametrize("make", MODELS, ids=lambda f: f.__name__)
def test_weights_files(tmp_path, make, writer):
    source, reader = sides(writer)
    model, other = randomized(make(source)), make(reader)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    assert_same(model, other, data(MODELS[make]))


def losses_of(model, x, y, epochs=2):
    return model.fit(x, y, epochs=epochs, batch_size=4, shuffle=False, verbose=0).history["loss"]


def trainable(k):
    return k.Sequential(
        [
            k.Input((5, 5, 2)),
            k.layers.Conv2D(3, 3, activation="tanh", kernel_regularizer="l2"),
            k.layers.BatchNormalization(),
            k.layers.Flatten(),
            k.layers.Dense(3, activation="sigmoid", kernel_constraint="max_norm"),
        ]
    )


@both_ways
@pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS, ids=OPTIMIZER_IDS)
def test_training_continues(tmp_path, name, arguments, writer):
    source, reader = sides(writer)
    model = trainable(source)
    model.compile(getattr(source.optimizers, name)(**arguments), "binary_crossentropy", metrics=["accuracy"])
    x, y = data((5, 5, 2)), np.eye(3, dtype="float32")[np.arange(8) % 3]
    losses_of(model, x, y)
    again = moved(model, reader, tmp_path / "m.keras")
    model = source.models.load_model(tmp_path / "m.keras")  # Keras neither saves nor restores this state
    assert int(again.optimizer.iterations) == 4
    np.testing.assert_allclose(losses_of(again, x, y), losses_of(model, x, y), rtol=2e-4)


@pytest.mark.parametrize(("name", "arguments"), [OPTIMIZERS[i] for i in (2, 6, 8)])
def test_training_of_an_old_file_continues(tmp_path, name, arguments):
    """Tested only here: Keras 3 builds the optimizer of such a file without variables."""
    model = trainable(keras)
    model.compile(getattr(keras.optimizers, name)(**arguments), "binary_crossentropy", metrics=["accuracy"])
    x, y = data((5, 5, 2)), np.eye(3, dtype="float32")[np.arange(8) % 3]
    losses_of(model, x, y)
    again = moved(model, fastconv, tmp_path / "m.h5")
    back = moved(again, fastconv, tmp_path / "again.h5")
    expected = losses_of(model, x, y)
    np.testing.assert_allclose(losses_of(again, x, y), expected, rtol=2e-4)
    np.testing.assert_allclose(losses_of(back, x, y), expected, rtol=2e-4)


def test_an_old_file_says_how_to_train(tmp_path):
    model = trainable(fastconv)
    model.compile(fastconv.optimizers.Adam(0.25), fastconv.losses.Huber(), metrics=["mae"])
    losses_of(model, data((5, 5, 2)), data((3,)))
    again = moved(model, keras, tmp_path / "m.h5")
    assert float(again.optimizer.learning_rate) == 0.25
    assert type(again.loss).__name__ == "Huber"


@both_ways
def test_training_with_a_schedule_and_several_outputs_continues(tmp_path, writer):
    source, reader = sides(writer)
    model = shared(source)
    rate = source.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)
    model.compile(
        source.optimizers.SGD(rate, momentum=0.9),
        loss=["categorical_crossentropy", source.losses.Huber(0.5)],
        loss_weights=[1.0, 0.25],
        metrics=[["accuracy"], [source.metrics.MeanAbsoluteError(name="error")]],
    )
    x, y = data([(9, 9, 2), (4,)]), [np.eye(3, dtype="float32")[np.arange(8) % 3], data((4,))]
    losses_of(model, x, y)
    again = moved(model, reader, tmp_path / "m.keras")
    model = source.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(losses_of(again, x, y), losses_of(model, x, y), rtol=2e-4)


@both_ways
def test_training_of_a_frozen_part_continues(tmp_path, writer):
    source, reader = sides(writer)
    model = nested(source)
    model.get_layer("steps").trainable = False
    model.compile("adam", "mse")
    x, y = data((6,)), data((6,))
    losses_of(model, x, y)
    again = moved(model, reader, tmp_path / "m.keras")
    assert len(again.trainable_weights) == len(model.trainable_weights)
    np.testing.assert_allclose(losses_of(again, x, y), losses_of(model, x, y), rtol=2e-4)


def tiny(k):
    return k.Sequential([k.Input((3,)), k.layers.Dense(3, activation="sigmoid")])


@both_ways
@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), LOSSES, ids=[case[0] for case in LOSSES])
def test_every_loss(tmp_path, name, arguments, y_true, y_pred, writer):
    source, reader = sides(writer)
    model = tiny(source)
    model.compile("sgd", getattr(source.losses, name)(**arguments))
    again = moved(model, reader, tmp_path / "m.keras")
    ours, theirs = (m.loss.get_config() for m in ((model, again) if writer == "fastconv" else (again, model)))
    given = {key: value for key, value in theirs.items() if key not in ("fn", "dtype")}
    assert json.dumps({**ours, **given}) == json.dumps(ours)
    assert type(again.loss).__name__ == name


@both_ways
@pytest.mark.parametrize(("name", "arguments", "batches"), METRICS, ids=[case[0] for case in METRICS])
def test_every_metric(tmp_path, name, arguments, batches, writer):
    source, reader = sides(writer)
    model = tiny(source)
    metric = getattr(source.metrics, name)(**arguments)
    model.compile("sgd", "mse", metrics=[metric])
    again = moved(model, reader, tmp_path / "m.keras")
    compiled = again.get_compile_config()["metrics"][0]
    assert compiled["class_name"] == name
    given = {key: metric.get_config()[key] for key in arguments if key != "label_weights"}  # tensors in Keras
    assert json.dumps({**compiled["config"], **given}) == json.dumps(compiled["config"])


@both_ways
@each_suffix
def test_a_loss_within_a_function(tmp_path, suffix, writer):
    source, reader = sides(writer)

    def made(k):
        def cubic(y_true, y_pred):
            return k.ops.mean(k.ops.abs(y_true - y_pred) ** 3, axis=-1)

        return cubic

    model = tiny(source)
    model.compile("sgd", made(source), metrics=[made(source)])
    model.evaluate(data((3,)), data((3,)), verbose=0)
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises((ValueError, TypeError)):
        reader.models.load_model(tmp_path / f"m{suffix}")
    again = reader.models.load_model(tmp_path / f"m{suffix}", custom_objects={"cubic": made(reader)})
    expected = model.evaluate(data((3,)), data((3,)), verbose=0)
    np.testing.assert_allclose(again.evaluate(data((3,)), data((3,)), verbose=0), expected, rtol=1e-5)


@both_ways
@each_suffix
@pytest.mark.filterwarnings("ignore:compile was given a lambda")
def test_a_lambda_that_a_model_was_compiled_with(tmp_path, suffix, writer):
    source, reader = sides(writer)
    model = tiny(source)
    model.compile("sgd", lambda y, z: source.ops.mean(y - z, axis=-1))
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises((ValueError, TypeError)):
        reader.models.load_model(tmp_path / f"m{suffix}")
    assert_same(model, reader.models.load_model(tmp_path / f"m{suffix}", compile=False), data((3,)))
    if reader is fastconv:
        objects = {"<lambda>": lambda y, z: fastconv.ops.mean(y - z, axis=-1)}
        again = reader.models.load_model(tmp_path / f"m{suffix}", custom_objects=objects)
        expected = model.evaluate(data((3,)), data((3,)), verbose=0)
        np.testing.assert_allclose(again.evaluate(data((3,)), data((3,)), verbose=0), expected, rtol=1e-5)


SKIPPED = {
    "another head": ([4, 3, 10], [4, 3, 2]),
    "other inputs": ([4, 3, 2], [5, 3, 2]),
    "other layers between": ([4, 3, 2, 2], [4, 5, 2, 2]),
}


@both_ways
@pytest.mark.parametrize("suffix", [".keras", ".weights.h5", ".h5", "by_name.h5"])
@pytest.mark.parametrize("case", SKIPPED)
@pytest.mark.filterwarnings("ignore")  # the two libraries report it in different words
def test_weights_that_do_not_fit_are_skipped(tmp_path, suffix, case, writer):
    source, reader = sides(writer)

    def made(k, sizes):
        dense = [k.layers.Dense(n, name=f"dense{i}") for i, n in enumerate(sizes[1:])]
        return randomized(k.Sequential([k.Input((sizes[0],)), *dense]))

    theirs, ours = SKIPPED[case]
    model, here, there = made(source, theirs), made(source, ours), made(reader, ours)
    path = tmp_path / f"m{suffix}"
    (model.save_weights if ".weights" in suffix else model.save)(path)
    how = {"by_name": True} if "by_name" in suffix else {}
    for other in (here, there):
        other.set_weights([w * 0 + 7 for w in other.get_weights()])
        other.load_weights(path, skip_mismatch=True, **how)
    for a, b in zip(here.get_weights(), there.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def subclassed(k):
    """A model with layers in attributes, private attributes, lists and dicts, and with weights of its own."""

    class Branch(k.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.inner = k.layers.Dense(units, activation="tanh")
            self._scale = k.layers.Dense(units)

        def build(self, input_shape):
            self.factor = self.add_weight(shape=(self.units,), initializer="ones", name="factor")
            self.inner.build(input_shape)
            self._scale.build(input_shape)
            self.built = True

        def call(self, x):
            return self.inner(x) * self._scale(x) * self.factor

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.z = k.layers.Dense(4)
            self.a = Branch(4)
            self.blocks = [k.layers.Dense(4), [k.layers.Dense(4), k.layers.BatchNormalization()], {"k": Branch(4)}]
            self._last = k.layers.Dense(2)
            self.again = self.z

        def call(self, x):
            x = self.a(self.z(x))
            for layer in (self.blocks[0], *self.blocks[1], self.blocks[2]["k"]):
                x = layer(x)
            return self._last(x)

    return Net, Branch


@both_ways
def test_weights_of_subclassed_models(tmp_path, writer):
    source, reader = sides(writer)
    x = data((4,))
    model, other = (subclassed(k)[0]() for k in (source, reader))
    model.compile("adam", "mse")
    model.fit(x, np.ones((8, 2), "float32"), verbose=0)
    other(x)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    assert_same(model, other, x)


@both_ways
@each_suffix
def test_custom_layers(tmp_path, suffix, writer):
    source, reader = sides(writer)
    branch = subclassed(source)[1]
    model = randomized(source.Sequential([source.Input((4,)), branch(3), source.layers.Dense(2)]))
    objects = {"Branch": subclassed(reader)[1]}
    assert_same(model, moved(model, reader, tmp_path / f"m{suffix}", custom_objects=objects), data((4,)))


@both_ways
def test_custom_subclassed_models(tmp_path, writer):
    source, reader = sides(writer)
    model = subclassed(source)[0]()
    x = data((4,))
    model(x)
    objects = {cls.__name__: cls for cls in subclassed(reader)}
    assert_same(model, moved(model, reader, tmp_path / "m.keras", custom_objects=objects), x)


@both_ways
def test_registered_objects(tmp_path, writer):
    source, reader = sides(writer)

    def made(k):
        @k.saving.register_keras_serializable("tests")
        def twice(x):
            return x * 2

        @k.saving.register_keras_serializable("tests", "Shift")
        class Moved(k.layers.Layer):
            def call(self, x):
                return x + 1

        return Moved, twice

    shift, twice = made(source)
    made(reader)
    model = source.Sequential(
        [source.Input((4,)), shift(), source.layers.Dense(3, activation=twice), source.layers.Lambda(twice)]
    )
    assert_same(model, moved(model, reader, tmp_path / "m.keras"), data((4,)))
    for k in (source, reader):
        for name in ("tests>twice", "tests>Shift"):
            k.saving.get_custom_objects().pop(name)


def test_a_lambda_of_keras_is_distinct_from_a_function(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2, name="double")])
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"m{suffix}")
        with pytest.raises(ValueError, match="code is never read from a file"):
            models.load_model(tmp_path / f"m{suffix}")
        again = models.load_model(tmp_path / f"m{suffix}", custom_objects={"double": lambda x: x * 2})
        assert_same(model, again, data((4,)))


def test_mixed_precision_becomes_float32(tmp_path):
    inputs = keras.Input((4,))
    model = randomized(keras.Model(inputs, keras.layers.Dense(3, dtype="mixed_bfloat16")(inputs)))
    model.save(tmp_path / "m.keras")
    again = models.load_model(tmp_path / "m.keras")
    assert again.layers[-1].dtype == "float32"
    assert_same(model, again, data((4,)), 2e-2)
