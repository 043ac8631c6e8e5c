"""Matching of targets, sample weights, losses and metrics to outputs: by name, by structure or by order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv.engine.tree import leaves, matched
from fastconv.typing import Tree


def for_outputs(argument: str, given: Tree, names: Tree, lists: bool = False) -> list:
    """Return the entries for the outputs, in their order; None for all outputs if `given` is None.

    Args:
        argument: the argument of `compile`, for errors.
        given: its value: nested like the outputs, a dict by their names, or a list in their order.
        names: the outputs' names, nested like the outputs.
        lists: whether an entry may be a list.

    Raises:
        ValueError: the number of entries differs, or a name is not an output's.
    """
    flat = leaves(names)
    if given is None:
        return [None] * len(flat)
    by_name = isinstance(given, dict) and set(given) <= set(flat)
    candidates = (
        _nested_entries(names, given),
        [given.get(name) for name in flat] if by_name else None,
        list(given) if isinstance(given, (list, tuple)) and len(given) == len(flat) else None,
    )
    for entries in candidates:
        if entries is not None and (lists or _is_flat(entries, len(flat))):
            return entries
    raise ValueError(
        f"compile: {argument} must be a list with an entry for each output or a dict by their names. "
        f"Received: {argument}={given!r}, outputs={flat}"
    )


def _nested_entries(names: Tree, given: Tree) -> list | None:
    """Return the entries of `given` for the outputs if it is nested like them, else None; dicts may lack entries."""
    if given is None:
        return [None] * len(leaves(names))
    if isinstance(names, dict):
        fits = isinstance(given, dict) and set(given) <= set(names)
        pairs = [(name, given.get(key)) for key, name in names.items()] if fits else None
    elif isinstance(names, (list, tuple)):
        fits = isinstance(given, (list, tuple)) and len(given) == len(names)
        pairs = list(zip(names, given)) if fits else None
    else:
        return [given]
    parts = [_nested_entries(*pair) for pair in pairs or ()]
    return None if pairs is None or None in parts else [entry for part in parts for entry in part or ()]


def names_of_losses(names: Tree, path: tuple = ()) -> list[str]:
    """Return the name of each output's loss in logs, as in Keras: the keys and indices that lead to the output.

    The output's own name is in the place of a last index: "o/d1" for the first output of {"o": ["d1", "d2"]}.
    """
    if isinstance(names, (dict, list, tuple)):
        items = names.items() if isinstance(names, dict) else enumerate(names)
        return [name for key, item in items for name in names_of_losses(item, (*path, key))]
    keys = path if path and not isinstance(path[-1], int) else (*path[:-1], names)
    return [] if names is None else ["/".join(map(str, keys))]


def targets_for(y: Tree, names: Tree, needed: Sequence[Any]) -> list:
    """Return the target of each output, or None if it has no target.

    Args:
        y: a target, or targets in a list, in a dict by the outputs' names, or nested like the outputs. A list may omit
            outputs that need no target.
        names: the outputs' names, nested like the outputs.
        needed: for each output, whether it needs a target.

    Raises:
        ValueError: the number of targets differs, an output lacks a target that it needs, or a name is not an output's.
    """
    flat, targets = leaves(names), _in_order(y, names)
    places = [i for i, need in enumerate(needed) if need]
    by_place = _by_place(y)
    if targets is None and not isinstance(y, dict) and len(by_place) == len(places):
        given = dict(zip(places, by_place))
        targets = [given.get(i) for i in range(len(flat))]
    if targets is None or any(targets[i] is None for i in places):
        found = list(y) if isinstance(y, dict) else [tuple(target.shape) for target in leaves(y)]
        needing = [flat[i] for i in places]  # outputs with a loss or a metric
        raise ValueError(f"Every output needs a target. Received: outputs={needing}, targets={found}")
    return targets


def weights_for(sample_weight: Tree, names: Tree) -> list:
    """Return the sample weights of each output: the same for all, or the entries of a list or dict, which may be None.

    Raises:
        ValueError: the number of weights differs, a name is not an output's, or a name is missing.
    """
    flat = leaves(names)
    if not isinstance(sample_weight, (list, tuple, dict)):
        return [sample_weight] * len(flat)
    weights = _in_order(sample_weight, names)
    if weights is None or (isinstance(sample_weight, dict) and set(sample_weight) < set(flat)):
        found = list(sample_weight) if isinstance(sample_weight, dict) else f"a list of {len(sample_weight)}"
        raise ValueError(
            "sample_weight must be an array for all outputs, or a list or dict with an entry for each output. "
            f"Received: outputs={flat}, sample_weight={found}"
        )
    return weights


def _in_order(given: Tree, names: Tree) -> list | None:
    """Return the entries of `given` in the order of the outputs; None if names or the number of entries differ."""
    flat = leaves(names)
    if isinstance(given, dict) and set(given) <= set(flat):
        return [given.get(name) for name in flat]
    try:
        nested = matched(names, given) if len(leaves(given)) <= len(flat) else []
    except LookupError:
        nested = []
    return next((found for found in (nested, _by_place(given)) if _is_flat(found, len(flat))), None)


def _is_flat(found: list, n: int) -> bool:
    return len(found) == n and not any(isinstance(entry, (list, tuple, dict)) for entry in found)


def _by_place(given: Tree) -> list:
    return list(given) if isinstance(given, (list, tuple)) else [given]
