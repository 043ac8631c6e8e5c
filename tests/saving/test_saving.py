"""Properties of every file format: models round trip, and a bad file changes nothing."""

import sys
import warnings

import numpy as np
import pytest

import fastconv
from fastconv import Input, Model, Sequential, callbacks, layers, losses, metrics, models, ops, optimizers, saving

from .samples import MODELS, assert_same_outputs, data_for, nested, sequence

pytest.importorskip("h5py")
pytest.importorskip("safetensors")

SUFFIXES = [".npz", ".safetensors", ".keras", ".h5", ".hdf5"]
WEIGHTS = [".npz", ".safetensors", ".weights.h5"]
each_suffix = pytest.mark.parametrize("suffix", SUFFIXES)
each_weights_suffix = pytest.mark.parametrize("suffix", WEIGHTS)


def changed(model):
    """Return `model` with weights that differ from those of any initializer."""
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0.2, 1, w.shape) for w in model.get_weights()])
    return model


@each_suffix
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_models_round_trip(tmp_path, make, suffix):
    model = changed(make())
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}")
    assert_same_outputs(model, again)
    assert type(again) is type(model)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert [w.path for w in again.trainable_weights] == [w.path for w in model.trainable_weights]
    other = make()
    other.load_weights(tmp_path / f"m{suffix}")
    assert_same_outputs(model, other)


@each_suffix
def test_float64_stays(tmp_path, suffix):
    model = changed(sequence("float64"))
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}")
    assert {w.dtype for w in again.weights} == {np.dtype("float64")}
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@each_weights_suffix
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_weights_round_trip(tmp_path, make, suffix):
    model, other = changed(make()), make()
    model.save_weights(tmp_path / f"w{suffix}")
    other.load_weights(tmp_path / f"w{suffix}")
    assert_same_outputs(model, other)


@each_suffix
@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda: optimizers.Adam(0.01, amsgrad=True, use_ema=True),
        lambda: optimizers.RMSprop(optimizers.schedules.ExponentialDecay(0.01, 3, 0.5), momentum=0.5, centered=True),
        lambda: optimizers.Nadam(0.01, clipnorm=1.0),
        optimizers.SGD,
    ],
)
def test_training_continues(tmp_path, suffix, make_optimizer):
    """The masks of dropout are the same too."""
    model = sequence()
    model.compile(make_optimizer(), losses.Huber(0.5), metrics=["mae", metrics.MeanSquaredError(name="squares")])
    x, y = data_for(model), np.arange(8.0).reshape(4, 2) / 8
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}")
    for _ in range(3):
        assert model.train_on_batch(x, y) == again.train_on_batch(x, y)
    assert not models.load_model(tmp_path / f"m{suffix}", compile=False).optimizer


@each_suffix
def test_compile_arguments_of_several_outputs_round_trip(tmp_path, suffix):
    a = Input((3,))
    model = Model(a, [layers.Dense(1, name="one")(a), layers.Dense(2, name="other")(a)])
    model.compile(
        "adam",
        loss={"one": "mse", "other": losses.MeanAbsoluteError()},
        loss_weights={"one": 0.5, "other": 2.0},
        metrics={"other": ["mae", metrics.CosineSimilarity(axis=0)]},
        weighted_metrics=[["mse"], []],
    )
    x, y = np.eye(3), [np.ones((3, 1)), np.ones((3, 2))]
    before = model.evaluate(x, y, verbose=0, return_dict=True)
    model.save(tmp_path / f"m{suffix}")
    assert models.load_model(tmp_path / f"m{suffix}").evaluate(x, y, verbose=0, return_dict=True) == before


@each_suffix
def test_layers_that_are_called_only_in_training(tmp_path, suffix):
    a = Input((50,))
    always = Model(a, layers.Dropout(0.5, seed=1)(a, training=True))
    never = Model(a, layers.BatchNormalization()(a, training=False))
    for model, x in ((always, np.ones((2, 50))), (never, np.full((2, 50), 3.0))):
        model.save(tmp_path / f"m{suffix}")
        again = models.load_model(tmp_path / f"m{suffix}")
        np.testing.assert_array_equal(again(x, training=True), model(x, training=True))
    assert (np.asarray(models.load_model(tmp_path / f"m{suffix}")(np.full((2, 50), 3.0), training=True)) > 2).all()


