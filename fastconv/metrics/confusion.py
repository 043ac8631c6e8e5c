"""Metrics made of true and false positives and negatives, at one or many thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_choice, as_flag, as_integer, as_number, as_numbers, optional, plain
from fastconv.losses.functions import as_single, same_rank
from fastconv.losses.objects import leading_weights
from fastconv.metrics.metric import Metric, weighted
from fastconv.ops.counts import threshold_counts
from fastconv.serialization import register
from fastconv.typing import Array, Config, DTypeLike, Tree

FALSE_POSITIVES, TRUE_POSITIVES, TRUE_NEGATIVES, FALSE_NEGATIVES = CELLS = (
    "false_positives",
    "true_positives",
    "true_negatives",
    "false_negatives",
)
MOST_THRESHOLDS = 2**20  # the largest number of thresholds, which are stored in a list


def quotient(a: Array, b: Array) -> np.ndarray:
    """Return a / b, and 0 if b is 0."""
    a, b = np.asarray(a), np.asarray(b)
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def evenly_spaced(count: int) -> list[float]:
    """Return `count` thresholds from 0 to 1; only 0.5 if `count` is 1."""
    return [0.5] if count == 1 else (np.arange(count) / (count - 1)).tolist()


class Confusion(Metric):
    """Base class of metrics that count true and false positives and negatives.

    An output is positive if it is above a threshold, a target if it is not 0. The counts in `CELLS` are attributes:
    variables with an element for each threshold.
    """

    CELLS: Sequence[str] = CELLS
    ARGUMENTS: Sequence[str] = ()

    def __init__(self, thresholds: Sequence[float], name: str | None, dtype: DTypeLike | None) -> None:
        super().__init__(dtype, name)
        self.thresholds = list(thresholds)
        self.class_id: int | None = None
        self.top_k: int | None = None
        self._add_cells(len(self.thresholds))

    def _add_cells(self, *shape: int) -> None:
        for cell in self.CELLS:
            setattr(self, cell, self.add_variable(shape, "zeros", "float64", name=cell))

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Count a batch.

        Args:
            y_true: targets of any shape.
            y_pred: outputs of the same shape.
            sample_weight: the weight of each sample: a number, an array (N,), or an array with the leading axes of the
                outputs.

        Raises:
            ValueError: if shapes differ, or if `class_id` is given and outputs have no axis of classes.
        """
        y_true, y_pred = same_rank(y_true, as_single(y_pred))
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(
                f"{self.name}: targets must have the shape of the outputs. "
                f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
            )
        if self.top_k is not None:
            y_pred = ops.where(among_largest(y_pred, self.top_k), y_pred, -np.inf)
        if self.class_id is not None:
            y_true, y_pred = self._of_class(y_true), self._of_class(y_pred)
        for cell, count in zip(CELLS, self.count(y_true, y_pred, self.weights_of(y_pred, sample_weight))):
            if cell in self.CELLS:
                variable = getattr(self, cell)
                variable.assign(variable + count)

    def _of_class(self, x: Array) -> Array:
        if x.ndim < 2:
            raise ValueError(
                f"{self.name}: with class_id, outputs must have an axis of classes. Received: y_pred.shape={x.shape}"
            )
        return x[..., self.class_id]

    def weights_of(self, y_pred: Array, sample_weight: Array) -> Array:
        """Return the weight of each output, in an array that broadcasts against the outputs."""
        if sample_weight is None:
            return np.ones((1,) * y_pred.ndim, y_pred.dtype)
        return leading_weights(y_pred, sample_weight)

    def count(self, y_true: Array, y_pred: Array, weights: Array) -> list[Array]:
        """Return the counts of each threshold, in the order of `CELLS`, summed over all outputs."""
        weights = weights if weights.size == 1 else ops.broadcast_to(weights, y_pred.shape)
        x, real, weights = (ops.reshape(a, (-1, 1)) for a in (y_pred, y_true, weights))
        counts = threshold_counts(x, real, weights, np.array(self.thresholds, y_pred.dtype))
        return [counts[i, :, 0] for i in range(len(CELLS))]

    def get_config(self) -> Config:
        return {**super().get_config(), **{name: getattr(self, name) for name in self.ARGUMENTS}}


