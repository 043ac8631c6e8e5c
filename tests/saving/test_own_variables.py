"""Layers that define the values stored for them in Keras's file formats."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, models, ops

pytest.importorskip("h5py")
X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


class Logarithmic(layers.Layer):
    """Multiplies by a positive number; stores its logarithm under a name."""

    def build(self, input_shape):
        self.factor = self.add_weight((), "ones", name="factor")

    def call(self, inputs):
        return inputs * self.factor

    def save_own_variables(self, store):
        store["logarithm"] = np.log(self.factor.numpy())

    def load_own_variables(self, store):
        self.factor.assign(np.exp(store["logarithm"]))


class WithMore(layers.Dense):
    """Stores a version in addition to the values of its base class."""

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["version"] = np.int64(3)

    def load_own_variables(self, store):
        assert int(store["version"]) == 3
        super().load_own_variables({name: array for name, array in store.items() if name != "version"})


OWN = {"Logarithmic": Logarithmic, "WithMore": WithMore}


def a_model():
    model = Sequential([Input((4,)), WithMore(3), Logarithmic(name="log"), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(X, np.ones((3, 2)), epochs=2, verbose=0)
    return model


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_stored_values_round_trip(tmp_path, name):
    model = a_model()
    if name.endswith(".keras"):
        model.save(tmp_path / name)
        again = models.load_model(tmp_path / name, custom_objects=OWN)
    else:
        model.save_weights(tmp_path / name)
        again = a_model()
        again.load_weights(tmp_path / name)
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    for a, b in zip(again.optimizer.variables, model.optimizer.variables):
        np.testing.assert_array_equal(a.value, b.value)


def test_nothing_is_written_if_a_layer_cannot_read(tmp_path):
    class Failing(Logarithmic):
        def load_own_variables(self, store):
            super().load_own_variables(store)
            raise ValueError("not this one")

    model = Sequential([Input((4,)), layers.Dense(4), Failing(name="log")])
    model.save_weights(tmp_path / "w.weights.h5")
    model.layers[0].kernel.assign(ops.zeros((4, 4)))
    model.layers[1].factor.assign(5.0)
    with pytest.raises(ValueError, match="not this one"):
        model.load_weights(tmp_path / "w.weights.h5")
    assert not model.layers[0].kernel.numpy().any()
    assert float(model.layers[1].factor) == 5.0
