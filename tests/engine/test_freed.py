"""Arrays are freed with the last object that uses them, without the collector of reference cycles."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress

import numpy as np
import pytest

import fastconv
from fastconv import ops
from fastconv.engine import GradientTape, Variable
from fastconv.engine.primitive import Tensor
from fastconv.engine.tree import map_leaves, matched, rebuild


@pytest.fixture(autouse=True)
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def tensors() -> int:
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


class Leaf:
    """What a weak reference can tell to be freed."""


@pytest.mark.parametrize("function", [lambda tree: rebuild(tree, [Leaf(), 2]), lambda tree: map_leaves(list, tree)])
def test_a_tree_that_is_rebuilt_leaves_no_cycle(function):
    tree = {"a": [(1,), None], "b": (2,)}
    function({"a": "x", "b": ["y", None]})
    rebuild(tree, [1, 2])
    assert gc.collect() == 0


def test_values_for_a_tree_are_freed():
    values = [Leaf(), Leaf()]
    freed = [weakref.ref(value) for value in values]
    rebuild({"a": [1, None], "b": (2,)}, values)
    matched({"a": [1, None], "b": (2,)}, {"a": [values[0], None], "b": (values[1],)})
    with pytest.raises(LookupError):
        matched({"a": [1]}, {"a": [*values]})
    del values
    assert [ref() for ref in freed] == [None, None]


def tape(x):
    v = Variable(x.copy())
    with GradientTape() as recorded:
        loss = ops.sum(ops.relu(ops.conv(x, v, padding="same")) * v)
    return recorded.gradient(loss, v)


def watched(x):
    with GradientTape() as recorded:
        x = recorded.watch(x)
        loss = ops.sum(ops.square(ops.moments(x, [0])[1]))
    return recorded.gradient(loss, [x])


def second(x):
    return fastconv.grad(lambda x: ops.sum(ops.square(fastconv.grad(lambda x: ops.sum(x * x * x))(x))))(x)


def raising(x):
    with suppress(ValueError), GradientTape() as recorded:
        ops.conv(ops.relu(recorded.watch(x)), np.ones((3, 3, 7, 1), np.float32))


def given_up(x):
    with GradientTape() as recorded:
        ops.relu(recorded.watch(x))


@pytest.mark.parametrize("function", [tape, watched, second, raising, given_up], ids=lambda f: f.__name__)
def test_what_a_tape_has_recorded_is_freed_with_it(function):
    x = np.ones((3, 3, 3, 3), np.float32)
    function(x)  # which fills caches
    gc.collect()
    before = tensors()
    function(x)
    assert tensors() == before
    assert gc.collect() == 0


def test_outputs_that_nobody_holds_take_part_in_second_derivatives():
    """The mean, which a variance comes with, depends on x although the caller dropped it."""
    x = np.array([1.0, 2.0, 4.0])
    found = fastconv.grad(lambda x: fastconv.grad(lambda x: ops.moments(x, 0)[1])(x)[0])(x)
    np.testing.assert_allclose(found, [4 / 9, -2 / 9, -2 / 9])


def test_a_call_gives_the_same_output_again_while_somebody_holds_it():
    with GradientTape() as recorded:
        call = ops.moments(recorded.watch(np.ones((2, 3))), 0)[1].call.inputs[0].call
    first = call.outputs
    assert all(a is b for a, b in zip(first, call.outputs))
    assert all(t.call is call for t in first)