def among_largest(x: Array, k: int) -> Array:
    """Return whether each element is among the k largest of its row. Of equal elements, the first count."""
    return ops.argsort(ops.argsort(-x)) < k


class Count(Confusion):
    """Base class of metrics that return a single count, at one or several thresholds."""

    ARGUMENTS = ("thresholds",)

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(thresholds_or(self, thresholds, 0.5), name, dtype)
        self.given_thresholds = plain(thresholds)

    def result(self) -> Tree:
        return one_or_all(getattr(self, self.CELLS[0]).numpy())

    def get_config(self) -> Config:
        return {**super().get_config(), "thresholds": self.given_thresholds}


def thresholds_or(metric: object, thresholds: float | Sequence[float] | None, default: float) -> list[float]:
    """Return `thresholds`, a number or a sequence, as a list; `default` if it is None.

    Raises:
        ValueError: if a threshold is outside [0, 1], or if there is none.
    """
    if thresholds is None:
        return [default]
    found = np.ravel(as_numbers(metric, "thresholds", thresholds, 0, 1)).astype("float64").tolist()
    if not found:
        raise ValueError(f"{type(metric).__name__}: thresholds must not be empty. Received: {thresholds=}")
    return found


def one_or_all(numbers: np.ndarray) -> Array:
    """Return the only element as a float, or all elements as an array."""
    return float(numbers[0]) if len(numbers) == 1 else numbers


@register("metric")
class TruePositives(Count):
    """Number of outputs above the threshold whose target is not 0.

    Args:
        thresholds: float or sequence of float in [0, 1]. With a sequence, the result is an array with an element for
            each threshold. Defaults to 0.5.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if a threshold is outside [0, 1], or if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.TruePositives()
        >>> metric.update_state([0, 0, 1, 1, 1], [0.1, 0.9, 0.2, 0.7, 0.6])
        >>> metric.result()
        2.0
    """

    CELLS = (TRUE_POSITIVES,)


@register("metric")
class FalsePositives(Count):
    """Number of outputs above the threshold whose target is 0.

    Args:
        thresholds: float or sequence of float in [0, 1]. With a sequence, the result is an array with an element for
            each threshold. Defaults to 0.5.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if a threshold is outside [0, 1], or if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.FalsePositives()
        >>> metric.update_state([0, 0, 1, 1, 1], [0.1, 0.9, 0.2, 0.7, 0.6])
        >>> metric.result()
        1.0
    """

    CELLS = (FALSE_POSITIVES,)


@register("metric")
class TrueNegatives(Count):
    """Number of outputs not above the threshold whose target is 0.

    Args:
        thresholds: float or sequence of float in [0, 1]. With a sequence, the result is an array with an element for
            each threshold. Defaults to 0.5.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if a threshold is outside [0, 1], or if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.TrueNegatives()
        >>> metric.update_state([0, 0, 1, 1, 1], [0.1, 0.9, 0.2, 0.7, 0.6])
        >>> metric.result()
        1.0
    """

    CELLS = (TRUE_NEGATIVES,)


@register("metric")
class FalseNegatives(Count):
    """Number of outputs not above the threshold whose target is not 0.

    Args:
        thresholds: float or sequence of float in [0, 1]. With a sequence, the result is an array with an element for
            each threshold. Defaults to 0.5.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if a threshold is outside [0, 1], or if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.FalseNegatives()
        >>> metric.update_state([0, 0, 1, 1, 1], [0.1, 0.9, 0.2, 0.7, 0.6])
        >>> metric.result()
        1.0
    """

    CELLS = (FALSE_NEGATIVES,)


class Ratio(Confusion):
    """Base class of metrics that return the true positives divided by the sum of two counts."""

    ARGUMENTS = ("thresholds", "top_k", "class_id")

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(thresholds_or(self, thresholds, 0.5 if top_k is None else -1e10), name, dtype)
        self.given_thresholds = plain(thresholds)
        self.top_k = optional(as_integer, self.name, "top_k", top_k, 1)
        self.class_id = optional(as_integer, self.name, "class_id", class_id)

    def result(self) -> Tree:
        first, second = (getattr(self, cell).numpy() for cell in self.CELLS)
        return one_or_all(quotient(first, first + second))

    def get_config(self) -> Config:
        return {**super().get_config(), "thresholds": self.given_thresholds}