# ---- custom objects --------------------------------------------------------------------------------------------------


class Scaled(layers.Layer):
    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def build(self, input_shape):
        self.scale = self.add_weight((), "ones", name="scale")
        self.inner.build(input_shape)

    def call(self, x):
        return self.inner(x) * self.scale

    def get_config(self):
        return {**super().get_config(), "inner": fastconv.serialization.serialize(self.inner)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "inner": fastconv.serialization.deserialize("layer", config["inner"])})


class Net(Model):
    def __init__(self, width=3, name=None):
        super().__init__(name=name)
        self.width = width
        self.z = layers.Dense(width)
        self.blocks = [layers.Dense(width), {"deep": [layers.Dense(width), layers.BatchNormalization()]}]
        self._private = layers.Dense(2)
        self.alias = self.z
        self.steps = self.add_weight((), "zeros", dtype="int32", trainable=False, name="steps")

    def call(self, x):
        x = self.blocks[0](self.z(x))
        for layer in self.blocks[1]["deep"]:
            x = layer(x)
        return self._private(x)

    def get_config(self):
        return {"width": self.width, "name": self.name}


def cubed(x):
    return x * x * x


@each_suffix
def test_custom_objects(tmp_path, suffix):
    model = Sequential([Input((4,)), Scaled(layers.Dense(3, activation=cubed)), layers.Lambda(cubed)])
    model.compile("sgd", loss=lambda_free_loss, metrics=[lambda_free_loss])
    changed(model).save(tmp_path / f"m{suffix}")
    objects = {"Scaled": Scaled, "cubed": cubed, "lambda_free_loss": lambda_free_loss}
    assert_same_outputs(model, models.load_model(tmp_path / f"m{suffix}", objects))
    with saving.custom_object_scope(objects):
        assert_same_outputs(model, models.load_model(tmp_path / f"m{suffix}"))
    with pytest.raises(ValueError, match=r"unknown name.*register_keras_serializable.*custom_objects"):
        models.load_model(tmp_path / f"m{suffix}")


@each_suffix
def test_a_model_that_was_compiled_with_a_lambda(tmp_path, suffix):
    """Files contain no code: the caller passes the lambda again, or compiles anew."""
    model = Sequential([Input((4,)), layers.Dense(3)])
    model.compile("sgd", loss=lambda y, z: ops.mean((y - z) ** 2, axis=-1), metrics=["mae"])
    with pytest.warns(UserWarning, match=r"code of a lambda.* compile=False.* custom_objects"):
        model.save(tmp_path / f"m{suffix}")
    with pytest.raises(ValueError, match=r"code of a lambda.* compile=False.* custom_objects.*Received"):
        models.load_model(tmp_path / f"m{suffix}")
    alone = models.load_model(tmp_path / f"m{suffix}", compile=False)
    assert_same_outputs(model, alone)
    again = models.load_model(tmp_path / f"m{suffix}", custom_objects={"<lambda>": model.loss})
    x, y = np.eye(4), np.ones((4, 3))
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


@each_suffix
def test_a_model_that_was_compiled_with_a_function_within_a_function(tmp_path, suffix):
    def absolute(y_true, y_pred):
        return ops.mean(ops.absolute(y_true - y_pred), axis=-1)

    model = Sequential([Input((4,)), layers.Dense(3)])
    model.compile("sgd", loss=absolute, metrics=[absolute])
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises(ValueError, match=r"unknown name.*custom_objects.*absolute"):
        models.load_model(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}", {"absolute": absolute})
    assert again.loss is absolute


def lambda_free_loss(y_true, y_pred):
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


