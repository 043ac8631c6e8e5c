"""Optimizers: rules that compute new weights from gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fastconv.serialization as serialization
from fastconv.optimizers import schedules
from fastconv.optimizers.adam import Adam, Adamax, AdamW, Lion, Nadam
from fastconv.optimizers.adaptive import Adadelta, Adagrad, Ftrl, RMSprop
from fastconv.optimizers.optimizer import Optimizer
from fastconv.optimizers.sgd import SGD
from fastconv.typing import Config

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]


def serialize(optimizer: Optimizer) -> Any:
    """Return the configuration of `optimizer` as plain data, without the state of its variables.

    Args:
        optimizer: an `Optimizer`.

    Example:
        >>> from fastconv import optimizers
        >>> optimizers.serialize(optimizers.SGD(momentum=0.9))["config"]["momentum"]
        0.9
    """
    return serialization.serialize_for_keras("optimizer", optimizer)


def deserialize(config: str | Config | None, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the optimizer for a name or for a configuration that `serialize` has returned.

    Args:
        config: str or dict, the name or the configuration.
        custom_objects: dict of the user's classes and functions by name, or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import optimizers
        >>> optimizers.deserialize(optimizers.serialize(optimizers.SGD(momentum=0.9))).momentum
        0.9
    """
    return serialization.deserialize("optimizer", config, custom_objects)


def get(identifier: str | Mapping[str, Any] | Optimizer | type[Optimizer] | None) -> Any:
    """Return the optimizer for a name such as "adam", a configuration or an optimizer; None for None.

    Args:
        identifier: str, dict, `Optimizer` or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import optimizers
        >>> type(optimizers.get("adam")).__name__
        'Adam'
    """
    return serialization.get("optimizer", identifier)
