"""fastconv: convolutional neural networks on the CPU, with the API of Keras.

>>> from fastconv import layers, models
>>> model = models.Sequential([layers.Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(),
...                            layers.Dense(10, activation="softmax")])
>>> model.count_params()
54170
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

import fastconv.config as config  # before other modules: its error tells how to build the package
from fastconv import (
    activations,
    applications,
    backend,
    callbacks,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    utils,
)
from fastconv import keras2_modules as _old_places  # noqa: F401 - defines modules
from fastconv.backends import explain_conv, show_config
from fastconv.engine import GradientTape, KerasTensor, Variable, grad, value_and_grad
from fastconv.engine import hooks as _hooks
from fastconv.initializers import Initializer
from fastconv.layers import Input, Layer
from fastconv.losses import Loss
from fastconv.metrics import Metric
from fastconv.models import Model, Sequential
from fastconv.models.advice import ModelWarning
from fastconv.optimizers import Optimizer
from fastconv.regularizers import Regularizer

if _TYPE_CHECKING:
    from fastconv import playground, visualize

__version__ = "0.1.0"

# Functions of higher layers that lower layers call, and functions that are imported when they are first used.
_hooks.register("arguments_from_keras", "fastconv.saving.keras.from_keras:arguments")
_hooks.register("check_save", "fastconv.saving.formats:check_save")
_hooks.register("config_to_keras", "fastconv.saving.keras.to_keras:config_to_keras")
_hooks.register("count_layers", "fastconv.models.counting:count_layers")
_hooks.register("from_keras", "fastconv.saving.keras.from_keras:from_keras")
_hooks.register("functional_class", "fastconv.models.functional_subclass:functional_class")
_hooks.register("history_html", "fastconv.visualize.notebook:history_html")
_hooks.register("json_of", "fastconv.saving.keras.to_keras:json_of")
_hooks.register("load_model", "fastconv.saving.formats:load_model")
_hooks.register("load_weights", "fastconv.saving.formats:load_weights")
_hooks.register("model_from_json", "fastconv.saving.keras.json_text:model_from_json")
_hooks.register("print_counts", "fastconv.models.counting:print_counts")
_hooks.register("print_explanation", "fastconv.models.explaining:print_explanation")
_hooks.register("save_model", "fastconv.saving.formats:save_model")
_hooks.register("save_weights", "fastconv.saving.formats:save_weights")
_hooks.register("to_keras", "fastconv.saving.keras.to_keras:to_keras")

__all__ = [
    "GradientTape",
    "Initializer",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "ModelWarning",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "explain_conv",
    "grad",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "playground",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "show_config",
    "utils",
    "value_and_grad",
    "visualize",
]

_LAZY = ("playground", "visualize")  # packages that are imported when they are first used


def __getattr__(name: str) -> _Any:
    if name in _LAZY:
        return _importlib.import_module(f"fastconv.{name}")
    raise AttributeError(f"module 'fastconv' has no attribute {name!r}")
