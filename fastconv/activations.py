"""Activations by name: the functions of `ops` that an `activation="name"` argument may mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv import ops, serialization
from fastconv.ops import (
    elu,
    gelu,
    hard_sigmoid,
    leaky_relu,
    linear,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)
from fastconv.serialization import register


def exponential(x: Any) -> Any:
    """e^x."""
    return ops.exp(x)


swish = silu

for _function in (
    elu,
    exponential,
    gelu,
    hard_sigmoid,
    leaky_relu,
    linear,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    softmax,
    softplus,
    softsign,
    tanh,
):
    register("activation")(_function)
register("activation", "swish")(silu)


def serialize(activation: Callable[..., Any]) -> Any:
    """The name of a function, the configuration of an object."""
    return serialization.serialize(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation that was serialized. Raises ValueError for unknown names."""
    return serialization.deserialize("activation", config, custom_objects)


def get(identifier: Any) -> Callable[[Any], Any]:
    """The function that a name such as "relu" or a function itself means; `linear` for None.

    Raises:
        ValueError: an unknown name.
    """
    return linear if identifier is None else serialization.get("activation", identifier)