@each_suffix
def test_registered_objects(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(fastconv.serialization, "_registered", {})
    register = saving.register_keras_serializable
    register("tests", "Scale")(Scaled)
    register("tests")(cubed)
    assert saving.get_registered_name(Scaled) == "tests>Scale"
    assert saving.get_registered_object("tests>cubed") is cubed
    assert set(saving.get_custom_objects()) == {"tests>Scale", "tests>cubed"}
    model = changed(Sequential([Input((4,)), Scaled(layers.Dense(3, activation=cubed))]))
    model.save(tmp_path / f"m{suffix}")
    assert_same_outputs(model, models.load_model(tmp_path / f"m{suffix}"))
    saving.get_custom_objects().clear()
    with pytest.raises(ValueError, match="unknown name"):
        models.load_model(tmp_path / f"m{suffix}")
    assert_same_outputs(model, models.load_model(tmp_path / f"m{suffix}", {"Scale": Scaled, "cubed": cubed}))


def test_a_class_without_configuration_is_not_registered():
    with pytest.raises(ValueError, match="must have get_config"):
        saving.register_keras_serializable()(int)


@each_weights_suffix
def test_weights_of_a_subclass(tmp_path, suffix):
    x = np.random.default_rng(0).normal(size=(5, 4))
    model, other = Net(), Net()
    model(x), other(x)
    changed(model)
    model.steps.assign(7)
    model.save_weights(tmp_path / f"w{suffix}")
    other.load_weights(tmp_path / f"w{suffix}")
    np.testing.assert_array_equal(model(x), other(x))
    assert int(other.steps) == 7


@each_suffix
def test_a_subclass(tmp_path, suffix):
    x = np.random.default_rng(0).normal(size=(5, 4))
    model = Net(width=5)
    model.compile("adam", "mse")
    model.fit(x, np.ones((5, 2)), verbose=0)
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}", {"Net": Net})
    np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))
    assert model.train_on_batch(x, np.ones((5, 2))) == again.train_on_batch(x, np.ones((5, 2)))


@each_suffix
def test_a_model_too_large_for_the_memory(tmp_path, suffix):
    model = Sequential([Input((2,)), layers.Dense(2)])
    model.layers[0].units = 10**15
    model.save(tmp_path / f"m{suffix}")
    with pytest.raises(ValueError, match=r"Received: \w*MemoryError"):
        models.load_model(tmp_path / f"m{suffix}")


# ---- files -----------------------------------------------------------------------------------------------------------