@register("metric")
class Precision(Ratio):
    """Precision, true positives / (true positives + false positives).

    It is the fraction of positive outputs whose target is positive. An output is positive if it is above a threshold.

    Args:
        thresholds: float or sequence of float in [0, 1]. With a sequence, the result is an array with an element for
            each threshold. Defaults to 0.5.
        top_k: int, or None. If given, only the `top_k` largest outputs of each row are positive, and only those above
            the threshold if `thresholds` is given, too.
        class_id: int, the index of the only class to count, or None for all classes.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if a threshold is outside [0, 1], `top_k` is below 1, or shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.Precision()
        >>> metric.update_state([0, 1, 1, 1], [0.9, 0.2, 0.7, 0.6])
        >>> round(float(metric.result()), 4)
        0.6667
    """

    CELLS = (TRUE_POSITIVES, FALSE_POSITIVES)


@register("metric")
class Recall(Ratio):
    """Recall, true positives / (true positives + false negatives).

    It is the fraction of positive targets whose output is positive. An output is positive if it is above a threshold.

    Args:
        thresholds: float or sequence of float in [0, 1]. With a sequence, the result is an array with an element for
            each threshold. Defaults to 0.5.
        top_k: int, or None. If given, only the `top_k` largest outputs of each row are positive, and only those above
            the threshold if `thresholds` is given, too.
        class_id: int, the index of the only class to count, or None for all classes.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if a threshold is outside [0, 1], `top_k` is below 1, or shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.Recall()
        >>> metric.update_state([0, 1, 1, 1], [0.9, 0.2, 0.7, 0.6])
        >>> round(float(metric.result()), 4)
        0.6667
    """

    CELLS = (TRUE_POSITIVES, FALSE_NEGATIVES)


class AtThreshold(Confusion):
    """Base class of metrics that return the best rate among thresholds at which another rate is high enough."""

    ARGUMENTS = ("num_thresholds", "class_id")
    wanted: str  # the name of the argument
    best: str
    given: str

    def __init__(
        self, least: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: DTypeLike | None
    ) -> None:
        self.least = as_number(self, self.wanted, least, 0, 1)
        self.num_thresholds = as_integer(self, "num_thresholds", num_thresholds, 1, MOST_THRESHOLDS)
        super().__init__(evenly_spaced(self.num_thresholds), name, dtype)
        self.class_id = optional(as_integer, self, "class_id", class_id)

    def rates(self) -> dict[str, np.ndarray]:
        """Return each rate at each threshold."""
        fp, tp, tn, fn = (getattr(self, cell).numpy() for cell in CELLS)
        return {
            "precision": quotient(tp, tp + fp),
            "recall": quotient(tp, tp + fn),
            "sensitivity": quotient(tp, tp + fn),
            "specificity": quotient(tn, tn + fp),
        }

    def result(self) -> float:
        rates = self.rates()
        return float(np.where(rates[self.given] >= self.least, rates[self.best], 0).max())

    def get_config(self) -> Config:
        return {**super().get_config(), self.wanted: self.least}


@register("metric")
class SensitivityAtSpecificity(AtThreshold):
    """Highest sensitivity at thresholds for which the specificity is at least `specificity`.

    Args:
        specificity: float in [0, 1], the lowest allowed specificity.
        num_thresholds: int, the number of evenly spaced thresholds. Defaults to 200.
        class_id: int, the index of the only class to count, or None for all classes.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if `specificity` is outside [0, 1], or if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.SensitivityAtSpecificity(0.5)
        >>> metric.update_state([0, 0, 0, 1, 1], [0.1, 0.3, 0.8, 0.2, 0.6])
        >>> round(metric.result(), 4)
        0.5
    """

    wanted, given, best = "specificity", "specificity", "sensitivity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


@register("metric")
class SpecificityAtSensitivity(AtThreshold):
    """Highest specificity at thresholds for which the sensitivity is at least `sensitivity`.

    Args:
        sensitivity: float in [0, 1], the lowest allowed sensitivity.
        num_thresholds: int, the number of evenly spaced thresholds. Defaults to 200.
        class_id: int, the index of the only class to count, or None for all classes.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if `sensitivity` is outside [0, 1], or if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.SpecificityAtSensitivity(0.5)
        >>> metric.update_state([0, 0, 0, 1, 1], [0.1, 0.3, 0.8, 0.2, 0.6])
        >>> round(metric.result(), 4)
        0.6667
    """

    wanted, given, best = "sensitivity", "sensitivity", "specificity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


