"""Activations by name: the functions that an `activation="name"` argument may mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fastconv import ops, serialization
from fastconv.arguments import as_number, optional
from fastconv.ops.activation import *  # noqa: F403
from fastconv.ops.activation import __all__ as _OPS
from fastconv.ops.activation import clipped_relu
from fastconv.serialization import register

# The functions of `ops`, which also take symbolic tensors, in place of those of the module.
globals().update({_name: getattr(ops, _name) for _name in _OPS})


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


swish = ops.silu
hard_swish = ops.hard_silu

ALIASES = {"silu": ["swish"], "hard_silu": ["hard_swish"]}

__all__ = [
    *_OPS,
    "deserialize",
    "exponential",
    "gelu",
    "get",
    "hard_swish",
    "relu",
    "serialize",
    "swish",
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
    return ops.linear if identifier is None else serialization.get("activation", identifier)


for _name in set(__all__) - {"deserialize", "get", "hard_swish", "serialize", "swish"}:
    register("activation", *ALIASES.get(_name, ()))(globals()[_name])
