"""Metrics as functions: a value for each sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv import config, ops
from fastconv.engine import lift
from fastconv.losses.functions import same_rank
from fastconv.losses.settings import settings
from fastconv.ops.convert import as_float, as_indices


@lift
def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where y_pred equals y_true, else 0."""
    return _hits(*same_rank(y_true, y_pred))


@lift
@settings()
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where y_pred > threshold says what y_true says, else 0."""
    y_true, y_pred = same_rank(y_true, as_float(y_pred))
    return _hits(y_true, ops.cast(y_pred > threshold, y_true.dtype))


@lift
def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_pred (N, ..., K) is at the place of the largest of y_true (N, ..., K), else 0.

    Raises:
        ValueError: shapes that differ; class indices belong to `sparse_categorical_accuracy`.
    """
    return _hits(ops.argmax(_one_hot("categorical_accuracy", y_true, y_pred), -1), ops.argmax(y_pred, -1))


@lift
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_pred (N, ..., K) is at y_true (N, ...) or (N, ..., 1), else 0.

    Raises:
        ValueError: a target that is no integer, when the values are computed.
    """
    y_true, y_pred = _classes(y_true, y_pred)
    return _hits(y_true, ops.argmax(y_pred, -1))


@lift
@settings()
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class of y_true (N, ..., K), one-hot, is among the k largest of y_pred (N, ..., K), else 0.

    Raises:
        ValueError: shapes that differ; class indices belong to `sparse_top_k_categorical_accuracy`.
    """
    classes = ops.argmax(_one_hot("top_k_categorical_accuracy", y_true, y_pred), -1)
    return sparse_top_k_categorical_accuracy(classes, y_pred, k)


@lift
@settings()
def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Any:
    """1 where fewer than k classes of y_pred (N, ..., K) are above that of y_true (N, ...) or (N, ..., 1), else 0.

    Args:
        y_true: class indices; those of no class are never among the largest.
        y_pred: outputs; NaN is the least.
        k: how many classes count.
        from_sorted_ids: whether y_pred holds class indices in the order of their outputs, the largest first.

    Raises:
        ValueError: a target that is no integer, when the values are computed.
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


def _classes(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Class indices, without the last axis of size 1 that they may have, and outputs."""
    y_true, y_pred = as_indices(y_true), ops.convert_to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    _check_pairs(y_true.shape, y_pred.shape[:-1])
    return y_true, y_pred


def _one_hot(name: str, y_true: Any, y_pred: Any) -> Any:
    """One-hot targets. Raises ValueError unless they have the shape of the outputs."""
    y_true, shape = ops.convert_to_tensor(y_true), ops.shape(y_pred)
    if tuple(y_true.shape) != shape:
        raise ValueError(
            f"{name}: one-hot targets must have the shape of the outputs; class indices belong to sparse_{name}. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={shape}"
        )
    return y_true


def _hits(expected: Any, found: Any) -> Any:
    _check_pairs(expected.shape, found.shape)
    return ops.cast(ops.equal(expected, found), config.floatx())


def _check_pairs(expected: Any, found: Any) -> None:
    if tuple(expected) != tuple(found):
        raise ValueError(
            "accuracy: there must be one target for each prediction. "
            f"Received: targets of shape {tuple(expected)}, predictions of shape {tuple(found)}"
        )
