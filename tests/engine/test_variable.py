"""Variables: reading and assigning, at once or as part of a trace."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from fastconv import Input, initializers, ops
from fastconv.engine import GradientTape, Tensor, Trace, Variable

NO_NUMBERS = (None, {"a": 1}, ["a"], {1}, object(), np.array(["a"]), np.array(None), np.array([None]))


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.0, "float32"),
        ([1, 2.0], "float32"),
        (3, "int32"),
        ([[1, 2]], "int32"),
        (2**40, "int64"),
        (True, "bool"),
        (np.ones(2), "float64"),
        (np.ones(2, np.float16), "float16"),
        (np.arange(2), "int64"),
        (np.array([True]), "bool"),
    ],
)
def test_dtype_of_the_first_value(value, dtype):
    variable = Variable(value)
    assert (variable.dtype, variable.shape) == (dtype, np.shape(value))
    np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize(
    ("initializer", "shape", "expected"),
    [("zeros", (2,), [0, 0]), (initializers.Ones(), [np.int64(2), 1], [[1], [1]]), ("ones", np.array([1]), [1])],
)
def test_initializers_and_their_names(initializer, shape, expected):
    for dtype, wanted in ((None, "float32"), ("int32", "int32"), ("float64", "float64")):
        variable = Variable(initializer, shape, dtype)
        assert variable.dtype == wanted
        np.testing.assert_array_equal(variable, expected)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"initializer": "zeros"}, r"an initializer needs a shape of ints >= 0\. Received: .*shape=None"),
        ({"initializer": "zeros", "shape": (None, 2)}, "an initializer needs a shape"),
        ({"initializer": "zeros", "shape": 3}, "an initializer needs a shape"),
        ({"initializer": "zeros", "shape": (-1,)}, "an initializer needs a shape"),
        ({"initializer": "zeros", "shape": (1.5,)}, "an initializer needs a shape"),
        ({"initializer": lambda shape, dtype: np.ones(3), "shape": (2,)}, "must return an array of the shape"),
        ({"initializer": "nothing", "shape": (2,)}, "initializer: unknown name"),
        ({"initializer": 1, "aggregation": "most"}, "aggregation must be one of"),
        ({"initializer": 1, "synchronization": 3}, "synchronization must be one of"),
        ({"initializer": 1, "name": 3}, "name must be a string"),
        *(({"initializer": value, "shape": (1,)}, "a value must be numbers") for value in NO_NUMBERS),
    ],
)
def test_invalid_arguments_of_variables(arguments, rule):
    with pytest.raises(ValueError, match=rule):
        Variable(**arguments)


def test_arguments_in_the_order_of_keras():
    v = Variable("ones", (2,), "float32", False, False, "mean", "on_read", "count", None)
    assert (v.trainable, v.autocast, v.aggregation, v.synchronization, v.name) == (
        False, False, "mean", "on_read", "count",
    )  # fmt: skip
    assert (Variable(1.0).aggregation, Variable(1.0, aggregation=None).aggregation) == ("none", "none")


def test_assignments_return_the_variable():
    v = Variable([1.0, 2.0])
    assert v.assign_add(1) is v
    assert v.assign_add([1.0, 0.0]).assign_sub(np.float64(0.5)) is v
    np.testing.assert_array_equal(v, [2.5, 2.5])
    assert v.assign(np.zeros(2)) is v
    count = Variable(2)
    assert (count.assign_add(3).value, count.dtype) == (5, "int32")
    with pytest.raises(ValueError, match="must have the shape of its variable"):
        count.assign_add([1, 2])
    assert count.value == 5


@pytest.mark.parametrize("value", [*NO_NUMBERS, "a"])
def test_only_numbers_are_assigned(value):
    v = Variable(1.0)
    with pytest.raises(ValueError, match=r"a value must be numbers|must have the shape"):
        v.assign(value)
    assert float(v) == 1


def test_a_float64_scalar_makes_a_variable_of_the_default_float():
    assert Variable(np.float64(3.5)).dtype == "float32"
    assert Variable(np.array(3.5)).dtype == "float64"
    assert Variable(np.float16(3.5)).dtype == "float16"


def test_variables_are_rounded_by_python():
    v = Variable([1.26, -2.5])
    np.testing.assert_array_equal(round(v), [1, -2])
    np.testing.assert_allclose(round(v, 1), [1.3, -2.5], rtol=1e-6)
    assert round(Input((2,)), 1).shape == (None, 2)


def test_assignments_of_sums_are_part_of_a_trace():
    v = Variable(np.ones(2))
    with Trace() as trace:
        v.assign_add(1.0).assign_sub(Tensor.of(np.ones(2)))
        assert isinstance(v.value, Tensor)
        assert v.value is v.read()
    assert trace.updates.keys() == {v}
    np.testing.assert_array_equal(v.value, [1, 1])


def test_the_value_of_a_variable_is_differentiated():
    v = Variable([2.0, 3.0])
    with GradientTape() as tape:
        loss = ops.sum(ops.square(v.value))
    np.testing.assert_array_equal(tape.gradient(loss, v), [4, 6])


def test_arithmetic_in_place_leaves_the_variable():
    v = w = Variable([1.0, 2.0])
    v += 1
    np.testing.assert_array_equal(v, [2, 3])
    assert not isinstance(v, Variable)
    np.testing.assert_array_equal(w, [1, 2])


def test_first_values():
    assert Variable(1.5, dtype="float32").dtype == np.float32
    v = Variable(lambda shape, dtype: np.full(shape, 3, dtype), shape=(2, 3), dtype="float32", name="kernel")
    assert (v.shape, v.dtype, v.ndim, v.size, v.name, v.path) == ((2, 3), np.float32, 2, 6, "kernel", "kernel")
    assert repr(Variable(np.ones(1))) == "<Variable path=variable, shape=(1,), dtype=float64, value=[1.]>"


def test_a_variable_owns_its_memory():
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


def test_the_value_is_read_only():
    variable = Variable(np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        variable.value[0] = 1.0
    variable.assign(np.ones(3))
    np.testing.assert_array_equal(variable.value, np.ones(3))
    assert variable.version == 1


def test_the_repr_of_a_large_variable_is_short():
    assert repr(Variable(np.arange(1000), name="x")) == (
        "<Variable path=x, shape=(1000,), dtype=int64, value=[  0 ... 999]>"
    )
