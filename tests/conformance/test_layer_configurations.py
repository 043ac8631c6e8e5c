"""Configurations of every layer class, with arguments of every kind, that one library writes and the other reads."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

import fastconv

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras's variables
both_ways = pytest.mark.parametrize("writer", ["fastconv", "keras"])

NEEDED = {
    "filters": 4, "kernel_size": 3, "units": 3, "rate": 0.25, "stddev": 0.5, "target_shape": (2, 3), "dims": (2, 1),
    "n": 3, "activation": "relu", "height": 8, "width": 9, "factor": 0.2, "scale": 0.5, "height_factor": 0.2,
    "width_factor": 0.1, "output_size": 3, "shape": (3, 4), "pool_size": 2, "axes": 1,
}  # fmt: skip
HOLDING_LAYERS = {
    "Pipeline": lambda k: {"layers": [k.layers.Rescaling(0.5), k.layers.RandomFlip()]},
    "SpectralNormalization": lambda k: {"layer": k.layers.Conv2D(3, 2)},
    "TimeDistributed": lambda k: {"layer": k.layers.Dense(3)},
    "Wrapper": lambda k: {"layer": k.layers.Dense(3)},
}
OBJECTS = {
    "activation": lambda k: k.layers.LeakyReLU(0.3),
    "constraint": lambda k: k.constraints.MaxNorm(2.0),
    "initializer": lambda k: k.initializers.HeNormal(seed=3),
    "regularizer": lambda k: k.regularizers.L1L2(0.1, 0.25),
}
FEW_ARGUMENTS = ("InputLayer", "Pipeline")  # neither `trainable` nor `dtype`


def is_layer(thing):
    return inspect.isclass(thing) and issubclass(thing, fastconv.layers.Layer)


NAMES = [n for n, c in vars(fastconv.layers).items() if is_layer(c) and hasattr(keras.layers, n) and n != "Lambda"]


def arguments(k, name, variant):
    """Return the arguments of a layer in one of its variants."""
    parameters = inspect.signature(getattr(keras.layers, name).__init__).parameters
    given = HOLDING_LAYERS[name](k) if name in HOLDING_LAYERS else {}
    given |= {key: NEEDED[key] for key, p in parameters.items() if key in NEEDED and p.default is p.empty}
    if name == "InputLayer":
        given["shape"] = (3, 4)
    if variant == "objects" and name not in ("ActivityRegularization", "Identity", "ELU", "Layer"):
        kinds = {key: key.rpartition("_")[2] for key in parameters}
        given |= {key: OBJECTS[kind](k) for key, kind in kinds.items() if kind in OBJECTS}
    if variant == "base" and name not in FEW_ARGUMENTS:
        given |= {"dtype": "float64", "name": "mine"}
        given |= {} if name.startswith("SpatialDropout") else {"trainable": False}
    return given


def simple(value):
    """Return an argument in a normal form that does not depend on its spelling."""
    if isinstance(value, dict):
        if value.get("class_name") in ("DTypePolicy", "function"):
            return simple(value["config"]["name"] if value["class_name"] == "DTypePolicy" else value["config"])
        return {key: simple(item) for key, item in value.items() if key not in UNLIKE and item is not None}
    if isinstance(value, (list, tuple)):
        return [simple(item) for item in value]
    return None if value == "linear" else value


UNLIKE = (
    "activity_regularizer", "build_config", "input_axes", "module", "output_axes", "quantization_config",
    "registered_name", "seed", "x_factor", "y_factor",
)  # fmt: skip


def by_config(layer, k, _):
    return getattr(k.layers, type(layer).__name__).from_config(layer.get_config())


def by_json(layer, k, _):
    config = json.dumps(layer.get_config(), default=lambda array: np.asarray(array).tolist())
    return getattr(k.layers, type(layer).__name__).from_config(json.loads(config))


def by_serialize(layer, k, source):
    return k.layers.deserialize(json.loads(json.dumps(source.layers.serialize(layer))))


def by_object(layer, k, source):
    return k.saving.deserialize_keras_object(json.loads(json.dumps(source.saving.serialize_keras_object(layer))))


@both_ways
@pytest.mark.parametrize("variant", ["plain", "objects", "base"])
@pytest.mark.parametrize("name", NAMES)
def test_every_layer(name, variant, writer):
    source, reader = (fastconv, keras) if writer == "fastconv" else (keras, fastconv)
    layer = getattr(source.layers, name)(**arguments(source, name, variant))
    expected = simple(layer.get_config())
    for method in (by_config, by_json, by_serialize, by_object):
        again = simple(method(layer, reader, source).get_config())
        assert again == {**again, **{key: value for key, value in expected.items() if key in again}}, method.__name__
