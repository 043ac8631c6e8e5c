"""Walks through nested lists, tuples and dicts."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

from fastconv.engine.tree import leaves, rebuild, signature

Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize("tree", [3, [1, (2, None), {"b": [3], "a": ()}], Pair([1], {"x": 2}), None, [[], {}]])
def test_a_tree_is_rebuilt_from_its_leaves(tree):
    again = rebuild(tree, leaves(tree))
    assert again == tree
    assert type(again) is type(tree)


def test_leaves_are_in_order():
    assert leaves([1, (2, None), {"b": [3], "a": (4, [5])}]) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("walk", [leaves, lambda tree: rebuild(tree, [])])
@pytest.mark.parametrize("inside", [lambda tree: tree.append(tree), lambda tree: tree.append({"a": (tree,)})])
def test_a_list_that_contains_itself_is_an_error(walk, inside):
    tree = []
    inside(tree)
    with pytest.raises(RecursionError):
        walk(tree)


def array(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


OTHERS = [
    [array(2, 3)],
    (array(3, 2),),
    (array(2, 3, dtype="float64"),),
    (array(2, 3), None),
    (array(2, 3), array(2, 3)),
    ((array(2, 3),),),
    {"a": array(2, 3)},
    {"b": array(2, 3)},
]


def test_a_signature_is_the_structure_with_shapes_and_dtypes():
    trees = [(array(2, 3),), *OTHERS]
    signatures = [signature(tree) for tree in trees]
    assert len(set(signatures)) == len(trees)
    assert [signature(rebuild(tree, [x + 1 for x in leaves(tree)])) for tree in trees] == signatures
