"""Variables: read and assigned, at once or as part of a trace."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from fastconv import ops
from fastconv.engine import Tensor, Trace, Variable


def test_first_values():
    assert Variable([1, 2]).dtype == np.int64
    assert Variable(1.5, dtype="float32").dtype == np.float32
    v = Variable(lambda shape, dtype: np.full(shape, 3, dtype), shape=(2, 3), dtype="float32", name="kernel")
    assert (v.shape, v.dtype, v.ndim, v.size, v.name, v.path) == ((2, 3), np.float32, 2, 6, "kernel", "kernel")
    assert repr(Variable(np.ones(1))) == "<Variable path=variable, shape=(1,), dtype=float64, value=[1.]>"


def test_a_variable_has_memory_of_its_own():
    x = np.asfortranarray(np.ones((2, 3)))
    v = Variable(x)
    v.assign(v.value + 1)
    assert x.sum() == 6
    assert v.value.flags.c_contiguous
    copy = v.numpy()
    copy[...] = 0
    np.asarray(v)[...] = 0
    assert v.value.sum() == 12


def test_assignments_write_into_the_same_array():
    v = Variable(np.zeros(3, np.float32))
    memory, version = v.value, v.version
    v.assign([1, 2, 3])
    v.assign(Variable(np.full(3, 2.0)))
    v.assign(Tensor.of(np.full(3, 4)))
    assert v.value is memory
    np.testing.assert_array_equal(v.value, np.full(3, 4, np.float32), strict=True)
    assert v.version == version + 3


@pytest.mark.parametrize("value", [1.0, np.ones(2), np.ones((3, 1)), Tensor((4,), "float32")])
def test_other_shapes_are_refused(value):
    with pytest.raises(
        ValueError, match=r"^variable: a value must have the shape of its variable\. Received: value\.sh"
    ):
        Variable(np.zeros(3)).assign(value)


def test_operators_and_numpy():
    v = Variable(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(v * 2 + 1, [3, 5])
    np.testing.assert_array_equal(np.ones(2) - v, [0, -1])
    np.testing.assert_array_equal(v[1:], [2])
    np.testing.assert_array_equal(np.exp(v), np.exp(v.value))


def test_a_trace_reads_tensors_and_notes_assignments():
    v, w = Variable(np.zeros(2)), Variable(np.ones(2))
    with Trace() as trace:
        assert Trace.current() is trace
        first = v.read()
        assert v.read() is first
        assert isinstance(np.ones(2) + v, Tensor)
        v.assign(first + 1.0)
        assert v.read().call.inputs == (trace.updates[v],)
        assert v.read() is v.read()
        with Trace() as inner:
            assert v.read().call is None
        assert (len(inner.reads), inner.updates) == (1, {})
    assert Trace.current() is None
    assert trace.reads == {v: first}
    assert (w in trace.reads, v.value.sum(), v.version) == (False, 0, 0)


def test_an_assigned_value_takes_the_dtype_of_its_variable():
    v = Variable(np.zeros(2, np.float32))
    with Trace() as trace:
        v.assign(np.ones(2))
        np.testing.assert_array_equal(v.read().value, np.ones(2, np.float32), strict=True)
        v.assign(trace.input(np.ones(2)))
        assert v.read().dtype == np.float32


def test_a_recording_trace_knows_values():
    v = Variable(np.full(2, 3.0))
    with Trace(recording=True) as trace:
        assert bool(ops.sum(v) > 5)
        v.assign(v * 2.0)
        np.testing.assert_array_equal(v.read().value, [6, 6])
    np.testing.assert_array_equal(v.value, [3, 3])
    assert trace.updates.keys() == {v}


def test_a_trace_ends_when_its_block_fails():
    with pytest.raises(KeyError), Trace():
        raise KeyError
    assert Trace.current() is None


def test_a_trace_belongs_to_its_thread():
    v, seen = Variable(np.ones(2)), []
    with Trace():
        thread = threading.Thread(target=lambda: seen.append(v.read()))
        thread.start()
        thread.join()
    assert seen[0] is v.value


def test_the_value_is_for_reading():
    variable = Variable(np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        variable.value[0] = 1.0
    variable.assign(np.ones(3))
    np.testing.assert_array_equal(variable.value, np.ones(3))
    assert variable.version == 1


def test_a_large_variable_is_shown_in_short():
    assert repr(Variable(np.arange(1000), name="x")) == (
        "<Variable path=x, shape=(1000,), dtype=int64, value=[  0 ... 999]>"
    )
