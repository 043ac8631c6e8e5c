"""Activation functions by name, for arguments such as `activation="relu"`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import fastconv.ops as ops
import fastconv.serialization as serialization
from fastconv.arguments import as_number, optional
from fastconv.ops.activation import *  # noqa: F403
from fastconv.ops.activation import __all__ as _OPS
from fastconv.ops.activation import clipped_relu
from fastconv.serialization import register
from fastconv.typing import ActivationLike, Array, ArrayLike, Config

# The functions of `ops`, which also take symbolic tensors, in place of those of the module.
globals().update({_name: getattr(ops, _name) for _name in _OPS})


def relu(x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """Rectified linear unit: x above the threshold, bounded by `max_value`; below it, negative_slope (x - threshold).

    Args:
        x: an array of any shape.
        negative_slope: float >= 0. Defaults to 0.
        max_value: float, the upper bound of the result, or None for no bound.
        threshold: float. Defaults to 0.

    Raises:
        ValueError: if an argument is not a number, or if `negative_slope` is negative.

    Example:
        >>> from fastconv import activations
        >>> activations.relu([-1.0, 2.0, 10.0], max_value=6.0).tolist()
        [0.0, 2.0, 6.0]
    """
    if type(negative_slope) is type(threshold) is float and max_value is None and negative_slope == threshold == 0:
        return ops.relu(x)
    negative_slope = as_number("relu", "negative_slope", negative_slope, 0, below=math.inf)
    max_value = optional(as_number, "relu", "max_value", max_value)
    threshold = as_number("relu", "threshold", threshold, below=math.inf)
    if threshold:
        a: Array = x if hasattr(x, "shape") else ops.convert_to_tensor(x)
        y = ops.where(a <= threshold, (a - threshold) * negative_slope if negative_slope else 0.0, a)
    elif negative_slope:
        y = ops.leaky_relu(x, negative_slope)
    else:
        return ops.relu(x) if max_value is None else clipped_relu(x, max_value)
    return y if max_value is None else ops.minimum(y, max_value)


def gelu(x: ArrayLike, approximate: bool = False) -> Array:
    """Gaussian error linear unit, x times the standard normal cumulative distribution function of x.

    Args:
        x: an array of any shape.
        approximate: bool, whether to approximate the distribution function by tanh. Defaults to False.

    Example:
        >>> from fastconv import activations
        >>> [round(float(v), 4) for v in activations.gelu([-1.0, 0.0, 1.0])]
        [-0.1587, 0.0, 0.8413]

    References:
        Hendrycks and Gimpel 2016, "Gaussian error linear units".
    """
    return ops.gelu(x, approximate)


def exponential(x: ArrayLike) -> Array:
    """Exponential function, e^x.

    Args:
        x: an array of any shape.

    Example:
        >>> from fastconv import activations
        >>> [round(float(v), 4) for v in activations.exponential([0.0, 1.0])]
        [1.0, 2.7183]
    """
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


def serialize(activation: Callable[..., Array]) -> Any:
    """Return the name of a function, or the configuration of an object.

    Args:
        activation: a function or an object.

    Example:
        >>> from fastconv import activations
        >>> activations.serialize(activations.relu)
        'relu'
    """
    return serialization.serialize_for_keras("activation", activation)


def deserialize(config: str | Config | None, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the activation for a name or for a configuration that `serialize` has returned.

    Args:
        config: str or dict, the name or the configuration.
        custom_objects: dict of the user's functions by name, or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import activations
        >>> activations.deserialize("relu") is activations.relu
        True
    """
    return serialization.deserialize("activation", config, custom_objects)


def get(identifier: ActivationLike | None) -> Callable[[ArrayLike], Array]:
    """Return the activation function for a name such as "relu"; a function for itself; `linear` for None.

    Args:
        identifier: str, dict, function or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import activations
        >>> activations.get("relu")([-1.0, 2.0]).tolist()
        [0.0, 2.0]
    """
    return ops.linear if identifier is None else serialization.get("activation", identifier)


for _name in set(__all__) - {"deserialize", "get", "hard_swish", "serialize", "swish"}:
    register("activation", *ALIASES.get(_name, ()))(globals()[_name])
