"""Weighted counts of predictions. Working memory does not grow with the number of thresholds or classes."""

from __future__ import annotations

import numpy as np

from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.ops.broadcast import broadcast_to
from fastconv.ops.convert import as_indices, convert_to_tensor
from fastconv.typing import Array

_threshold_counts: Primitive = Primitive(
    Reference.threshold_counts,
    lambda x, real, weights, thresholds: ((4, *thresholds.shape, x.shape[1]), np.dtype("float64")),
)
_confusion_matrix: Primitive = Primitive(
    Reference.confusion_matrix,
    lambda real, called, weights, *, classes: ((classes, classes), np.dtype("float64")),
)


def threshold_counts(x: Array, real: Array, weights: Array, thresholds: Array) -> Array:
    """Return weighted counts of false and true positives, then true and false negatives, (4, T, K), float64.

    Args:
        x: outputs (N, K), floats. An output is positive if it is above the threshold; NaN is never positive.
        real: targets (N, K). A target is positive if it is not 0.
        weights: weight of each output, (N, K), with size 1 on broadcast axes.
        thresholds: (T,), in any order, of the dtype of x.
    """
    return _threshold_counts(x, convert_to_tensor(real), broadcast_to(weights, x.shape), thresholds)


def confusion_matrix(real: Array, called: Array, weights: Array, classes: int) -> Array:
    """matrix[i, j] = sum of the weights with real = i and called = j, (classes, classes), float64.

    Args:
        real, called: class indices (N,). Indices outside [0, classes) are not counted.
        weights: weight of each prediction, (N,) or (1,).
        classes: the number of classes.

    Raises:
        ValueError: if an index is not an integer, when the counts are computed.
    """
    real = as_indices(real)
    return _confusion_matrix(real, as_indices(called), broadcast_to(weights, real.shape), classes=classes)
