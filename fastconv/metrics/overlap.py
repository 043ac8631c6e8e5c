"""Intersection over union: how well labels of pixels agree, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import ops
from fastconv.metrics.metric import Metric
from fastconv.serialization import register


class Overlap(Metric):
    """A confusion matrix (true class, called class), from which true / (true + missed + wrong) of some classes is made.

    Args:
        num_classes: K.
        target_class_ids: the classes whose mean is the result.
        ignore_class: pixels of this target count nowhere.
        sparse_y_true, sparse_y_pred: whether targets and outputs are whole numbers; else the largest along `axis`.
        axis: of the classes.

    Raises:
        ValueError: a class that is not from 0 to K - 1.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.confusion = self.add_variable((num_classes, num_classes), "zeros", "float64", "total_confusion_matrix")
        if not all(0 <= i < num_classes for i in target_class_ids):
            raise ValueError(
                f"{self.name}: target_class_ids must be from 0 to num_classes - 1. "
                f"Received: target_class_ids={list(target_class_ids)}, num_classes={num_classes}"
            )
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch; pixels whose class does not exist count nowhere."""
        y_true = y_true if self.sparse_y_true else ops.argmax(y_true, self.axis)
        y_pred = y_pred if self.sparse_y_pred else ops.argmax(y_pred, self.axis)
        real, called = (ops.cast(ops.reshape(y, (-1,)), "int64") for y in (y_true, y_pred))
        rows = ops.cast(ops.equal(ops.expand_dims(real, 0), np.arange(self.num_classes)[:, None]), "float64")
        columns = ops.cast(ops.equal(ops.expand_dims(called, 1), np.arange(self.num_classes)), "float64")
        if self.ignore_class is not None:
            rows = rows * ops.cast(ops.not_equal(real, self.ignore_class), "float64")
        if sample_weight is not None:
            weights = ops.cast(ops.reshape(sample_weight, (-1,)), "float64")
            rows = rows * ops.broadcast_to(weights, real.shape)
        self.confusion.assign(self.confusion + ops.matmul(rows, columns))

    def result(self) -> float:
        """The mean over those of the classes that occur."""
        matrix = self.confusion.numpy()
        both = np.diag(matrix)[self.target_class_ids]
        either = (matrix.sum(0) + matrix.sum(1) - np.diag(matrix))[self.target_class_ids]
        occurs = either > 0
        return float((both[occurs] / either[occurs]).mean()) if occurs.any() else 0.0

    ARGUMENTS: Sequence[str] = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred",
                                "axis")  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{name: getattr(self, name) for name in self.ARGUMENTS}}


@register("metric")
class IoU(Overlap):
    __doc__ = "The mean intersection over union of some classes.\n" + (Overlap.__doc__ or "").partition("\n")[2]


@register("metric")
class MeanIoU(Overlap):
    """The mean intersection over union of all classes that occur, with the arguments of `IoU`."""

    ARGUMENTS = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        every = range(num_classes)
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


@register("metric")
class OneHotIoU(Overlap):
    """`IoU` with one-hot targets."""

    ARGUMENTS = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


@register("metric")
class OneHotMeanIoU(Overlap):
    """`MeanIoU` with one-hot targets."""

    ARGUMENTS = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, False, sparse_y_pred, axis)


@register("metric")
class BinaryIoU(Overlap):
    """`IoU` of outputs above and not above a threshold, classes 1 and 0."""

    ARGUMENTS = ("target_class_ids", "threshold")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, ops.convert_to_tensor(y_pred) >= self.threshold, sample_weight)
