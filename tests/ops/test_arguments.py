"""Numbers, axes and shapes as arguments of ops: NumPy's and Python's are accepted, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastconv import Input, ops, random

X = np.arange(24.0).reshape(2, 3, 4)
TAKING_AXIS = {
    "sum": lambda axis: ops.sum(X, axis),
    "mean": lambda axis: ops.mean(X, axis),
    "max": lambda axis: ops.max(X, axis),
    "min": lambda axis: ops.min(X, axis),
    "var": lambda axis: ops.var(X, axis),
    "std": lambda axis: ops.std(X, axis),
    "moments": lambda axis: ops.moments(X, axis)[0],
    "flip": lambda axis: ops.flip(X, axis),
    "softmax": lambda axis: ops.softmax(X, axis),
    "log_softmax": lambda axis: ops.log_softmax(X, axis),
    "expand_dims": lambda axis: ops.expand_dims(X, axis),
    "squeeze": lambda axis: ops.squeeze(X[:, :1], axis),
    "argmax": lambda axis: ops.argmax(X, axis),
    "argsort": lambda axis: ops.argsort(X, axis),
    "concatenate": lambda axis: ops.concatenate([X, X], axis),
    "stack": lambda axis: ops.stack([X, X], axis),
    "split": lambda axis: ops.split(X, 1, axis)[0],
    "take": lambda axis: ops.take(X, [0], axis),
    "one_hot": lambda axis: ops.one_hot(np.ones((2, 2), int), 3, axis),
    "batch_norm": lambda axis: ops.batch_norm(X, axis=axis)[0],
    "glu": lambda axis: ops.glu(X[:, :2, :], axis),
    "sparsemax": lambda axis: ops.sparsemax(X, axis),
    "take_along_axis": lambda axis: ops.take_along_axis(X, np.zeros((1, 1, 1), int), axis),
}
TAKING_SIZES = {
    "reshape": lambda shape: ops.reshape(X, shape),
    "broadcast_to": lambda shape: ops.broadcast_to(X[:1, :1, :1], shape),
    "zeros": lambda shape: ops.zeros(shape),
    "ones": lambda shape: ops.ones(shape),
    "slice": lambda shape: ops.slice(X, (0, 0, 0), shape),
    "start of slice": lambda shape: ops.slice(np.zeros((9, 9, 9)), shape, (1, 1, 1)),
    "random normal": lambda shape: random.normal(shape, seed=1),
    "random uniform": lambda shape: random.uniform(shape, seed=1),
    "random truncated_normal": lambda shape: random.truncated_normal(shape, seed=1),
    "random randint": lambda shape: random.randint(shape, 0, 5, seed=1),
}
WRONG_AXES = [
    1.0,
    1.5,
    math.nan,
    "1",
    b"1",
    True,
    {1},
    {1: 1},
    (0.5,),
    ("a",),
    (True,),
    9,
    -9,
    2**63,
    -(2**70),
    [9],
    1j,
]
WRONG_SIZES = [
    1.5, "24", b"\x18", {24}, {24: 1}, (2, 3, 4.0), (2, 3, "4"), (2, True, 12), (2, 3, -4), -24, (None, 3), 2**63,
    (2**63,), (2, 3, 2**70), 1j, (math.nan,),
]  # fmt: skip


@pytest.mark.parametrize("name", TAKING_AXIS)
@pytest.mark.parametrize("axis", WRONG_AXES, ids=repr)
def test_invalid_axes_are_refused(name, axis):
    with pytest.raises(ValueError, match=r"Received"):
        TAKING_AXIS[name](axis)


@pytest.mark.parametrize("name", TAKING_AXIS)
def test_axes_as_numpy_scalars(name):
    expected = TAKING_AXIS[name](1)
    for axis in (np.int64(1), np.int8(1), np.uint8(1), np.array(1)):
        np.testing.assert_array_equal(TAKING_AXIS[name](axis), expected)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "softmax", "flip", "expand_dims"])
def test_several_axes_as_numpy_scalars(name):
    expected = TAKING_AXIS[name]((0, 2))
    for axis in ([0, 2], np.array([0, 2]), (np.int64(0), np.int32(-1 if name != "expand_dims" else 2))):
        np.testing.assert_array_equal(TAKING_AXIS[name](axis), expected)


@pytest.mark.parametrize("name", TAKING_SIZES)
@pytest.mark.parametrize("shape", WRONG_SIZES, ids=repr)
def test_invalid_shapes_are_refused(name, shape):
    with pytest.raises(ValueError, match=r"Received"):
        TAKING_SIZES[name](shape)


@pytest.mark.parametrize("name", TAKING_SIZES)
def test_shapes_as_numpy_arrays(name):
    shape = (2, 3, 4)
    for given in (np.array(shape), list(np.array(shape)), (np.int64(2), np.int8(3), 4)):
        np.testing.assert_array_equal(TAKING_SIZES[name](given), TAKING_SIZES[name](shape))


@pytest.mark.parametrize("sections", [0, -2, 1.0, True, "2", (1.5,), {1}, None, 2**63, ("a",), (True,)], ids=repr)
def test_invalid_splits_are_refused(sections):
    with pytest.raises(ValueError, match=r"^split: indices_or_sections must be .*Received: indices_or_sections="):
        ops.split(X, sections, 2)


@pytest.mark.parametrize("cuts", [2, np.int64(2), [1], [1, 3], np.array([1, 3]), (0, 9), [-1], [3, 1], []], ids=repr)
def test_splits_match_numpy(cuts):
    found, expected = ops.split(X, cuts, 2), np.split(X, cuts, 2)
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("width", [1.5, "1", None, {1}, True, (1.0, 2), ((True, 1),) * 3, 2**63, ((0, 2**70),) * 3, -1])
def test_invalid_padding_is_refused(width):
    with pytest.raises(ValueError, match=r"^pad: .* Received: "):
        ops.pad(X, width)


def test_padding_as_numpy_arrays():
    for width in (np.int64(1), np.array([1, 1]), np.ones((3, 2), int), ((np.int8(1), 1),) * 3):
        np.testing.assert_array_equal(ops.pad(X, width), np.pad(X, 1))


@pytest.mark.parametrize("axis", [-1, 0, 1, 2, np.int64(1)])
def test_classes_are_counted_along_an_axis(axis):
    x = np.array([[0, 2, 5], [1, -1, 2]])
    np.testing.assert_array_equal(
        ops.one_hot(x, 3, axis), np.moveaxis(np.eye(4)[np.where((x < 0) | (x > 2), 3, x)][..., :3], -1, axis)
    )
    assert ops.one_hot(Input((3,), dtype="int32"), 4, axis=1, dtype="int8").shape == (None, 4, 3)
    assert ops.one_hot(x, np.int64(3)).shape == (2, 3, 3)


@pytest.mark.parametrize("count", [-1, 1.5, "3", None, True, 2**63])
def test_invalid_numbers_of_classes_are_refused(count):
    with pytest.raises(
        ValueError, match=r"^one_hot: num_classes must be an int of at least 0.* Received: num_classes="
    ):
        ops.one_hot([0, 1], count)


def test_maximum_with_an_initial_value():
    np.testing.assert_array_equal(ops.max(X, 2, initial=8), np.max(X, 2, initial=8))
    np.testing.assert_array_equal(ops.min(X, (0, 1), True, 2.5), np.min(X, (0, 1), keepdims=True, initial=2.5))
    np.testing.assert_array_equal(ops.max(X[:0], 0, initial=-1), np.full((3, 4), -1))
    assert ops.min(X[:0], initial=3) == 3


def test_argmax_keeps_its_axes():
    for axis in (None, 0, -1):
        found = ops.argmax(X, axis, keepdims=True)
        np.testing.assert_array_equal(found, np.argmax(X, axis, keepdims=True))
    assert ops.argmax(Input((3, 4)), 1, keepdims=True).shape == (None, 1, 4)


def test_decimals_of_round():
    x = np.array([1234.5678, -0.125, 0.375, 15.0])
    for decimals in (0, 1, 2, -2, np.int64(-3)):
        np.testing.assert_allclose(ops.round(x, decimals), np.round(x, decimals), rtol=1e-14)
    with pytest.raises(ValueError, match="round: decimals must be an int"):
        ops.round(x, 1.0)


def test_where_with_only_a_condition():
    for a, b in zip(ops.where(X > 20), np.where(X > 20), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="where: x1 and x2 must both be given"):
        ops.where(X > 20, 1.0)


def test_positions_must_be_integers():
    with pytest.raises(ValueError, match=r"positions must be integers; .* Received: 0\.5 at position 0"):
        ops.take(X, [0.5])
    with pytest.raises(ValueError, match=r"stack: arrays must have the same shape\. Received: shapes="):
        ops.stack([X, X[0]])
    with pytest.raises(ValueError, match=r"stack: arrays must have the same shape\. Received: shapes=\[\]"):
        ops.stack([])


@pytest.mark.parametrize("axes", [(1, 2), (0, 1), (2, 0), (-1, 1)])
def test_softmax_along_several_axes_together(axes):
    e = np.exp(X - X.max(axes, keepdims=True))
    np.testing.assert_allclose(ops.softmax(X, axes), e / e.sum(axes, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(ops.log_softmax(X, axes), np.log(e / e.sum(axes, keepdims=True)), atol=1e-12)
    assert ops.softmax(Input((3, 4)), (1, 2)).shape == (None, 3, 4)


@pytest.mark.parametrize("given", [{"sparse": True}, {"ragged": True}])
def test_arrays_of_other_kinds_are_refused(given):
    with pytest.raises(ValueError, match="sparse and ragged must be False"):
        ops.convert_to_tensor(X, **given)
    with pytest.raises(ValueError, match="synchronized must be False"):
        ops.moments(X, 0, synchronized=True)
    with pytest.raises(ValueError, match="sparse must be False"):
        ops.one_hot([1], 2, sparse=True)


SINGLE_AXIS = (
    "argmax",
    "argsort",
    "concatenate",
    "split",
    "take",
    "one_hot",
    "batch_norm",
    "glu",
    "sparsemax",
    "take_along_axis",
)


@pytest.mark.parametrize("name", SINGLE_AXIS)
@pytest.mark.parametrize("axis", [(), (0, 1), [], np.array([0, 1])], ids=repr)
def test_several_axes_are_refused_when_one_is_taken(name, axis):
    with pytest.raises(ValueError, match=r"axis must be .*Received: axis="):
        TAKING_AXIS[name](axis)


IMAGES, KERNEL = np.ones((1, 5, 5, 2)), np.ones((3, 3, 2, 4))


@pytest.mark.parametrize("size", [1.5, None, math.inf, math.nan, "3", (3,), -3, 2**63, True], ids=repr)
def test_invalid_shapes_of_inputs_or_kernels_are_refused(size):
    dy = np.ones((1, 3, 3, 4))
    with pytest.raises(ValueError, match=r"^conv_backward_input: .*Received: "):
        ops.conv_backward_input(dy, KERNEL, (1, 5, size, 2))
    with pytest.raises(ValueError, match=r"^conv_backward_kernel: .*Received: "):
        ops.conv_backward_kernel(IMAGES, dy, (3, size, 2, 4))


@pytest.mark.parametrize("value", [1.0, -2, np.ones(3), np.ones((2, 2)), [1.0], "a", {}])
def test_arguments_without_a_number_for_each_channel_are_refused(value):
    good = np.ones(2)
    for name in ("gamma", "beta"):
        with pytest.raises(ValueError, match=rf"^batch_norm: {name} must have the shape \(2,\)|must hold numbers"):
            ops.batch_norm(IMAGES, **{name: value})
    for name in ("mean", "variance", "offset", "scale"):
        for axis in (-1, 3):
            given = {"mean": good, "variance": good, "axis": axis, name: value}
            with pytest.raises(
                ValueError, match=rf"^batch_normalization: {name} must have the shape \(2,\)|must hold numbers"
            ):
                ops.batch_normalization(IMAGES, **given)


def test_numbers_for_each_channel_in_a_list():
    np.testing.assert_allclose(
        ops.batch_normalization(IMAGES, [0.0, 1.0], [1.0, 1.0], -1, epsilon=0.0)[0, 0, 0], [1, 0]
    )


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None, 2**200, math.nan, (1, 2), {}], ids=repr)
def test_invalid_seeds_are_refused(seed):
    calls = (
        lambda: ops.random_uniform((2,), seed),
        lambda: ops.random_normal((2,), seed),
        lambda: ops.random_truncated_normal((2,), seed),
        lambda: ops.random_integers((2,), seed, 0, 5),
        lambda: ops.random_categorical(np.ones((1, 2)), 1, seed),
        lambda: ops.random_shuffle(X, seed),
        lambda: ops.dropout(X, seed, 0.5),
    )
    for call in calls:
        with pytest.raises(ValueError, match=r"seed must be an int of at least 0.*Received: seed="):
            call()


def test_seeds_of_numpy():
    expected = ops.random_uniform((3,), np.array([7], np.uint64))
    for seed in (7, np.int8(7), np.uint64(7), np.array(7), np.array([7], np.uint64)):
        np.testing.assert_array_equal(ops.random_uniform((3,), seed), expected)
        np.testing.assert_array_equal(ops.dropout(X, seed, 0.5), ops.dropout(X, 7, 0.5))


@pytest.mark.parametrize("decimals", [309, -309, 2**30, -(2**62), 2**63])
def test_digits_beyond_those_of_floats_are_refused(decimals):
    with pytest.raises(ValueError, match=r"^round: decimals must be"):
        ops.round(X, decimals)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std", "moments", "argmax"])
def test_any_true_value_keeps_axes(name):
    for keepdims in (2**40, -(2**63), np.bool_(True), np.int64(1)):
        found = getattr(ops, name)(X, 1, keepdims=keepdims)
        assert (found[0] if name == "moments" else found).shape == (2, 1, 4)


@pytest.mark.parametrize("rule", ["nothing", -2, None, ["sgd"]])
def test_unknown_rules_of_updates_are_refused(rule):
    with pytest.raises(ValueError, match=r"^update: rule must be one of .*Received: rule="):
        ops.update(rule, X, X, (), np.ones(4, "float32"))


def test_extremes_of_nothing_are_refused():
    for op in (ops.max, ops.min, ops.argmax):
        for shape, axis in (((0, 3), 0), ((0, 3), None), ((2, 0, 3), 1)):
            with pytest.raises(
                ValueError, match=rf"^{op.__name__}: x must have elements along axis\. Received: x\.shape="
            ):
                op(np.ones(shape), axis)
        assert op(np.ones((0, 3)), 1).shape == (0,)
