"""Layers as activations of other layers, in files."""

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, models

from .samples import assert_same_outputs

pytest.importorskip("h5py")
pytest.importorskip("safetensors")

ACTIVATIONS = {
    "LeakyReLU": lambda: layers.LeakyReLU(0.3),
    "PReLU": lambda: layers.PReLU("ones"),
    "BatchNormalization": lambda: layers.BatchNormalization(),
    "Dense": lambda: layers.Dense(2, activation=layers.ELU(0.5)),
    "Activation": lambda: layers.Activation(layers.ReLU(max_value=0.5)),
}
each_activation = pytest.mark.parametrize("make", ACTIVATIONS.values(), ids=ACTIVATIONS)


def net(make):
    return Sequential(
        [
            Input((6, 6, 2)),
            layers.Conv2D(2, 3, activation=make()),
            layers.Flatten(),
            layers.Dense(2, activation=make()),
        ]
    )


def trained(make):
    model = net(make)
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(8, 6, 6, 2)).astype("float32"), rng.normal(size=(8, 2)).astype("float32"), verbose=0)
    return model


@each_activation
@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".keras", ".h5", ".hdf5"])
def test_models(tmp_path, make, suffix):
    model = trained(make)
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}")
    assert_same_outputs(model, again)
    assert type(again.layers[0].activation) is type(model.layers[0].activation)


@each_activation
@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".weights.h5", ".h5", ".hdf5"])
def test_weights(tmp_path, make, suffix):
    model, other = trained(make), net(make)
    model.save_weights(tmp_path / f"w{suffix}")
    other.load_weights(tmp_path / f"w{suffix}")
    assert_same_outputs(model, other)


@each_activation
def test_json_and_clones(make):
    model = trained(make)
    for again in (models.model_from_json(model.to_json()), models.clone_model(model)):
        again.set_weights(model.get_weights())
        assert_same_outputs(model, again)
