"""One-hot labels, and normalization of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_integer, as_number, optional
from fastconv.engine import Operand
from fastconv.memory import check_fits
from fastconv.ops.convert import as_indices
from fastconv.typing import ArrayLike


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """Convert integers to one-hot vectors: y[..., k] = 1 if x[...] == k, else 0.

    Args:
        x: integers 0 <= x < num_classes, of any dtype; a last axis of size 1 is dropped.
        num_classes: int, or None for the maximum of x plus 1. Default: None.

    Returns:
        Array of dtype `config.floatx()` with an additional last axis of size `num_classes`.

    Raises:
        ValueError: a value of x is outside [0, num_classes) or not an integer.

    Example:
        >>> to_categorical([0, 2])
        array([[1., 0., 0.],
               [0., 0., 1.]], dtype=float32)
    """
    labels = np.asarray(as_indices(np.asarray(x)))
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    num_classes = optional(as_integer, "to_categorical", "num_classes", num_classes, 0)
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            "to_categorical: labels must be at least 0 and less than num_classes. "
            f"Received: labels from {labels.min()} to {labels.max()}, num_classes={num_classes}"
        )
    check_fits("to_categorical", (labels.size, num_classes), config.floatx())
    rows = np.zeros((labels.size, num_classes), config.floatx())
    rows[np.arange(labels.size), labels.reshape(-1)] = 1
    return rows.reshape(*labels.shape, num_classes)


def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> Any:
    """Divide x by its norm along `axis`; zero vectors stay zero.

    Args:
        x: array or tensor of real numbers.
        axis: int. The axis of the vectors. Default: -1.
        order: number above 0. The order of the norm, infinity included. Default: 2.

    Returns:
        Array; a tensor if x is a tensor, possibly symbolic. The norms of tensors are at least `config.epsilon()`.

    Raises:
        ValueError: the axis does not exist, the order is not positive, or x is not an array of real numbers.

    Example:
        >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    axis = as_integer("normalize", "axis", axis)
    order = as_number("normalize", "order", order, above=0)
    if isinstance(x, Operand):
        if order == np.inf:
            return x / ops.maximum(ops.max(ops.absolute(x), axis, True), config.epsilon())
        powers = ops.sum(ops.power(ops.absolute(x), float(order)), axis, True)
        return x / ops.power(ops.maximum(powers, config.epsilon() ** order), 1 / order)
    array = np.asarray(x)
    if array.dtype.kind not in "fiub" or not array.ndim:
        raise ValueError(f"normalize: x must be an array of real numbers. Received: {array.dtype=}, {array.shape=}")
    norms = np.atleast_1d(np.linalg.norm(array, order, axis))
    norms[norms == 0] = 1
    return array / np.expand_dims(norms, axis)
