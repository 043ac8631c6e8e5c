"""The lists of layers and operations that Keras lacks, by which saving decides, compared with Keras."""

from __future__ import annotations

import importlib

from fastconv import ops
from fastconv.saving.keras.kinds import (
    IN_CORE,
    IN_MATH,
    IN_NN,
    LACKING_LAYERS,
    LACKING_METRICS,
    LACKING_OPERATIONS,
    MODULES,
    operation_module,
)
from fastconv.serialization import holds

from .stored import classes_of_keras


def class_name(name):
    """Return the name of the class that Keras writes for a function of ops: "ReduceMax" for "reduce_max"."""
    return "".join(word.capitalize() for word in name.split("_"))


NOT_PUBLIC = {"LossFunctionWrapper"}  # Keras has it, but in no public module


def saved_classes(kind, module):
    ours = importlib.import_module(module)
    return {name for name in ours.__all__ if isinstance(getattr(ours, name), type) and holds(kind, name)}


def test_layers_and_metrics_that_keras_lacks():
    lacking = {
        name
        for kind, module in MODULES.items()
        for name in saved_classes(kind, module.replace("keras", "fastconv")) - classes_of_keras(module)
    }
    assert lacking == LACKING_LAYERS | LACKING_METRICS | NOT_PUBLIC


def test_operations_that_keras_lacks(reference):
    functions = reference(lambda: dir(importlib.import_module("keras.ops")))
    with_class = {name for name in ops.__all__ if class_name(name) in classes_of_keras(operation_module(name))}
    assert set(ops.__all__) - (with_class & set(functions)) == LACKING_OPERATIONS
    assert with_class >= (IN_CORE | IN_MATH | IN_NN)
