"""Nested lists, tuples and dicts of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastconv.typing import Array, Tree


def leaves(tree: Tree) -> list[Any]:
    """Return the leaves of `tree` in order: all items that are not a list, a tuple, a dict or None."""
    found: list[Any] = []
    _collect(tree, found)
    return found


def _collect(tree: Tree, found: list[Any]) -> None:
    """Append the leaves of `tree` to `found`."""
    if isinstance(tree, (list, tuple)):
        for item in tree:
            _collect(item, found)
    elif isinstance(tree, dict):
        for item in tree.values():
            _collect(item, found)
    elif tree is not None:
        found.append(tree)


def rebuild(tree: Tree, values: Sequence[Array]) -> Tree:
    """Return `tree` with its leaves replaced, in order, by `values`."""
    return _filled(tree, iter(values))


def _filled(node: Tree, values: Iterator[Any]) -> Tree:
    """Return `node` with its leaves replaced by the next values.

    An inner function that calls itself would be a reference cycle, which keeps the values alive.
    """
    if isinstance(node, dict):
        return {key: _filled(item, values) for key, item in node.items()}
    if isinstance(node, (list, tuple)):
        return _sequence(node, [_filled(item, values) for item in node])
    return None if node is None else next(values)


def map_leaves(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """Return `tree` with `function` applied to each leaf."""
    return rebuild(tree, [function(leaf) for leaf in leaves(tree)])


def ordered(tree: Tree) -> Tree:
    """Return `tree` with the keys of its dicts sorted, so that insertion order does not matter."""
    if isinstance(tree, dict):
        return {key: ordered(tree[key]) for key in sorted(tree, key=lambda key: (type(key).__name__, key))}
    return _sequence(tree, [ordered(item) for item in tree]) if isinstance(tree, (list, tuple)) else tree


def structure(tree: Tree) -> Tree:
    """Return the structure of `tree` as a key: equal for trees of equal kinds, lengths, ordered keys and Nones."""
    if isinstance(tree, (list, tuple)):
        return (type(tree), *map(structure, tree))
    if isinstance(tree, dict):
        return (dict, *tree, *map(structure, tree.values()))
    return tree is None


def matched(template: Tree, tree: Tree) -> list[Any]:
    """Return the items of `tree` at the places of the leaves of `template`, in the order of these leaves.

    Lists and tuples are equivalent. Entries of dicts are found by their keys, and additional keys are ignored.

    Raises:
        LookupError: if `tree` lacks a place; the message is its path.
    """
    return list(_matches(template, tree, ""))


def _matches(node: Tree, found: Tree, path: str) -> Iterator[Any]:
    if isinstance(node, dict):
        for key, item in node.items():
            if not isinstance(found, dict) or key not in found:
                raise LookupError(f"{path}[{key!r}]")
            yield from _matches(item, found[key], f"{path}[{key!r}]")
    elif isinstance(node, (list, tuple)):
        if not isinstance(found, (list, tuple)) or len(found) != len(node):
            raise LookupError(f"{path}[{len(node) - 1}]")
        for i, (item, found_item) in enumerate(zip(node, found)):
            yield from _matches(item, found_item, f"{path}[{i}]")
    else:
        yield found


def _sequence(like: Tree, items: list[Any]) -> Tree:
    """Return `items` as a list, tuple or named tuple, of the type of `like`."""
    return like._make(items) if hasattr(like, "_make") else type(like)(items)