@register("metric")
class PrecisionAtRecall(AtThreshold):
    """Highest precision at thresholds for which the recall is at least `recall`.

    Args:
        recall: float in [0, 1], the lowest allowed recall.
        num_thresholds: int, the number of evenly spaced thresholds. Defaults to 200.
        class_id: int, the index of the only class to count, or None for all classes.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if `recall` is outside [0, 1], or if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.PrecisionAtRecall(0.5)
        >>> metric.update_state([0, 0, 0, 1, 1], [0.1, 0.3, 0.8, 0.2, 0.6])
        >>> round(metric.result(), 4)
        0.5
    """

    wanted, given, best = "recall", "recall", "precision"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)


@register("metric")
class RecallAtPrecision(AtThreshold):
    """Highest recall at thresholds for which the precision is at least `precision`.

    Args:
        precision: float in [0, 1], the lowest allowed precision.
        num_thresholds: int, the number of evenly spaced thresholds. Defaults to 200.
        class_id: int, the index of the only class to count, or None for all classes.
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if `precision` is outside [0, 1], or if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.RecallAtPrecision(0.5)
        >>> metric.update_state([0, 0, 0, 1, 1], [0.1, 0.3, 0.8, 0.2, 0.6])
        >>> round(metric.result(), 4)
        1.0
    """

    wanted, given, best = "precision", "precision", "recall"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)


CURVES = {name: name for name in ("ROC", "PR", "PRGAIN")} | {name.lower(): name for name in ("ROC", "PR", "PRGAIN")}
METHODS = ("interpolation", "minoring", "majoring")


