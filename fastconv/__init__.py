"""fastconv: convolutional neural networks on the CPU, with the API of Keras.

>>> from fastconv import layers, models
>>> model = models.Sequential([layers.Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(),
...                            layers.Dense(10, activation="softmax")])
>>> model.count_params()
54170
"""

from fastconv import (
    activations,
    applications,
    backend,
    callbacks,
    config,
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
from fastconv.initializers import Initializer
from fastconv.layers import Input, Layer
from fastconv.losses import Loss
from fastconv.metrics import Metric
from fastconv.models import Model, Sequential
from fastconv.optimizers import Optimizer
from fastconv.regularizers import Regularizer

__version__ = "0.1.0"

__all__ = [
    "GradientTape",
    "Initializer",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
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
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "show_config",
    "utils",
    "value_and_grad",
]
