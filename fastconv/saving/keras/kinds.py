"""The kind of object at each place of a configuration, and Keras's module of each kind."""

from __future__ import annotations

import fastconv.ops as ops
from fastconv.serialization import KINDS, holds

MODULES = {
    "layer": "keras.layers",
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "optimizer": "keras.optimizers",
    "schedule": "keras.optimizers.schedules",
    "loss": "keras.losses",
    "metric": "keras.metrics",
}

OPS_MODULE = "fastconv.ops"  # module of functions that a `Lambda` of this package applies

# Layers and metrics that Keras lacks, and below, functions of ops: `tests/conformance/test_lacking.py` finds them.
LACKING_LAYERS = frozenset(
    [
        "LocalResponseNormalization",
        "LocallyConnected1D",
        "LocallyConnected2D",
        "Maxout",
        "MinPooling1D",
        "MinPooling2D",
        "MinPooling3D",
    ]
)
LACKING_METRICS = frozenset(["ConfusionMatrix"])

# Arguments whose name does not end in their kind.
KINDS_OF_KEYS = {"learning_rate": "schedule", "metrics": "metric", "weighted_metrics": "metric", "layers": "layer"}


def kind_of_key(key: str, kind: str) -> str:
    """Return the kind of the argument `key`: "initializer" for "kernel_initializer", `kind` if the name has no kind."""
    last = key.rpartition("_")[2]
    return KINDS_OF_KEYS.get(key, last if last in KINDS else kind)


def kind_of_class(name: str, kind: str) -> str | None:
    """Return the kind that has a class of this name in this package, `kind` before others, or None."""
    return next((candidate for candidate in (kind, *MODULES) if holds(candidate, name)), None)


def kind_of_module(module: str | None, kind: str) -> str:
    """Return the kind that Keras keeps in a module."""
    return next((found for found, name in MODULES.items() if name == module), kind)


# Functions of ops that are classes in configurations of Keras, by the module of these classes.
IN_CORE = frozenset(["cast", "convert_to_tensor", "slice", "stop_gradient"])
IN_MATH = frozenset(["rsqrt"])
IN_NN = frozenset(
    [
        "average_pool", "binary_crossentropy", "categorical_crossentropy", "celu", "conv", "conv_transpose",
        "depthwise_conv", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu",
        "log_sigmoid", "log_softmax", "max_pool", "moments", "one_hot", "relu", "relu6", "selu", "separable_conv",
        "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_categorical_crossentropy",
        "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "tanh_shrink", "threshold",
    ]
)  # fmt: skip
LACKING_OPERATIONS = frozenset(
    [
        "batch_norm", "batch_normalization", "conv_backward_input", "conv_backward_kernel", "convert_to_numpy",
        "dropout", "linear", "min_pool", "mish", "ones", "random_categorical", "random_integers", "random_normal",
        "random_shuffle", "random_truncated_normal", "random_uniform", "shape", "step", "update", "zeros",
    ]
)  # fmt: skip
GET_ITEM = "GetItem"
OPERATIONS = {
    GET_ITEM: "getitem",
    **{
        "".join(w.capitalize() for w in name.split("_")): name for name in ops.__all__ if name not in LACKING_OPERATIONS
    },
}

# Their parameters that Keras passes in the call; the other parameters are in the configuration.
CALLED_WITH = frozenset(
    [
        "x", "x1", "x2", "xs", "inputs", "variable", "kernel", "depthwise_kernel", "pointwise_kernel", "condition",
        "indices", "start_indices", "target", "output", "constant_values", "key",
    ]
)  # fmt: skip


def operation_module(name: str) -> str:
    """Return Keras's module with the class of a function of ops."""
    for module, names in {"core": IN_CORE, "math": IN_MATH, "nn": IN_NN}.items():
        if name in names:
            return f"keras.src.ops.{module}"
    return "keras.src.ops.numpy"