@register("metric", "auc")
class AUC(Confusion):
    """Area under the ROC curve or the precision-recall curve.

    The ROC curve is the recall as a function of the false positive rate. The area is the probability that a random
    positive example has a higher output than a random negative example, up to the spacing of the thresholds.

    Args:
        num_thresholds: int, the number of evenly spaced thresholds, the points of the curve. Defaults to 200.
        curve: "ROC", "PR" (precision as a function of recall), or "PRGAIN" (precision gain as a function of recall
            gain). Defaults to "ROC".
        summation_method: "interpolation" (linear between two points; for "PR" it interpolates the counts), "minoring"
            (the lower of two points) or "majoring" (the higher of two points). Defaults to "interpolation".
        name: str, the name of the metric, or None to use the name of the class in snake case.
        dtype: accepted for compatibility with Keras; metrics count in float64.
        thresholds: sequence of float in [0, 1], which replaces the inner evenly spaced thresholds, or None.
        multi_label: bool, whether to compute an area for each label in the last axis, and return their mean. Defaults
            to False.
        num_labels: int, the number of labels, or None to find it from the first batch.
        label_weights: sequence of float, the weight of each label, or None.
        from_logits: bool, whether outputs are logits. Defaults to False.

    Raises:
        ValueError: if the curve or the method is unknown, if there are fewer than two thresholds, or if `num_labels` is
            given without `multi_label`.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.AUC()
        >>> metric.update_state([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        >>> round(metric.result(), 4)
        0.75

    References:
        Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves"; Flach and Kull 2015,
        "Precision-recall-gain curves".
    """

    ARGUMENTS = ("num_thresholds", "curve", "summation_method", "multi_label", "num_labels", "from_logits")

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DTypeLike | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        method = summation_method.lower() if isinstance(summation_method, str) else summation_method
        if thresholds is None:
            inner = evenly_spaced(as_integer(self, "num_thresholds", num_thresholds, 2, MOST_THRESHOLDS))[1:-1]
        else:
            inner = sorted(thresholds_or(self, thresholds, 0.5))
        super().__init__([-config.epsilon(), *inner, 1 + config.epsilon()], name, dtype)
        self.given_thresholds = plain(thresholds)
        self.num_thresholds = len(self.thresholds)
        self.curve = CURVES[as_choice(self, "curve", curve, tuple(CURVES))]
        self.summation_method = as_choice(self, "summation_method", method, METHODS)
        self.multi_label = as_flag(self, "multi_label", multi_label)
        self.num_labels = optional(as_integer, self, "num_labels", num_labels, 1)
        self.label_weights = optional(as_numbers, self, "label_weights", label_weights, 0)
        self.from_logits = as_flag(self, "from_logits", from_logits)
        if self.num_labels and not self.multi_label:
            raise ValueError(
                f"AUC: num_labels must not be given without multi_label=True. Received: num_labels={num_labels!r}"
            )
        if self.num_labels:
            self._create_label_cells(self.num_labels)

    def _create_label_cells(self, labels: int) -> None:
        """Create counts of shape (thresholds, labels) in place of counts (thresholds,)."""
        self.num_labels, self._variables = labels, []
        self._add_cells(len(self.thresholds), labels)

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Count a batch.

        Args:
            y_true: targets of any shape; (N, K) if there are several labels.
            y_pred: outputs of the same shape.
            sample_weight: the weight of each sample: a number, an array (N,), or an array with the leading axes of the
                outputs.

        Raises:
            ValueError: if shapes differ, or if `multi_label` is true and outputs do not have two axes.
        """
        y_pred = ops.sigmoid(y_pred) if self.from_logits else ops.convert_to_tensor(y_pred)
        if self.multi_label and y_pred.ndim != 2:
            raise ValueError(
                f"AUC: outputs of several labels must have shape (N, K). Received: y_pred.shape={y_pred.shape}"
            )
        if self.multi_label and self.num_labels is None:
            self._create_label_cells(y_pred.shape[-1])
        super().update_state(y_true, y_pred, sample_weight)

    def weights_of(self, y_pred: Array, sample_weight: Array) -> Array:
        weights = super().weights_of(y_pred, sample_weight)
        if self.label_weights is None or self.multi_label:
            return weights
        return weights * np.array(self.label_weights, y_pred.dtype)

    def count(self, y_true: Array, y_pred: Array, weights: Array) -> list[Array]:
        if not self.multi_label:
            return super().count(y_true, y_pred, weights)
        counts = threshold_counts(y_pred, y_true, weights, np.array(self.thresholds, y_pred.dtype))
        return [counts[i] for i in range(len(CELLS))]

    def result(self) -> float:
        areas = self._areas()
        if not self.multi_label or self.label_weights is None:
            return float(np.mean(areas))
        return float(quotient(np.dot(areas, self.label_weights), np.sum(self.label_weights)))

    def _areas(self) -> np.ndarray:
        """Return the area of each label, or of all outputs together."""
        fp, tp, tn, fn = (getattr(self, cell).numpy() for cell in CELLS)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return interpolated_precision(tp, fp, fn)
        recall = quotient(tp, tp + fn)
        if self.curve == "ROC":
            x, y = quotient(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, quotient(tp, tp + fp)
        else:
            x, y = gains(fp, tp, tn, fn)
        ends = y[:-1], y[1:]
        height = {
            "interpolation": (ends[0] + ends[1]) / 2,
            "minoring": np.minimum(*ends),
            "majoring": np.maximum(*ends),
        }[self.summation_method]
        return ((x[:-1] - x[1:]) * height).sum(0)

    def get_config(self) -> Config:
        own = {"thresholds": self.given_thresholds, "label_weights": self.label_weights}
        return {**super().get_config(), **own}


def gains(fp: np.ndarray, tp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gains of recall, at least 0, and of precision over a classifier that calls everything positive."""
    odds = quotient(tp + fn, tn + fp)
    recall_gain, precision_gain = 1 - odds * quotient(fn, tp), 1 - odds * quotient(fp, tp)
    return np.maximum(np.where(tp == 0, 0.0, recall_gain), 0.0), np.where(tp == 0, 1.0, precision_gain)


