"""Conversion of the arguments of `compile` to plain data and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastconv.engine.tree import leaves, rebuild
from fastconv.serialization import ABOUT_LAMBDAS, deserialize, get_registered_object, is_nameless, serialize
from fastconv.typing import Tree


def described(given: Tree) -> Any:
    """Convert losses, metrics or an optimizer to names and configurations, with the same nesting."""
    return rebuild(given, [entry if isinstance(entry, str) else serialize(entry) for entry in leaves(given)])


def revived(config: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the result of `get_compile_config` to arguments of `compile`."""
    made: dict[str, Callable[[Any], Any]] = {
        "optimizer": lambda data: deserialize("optimizer", data),
        "loss": lambda data: _revive("loss", data),
        "metrics": lambda data: _revive("metric", data),
        "weighted_metrics": lambda data: _revive("metric", data),
    }
    return {key: made[key](value) if key in made else value for key, value in config.items()}


def _revive(kind: str, data: Tree) -> Any:
    """Recreate the losses or metrics, with the same nesting; names that `compile` knows are kept."""
    if isinstance(data, list):
        return [_revive(kind, entry) for entry in data]
    if isinstance(data, dict) and "class_name" not in data:
        return {key: _revive(kind, entry) for key, entry in data.items()}
    if isinstance(data, str):
        found = get_registered_object(data)
        if found is None and is_nameless(data):
            raise ValueError(f"{ABOUT_LAMBDAS}. Received: {kind}={data!r}")
        return found or data
    return deserialize(kind, data)
