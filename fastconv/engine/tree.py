"""Arrays in nested lists, tuples and dicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def leaves(tree: Any) -> list:
    """What is in `tree` that is neither a list, a tuple, a dict nor None, in order."""
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves(tree[key])]
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in leaves(item)]
    return [] if tree is None else [tree]


def rebuild(tree: Any, values: Sequence[Any]) -> Any:
    """`tree` with its leaves replaced, in order, by `values`."""
    remaining = iter(values)

    def visit(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: visit(item) for key, item in node.items()}
        if isinstance(node, (list, tuple)):
            return type(node)(visit(item) for item in node)
        return None if node is None else next(remaining)

    return visit(tree)
