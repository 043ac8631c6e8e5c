"""Ops on axes and parts of arrays; every error states its rule and the received values."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import GradientTape, Input, Model, config, ops
from fastconv.engine import KerasTensor, Tensor, Variable, grad
from tests.check import check_op, example

X = example(2, 3, 4)

KEYS = [
    0, -1, (1, 2), (0, 1, 2), slice(1, None), (slice(None), slice(None, None, -1)), (..., 1), (None, 0), (..., None),
    (slice(2, 0, -1), slice(0, 3, 2), np.int64(1)), (slice(0, 0),), (),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_parts(key):
    check_op(lambda x: ops.multiply(x[key], 1.0), X)  # NumPy 1's operator would return float64
    np.testing.assert_array_equal(Variable(X)[key], X[key])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate_and_stack(axis):
    y = example(2, 3, 4, seed=1)
    check_op(lambda x, y: ops.concatenate([x, y, x], axis), X, y, oracle=lambda x, y: np.concatenate([x, y, x], axis))
    check_op(lambda x, y: ops.stack([x, y], axis), X, y, oracle=lambda x, y: np.stack([x, y], axis))
    check_op(lambda x: ops.concatenate([x], axis), X, oracle=lambda x: x)


def test_concatenate_and_stack_keep_float32():
    x = X.astype(np.float32)
    assert ops.concatenate([x, np.ones((1, 3, 4), int), x > 0]).dtype == np.float32
    assert ops.stack([x, np.zeros((2, 3, 4), np.uint8)]).dtype == np.float32
    assert ops.concatenate([x > 0, np.ones((1, 3, 4), int)]).dtype == np.int64


def test_concatenate_takes_empty_parts():
    check_op(lambda x: ops.concatenate([x[:, :0], x, x[:, 1:]], 1), X)


def test_new_arrays():
    assert ops.shape([[1, 2, 3]]) == (1, 3)
    assert ops.shape(Tensor((2, 3), "float32")) == (2, 3)
    assert ops.shape(KerasTensor((None, 3), "float32")) == (None, 3)
    np.testing.assert_array_equal(ops.zeros((2, 3)), np.zeros((2, 3), np.float32), strict=True)
    np.testing.assert_array_equal(ops.ones(2, "int32"), np.ones(2, np.int32), strict=True)
    np.testing.assert_array_equal(ops.zeros_like(X), np.zeros_like(X), strict=True)
    np.testing.assert_array_equal(ops.ones_like(Variable(X), "float32"), np.ones((2, 3, 4), np.float32), strict=True)
    config.set_floatx("float64")
    assert ops.ones(()).dtype == ops.one_hot([1], 3).dtype == np.float64


def test_convert():
    assert ops.convert_to_tensor(X) is X
    assert ops.convert_to_tensor([1.0]).dtype == np.float32
    assert ops.convert_to_tensor([1]).dtype == np.int64
    assert ops.convert_to_tensor(Variable(X)).shape == X.shape
    np.testing.assert_array_equal(ops.convert_to_numpy(Tensor.of(X)), X)


def test_gradients_of_elements_taken_twice_are_added():
    np.testing.assert_array_equal(grad(lambda x: ops.sum(ops.take(x, [1, 1, 0])))(np.zeros(3)), [1, 2, 0])


def test_gradients_along_an_axis_are_added():
    def total(x):
        return ops.sum(ops.take_along_axis(x, np.array([[1, 1], [0, -1]]), 1) * np.array([[1.0, 2], [3, 4]]))

    np.testing.assert_array_equal(grad(total)(np.zeros((2, 2))), [[0, 3], [3, 4]])
    np.testing.assert_array_equal(grad(total)(np.zeros((1, 2))), [[3, 7]])


def test_nothing_is_copied_without_need():
    for y in (
        ops.reshape(X, (6, 4)),
        ops.transpose(X),
        ops.broadcast_to(X, (5, 2, 3, 4)),
        ops.flip(X),
        ops.split(X, 2)[0],
    ):
        assert np.shares_memory(X, y)


ERRORS = [
    (lambda: ops.reshape(X, (5, -1)), "reshape: the number of elements must stay. ", "newshape=(5, -1)"),
    (lambda: ops.reshape(X, (-1, -1)), "reshape: the number of elements must stay. ", "newshape=(-1, -1)"),
    (lambda: ops.broadcast_to(X, (3, 4)), "broadcast_to: x does not broadcast to this shape. ", "shape=(3, 4)"),
    (lambda: ops.transpose(X, (0, 1)), "transpose: axes must be a permutation of all axes. ", "axes=(0, 1)"),
    (lambda: ops.squeeze(X, 1), "squeeze: axes must have size 1. ", "axis=1"),
    (lambda: ops.split(X, 2, 1), "split: sections must be equal. ", "axis=1, indices_or_sections=2"),
    (lambda: ops.slice(X, (0, 0, 2), (1, 1, 3)), "slice: the block must lie within inputs. ", "shape=(1, 1, 3)"),
    (lambda: ops.slice(X, (0,), (1,)), "slice: the block must lie within inputs. ", "start_indices=(0,), shape=(1,)"),
    (lambda: ops.concatenate([]), "concatenate: all axes but one must agree. ", "shapes=[], axis=0"),
    (lambda: ops.concatenate([X, X[0]]), "concatenate: all axes but one must agree. ", "[(2, 3, 4), (3, 4)], axis=0"),
    (lambda: ops.concatenate([X, X[1:]], 1), "concatenate: all axes but one must agree. ", "(1, 3, 4)], axis=1"),
    (lambda: ops.pad(X, 1, "wrap"), "pad: mode must be one of ('constant', 'edge', 'reflect', ", "mode='wrap'"),
    (lambda: ops.pad(X, 1, "edge", 1.0), "pad: constant_values go with mode='constant'. ", "mode='edge'"),
    (lambda: ops.pad(X, ((1, 1), (1, 1))), "pad: padding must be 3 pairs of integers >= 0. ", "=((1, 1), (1, 1))"),
    (lambda: ops.pad(X, -1), "pad: padding must be 3 pairs of integers >= 0. ", "padding=-1"),
    (lambda: ops.pad(X[:0], 1, "edge"), "pad: an empty axis has nothing to repeat. ", "x.shape=(0, 3, 4), mode='edge'"),
    (
        lambda: ops.take_along_axis(X, [[0]], 1),
        "take_along_axis: indices must have the 3 axes of x. ",
        "x.shape=(2, 3, 4), indices.shape=(1, 1), axis=1",
    ),
    (
        lambda: ops.take_along_axis(X, [[0]]),
        "take_along_axis: indices must have the 1 axes of x. ",
        "x.shape=(24,), indices.shape=(1, 1), axis=None",
    ),
    (
        lambda: ops.take_along_axis(X, np.zeros((2, 1, 3), int), 1),
        "take_along_axis: axes besides `axis` must be equal, or broadcast to each other. ",
        "x.shape=(2, 3, 4), indices.shape=(2, 1, 3), axis=1",
    ),
]
AXIS_ERRORS = [
    lambda: ops.sum(X, 3), lambda: ops.mean(X, -4), lambda: ops.max(X, (0, 0)), lambda: ops.argmax(X, 3),
    lambda: ops.transpose(X, (0, 1, 3)), lambda: ops.transpose(X, (0, 1, 1)), lambda: ops.expand_dims(X, 4),
    lambda: ops.expand_dims(X, (0, 0)), lambda: ops.squeeze(X, 3), lambda: ops.split(X, 1, 3), lambda: ops.flip(X, 3),
    lambda: ops.take(X, 0, axis=3), lambda: ops.concatenate([X], 3), lambda: ops.stack([X], 4),
    lambda: ops.softmax(X, 3), lambda: ops.batch_norm(X, axis=3), lambda: ops.concatenate([np.ones(())]),
    lambda: ops.take_along_axis(X, X[:1, :1, :1] > 9, axis=3),
]  # fmt: skip


@pytest.mark.parametrize(("call", "rule", "received"), ERRORS)
def test_errors(call, rule, received):
    with pytest.raises(ValueError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(rule)
    assert "Received: " in message
    assert message.endswith(received)


@pytest.mark.parametrize("call", AXIS_ERRORS)
def test_missing_axes(call):
    with pytest.raises(ValueError, match=r"^axis must lie within the \d axes of the array, each once at most\. Rec"):
        call()


def test_type_errors():
    with pytest.raises(TypeError, match=r"by ints, .*slices, None and Ellipsis; see ops\.take\. Received: \[0, 1\]$"):
        Variable(X)[[0, 1]]
    with pytest.raises(TypeError):
        Variable(X)[True]
    with pytest.raises(IndexError):
        Variable(X)[2]
    with pytest.raises(IndexError):
        ops.take(X, [24])
    with pytest.raises(IndexError):
        ops.take_along_axis(X, np.full((2, 1, 4), 3), 1)


@pytest.mark.parametrize("x", [np.ones((0, 3)), np.ones((2, 0), np.float32)])
def test_empty_arrays(x):
    check_op(
        lambda x: [ops.exp(x), ops.sum(x), ops.sum(x, 0), ops.transpose(x), ops.reshape(x, (0,)), x + x],
        x,
        second=False,
    )
    check_op(lambda x: [ops.concatenate([x, x]), ops.flip(x), ops.split(x, 1)[0], ops.relu(x), ops.mean(x, 0)[:0]], x)
    check_op(lambda x: ops.matmul(x, ops.transpose(x)), x)
    check_op(lambda x: ops.matmul(ops.expand_dims(x, 0), ops.transpose(x)), x)


@pytest.mark.parametrize(
    "select",
    [
        lambda x, i: x[i],
        lambda x, i: x[:, i],
        lambda x, i: x[..., i],
        lambda x, i: x[i, 1:, None, i],
        lambda x, i: x[0, ..., i],
        lambda x, i: x[None, i, ..., i, 1],
    ],
)
def test_integer_tensors_without_axes_select_elements(select):
    x, i = np.arange(24.0).reshape(2, 3, 4), np.array([1, 0, 1])
    position = ops.argmax(i)  # 0
    expected = select(x, 0)
    with GradientTape() as tape:
        recorded = Variable(x)
        y = select(ops.multiply(recorded, 1.0), ops.argmax(ops.convert_to_tensor(Variable(i))))
        total = ops.sum(y)
    np.testing.assert_array_equal(np.asarray(y.numpy()), expected)
    slope = np.zeros_like(x)
    select(slope, 0)[...] = 1
    np.testing.assert_array_equal(ops.convert_to_numpy(tape.gradient(total, recorded)), slope)
    found = grad(lambda x: ops.sum(select(x, position)))(x)
    np.testing.assert_array_equal(found, slope)


def test_integer_tensors_select_in_functional_models():
    inputs = Input((5,))
    best = Model(inputs, inputs[:, ops.argmax(ops.sum(inputs, axis=0))])
    x = np.array([[0.0, 1, 5, 2, 1], [1, 2, 6, 1, 0]], np.float32)
    np.testing.assert_array_equal(best.predict(x, verbose=0), x[:, 2])
