"""The logs of a step: numbers by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def flat_logs(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Return `logs` with the entries of each dict among its values in its place, at any depth."""
    flat: dict[str, Any] = {}
    for name, value in logs.items():
        if isinstance(value, dict):
            flat.update(flat_logs(value))
        else:
            flat[name] = value
    return flat


def numbers(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Return `logs` with Python's numbers in place of arrays of one number."""
    return {name: value if isinstance(value, float) else _number(value) for name, value in logs.items()}


def _number(value: Any) -> Any:
    return float(value) if np.size(value) == 1 else value


def in_order(logs: Mapping[str, Any], metrics: Iterable[Any]) -> list[Any]:
    """Return the values of `logs` in the order of Keras.

    The values named like `metrics` come first, in their order; the others follow by their names.
    """
    named = [name for metric in metrics for name in getattr(metric, "names_in_order", [metric.name])]
    first = [name for name in dict.fromkeys(named) if name in logs]
    return [logs[name] for name in [*first, *sorted(logs.keys() - set(first))]]
