"""Loading a model takes the memory of its weights and little more."""

from __future__ import annotations

import tracemalloc
import zipfile

import numpy as np
import pytest

from fastconv import Input, Sequential, initializers, layers, models
from fastconv.utils import memory


def dense(initializer="glorot_uniform"):
    return Sequential([Input((1000,)), layers.Dense(4000, kernel_initializer=initializer)])


def test_weights_are_read_into_their_place(tmp_path):
    model = dense()
    model.save(tmp_path / "model.npz")
    tracemalloc.start()
    try:
        loaded = models.load_model(tmp_path / "model.npz")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.3 * model.weights[0].value.nbytes
    for loaded_weight, weight in zip(loaded.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(loaded_weight, weight)


@pytest.mark.parametrize("kind", ["float64", ">f4", "fortran"])
def test_arrays_that_are_stored_otherwise_are_converted(tmp_path, kind):
    """As if another program had written the file."""
    model = dense()
    arrays = {"fortran": np.asfortranarray}.get(kind, lambda x: x.astype(kind))
    values = model.get_weights()
    model.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        contents = {name: arrays(file[name]) for name in file.files if name.endswith(("kernel", "bias"))}
        text = bytes(file["config.json"])
    np.savez(tmp_path / "other.npz", **contents)
    with zipfile.ZipFile(tmp_path / "other.npz", "a") as archive:
        archive.writestr("config.json", text)
    for loaded, value in zip(models.load_model(tmp_path / "other.npz").get_weights(), values):
        np.testing.assert_array_equal(loaded, value)


def test_initial_values_are_not_computed_while_a_model_is_loaded(tmp_path, monkeypatch):
    model = dense()
    model.save(tmp_path / "model.npz")
    monkeypatch.setattr(initializers.VarianceScaling, "draw", lambda *_: pytest.fail("a weight was drawn"))
    models.load_model(tmp_path / "model.npz")
    assert not memory.are_weights_assigned_later()


def test_a_filled_variable_has_a_new_version():
    variable = dense().weights[0]
    before = variable.version
    variable.fill(lambda array: array.fill(3))
    assert (variable.numpy() == 3).all()
    assert variable.version == before + 1


class Scaled(layers.Layer):
    """Multiply by a number that `build` computes from the first values of weights."""

    def build(self, shape):
        first = [lambda shape, dtype: np.full(shape, 3, dtype), "ones", initializers.RandomNormal(seed=1)]
        weights = [self.add_weight(shape[1:], initializer=each, trainable=False) for each in first]
        self.factor = float(sum(np.sum(weight.numpy()) for weight in weights))

    def call(self, x):
        return x * self.factor


def test_values_that_a_layer_computes_from_first_values_are_the_same_in_a_loaded_model(tmp_path):
    model = Sequential([Input((4,)), Scaled()])
    model.save(tmp_path / "model.npz")
    loaded = models.load_model(tmp_path / "model.npz", custom_objects={"Scaled": Scaled})
    assert loaded.layers[-1].factor == model.layers[-1].factor > 15
