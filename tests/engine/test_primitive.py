"""Tensors and the graph that primitives record."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops
from fastconv.backends.reference import Reference
from fastconv.engine import DataDependentError, KerasTensor, Primitive, Tensor, Variable
from fastconv.engine.primitive import calls_before

KNOWN = Tensor.of(np.array([1.0, 2.0, 3.0]))
UNKNOWN = Tensor((3,), "float32")


def test_a_tensor_shows_its_shape():
    assert (UNKNOWN.shape, UNKNOWN.dtype, UNKNOWN.ndim, UNKNOWN.size, len(UNKNOWN)) == ((3,), np.float32, 1, 3, 3)
    assert repr(UNKNOWN) == "<Tensor shape=(3,), dtype=float32>"
    assert (Tensor((), "int64").size, Tensor((2, 0), "int64").size) == (1, 0)
    with pytest.raises(TypeError):
        len(Tensor((), "int64"))


def test_a_tensor_of_a_tensor_is_itself():
    assert Tensor.of(KNOWN) is KNOWN
    v = Variable(np.ones(2))
    assert Tensor.of(v).value is v.value


def test_known_values():
    np.testing.assert_array_equal(KNOWN.numpy(), [1, 2, 3])
    assert (float(KNOWN[1]), int(KNOWN[2]), bool(KNOWN[0] > 2)) == (2.0, 3, False)
    assert [float(x) for x in KNOWN] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("ask", [bool, int, float, ops.convert_to_numpy, Tensor.numpy])
def test_unknown_values(ask):
    message = r"known only when its graph runs.*run_eagerly=True\. Received: <Tensor shape=\(\), dtype=float32>$"
    with pytest.raises(DataDependentError, match=message):
        ask(Tensor((), "float32"))


@pytest.mark.parametrize("tensor", [KNOWN, UNKNOWN])
def test_numpy_does_not_take_tensors_for_arrays(tensor):
    for dtype in (None, np.float32):
        with pytest.raises(TypeError, match=r"its gradient is lost.*Received: <Tensor shape=\(3,\)"):
            np.asarray(tensor, dtype)


def test_values_as_numpy_arrays():
    for x in (KNOWN, KNOWN.value, Variable(KNOWN.value), [1.0, 2.0, 3.0]):
        np.testing.assert_array_equal(ops.convert_to_numpy(x), np.array([1.0, 2.0, 3.0]), strict=True)


def test_tensors_are_keys_and_found_by_identity():
    assert len({KNOWN, UNKNOWN, KNOWN}) == 2
    assert Tensor.of(KNOWN.value) not in {KNOWN, UNKNOWN}


@pytest.mark.parametrize("x", [KNOWN, UNKNOWN, Variable(KNOWN.value), KerasTensor((None, 3), "float32")])
def test_tensors_are_not_equal_to_objects_that_are_not_numbers(x):
    for other in (None, "x", object, {}):
        assert (x == other) is False
        assert (x != other) is True


def test_tensors_without_a_value_are_neither_true_nor_false():
    with pytest.raises(DataDependentError, match="known only when its graph runs"):
        bool(UNKNOWN == 1)
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(KerasTensor((None, 3), "float32") == 1)
    with pytest.raises(TypeError, match=r"cannot be iterated; see ops\.split"):
        iter(KerasTensor((None, 3), "float32"))
    assert not Variable(np.array(0.0))
    assert int(Variable(np.array(3))) == 3


def test_operators_of_booleans():
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    x = Tensor.of(a)
    for result, wanted in [(x & b, a & b), (b | x, b | a), (x ^ b, a ^ b), (~x, ~a), (x & True, a), (False ^ x, a)]:
        assert isinstance(result, Tensor)
        np.testing.assert_array_equal(result.value, wanted, strict=True)
    with pytest.raises(TypeError, match=r"^& takes booleans; .* Received: float64, bool$"):
        KNOWN & b
    with pytest.raises(TypeError, match=r"^~ takes booleans"):
        ~KNOWN  # noqa: B018


@pytest.mark.parametrize("other", [2, 2.0, np.float32(2), np.float64(2), np.full(3, 2.0), Tensor.of(np.full(3, 2.0))])
def test_operators(other):
    """Each operator is applied with the tensor on the left and on the right of numbers, arrays and tensors."""
    x, y = KNOWN.value, ops.convert_to_numpy(other)
    results = [
        (KNOWN + other, x + y), (other + KNOWN, y + x),
        (KNOWN - other, x - y), (other - KNOWN, y - x),
        (KNOWN * other, x * y), (other * KNOWN, y * x),
        (KNOWN / other, x / y), (other / KNOWN, y / x),
        (KNOWN**other, x**y), (other**KNOWN, y**x),
        (KNOWN % other, x % y), (other % KNOWN, y % x),
        (KNOWN // other, x // y), (other // KNOWN, y // x),
        (other > KNOWN, x < y), (other < KNOWN, y < x),
        (other <= KNOWN, x >= y), (other >= KNOWN, y >= x),
        (other == KNOWN, x == y), (other == KNOWN, x == y),
        (other != KNOWN, x != y), (other != KNOWN, x != y),
        (-KNOWN, -x), (abs(KNOWN), abs(x)),
    ]  # fmt: skip
    for result, wanted in results:
        assert isinstance(result, Tensor)
        np.testing.assert_array_equal(result.value, wanted, strict=True)


def test_an_array_becomes_a_tensor_when_a_tensor_is_added_to_it():
    x = given = np.ones(3)
    x += KNOWN
    x *= KNOWN
    assert isinstance(x, Tensor)
    np.testing.assert_array_equal(x.value, [2, 6, 12])
    np.testing.assert_array_equal(given, 1)
    with pytest.raises(TypeError, match=r"NumPy functions take .* use fastconv\.ops"):
        np.exp(KNOWN)
    with pytest.raises(TypeError, match=r"NumPy functions take"):
        np.add.reduce(KNOWN)


def test_matrix_product_from_both_sides():
    m = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal((Tensor.of(m) @ m).value, m @ m)
    np.testing.assert_array_equal((m @ Tensor.of(m)).value, m @ m)


def test_known_values_are_computed_at_once_and_unknown_ones_recorded():
    y = ops.exp(KNOWN)
    np.testing.assert_array_equal(y.value, np.exp(KNOWN.value))
    z = ops.exp(UNKNOWN)
    assert (z.value, z.shape, z.dtype) == (None, (3,), np.float32)
    assert z.call.inputs == (UNKNOWN,)
    assert repr(z.call.primitive) == "<Primitive elementwise>"


def test_calls_come_after_their_inputs():
    a = ops.exp(UNKNOWN)
    b = ops.tanh(a)
    c = a + b
    assert calls_before([c, b], known=lambda t: False) == [a.call, b.call, c.call]
    assert calls_before([c], known=lambda t: t is a) == [b.call, c.call]


def test_a_primitive_of_a_user():
    """A user's op: a shape, a gradient, and a backend method, here an existing method."""
    double = Primitive(Reference.add, lambda x, y: (x.shape, x.dtype), lambda dz, z, x, y: (dz, dz))
    np.testing.assert_array_equal(double(np.ones(2), np.ones(2)), [2, 2])


def test_an_inplace_operator_of_numpy_changes_no_other_array():
    place = np.zeros(KNOWN.shape, KNOWN.dtype)
    with pytest.raises(TypeError, match=r"out of the graph"):
        np.add(np.ones(KNOWN.shape, KNOWN.dtype), KNOWN, out=place)