@each_suffix
def test_an_existing_file(tmp_path, suffix):
    model = nested()
    path = tmp_path / f"m{suffix}"
    with pytest.raises(FileNotFoundError, match="There is no file"):
        models.load_model(path)
    model.save(path)
    model.save(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=False"):
        model.save(path, overwrite=False)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@each_suffix
def test_a_failed_save_leaves_the_file(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    nested().save(path)
    before = path.read_bytes()
    impossible = Sequential([Input((2,)), layers.Lambda(cubed)])
    impossible.layers[0].arguments = {"x": object()}
    with pytest.raises(ValueError, match="plain data"):
        impossible.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@each_suffix
def test_weights_that_do_not_fit_change_nothing(tmp_path, suffix):
    other = Sequential([Input((6, 6, 2)), layers.Conv2D(3, 3), layers.BatchNormalization(), layers.Dense(7)])
    other.save(tmp_path / f"m{suffix}")
    model = sequence()
    before = model.get_weights()
    with pytest.raises(ValueError, match=rf"m\{suffix}: .*Received"):
        model.load_weights(tmp_path / f"m{suffix}")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["m.h5", "m.hdf5"])
def test_weights_by_name_leave_other_layers_as_they_are(tmp_path, name):
    pytest.importorskip("h5py")
    trained = Sequential([Input((4,)), layers.Dense(3, name="features"), layers.Dense(10, name="classes")])
    trained.save(tmp_path / name)
    model = Sequential([Input((4,)), layers.Dense(3, name="features"), layers.Dense(2, name="two_classes")])
    before = model.get_weights()
    model.load_weights(tmp_path / name, by_name=True)
    for actual, expected in zip(model.get_weights(), trained.get_weights()[:2] + before[2:]):
        np.testing.assert_array_equal(actual, expected)
    changed = Sequential([Input((5,)), layers.Dense(3, name="features")])
    with pytest.raises(ValueError, match="features"):
        changed.load_weights(tmp_path / name, by_name=True)


def dense(**units):
    """Return a model of four inputs, with layers of these names and numbers of units."""
    return Sequential([Input((4,)), *(layers.Dense(n, name=name) for name, n in units.items())])


@pytest.mark.parametrize("name", ["m.npz", "m.safetensors", "m.keras", "m.weights.h5", "m.h5"])
def test_weights_that_do_not_fit_are_skipped_on_request(tmp_path, name):
    trained, model = changed(dense(features=3, classes=10)), dense(features=3, classes=2)
    (trained.save_weights if ".weights" in name else trained.save)(tmp_path / name)
    before = model.get_weights()
    with pytest.raises(ValueError, match="must fit the model's classes/kernel"):
        model.load_weights(tmp_path / name)
    with pytest.warns(UserWarning, match=rf"{name}: weights that do not fit were skipped: classes.*Received") as caught:
        model.load_weights(tmp_path / name, skip_mismatch=True)
    assert len(caught) == (1 if name in ("m.keras", "m.weights.h5") else 2)
    assert caught[0].filename == __file__
    for actual, expected in zip(model.get_weights(), trained.get_weights()[:2] + before[2:], strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_weights_by_name_that_do_not_fit_are_skipped_on_request(tmp_path):
    trained, model = changed(dense(features=3, classes=10)), dense(other=2, classes=3, features=10)
    trained.save(tmp_path / "m.h5")
    with pytest.warns(UserWarning, match="skipped") as caught:
        model.load_weights(tmp_path / "m.h5", skip_mismatch=True, by_name=True)
    assert len(caught) == 4
    model = Sequential([Input((4,)), layers.Dense(3, use_bias=False, name="features")])
    with pytest.warns(UserWarning, match="skipped: features: the weights of features must be those of the model"):
        model.load_weights(tmp_path / "m.h5", skip_mismatch=True, by_name=True)
    fitting = dense(features=3, other=5)
    fitting.load_weights(tmp_path / "m.h5", skip_mismatch=True, by_name=True)
    for actual, expected in zip(fitting.get_weights()[:2], trained.get_weights()):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("name", ["m.npz", "m.h5"])
def test_skipping_needs_an_equal_number_of_weights(tmp_path, name):
    dense(features=3).save(tmp_path / name)
    with pytest.raises(ValueError, match=rf"{name}: its .* must be those of the model"):
        dense(features=3, classes=2).load_weights(tmp_path / name, skip_mismatch=True)


def test_only_old_files_have_names_of_layers(tmp_path):
    model = Sequential([Input((4,)), layers.Dense(3)])
    model.save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(tmp_path / "m.npz", by_name=True)


def test_weights_need_a_model_that_is_built(tmp_path):
    with pytest.raises(ValueError, match="build"):
        Sequential([layers.Dense(2)]).load_weights(tmp_path / "w.weights.h5")


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
def test_without_h5py(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "h5py", None)
    model = nested()
    with pytest.raises(ImportError, match=r"pip install fastconv\[h5\]"):
        (model.save_weights if "weights" in name else model.save)(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "alone"), [("{epoch}.keras", False), ("{epoch}.h5", False), ("{epoch}.weights.h5", True)]
)
def test_checkpoints(tmp_path, name, alone):
    model = sequence()
    model.compile("sgd", "mse")
    checkpoint = callbacks.ModelCheckpoint(tmp_path / name, save_weights_only=alone)
    model.fit(data_for(model), np.ones((4, 2)), epochs=2, verbose=0, callbacks=[checkpoint])
    path = tmp_path / name.format(epoch=2)
    again = sequence()
    again.load_weights(path)
    assert_same_outputs(model, again)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(name.format(epoch=e) for e in (1, 2))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".keras", ".h5", ".weights.h5"])
def test_truncated_or_changed_files(tmp_path, suffix):
    """Raises an error and leaves the model unchanged; without checksums, weights that fit may be read."""
    model = changed(sequence())
    path = tmp_path / f"m{suffix}"
    (model.save_weights if suffix == ".weights.h5" else model.save)(path)
    whole, before = path.read_bytes(), model.get_weights()
    rng = np.random.default_rng(0)
    cuts = [whole[: int(n)] for n in np.linspace(0, len(whole) - 1, 24)]
    flips = [flipped(whole, int(at)) for at in rng.integers(0, len(whole), 60)]
    for content in cuts + flips:
        path.write_bytes(content)
        for read in (model.load_weights, models.load_model) if suffix != ".weights.h5" else (model.load_weights,):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    read(path)
                assert content not in cuts
            except ValueError as error:
                assert str(path) in str(error)  # noqa: PT017
                for a, b in zip(before, model.get_weights(), strict=True):
                    np.testing.assert_array_equal(a, b)
            model.set_weights(before)


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]
