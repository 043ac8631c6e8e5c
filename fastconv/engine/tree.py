"""Nested lists, tuples and dicts of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fastconv._tree import leaves as leaves
from fastconv._tree import rebuild as rebuild
from fastconv._tree import sequence
from fastconv._tree import signature as signature
from fastconv.typing import Tree


def map_leaves(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """Return `tree` with `function` applied to each leaf."""
    return rebuild(tree, [function(leaf) for leaf in leaves(tree)])


def ordered(tree: Tree) -> Tree:
    """Return `tree` with the keys of its dicts sorted, so that insertion order does not matter."""
    if isinstance(tree, dict):
        return {key: ordered(tree[key]) for key in sorted(tree, key=lambda key: (type(key).__name__, key))}
    return sequence(tree, [ordered(item) for item in tree]) if isinstance(tree, (list, tuple)) else tree


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
