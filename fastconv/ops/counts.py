"""Weighted counts of predictions, in memory that does not grow with thresholds or classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.ops.broadcast import broadcast_to
from fastconv.ops.convert import as_indices, convert_to_tensor

_threshold_counts: Primitive = Primitive(
    Reference.threshold_counts,
    lambda x, real, weights, thresholds: ((4, *thresholds.shape, x.shape[1]), np.dtype("float64")),
)
_confusion_matrix: Primitive = Primitive(
    Reference.confusion_matrix,
    lambda real, called, weights, *, classes: ((classes, classes), np.dtype("float64")),
)


def threshold_counts(x: Any, real: Any, weights: Any, thresholds: Any) -> Any:
    """Weighted counts of false positives, true positives, true negatives and false negatives, (4, T, K), float64.

    Args:
        x: outputs (N, K), floats; one is positive at a threshold if it is above it, NaN never.
        real: targets (N, K); those that are not 0 are positive.
        weights: what each output counts, (N, K) or 1 in place of an axis.
        thresholds: (T,), in any order, of the dtype of x.
    """
    return _threshold_counts(x, convert_to_tensor(real), broadcast_to(weights, x.shape), thresholds)


def confusion_matrix(real: Any, called: Any, weights: Any, classes: int) -> Any:
    """matrix[i, j] = sum of the weights where `real` is i and `called` is j, (classes, classes), float64.

    Args:
        real, called: class indices (N,); other numbers than those of classes count nowhere.
        weights: what each of them counts, (N,) or (1,).

    Raises:
        ValueError: an index that is no integer, when the counts are computed.
    """
    real = as_indices(real)
    return _confusion_matrix(real, as_indices(called), broadcast_to(weights, real.shape), classes=classes)
