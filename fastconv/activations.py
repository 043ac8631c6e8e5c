"""Activations by name: the functions that an `activation="name"` argument may mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fastconv import ops, serialization
from fastconv.arguments import as_number, optional
from fastconv.ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
from fastconv.ops.activation import clipped_relu
from fastconv.serialization import register


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """x above the threshold, at most `max_value`; below it, negative_slope (x - threshold).

    Raises:
        ValueError: an argument that is no number.
    """
    if type(negative_slope) is type(threshold) is float and max_value is None and negative_slope == threshold == 0:
        return ops.relu(x)
    negative_slope = as_number("relu", "negative_slope", negative_slope, 0, below=math.inf)
    max_value = optional(as_number, "relu", "max_value", max_value)
    threshold = as_number("relu", "threshold", threshold, below=math.inf)
    if threshold:
        y = ops.where(x <= threshold, (x - threshold) * negative_slope if negative_slope else 0.0, x)
    elif negative_slope:
        y = ops.leaky_relu(x, negative_slope)
    else:
        return ops.relu(x) if max_value is None else clipped_relu(x, max_value)
    return y if max_value is None else ops.minimum(y, max_value)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution's share below x, or, if `approximate`, its tanh form: `ops.gelu`."""
    return ops.gelu(x, approximate)


def exponential(x: Any) -> Any:
    """e^x."""
    return ops.exp(x)


swish = silu
hard_swish = hard_silu

ALIASES = {"silu": ["swish"], "hard_silu": ["hard_swish"]}

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


def serialize(activation: Callable[..., Any]) -> Any:
    """The name of a function, the configuration of an object."""
    return serialization.serialize_for_keras("activation", activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation that was serialized. Raises ValueError for unknown names."""
    return serialization.deserialize("activation", config, custom_objects)


def get(identifier: Any) -> Callable[[Any], Any]:
    """The function that a name such as "relu" or a function itself means; `linear` for None.

    Raises:
        ValueError: an unknown name.
    """
    return linear if identifier is None else serialization.get("activation", identifier)


for _name in set(__all__) - {"deserialize", "get", "hard_swish", "serialize", "swish"}:
    register("activation", *ALIASES.get(_name, ()))(globals()[_name])
