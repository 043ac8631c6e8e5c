"""Saving and loading of models, and registration of users' classes and functions for files."""

from fastconv.models.files import load_model, save_model
from fastconv.saving.formats import load_weights, save_weights
from fastconv.saving.keras.objects import deserialize_keras_object, serialize_keras_object
from fastconv.serialization import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
