"""Names of weights, layers and attributes that archives or HDF5 cannot store directly."""

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, models
from fastconv.saving.names import distinct, storable

from .samples import assert_same_outputs

pytest.importorskip("h5py")
pytest.importorskip("safetensors")

AWKWARD = [
    "",
    "/",
    "/abs",
    "a//b",
    "..",
    "../../up",
    ".",
    "./here",
    "a\\b",
    "C:\\x",
    "C:x",
    "nul\0inside",
    "\0",
    "half \ud800 of a character",
    "한글 ∂ 🙂",
    " ",
    "new\nline",
    "trailing/",
    "vars",
    "config.json",
    "weights",
    "*?<>|\"'%s{}",
    "long" * 20_000,
    "deep/" * 2_000,
    "\U0001f642" * 300,
]
NAMES_OF_LAYERS = [name for name in AWKWARD if name and "/" not in name] + ["top_level_model_weights", "optimizer"]

MODELS = [".npz", ".safetensors", ".keras", ".h5", ".hdf5"]
WEIGHTS = [".npz", ".safetensors", ".h5", ".hdf5", ".weights.h5"]


class Named(layers.Layer):
    """Compute y = x + w + ..., with a weight for each of `names`."""

    def __init__(self, names, **kwargs):
        super().__init__(**kwargs)
        self.names = list(names)

    def build(self, input_shape):
        for i, name in enumerate(self.names):
            self.add_weight((2,), "normal", trainable=i % 2 == 0, name=name)

    def call(self, x):
        return x + sum(self.weights)

    def get_config(self):
        return {**super().get_config(), "names": self.names}


def model_of(names):
    model = Sequential([Input((2,)), Named(names)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((3, 2)), np.zeros((3, 2)))
    return model


def assert_comes_back(model, path, objects=None):
    model.save(path)
    again = models.load_model(path, objects)
    assert_same_outputs(model, again)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    x, y = np.ones((3, 2)), np.zeros((3, 2))
    assert again.train_on_batch(x, y) == model.train_on_batch(x, y)


@pytest.mark.parametrize("suffix", MODELS)
@pytest.mark.parametrize("name", AWKWARD, ids=lambda name: repr(name)[:20])
def test_weights(tmp_path, name, suffix):
    assert_comes_back(model_of([name, "b", name]), tmp_path / f"m{suffix}", {"Named": Named})


@pytest.mark.parametrize("suffix", MODELS)
@pytest.mark.parametrize("names", [AWKWARD, ["a", "a/b", "a/b/c", "a", "a_1", "a/b"], ["a/b/c", "a/b", "a"]])
def test_weights_together(tmp_path, names, suffix):
    assert_comes_back(model_of(names), tmp_path / f"m{suffix}", {"Named": Named})


@pytest.mark.parametrize("suffix", WEIGHTS)
def test_files_of_weights(tmp_path, suffix):
    model, other = model_of(AWKWARD), model_of(AWKWARD)
    model.save_weights(tmp_path / f"w{suffix}")
    other.load_weights(tmp_path / f"w{suffix}")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def dense_of(names, name="model"):
    a = b = Input((2,))
    for layer_name in names:
        b = layers.Dense(2, name=layer_name)(b)
    model = Model(a, b, name=name)
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((3, 2)), np.zeros((3, 2)))
    return model


@pytest.mark.parametrize("suffix", MODELS)
@pytest.mark.parametrize("name", NAMES_OF_LAYERS, ids=lambda name: repr(name)[:20])
def test_layers_and_models(tmp_path, name, suffix):
    model = dense_of([name, "b"], name=name)
    assert_comes_back(model, tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}")
    assert (again.name, again.layers[1].name) == (name, name)


@pytest.mark.parametrize("suffix", MODELS)
def test_layers_together(tmp_path, suffix):
    assert_comes_back(dense_of(NAMES_OF_LAYERS), tmp_path / f"m{suffix}")


def test_layers_by_name(tmp_path):
    model, other = dense_of(NAMES_OF_LAYERS), dense_of([*NAMES_OF_LAYERS, "another"])
    model.save(tmp_path / "m.h5")
    other.load_weights(tmp_path / "m.h5", by_name=True)
    for a, b in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(a, b)


class Holding(Model):
    def __init__(self, names=(), **kwargs):
        super().__init__(**kwargs)
        self.names = list(names)
        for name in self.names:
            setattr(self, name, layers.Dense(2))

    def call(self, x):
        for name in self.names:
            x = getattr(self, name)(x)
        return x

    def get_config(self):
        return {**super().get_config(), "names": self.names}


@pytest.mark.parametrize("suffix", [".npz", ".keras", ".h5"])
def test_attributes(tmp_path, suffix):
    names = [*(name for name in AWKWARD if name != "weights"), "a", "a/b", "seeds"]
    x = np.ones((3, 2), "float32")
    model = Holding(names)
    model.build((None, 2))
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}", {"Holding": Holding})
    np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))


def test_plain_names_stay():
    names = ["dense/kernel:0", "block1_conv1/bias", "한글", "with space"]
    assert [storable(name) for name in names] == names == distinct(names)
    assert distinct(["a", "a", "a"]) == ["a", "a_1", "a_2"]
