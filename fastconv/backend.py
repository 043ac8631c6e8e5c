"""The backend functions of Keras 2, ``from fastconv import backend as K``: other names for `ops` and `config`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.ops as ops
import fastconv.random as random
from fastconv.config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from fastconv.engine import KerasTensor, Variable
from fastconv.ops import (
    abs,
    argmax,
    cast,
    clip,
    cos,
    elu,
    equal,
    exp,
    expand_dims,
    greater,
    greater_equal,
    hard_sigmoid,
    less,
    less_equal,
    log,
    max,
    maximum,
    mean,
    min,
    minimum,
    not_equal,
    one_hot,
    ones_like,
    reshape,
    round,
    sigmoid,
    sign,
    sin,
    softmax,
    softplus,
    softsign,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    sum,
    tanh,
    transpose,
    var,
    zeros_like,
)
from fastconv.typing import Array, ArrayLike, DTypeLike
from fastconv.utils import clear_session

Axis = int | Sequence[int] | None

__all__ = [
    "abs",
    "argmax",
    "argmin",
    "backend",
    "batch_flatten",
    "binary_crossentropy",
    "cast",
    "cast_to_floatx",
    "categorical_crossentropy",
    "clear_session",
    "clip",
    "concatenate",
    "constant",
    "cos",
    "count_params",
    "dot",
    "elu",
    "epsilon",
    "equal",
    "eval",
    "exp",
    "expand_dims",
    "flatten",
    "floatx",
    "get_value",
    "greater",
    "greater_equal",
    "hard_sigmoid",
    "image_data_format",
    "int_shape",
    "is_keras_tensor",
    "l2_normalize",
    "less",
    "less_equal",
    "log",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "ndim",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "permute_dimensions",
    "pow",
    "random_normal",
    "random_uniform",
    "relu",
    "reshape",
    "round",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
    "shape",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sum",
    "switch",
    "tanh",
    "transpose",
    "var",
    "variable",
    "zeros",
    "zeros_like",
]


def backend() -> str:
    """Return the name of the library that computes, "fastconv".

    Example:
        >>> backend.backend()
        'fastconv'
    """
    return "fastconv"


# ---- arrays and variables --------------------------------------------------------------------------------------------


def cast_to_floatx(x: ArrayLike) -> Array:
    """Return x cast to `floatx()`.

    Example:
        >>> backend.cast_to_floatx([1, 2]).dtype.name
        'float32'
    """
    return cast(x, floatx())


def constant(value: ArrayLike, dtype: DTypeLike | None = None, shape: Sequence[int] | None = None) -> np.ndarray:
    """Return an array of `value`, broadcast to `shape`.

    Args:
        value: number or array.
        dtype: dtype of the result; None (default) for `floatx()`.
        shape: ints, or None (default) for the shape of `value`.

    Example:
        >>> backend.constant(2.0, shape=(3,)).tolist()
        [2.0, 2.0, 2.0]
    """
    array = np.asarray(value, dtype or floatx())
    return array if shape is None else np.broadcast_to(array, tuple(shape)).copy()


def variable(value: ArrayLike, dtype: DTypeLike | None = None, name: str | None = None) -> Variable:
    """Return a variable with the initial value `value`.

    Args:
        value: number or array.
        dtype: dtype of the variable; None (default) for `floatx()`.
        name: str, or None (default).

    Example:
        >>> backend.get_value(backend.variable([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    return Variable(np.asarray(value, dtype or floatx()), name=name or "variable")


def zeros(shape: Sequence[int], dtype: DTypeLike | None = None, name: str | None = None) -> Variable:
    """Return a variable of zeros.

    Args:
        shape: ints.
        dtype: dtype of the variable; None (default) for `floatx()`.
        name: str, or None (default).

    Example:
        >>> backend.get_value(backend.zeros((2,))).tolist()
        [0.0, 0.0]
    """
    return variable(np.zeros(shape), dtype, name)


def ones(shape: Sequence[int], dtype: DTypeLike | None = None, name: str | None = None) -> Variable:
    """Return a variable of ones.

    Args:
        shape: ints.
        dtype: dtype of the variable; None (default) for `floatx()`.
        name: str, or None (default).

    Example:
        >>> backend.get_value(backend.ones((2,))).tolist()
        [1.0, 1.0]
    """
    return variable(np.ones(shape), dtype, name)


def get_value(x: ArrayLike) -> np.ndarray:
    """Return the values of a variable, a tensor or an array as a NumPy array.

    Example:
        >>> backend.get_value(backend.variable(3.0)).tolist()
        3.0
    """
    return x.numpy() if isinstance(x, Variable) else ops.convert_to_numpy(x)


eval = get_value


def set_value(x: Variable, value: ArrayLike) -> None:
    """Assign `value` to the variable x.

    Example:
        >>> x = backend.zeros((2,))
        >>> backend.set_value(x, [1.0, 2.0])
        >>> backend.get_value(x).tolist()
        [1.0, 2.0]
    """
    x.assign(np.asarray(value))


def count_params(x: Array) -> int:
    """Return the number of elements of x.

    Example:
        >>> backend.count_params(np.ones((2, 3)))
        6
    """
    return int(np.prod(x.shape))


def shape(x: ArrayLike) -> tuple:
    """Return the shape of x, with None for unknown sizes.

    Example:
        >>> backend.shape(np.ones((2, 3)))
        (2, 3)
    """
    return ops.shape(x)


int_shape = shape


def ndim(x: Array) -> int:
    """Return the number of axes of x.

    Example:
        >>> backend.ndim(np.ones((2, 3)))
        2
    """
    return len(x.shape)


def is_keras_tensor(x: ArrayLike) -> bool:
    """Return True if x is a symbolic tensor.

    Example:
        >>> backend.is_keras_tensor(layers.Input((4,)))
        True
    """
    return isinstance(x, KerasTensor)


# ---- functions with other names or arguments than in ops -------------------------------------------------------------


def argmin(x: Array, axis: int = -1) -> Array:
    """Return the position of the first minimum along `axis`.

    Args:
        x: array of any shape.
        axis: int, default -1.

    Example:
        >>> backend.argmin(np.array([3.0, 1.0, 2.0])).tolist()
        1
    """
    return argmax(-x, axis)


def pow(x: ArrayLike, a: ArrayLike) -> Array:
    """Return x^a.

    Example:
        >>> backend.pow([2.0, 3.0], 2.0).tolist()
        [4.0, 9.0]
    """
    return ops.power(x, a)


def dot(x: ArrayLike, y: ArrayLike) -> Array:
    """Return the matrix product of x and y, as `ops.matmul`.

    Example:
        >>> backend.dot([[1.0, 2.0]], [[3.0], [4.0]]).tolist()
        [[11.0]]
    """
    return ops.matmul(x, y)


def flatten(x: ArrayLike) -> Array:
    """Return x flattened to a single axis.

    Example:
        >>> backend.flatten([[1, 2], [3, 4]]).tolist()
        [1, 2, 3, 4]
    """
    return ops.ravel(x)


def batch_flatten(x: Array) -> Array:
    """Return x with each sample flattened to a row, (N, size of a sample).

    Example:
        >>> backend.batch_flatten(np.ones((2, 3, 4))).shape
        (2, 12)
    """
    return ops.reshape(x, (x.shape[0], -1))


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Array:
    """Join the arrays of `tensors` along `axis`, default -1.

    Example:
        >>> backend.concatenate([[[1, 2]], [[3]]]).tolist()
        [[1, 2, 3]]
    """
    return ops.concatenate(tensors, axis)


def permute_dimensions(x: ArrayLike, pattern: Sequence[int]) -> Array:
    """Return x with its axes in the order of `pattern`.

    Example:
        >>> backend.permute_dimensions(np.ones((2, 3, 4)), (2, 0, 1)).shape
        (4, 2, 3)
    """
    return ops.transpose(x, pattern)


def switch(condition: ArrayLike, then_expression: ArrayLike, else_expression: ArrayLike) -> Array:
    """Return `then_expression` if `condition` is True, else `else_expression`, element by element.

    Example:
        >>> backend.switch([True, False], [1.0, 1.0], [0.0, 0.0]).tolist()
        [1.0, 0.0]
    """
    return ops.where(condition, then_expression, else_expression)


def relu(x: ArrayLike, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """Return x if x >= threshold, but at most `max_value`; else alpha (x - threshold).

    Args:
        x: array of any shape.
        alpha: float of at least 0, default 0.
        max_value: float, or None (default) for no limit.
        threshold: float, default 0.

    Example:
        >>> backend.relu([-1.0, 2.0, 9.0], alpha=0.5, max_value=6.0).tolist()
        [-0.5, 2.0, 6.0]
    """
    import fastconv.activations as activations

    return activations.relu(x, alpha, max_value, threshold)


def l2_normalize(x: ArrayLike, axis: Axis = None) -> Array:
    """Return x / sqrt(max(sum(x^2), 1e-12)), with the sum over `axis`.

    Args:
        x: array of any shape.
        axis: int, ints, or None (default) for all axes.

    Example:
        >>> backend.l2_normalize([3.0, 4.0]).round(3).tolist()
        [0.6..., 0.8...]
    """
    return x * ops.rsqrt(maximum(sum(square(x), axis, True), 1e-12))


def categorical_crossentropy(target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1) -> Array:
    """Return the cross-entropy of probabilities `target` and `output`; see `ops.categorical_crossentropy`.

    Example:
        >>> backend.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).tolist()
        [0.693...]
    """
    return ops.categorical_crossentropy(target, output, from_logits, axis)


def sparse_categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> Array:
    """Return -log p[target] for probabilities `output`; see `ops.sparse_categorical_crossentropy`.

    Example:
        >>> backend.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).tolist()
        [0.693...]
    """
    return ops.sparse_categorical_crossentropy(target, output, from_logits, axis)


def binary_crossentropy(target: ArrayLike, output: ArrayLike, from_logits: bool = False) -> Array:
    """Return -target log p - (1 - target) log(1 - p), elementwise; see `ops.binary_crossentropy`.

    Example:
        >>> backend.binary_crossentropy([0.0, 1.0], [0.5, 0.5]).tolist()
        [0.693..., 0.693...]
    """
    return ops.binary_crossentropy(target, output, from_logits)


# ---- random numbers --------------------------------------------------------------------------------------------------


def random_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | None = None,
) -> Array:
    """Return normally distributed random numbers; see `random.normal`.

    Example:
        >>> backend.random_normal((2, 3)).shape
        (2, 3)
    """
    return random.normal(shape, mean, stddev, dtype, seed)


def random_uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | None = None,
) -> Array:
    """Return uniformly distributed random numbers; see `random.uniform`.

    Example:
        >>> backend.random_uniform((2, 3)).shape
        (2, 3)
    """
    return random.uniform(shape, minval, maxval, dtype, seed)
