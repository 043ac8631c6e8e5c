"""Metrics as functions: they return a value for each sample."""

from __future__ import annotations

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.engine import lift
from fastconv.losses.functions import same_rank
from fastconv.losses.settings import settings
from fastconv.ops.convert import as_float, as_indices
from fastconv.typing import Array, ArrayLike


@lift
def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Return 1 if y_pred equals y_true, else 0, for each element.

    Shapes: y_true, y_pred and the result have equal shapes.

    Args:
        y_true: targets of any shape.
        y_pred: outputs of the same shape.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import metrics
        >>> y_true, y_pred = [1, 2, 3], [1, 2, 4]
        >>> metrics.accuracy(y_true, y_pred).tolist()
        [1.0, 1.0, 0.0]
    """
    return _hits(*same_rank(y_true, y_pred))


@lift
@settings()
def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> Array:
    """Return 1 if y_pred > threshold agrees with y_true, else 0, for each element.

    Shapes: y_true, y_pred and the result have equal shapes.

    Args:
        y_true: targets of 0 and 1, of any shape.
        y_pred: outputs of the same shape.
        threshold: float. Defaults to 0.5.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import metrics
        >>> y_true, y_pred = [0, 1, 1], [0.2, 0.8, 0.3]
        >>> metrics.binary_accuracy(y_true, y_pred).tolist()
        [1.0, 1.0, 0.0]
    """
    y_true, y_pred = same_rank(y_true, as_float(y_pred))
    return _hits(y_true, ops.cast(y_pred > threshold, y_true.dtype))


@lift
def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Return 1 if the largest output is at the class of a one-hot target, else 0.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: one-hot targets, (..., K).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if the shapes differ. `sparse_categorical_accuracy` takes class indices.

    Example:
        >>> from fastconv import metrics
        >>> y_true, y_pred = [[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]
        >>> metrics.categorical_accuracy(y_true, y_pred).tolist()
        [1.0, 0.0]
    """
    return _hits(ops.argmax(_one_hot("categorical_accuracy", y_true, y_pred), -1), ops.argmax(y_pred, -1))


@lift
def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Return 1 if the largest output is at the target, a class index, else 0.

    Shapes: y_true (...) or (..., 1), y_pred (..., K), result (...).

    Args:
        y_true: class indices, (...) or (..., 1).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if a target is not an integer, when the values are computed.

    Example:
        >>> from fastconv import metrics
        >>> y_true, y_pred = [1, 0], [[0.2, 0.8], [0.4, 0.6]]
        >>> metrics.sparse_categorical_accuracy(y_true, y_pred).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = _classes(y_true, y_pred)
    return _hits(y_true, ops.argmax(y_pred, -1))


@lift
@settings()
def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> Array:
    """Return 1 if the class of a one-hot target is among the k largest outputs, else 0.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: one-hot targets, (..., K).
        y_pred: outputs, (..., K).
        k: int, the number of classes. Defaults to 5.

    Raises:
        ValueError: if the shapes differ. `sparse_top_k_categorical_accuracy` takes class indices.

    Example:
        >>> from fastconv import metrics
        >>> y_true, y_pred = [[0, 0, 1], [1, 0, 0]], [[0.5, 0.1, 0.4], [0.1, 0.2, 0.7]]
        >>> metrics.top_k_categorical_accuracy(y_true, y_pred, k=2).tolist()
        [1.0, 0.0]
    """
    classes = ops.argmax(_one_hot("top_k_categorical_accuracy", y_true, y_pred), -1)
    return sparse_top_k_categorical_accuracy(classes, y_pred, k)


@lift
@settings()
def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """Return 1 if fewer than k classes have larger outputs than the target, a class index, else 0.

    Shapes: y_true (...) or (..., 1), y_pred (..., K), result (...).

    Args:
        y_true: class indices, (...) or (..., 1). An index outside the classes gives 0.
        y_pred: outputs, (..., K). NaN counts as the smallest.
        k: int, the number of classes. Defaults to 5.
        from_sorted_ids: bool, whether y_pred holds class indices in descending order of their outputs. Defaults to
            False.

    Raises:
        ValueError: if a target is not an integer, when the values are computed.

    Example:
        >>> from fastconv import metrics
        >>> y_true, y_pred = [2, 0], [[0.5, 0.1, 0.4], [0.1, 0.2, 0.7]]
        >>> metrics.sparse_top_k_categorical_accuracy(y_true, y_pred, k=2).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = _classes(y_true, y_pred)
    if from_sorted_ids:
        found = ops.equal(ops.expand_dims(y_true, -1), y_pred[..., :k])
        return ops.max(ops.cast(found, config.floatx()), -1)
    is_true = ops.equal(ops.expand_dims(y_true, -1), np.arange(y_pred.shape[-1]))
    is_known = ops.logical_and(is_true, ops.equal(y_pred, y_pred))
    true = ops.max(ops.where(is_known, as_float(y_pred), -np.inf), -1, True)
    above = ops.sum(ops.cast(ops.greater(y_pred, true), config.floatx()), -1)
    exists = ops.max(ops.cast(is_true, config.floatx()), -1)
    return ops.cast(above < k, config.floatx()) * exists


def _classes(y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Return class indices, without a last axis of size 1, and outputs."""
    y_true, y_pred = as_indices(y_true), ops.convert_to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    _check_pairs(y_true.shape, y_pred.shape[:-1])
    return y_true, y_pred


def _one_hot(name: str, y_true: Array, y_pred: Array) -> Array:
    """Return one-hot targets. Raises ValueError if they do not have the shape of the outputs."""
    y_true, shape = ops.convert_to_tensor(y_true), ops.shape(y_pred)
    if tuple(y_true.shape) != shape:
        raise ValueError(
            f"{name}: one-hot targets must have the shape of the outputs; class indices belong to sparse_{name}. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={shape}"
        )
    return y_true


def _hits(expected: Array, found: Array) -> Array:
    _check_pairs(expected.shape, found.shape)
    return ops.cast(ops.equal(expected, found), config.floatx())


def _check_pairs(expected: Array, found: Array) -> None:
    if tuple(expected) != tuple(found):
        raise ValueError(
            "accuracy: there must be one target for each prediction. "
            f"Received: targets of shape {tuple(expected)}, predictions of shape {tuple(found)}"
        )
