"""Single objects as plain data."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fastconv import activations, initializers, layers, losses, metrics, optimizers, regularizers, saving, utils

OBJECTS = [
    layers.Conv2D(4, (3, 5), padding="same", kernel_regularizer="l2", activation="relu", name="conv"),
    losses.MeanSquaredError(reduction="sum"),
    metrics.MeanSquaredError(name="error"),
    initializers.HeNormal(seed=3),
    regularizers.L2(0.25),
    optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 100, 0.9)),
]


@pytest.mark.parametrize(
    "thing", OBJECTS, ids=lambda thing: f"{type(thing).__module__.split('.')[1]}-{type(thing).__name__}"
)
def test_objects_round_trip(thing):
    data = json.loads(json.dumps(saving.serialize_keras_object(thing)))
    again = saving.deserialize_keras_object(data)
    assert type(again) is type(thing)
    assert again.get_config() == thing.get_config()
    assert data["module"] == f"keras.{type(thing).__module__.split('.')[1]}"


def test_functions_arrays_and_plain_data():
    things = {"a": [activations.relu, None, 2.5], "b": (np.float32(3), "text", True), "c": np.arange(3, dtype="int32")}
    again = saving.deserialize_keras_object(saving.serialize_keras_object(things))
    array = again.pop("c")
    assert again == {"a": [activations.relu, None, 2.5], "b": (3.0, "text", True)}
    assert array.dtype == np.int32
    assert array.tolist() == [0, 1, 2]
    assert utils.serialize_keras_object is saving.serialize_keras_object
    assert utils.deserialize_keras_object is saving.deserialize_keras_object


def test_custom_objects():
    class Twice(layers.Layer):
        def call(self, x):
            return 2 * x

    data = saving.serialize_keras_object(Twice(name="twice"))
    assert isinstance(saving.deserialize_keras_object(data, {"Twice": Twice}), Twice)
    with pytest.raises(ValueError, match="unknown name"):
        saving.deserialize_keras_object(data)
    with pytest.raises(ValueError, match="must be a function with a name"):
        saving.serialize_keras_object(lambda x: x)


def test_the_result_of_layers_serialize_is_read_too():
    assert saving.deserialize_keras_object(layers.serialize(layers.Dense(3))).units == 3