def interpolated_precision(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """Return the area under precision as a function of recall, with counts interpolated linearly between two points."""
    called, found = tp + fp, tp[:-1] - tp[1:]
    slope = quotient(found, np.maximum(called[:-1] - called[1:], 0))
    intercept = tp[1:] - slope * called[1:]
    both = (called[:-1] > 0) & (called[1:] > 0)
    ratio = np.where(both, quotient(called[:-1], called[1:]), 1.0)
    return quotient(slope * (found + intercept * np.log(ratio)), tp[1:] + fn[1:]).sum(0)


class FScore(Metric):
    """Base class of F-scores, (1 + beta^2) precision recall / (beta^2 precision + recall), averaged over classes."""

    AVERAGES = ("micro", "macro", "weighted", None)

    def __init__(
        self, average: str | None, beta: float, threshold: float | None, name: str | None, dtype: DTypeLike | None
    ) -> None:
        super().__init__(dtype, name)
        if average not in self.AVERAGES:
            raise ValueError(f"{self.name}: average must be one of {self.AVERAGES}. Received: average={average!r}")
        self.average = average
        self.beta = float(as_number(self.name, "beta", beta, above=0, below=np.inf))
        self.threshold = optional(as_number, self.name, "threshold", threshold, high=1, above=0)
        self.counts: Any = None  # true positives, false positives and false negatives, (3, classes) or (3,)

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Count a batch of targets and outputs (N, K). Raises ValueError if they do not have two axes."""
        y_true, y_pred = ops.convert_to_tensor(y_true), as_single(y_pred)
        if not y_true.ndim == y_pred.ndim == 2:
            raise ValueError(
                f"{self.name}: targets and outputs must have shape (N, K). "
                f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
            )
        if self.counts is None:
            shape = (3,) if self.average == "micro" else (3, y_pred.shape[-1])
            self.counts = self.add_variable(shape, "zeros", "float64", name="counts")
        if self.threshold is None:
            positive = ops.logical_and(y_pred >= ops.max(y_pred, -1, True), ops.absolute(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        called, real = ops.cast(positive, "float64"), ops.cast(y_true, "float64")
        axis = None if self.average == "micro" else 0
        terms = (called * real, called * (1.0 - real), (1.0 - called) * real)
        self.counts.assign(self.counts + ops.stack([ops.sum(weighted(term, sample_weight), axis) for term in terms]))

    def result(self) -> Tree:
        if self.counts is None:
            return 0.0
        tp, fp, fn = self.counts.numpy()
        epsilon = config.epsilon()
        precision, recall = tp / (tp + fp + epsilon), tp / (tp + fn + epsilon)
        scores = (1 + self.beta**2) * precision * recall / (self.beta**2 * precision + recall + epsilon)
        if self.average == "weighted":
            return float((scores * (tp + fn) / ((tp + fn).sum() + epsilon)).sum())
        return scores if self.average is None else float(np.mean(scores))

    def get_config(self) -> Config:
        return {**super().get_config(), "average": self.average, "threshold": self.threshold}


@register("metric")
class FBetaScore(FScore):
    """F-beta score, (1 + beta^2) precision recall / (beta^2 precision + recall).

    Shapes: targets, one-hot or multi-hot, and outputs (N, K).

    Args:
        average: "micro" (count all classes together), "macro" (mean over classes), "weighted" (mean weighted by the
            number of targets of each class), or None for an array with a score for each class. Defaults to None.
        beta: float > 0; recall counts beta times as much as precision. Defaults to 1.
        threshold: float in (0, 1], above which an output is positive, or None for the largest output of each row.
        name: str, the name of the metric. Defaults to "fbeta_score".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if the average is unknown, `beta` is not positive, or the threshold is outside (0, 1].

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.FBetaScore(beta=2.0, threshold=0.5)
        >>> metric.update_state([[1, 1], [1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
        >>> [round(float(v), 4) for v in metric.result()]
        [0.5556, 0.5]
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(average, beta, threshold, name, dtype)

    def get_config(self) -> Config:
        return {**super().get_config(), "beta": self.beta}


@register("metric")
class F1Score(FScore):
    """F1 score, 2 precision recall / (precision + recall): `FBetaScore` with beta = 1.

    Args:
        average: "micro", "macro", "weighted" or None; see `FBetaScore`. Defaults to None.
        threshold: float in (0, 1], above which an output is positive, or None for the largest output of each row.
        name: str, the name of the metric. Defaults to "f1_score".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if the average is unknown, or if the threshold is outside (0, 1].

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.F1Score(average="macro", threshold=0.5)
        >>> metric.update_state([[1, 1], [1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
        >>> round(metric.result(), 4)
        0.5833
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
