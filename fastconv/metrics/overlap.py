"""Intersection over union: metrics of agreement between labels of pixels, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.ops as ops
from fastconv.arguments import as_flag, as_integer, as_integers, as_number, optional
from fastconv.losses.objects import leading_weights
from fastconv.metrics.metric import Metric
from fastconv.ops.convert import as_float, as_indices
from fastconv.ops.counts import confusion_matrix
from fastconv.serialization import register
from fastconv.typing import Array, Config, DTypeLike


class Overlap(Metric):
    """Base class of metrics made of a confusion matrix (true class, predicted class).

    The result is the mean of intersection / union over some classes.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype, name)
        self.num_classes = as_integer(self.name, "num_classes", num_classes, 1)
        self.confusion = self.add_variable(
            (self.num_classes, self.num_classes), "zeros", "float64", name="total_confusion_matrix"
        )
        self.target_class_ids = self._classes(target_class_ids)
        self.ignore_class = optional(as_integer, self.name, "ignore_class", ignore_class)
        self.sparse_y_true = as_flag(self.name, "sparse_y_true", sparse_y_true)
        self.sparse_y_pred = as_flag(self.name, "sparse_y_pred", sparse_y_pred)
        self.axis = as_integer(self.name, "axis", axis)

    def _classes(self, target_class_ids: Sequence[int]) -> list[int]:
        """Return `target_class_ids` as a list. Raises ValueError if a class does not exist."""
        given = list(target_class_ids) if isinstance(target_class_ids, (set, range)) else target_class_ids
        classes = as_integers(self.name, "target_class_ids", given)
        if not all(0 <= i < self.num_classes for i in classes):
            raise ValueError(
                f"{self.name}: target_class_ids must be from 0 to num_classes - 1. "
                f"Received: target_class_ids={target_class_ids}, num_classes={self.num_classes}"
            )
        return list(classes)

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Count a batch. Pixels with a class that does not exist are left out.

        Args:
            y_true: class indices, or one-hot targets with the classes along `axis`.
            y_pred: class indices, or outputs with the classes along `axis`, for the same number of pixels.
            sample_weight: the weight of each pixel: an array with the leading axes of the targets, or an array with an
                element for each pixel.

        Raises:
            ValueError: if the numbers of pixels differ, or if an index is not an integer.
        """
        given = y_true, y_pred
        y_true = as_indices(y_true if self.sparse_y_true else ops.argmax(y_true, self.axis))
        y_pred = as_indices(y_pred if self.sparse_y_pred else ops.argmax(y_pred, self.axis))
        if y_true.size != y_pred.size:
            shapes = [tuple(ops.convert_to_tensor(y).shape) for y in given]
            raise ValueError(
                f"{self.name}: there must be a target for each output. "
                f"Received: y_true.shape={shapes[0]}, y_pred.shape={shapes[1]}"
            )
        weights = self._weights(y_true, sample_weight)
        if self.ignore_class is not None:
            y_true = ops.where(ops.not_equal(y_true, self.ignore_class), ops.cast(y_true, "int64"), -1)
        real, called = (ops.reshape(y, (-1,)) for y in (y_true, y_pred))
        self.confusion.assign(self.confusion + confusion_matrix(real, called, weights, self.num_classes))

    def _weights(self, y_true: Array, sample_weight: Array) -> Array:
        """Return the weight of each pixel, as a vector."""
        if sample_weight is None:
            return np.ones(1)
        weights = as_float(sample_weight)
        if weights.size != y_true.size:
            weights = ops.broadcast_to(leading_weights(ops.cast(y_true, weights.dtype), weights), y_true.shape)
        return ops.reshape(weights, (-1,))

    def result(self) -> float:
        """Return the mean over the target classes that occur."""
        matrix = self.confusion.numpy()
        both = np.diag(matrix)[self.target_class_ids]
        either = (matrix.sum(0) + matrix.sum(1) - np.diag(matrix))[self.target_class_ids]
        occurs = either > 0
        return float((both[occurs] / either[occurs]).mean()) if occurs.any() else 0.0

    ARGUMENTS: Sequence[str] = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred",
                                "axis")  # fmt: skip

    def get_config(self) -> Config:
        return {**super().get_config(), **{name: getattr(self, name) for name in self.ARGUMENTS}}


def every_class(num_classes: Any) -> range:
    """Return all class indices. Raises ValueError unless their number is an integer of at least 1."""
    return range(as_integer("metric", "num_classes", num_classes, 1))


@register("metric")
class IoU(Overlap):
    """Mean over some classes of intersection / union = true / (true + missed + wrong).

    Args:
        num_classes: int, the number K of classes.
        target_class_ids: sequence of int, the classes whose mean is the result.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.
        ignore_class: int, a class index whose targets are left out, or None.
        sparse_y_true: bool, whether targets are class indices, and not one-hot. Defaults to True.
        sparse_y_pred: bool, whether outputs are class indices, and not scores of classes. Defaults to True.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if a class is not from 0 to K - 1, or if numbers of pixels differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.IoU(num_classes=2, target_class_ids=[1])
        >>> metric.update_state([0, 0, 1, 1], [0, 1, 1, 1])
        >>> round(metric.result(), 4)
        0.6667
    """


@register("metric")
class MeanIoU(Overlap):
    """Mean intersection over union of all classes that occur; see `IoU`.

    Args:
        num_classes: int, the number K of classes.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.
        ignore_class: int, a class index whose targets are left out, or None.
        sparse_y_true: bool, whether targets are class indices, and not one-hot. Defaults to True.
        sparse_y_pred: bool, whether outputs are class indices, and not scores of classes. Defaults to True.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if `num_classes` is below 1, or if numbers of pixels differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.MeanIoU(num_classes=2)
        >>> metric.update_state([0, 0, 1, 1], [0, 1, 1, 1])
        >>> round(metric.result(), 4)
        0.5833
    """

    ARGUMENTS = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, every_class(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )


@register("metric")
class OneHotIoU(Overlap):
    """Mean intersection over union of some classes, for one-hot targets; see `IoU`.

    Args:
        num_classes: int, the number K of classes.
        target_class_ids: sequence of int, the classes whose mean is the result.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.
        ignore_class: int, a class index whose targets are left out, or None.
        sparse_y_pred: bool, whether outputs are class indices, and not scores of classes. Defaults to False.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if a class is not from 0 to K - 1, or if numbers of pixels differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.OneHotIoU(num_classes=2, target_class_ids=[1])
        >>> metric.update_state([[1, 0], [1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]])
        >>> round(metric.result(), 4)
        0.6667
    """

    ARGUMENTS = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


@register("metric")
class OneHotMeanIoU(Overlap):
    """Mean intersection over union of all classes that occur, for one-hot targets; see `IoU`.

    Args:
        num_classes: int, the number K of classes.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.
        ignore_class: int, a class index whose targets are left out, or None.
        sparse_y_pred: bool, whether outputs are class indices, and not scores of classes. Defaults to False.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if `num_classes` is below 1, or if numbers of pixels differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.OneHotMeanIoU(num_classes=2)
        >>> metric.update_state([[1, 0], [1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]])
        >>> round(metric.result(), 4)
        0.5833
    """

    ARGUMENTS = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, every_class(num_classes), name, dtype, ignore_class, False, sparse_y_pred, axis)


@register("metric")
class BinaryIoU(Overlap):
    """Mean intersection over union of two classes: outputs below the threshold (0) and the others (1).

    Args:
        target_class_ids: sequence of int, the classes whose mean is the result. Defaults to (0, 1).
        threshold: float; outputs of at least this value are in class 1. Defaults to 0.5.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if a class is not 0 or 1, or if numbers of pixels differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.BinaryIoU(threshold=0.5)
        >>> metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.8, 0.9])
        >>> round(metric.result(), 4)
        0.5833
    """

    ARGUMENTS = ("target_class_ids", "threshold")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = as_number(self.name, "threshold", threshold)

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        super().update_state(y_true, ops.convert_to_tensor(y_pred) >= self.threshold, sample_weight)


@register("metric")
class ConfusionMatrix(Overlap):
    """Confusion matrix: element (i, j) is the number of samples, or pixels, of class i that are taken for class j.

    Args:
        num_classes: int, the number K of classes.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.
        ignore_class: int, a class index whose targets are left out, or None.
        sparse_y_true: bool, whether targets are class indices, and not one-hot. Defaults to True.
        sparse_y_pred: bool, whether outputs are class indices, and not scores of classes. Defaults to False.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if numbers of samples differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.ConfusionMatrix(num_classes=2)
        >>> metric.update_state([0, 1, 1], [[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
        >>> metric.result().tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        classes = every_class(num_classes)
        super().__init__(num_classes, classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    ARGUMENTS = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def result(self) -> np.ndarray:  # type: ignore[override]  # the matrix itself
        """Return the matrix (true class, predicted class), the sums of the samples' weights."""
        return self.confusion.numpy()
