"""Metrics as functions: a value for each sample."""

from __future__ import annotations

from typing import Any

from fastconv import config, ops
from fastconv.losses.functions import same_rank


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where y_pred equals y_true, else 0."""
    return _hits(*same_rank(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where y_pred > threshold says what y_true says, else 0."""
    y_true, y_pred = same_rank(y_true, y_pred)
    return _hits(y_true, ops.cast(y_pred > threshold, y_true.dtype))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_pred (N, ..., K) is at the place of the largest of y_true (N, ..., K), else 0."""
    return _hits(ops.argmax(y_true, -1), ops.argmax(y_pred, -1))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_pred (N, ..., K) is at y_true (N, ...) or (N, ..., 1), else 0."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return _hits(y_true, ops.argmax(y_pred, -1))


def _hits(expected: Any, found: Any) -> Any:
    if tuple(expected.shape) != tuple(found.shape):
        raise ValueError(
            "accuracy: there must be one target for each prediction. "
            f"Received: targets of shape {tuple(expected.shape)}, predictions of shape {tuple(found.shape)}"
        )
    return ops.cast(ops.equal(expected, found), config.floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class of y_true (N, ..., K), one-hot, is among the k largest of y_pred (N, ..., K), else 0."""
    return sparse_top_k_categorical_accuracy(ops.argmax(y_true, -1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where fewer than k classes of y_pred (N, ..., K) are above that of y_true (N, ...) or (N, ..., 1), else 0."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    mine = ops.sum(y_pred * ops.one_hot(ops.cast(y_true, "int64"), y_pred.shape[-1], dtype=y_pred.dtype), -1, True)
    above = ops.sum(ops.cast(y_pred > mine, config.floatx()), -1)
    return ops.cast(above < k, config.floatx())
