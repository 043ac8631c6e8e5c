"""The backend functions of Keras 2, ``from fastconv import backend as K``: other names for `ops` and `config`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import ops, random
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
    """What computes: "fastconv"."""
    return "fastconv"


# ---- arrays and variables --------------------------------------------------------------------------------------------


def cast_to_floatx(x: Any) -> Any:
    """x as `floatx()`."""
    return cast(x, floatx())


def constant(value: Any, dtype: str | None = None, shape: Sequence[int] | None = None) -> np.ndarray:
    """An array of `value`, broadcast to `shape`."""
    array = np.asarray(value, dtype or floatx())
    return array if shape is None else np.broadcast_to(array, tuple(shape)).copy()


def variable(value: Any, dtype: str | None = None, name: str | None = None) -> Variable:
    """A variable that begins with `value`."""
    return Variable(np.asarray(value, dtype or floatx()), name=name or "variable")


def zeros(shape: Sequence[int], dtype: str | None = None, name: str | None = None) -> Variable:
    """A variable of zeros."""
    return variable(np.zeros(shape), dtype, name)


def ones(shape: Sequence[int], dtype: str | None = None, name: str | None = None) -> Variable:
    """A variable of ones."""
    return variable(np.ones(shape), dtype, name)


def get_value(x: Any) -> np.ndarray:
    """The numbers in a variable, a tensor or an array."""
    return x.numpy() if isinstance(x, Variable) else ops.convert_to_numpy(x)


eval = get_value


def set_value(x: Variable, value: Any) -> None:
    """Write `value` into a variable."""
    x.assign(np.asarray(value))


def count_params(x: Any) -> int:
    """How many numbers x holds."""
    return int(np.prod(x.shape))


def shape(x: Any) -> tuple:
    """The sizes of the axes of x."""
    return ops.shape(x)


int_shape = shape


def ndim(x: Any) -> int:
    """How many axes x has."""
    return len(x.shape)


def is_keras_tensor(x: Any) -> bool:
    """Whether x is a symbolic tensor."""
    return isinstance(x, KerasTensor)


# ---- functions with other names or arguments than in ops -------------------------------------------------------------


def argmin(x: Any, axis: int = -1) -> Any:
    """The position of the smallest element along `axis`."""
    return argmax(-x, axis)


def pow(x: Any, a: Any) -> Any:
    """x^a."""
    return ops.power(x, a)


def dot(x: Any, y: Any) -> Any:
    """The product of matrices: sums over the last axis of x and the first of y."""
    return ops.matmul(x, y)


def flatten(x: Any) -> Any:
    """x with one axis."""
    return ops.ravel(x)


def batch_flatten(x: Any) -> Any:
    """Each sample of x as one row."""
    return ops.reshape(x, (x.shape[0], -1))


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Tensors one behind another along `axis`."""
    return ops.concatenate(tensors, axis)


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Any:
    """x with its axes in another order."""
    return ops.transpose(x, pattern)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """The first expression where the condition holds, else the second."""
    return ops.where(condition, then_expression, else_expression)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """x above the threshold, at most `max_value`; below it, alpha (x - threshold)."""
    from fastconv import activations

    return activations.relu(x, alpha, max_value, threshold)


def l2_normalize(x: Any, axis: Axis = None) -> Any:
    """x over its length along `axis`."""
    return x * ops.rsqrt(maximum(sum(square(x), axis, True), 1e-12))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-sum of target log p along `axis`."""
    return ops.categorical_crossentropy(target, output, from_logits, axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-log p[target]."""
    return ops.sparse_categorical_crossentropy(target, output, from_logits, axis)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-target log p - (1 - target) log(1 - p), element by element."""
    return ops.binary_crossentropy(target, output, from_logits)


# ---- random numbers --------------------------------------------------------------------------------------------------


def random_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, seed: int | None = None
) -> Any:
    """Normally distributed numbers, others in each step of a graph."""
    return random.normal(shape, mean, stddev, dtype, seed)


def random_uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: str | None = None, seed: int | None = None
) -> Any:
    """Evenly distributed numbers, others in each step of a graph."""
    return random.uniform(shape, minval, maxval, dtype, seed)
