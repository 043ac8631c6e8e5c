"""Intersection over union: how well labels of pixels agree, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import ops
from fastconv.arguments import as_flag, as_integer, as_integers, as_number, optional
from fastconv.losses.objects import leading_weights
from fastconv.metrics.metric import Metric
from fastconv.ops.convert import as_float, as_indices
from fastconv.ops.counts import confusion_matrix
from fastconv.serialization import register


class Overlap(Metric):
    """A confusion matrix (true class, called class), from which true / (true + missed + wrong) of some classes is made.

    Args:
        num_classes: K.
        target_class_ids: the classes whose mean is the result.
        ignore_class: pixels of this target count nowhere.
        sparse_y_true, sparse_y_pred: whether targets and outputs are class indices; else the largest along `axis`.
        axis: of the classes.

    Raises:
        ValueError: a class that is not from 0 to K - 1.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
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
        """`target_class_ids` as a list. Raises ValueError for a class that does not exist."""
        given = list(target_class_ids) if isinstance(target_class_ids, (set, range)) else target_class_ids
        classes = as_integers(self.name, "target_class_ids", given)
        if not all(0 <= i < self.num_classes for i in classes):
            raise ValueError(
                f"{self.name}: target_class_ids must be from 0 to num_classes - 1. "
                f"Received: target_class_ids={target_class_ids}, num_classes={self.num_classes}"
            )
        return list(classes)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch; pixels whose class does not exist count nowhere.

        Args:
            y_true, y_pred: class indices, or outputs or one-hot targets with classes along `axis`, of as many pixels.
            sample_weight: what each pixel counts, with as many leading axes of the targets as it has, or flat.

        Raises:
            ValueError: other numbers of pixels, or an index that is no integer.
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

    def _weights(self, y_true: Any, sample_weight: Any) -> Any:
        """What each pixel counts, flat."""
        if sample_weight is None:
            return np.ones(1)
        weights = as_float(sample_weight)
        if weights.size != y_true.size:
            weights = ops.broadcast_to(leading_weights(ops.cast(y_true, weights.dtype), weights), y_true.shape)
        return ops.reshape(weights, (-1,))

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


def every_class(num_classes: Any) -> range:
    """All classes. Raises ValueError unless their number is an integer of at least 1."""
    return range(as_integer("metric", "num_classes", num_classes, 1))


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
        dtype: Any = None,
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
    """`IoU` with one-hot targets."""

    ARGUMENTS = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
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
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, every_class(num_classes), name, dtype, ignore_class, False, sparse_y_pred, axis)


@register("metric")
class BinaryIoU(Overlap):
    """`IoU` of outputs above and not above a threshold, classes 1 and 0."""

    ARGUMENTS = ("target_class_ids", "threshold")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = as_number(self.name, "threshold", threshold)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, ops.convert_to_tensor(y_pred) >= self.threshold, sample_weight)
