"""Rules that turn gradients into new weights."""

from __future__ import annotations

from typing import Any

from fastconv import serialization
from fastconv.optimizers import schedules
from fastconv.optimizers.adam import Adam, Adamax, AdamW, Lion, Nadam
from fastconv.optimizers.adaptive import Adadelta, Adagrad, Ftrl, RMSprop
from fastconv.optimizers.optimizer import Optimizer
from fastconv.optimizers.sgd import SGD

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
    """What `deserialize` makes `optimizer` from again; the state of its variables is not part of it."""
    return serialization.serialize_for_keras("optimizer", optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer that was serialized. Raises ValueError for unknown names."""
    return serialization.deserialize("optimizer", config, custom_objects)


def get(identifier: Any) -> Any:
    """The optimizer that a name such as "adam", a configuration or an object means; None stays None.

    Raises:
        ValueError: an unknown name.
    """
    return serialization.get("optimizer", identifier)
