"""Conversion of single objects to and from Keras 3's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastconv.saving.keras.from_keras import from_keras
from fastconv.saving.keras.kinds import MODULES, kind_of_class, kind_of_module
from fastconv.saving.keras.to_keras import to_keras
from fastconv.serialization import (
    custom_object_scope,
    deserialize,
    get_registered_object,
    holds,
    lookup,
    naming_place,
    serialize,
)

FUNCTIONS = ("activation", "loss", "metric", "initializer")  # the kinds that have functions


def serialize_keras_object(obj: Any) -> Any:
    """Convert an object to plain data, for `deserialize_keras_object` of fastconv or Keras.

    Args:
        obj: an object with `get_config`, a function with a name, an array, or lists, tuples and dicts of these; other
            plain data are returned unchanged.

    Raises:
        ValueError: a function has no name.

    Example:
        >>> data = fastconv.saving.serialize_keras_object(layers.Dense(3, name="d"))
        >>> data["class_name"], data["config"]["units"]
        ('Dense', 3)
    """
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        return type(obj)(serialize_keras_object(item) for item in obj)
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    plain = serialize(obj)
    if isinstance(plain, str):
        return {"module": "builtins", "class_name": "function", "config": plain, "registered_name": "function"}
    return to_keras(_kind_of(obj), plain)


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """Invert `serialize_keras_object`, of fastconv or Keras.

    Args:
        config: its result, or the result of `layers.serialize` and similar functions.
        custom_objects: dict of classes and functions by name, with priority over registered objects. Default: None.
        safe_mode: accepted as in Keras; code in a configuration is never executed. Default: True.

    Raises:
        ValueError: a name is unknown, or the configuration contains code.

    Example:
        >>> data = fastconv.saving.serialize_keras_object(layers.Dense(3))
        >>> fastconv.saving.deserialize_keras_object(data).units
        3
    """
    with custom_object_scope(custom_objects or {}), naming_place("deserialize_keras_object", config):
        return _made(config)


def _made(config: Any) -> Any:
    if isinstance(config, (list, tuple)):
        return type(config)(_made(item) for item in config)
    if not isinstance(config, Mapping):
        return config
    if "class_name" not in config:
        return {key: _made(value) for key, value in config.items()}
    name = config["class_name"]
    if name == "__numpy__":
        return np.array(config["config"]["value"], np.dtype(config["config"]["dtype"]))
    if name == "function":
        return _function(config["config"])
    kind = kind_of_module(config.get("module"), kind_of_class(name, "layer") or "layer")
    return deserialize(kind, from_keras(kind, config))


def _function(name: str) -> Any:
    """Return the function with a name; if several kinds of this package have it, the first."""
    found = get_registered_object(name)
    return lookup(next((kind for kind in FUNCTIONS if holds(kind, name)), "function"), name) if found is None else found


def _kind_of(obj: Any) -> str:
    """Return the kind of an object; "layer" if it is not of this package."""
    name = type(obj).__name__
    return next((kind for kind in MODULES if holds(kind, name) and lookup(kind, name) is type(obj)), "layer")
