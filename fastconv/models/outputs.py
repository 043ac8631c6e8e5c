"""Matching of targets, sample weights, losses and metrics to outputs: by name, by structure or by order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv.engine.tree import leaves, matched, ordered


def for_outputs(argument: str, given: Any, names: Sequence[str]) -> list:
    """Return the entries of a list or dict in the order of the outputs; None for all outputs if `given` is None.

    Raises:
        ValueError: the number of entries differs, or a name is not an output's.
    """
    if given is None:
        return [None] * len(names)
    if isinstance(given, dict) and set(given) <= set(names):
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)) and len(given) == len(names):
        return list(given)
    raise ValueError(
        f"compile: {argument} must be a list with an entry for each output or a dict by their names. "
        f"Received: {argument}={given!r}, outputs={list(names)}"
    )


def targets_for(y: Any, y_pred: Any, names: Sequence[str], needed: Sequence[Any]) -> list:
    """Return the target of each output, or None if it has no target.

    Args:
        y: a target, or targets in a list, in a dict by the outputs' names, or nested like the outputs. A list may omit
            outputs that need no target.
        y_pred: the outputs.
        names: the outputs' names, in order.
        needed: for each output, whether it needs a target.

    Raises:
        ValueError: the number of targets differs, an output lacks a target that it needs, or a name is not an output's.
    """
    targets = _in_order(y, y_pred, names)
    places = [i for i, need in enumerate(needed) if need]
    by_place = _by_place(y)
    if targets is None and not isinstance(y, dict) and len(by_place) == len(places):
        given = dict(zip(places, by_place))
        targets = [given.get(i) for i in range(len(names))]
    if targets is None or any(targets[i] is None for i in places):
        found = list(y) if isinstance(y, dict) else [tuple(target.shape) for target in leaves(y)]
        needing = [names[i] for i in places]  # outputs with a loss or a metric
        raise ValueError(f"Every output needs a target. Received: outputs={needing}, targets={found}")
    return targets


def weights_for(sample_weight: Any, y_pred: Any, names: Sequence[str]) -> list:
    """Return the sample weights of each output: the same for all, or the entries of a list or dict, which may be None.

    Raises:
        ValueError: the number of weights differs, a name is not an output's, or a name is missing.
    """
    if not isinstance(sample_weight, (list, tuple, dict)):
        return [sample_weight] * len(names)
    weights = _in_order(sample_weight, y_pred, names)
    if weights is None or (isinstance(sample_weight, dict) and set(sample_weight) < set(names)):
        found = list(sample_weight) if isinstance(sample_weight, dict) else f"a list of {len(sample_weight)}"
        raise ValueError(
            "sample_weight must be an array for all outputs, or a list or dict with an entry for each output. "
            f"Received: outputs={list(names)}, sample_weight={found}"
        )
    return weights


def _in_order(given: Any, y_pred: Any, names: Sequence[str]) -> list | None:
    """Return the entries of `given` in the order of the outputs; None if names or the number of entries differ."""
    if isinstance(given, dict) and set(given) <= set(names):
        return [given.get(name) for name in names]
    try:
        nested = matched(ordered(y_pred), given) if len(leaves(given)) <= len(names) else []
    except LookupError:
        nested = []
    return next((found for found in (nested, _by_place(given)) if _is_flat(found, len(names))), None)


def _is_flat(found: list, n: int) -> bool:
    return len(found) == n and not any(isinstance(entry, (list, tuple, dict)) for entry in found)


def _by_place(given: Any) -> list:
    return list(given) if isinstance(given, (list, tuple)) else [given]
