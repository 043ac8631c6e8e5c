"""Metrics of true and false positives and negatives, at one threshold or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import config, ops
from fastconv.arguments import as_choice, as_flag, as_integer, as_number, as_numbers, optional, plain
from fastconv.losses.functions import as_single, same_rank
from fastconv.losses.objects import leading_weights
from fastconv.metrics.metric import Metric, weighted
from fastconv.ops.counts import threshold_counts
from fastconv.serialization import register

FALSE_POSITIVES, TRUE_POSITIVES, TRUE_NEGATIVES, FALSE_NEGATIVES = CELLS = (
    "false_positives",
    "true_positives",
    "true_negatives",
    "false_negatives",
)
MOST_THRESHOLDS = 2**20  # which are kept as a list


def quotient(a: Any, b: Any) -> np.ndarray:
    """a / b, and 0 where b is 0."""
    a, b = np.asarray(a), np.asarray(b)
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def evenly_spaced(count: int) -> list[float]:
    """Thresholds from 0 to 1; 0.5 if there is to be one."""
    return [0.5] if count == 1 else (np.arange(count) / (count - 1)).tolist()


class Confusion(Metric):
    """Counts of positives and negatives: an output is positive above a threshold, a target if it is not 0.

    The cells that a class names in `CELLS` are attributes, variables with an element for each threshold.
    """

    CELLS: Sequence[str] = CELLS
    ARGUMENTS: Sequence[str] = ()

    def __init__(self, thresholds: Sequence[float], name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name)
        self.thresholds = list(thresholds)
        self.class_id: int | None = None
        self.top_k: int | None = None
        self._add_cells(len(self.thresholds))

    def _add_cells(self, *shape: int) -> None:
        for cell in self.CELLS:
            setattr(self, cell, self.add_variable(shape, "zeros", "float64", name=cell))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch.

        Args:
            y_true, y_pred: targets and outputs of one shape.
            sample_weight: what each sample counts, (N,), or as many leading axes of the outputs as it has.

        Raises:
            ValueError: shapes that differ, or outputs without classes if `class_id` is given.
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

    def _of_class(self, x: Any) -> Any:
        if x.ndim < 2:
            raise ValueError(
                f"{self.name}: with class_id, outputs must have an axis of classes. Received: y_pred.shape={x.shape}"
            )
        return x[..., self.class_id]

    def weights_of(self, y_pred: Any, sample_weight: Any) -> Any:
        """What each output counts, in an array with its axes; those of size 1 are all of one weight."""
        if sample_weight is None:
            return np.ones((1,) * y_pred.ndim, y_pred.dtype)
        return leading_weights(y_pred, sample_weight)

    def count(self, y_true: Any, y_pred: Any, weights: Any) -> list[Any]:
        """The cells, in the order of `CELLS`, for each threshold, summed over everything."""
        weights = weights if weights.size == 1 else ops.broadcast_to(weights, y_pred.shape)
        x, real, weights = (ops.reshape(a, (-1, 1)) for a in (y_pred, y_true, weights))
        counts = threshold_counts(x, real, weights, np.array(self.thresholds, y_pred.dtype))
        return [counts[i, :, 0] for i in range(len(CELLS))]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{name: getattr(self, name) for name in self.ARGUMENTS}}


def among_largest(x: Any, k: int) -> Any:
    """Whether an element is among the k largest of its row; of equal ones the first are."""
    return ops.argsort(ops.argsort(-x)) < k


class Count(Confusion):
    """One cell alone, at one threshold or several."""

    ARGUMENTS = ("thresholds",)

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(thresholds_or(self, thresholds, 0.5), name, dtype)
        self.given_thresholds = plain(thresholds)

    def result(self) -> Any:
        return one_or_all(getattr(self, self.CELLS[0]).numpy())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.given_thresholds}


def thresholds_or(metric: Any, thresholds: float | Sequence[float] | None, default: float) -> list[float]:
    """`thresholds`, a number or several, as a list. Raises ValueError for none, or one outside of [0, 1]."""
    if thresholds is None:
        return [default]
    found = np.ravel(as_numbers(metric, "thresholds", thresholds, 0, 1)).astype("float64").tolist()
    if not found:
        raise ValueError(f"{type(metric).__name__}: thresholds must not be empty. Received: {thresholds=}")
    return found


def one_or_all(numbers: np.ndarray) -> Any:
    return float(numbers[0]) if len(numbers) == 1 else numbers


@register("metric")
class TruePositives(Count):
    """How many outputs above the threshold have a target that is not 0."""

    CELLS = (TRUE_POSITIVES,)


@register("metric")
class FalsePositives(Count):
    """How many outputs above the threshold have target 0."""

    CELLS = (FALSE_POSITIVES,)


@register("metric")
class TrueNegatives(Count):
    """How many outputs not above the threshold have target 0."""

    CELLS = (TRUE_NEGATIVES,)


@register("metric")
class FalseNegatives(Count):
    """How many outputs not above the threshold have a target that is not 0."""

    CELLS = (FALSE_NEGATIVES,)


class Ratio(Confusion):
    """True positives over a sum of two cells.

    Args:
        thresholds: above which outputs count as positive, 0.5 when None.
        top_k: positive are those among the k largest of each row, and above a threshold if one is given.
        class_id: count this class alone.
    """

    ARGUMENTS = ("thresholds", "top_k", "class_id")

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds_or(self, thresholds, 0.5 if top_k is None else -1e10), name, dtype)
        self.given_thresholds = plain(thresholds)
        self.top_k = optional(as_integer, self.name, "top_k", top_k, 1)
        self.class_id = optional(as_integer, self.name, "class_id", class_id)

    def result(self) -> Any:
        first, second = (getattr(self, cell).numpy() for cell in self.CELLS)
        return one_or_all(quotient(first, first + second))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.given_thresholds}


@register("metric")
class Precision(Ratio):
    __doc__ = "True positives over all that is called positive.\n" + (Ratio.__doc__ or "").partition("\n")[2]
    CELLS = (TRUE_POSITIVES, FALSE_POSITIVES)


@register("metric")
class Recall(Ratio):
    __doc__ = "True positives over all targets that are positive.\n" + (Ratio.__doc__ or "").partition("\n")[2]
    CELLS = (TRUE_POSITIVES, FALSE_NEGATIVES)


class AtThreshold(Confusion):
    """The best of one rate among the thresholds at which another one is high enough."""

    ARGUMENTS = ("num_thresholds", "class_id")
    wanted: str  # the argument
    best: str
    given: str

    def __init__(self, least: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any) -> None:
        self.least = as_number(self, self.wanted, least, 0, 1)
        self.num_thresholds = as_integer(self, "num_thresholds", num_thresholds, 1, MOST_THRESHOLDS)
        super().__init__(evenly_spaced(self.num_thresholds), name, dtype)
        self.class_id = optional(as_integer, self, "class_id", class_id)

    def rates(self) -> dict[str, np.ndarray]:
        """Each rate at each threshold."""
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

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), self.wanted: self.least}


@register("metric")
class SensitivityAtSpecificity(AtThreshold):
    """The highest share of positives that are found, with at least `specificity` of the negatives left alone."""

    wanted, given, best = "specificity", "specificity", "sensitivity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


@register("metric")
class SpecificityAtSensitivity(AtThreshold):
    """The highest share of negatives that are left alone, with at least `sensitivity` of the positives found."""

    wanted, given, best = "sensitivity", "sensitivity", "specificity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


@register("metric")
class PrecisionAtRecall(AtThreshold):
    """The highest precision at which at least `recall` of the positives are found."""

    wanted, given, best = "recall", "recall", "precision"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)


@register("metric")
class RecallAtPrecision(AtThreshold):
    """The highest share of positives that are found with a precision of at least `precision`."""

    wanted, given, best = "precision", "precision", "recall"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)


CURVES = {name: name for name in ("ROC", "PR", "PRGAIN")} | {name.lower(): name for name in ("ROC", "PR", "PRGAIN")}
METHODS = ("interpolation", "minoring", "majoring")


@register("metric", "auc")
class AUC(Confusion):
    """The area under the curve of recall over false positive rate ("ROC"), or precision over recall ("PR").

    Args:
        num_thresholds: how many points of the curve, evenly spaced thresholds, are joined.
        curve: "ROC", "PR", or "PRGAIN" for the gains of precision over recall, in which guesses are 0; Flach and Kull
            2015.
        summation_method: between two points "interpolation" (of precision by counts; Davis and Goadrich 2006), or the
            lower ("minoring") or higher ("majoring") of both.
        thresholds: the inner thresholds, in place of evenly spaced ones.
        multi_label: take each of the last axis' labels for itself, and the mean of the areas.
        num_labels: how many labels; found from the first batch when None.
        label_weights: what each label counts.
        from_logits: whether outputs are logits of the probabilities.

    Raises:
        ValueError: an unknown curve or method, fewer than two thresholds, or `num_labels` without `multi_label`.
    """

    ARGUMENTS = ("num_thresholds", "curve", "summation_method", "multi_label", "num_labels", "from_logits")

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
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
            raise ValueError(f"AUC: num_labels needs multi_label=True. Received: num_labels={num_labels!r}")
        if self.num_labels:
            self._make_room(self.num_labels)

    def _make_room(self, labels: int) -> None:
        """Variables of (thresholds, labels) in place of those of (thresholds,)."""
        self.num_labels, self._variables = labels, []
        self._add_cells(len(self.thresholds), labels)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch: outputs and targets of any one shape, with several labels of (N, K)."""
        y_pred = ops.sigmoid(y_pred) if self.from_logits else ops.convert_to_tensor(y_pred)
        if self.multi_label and y_pred.ndim != 2:
            raise ValueError(f"AUC: several labels need outputs of (N, K). Received: y_pred.shape={y_pred.shape}")
        if self.multi_label and self.num_labels is None:
            self._make_room(y_pred.shape[-1])
        super().update_state(y_true, y_pred, sample_weight)

    def weights_of(self, y_pred: Any, sample_weight: Any) -> Any:
        weights = super().weights_of(y_pred, sample_weight)
        if self.label_weights is None or self.multi_label:
            return weights
        return weights * np.array(self.label_weights, y_pred.dtype)

    def count(self, y_true: Any, y_pred: Any, weights: Any) -> list[Any]:
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
        """The area of each label, or of all outputs together."""
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

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.given_thresholds, "label_weights": self.label_weights}
        return {**super().get_config(), **own}


def gains(fp: np.ndarray, tp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gains of recall, at least 0, and of precision over those of calling everything positive."""
    odds = quotient(tp + fn, tn + fp)
    recall_gain, precision_gain = 1 - odds * quotient(fn, tp), 1 - odds * quotient(fp, tp)
    return np.maximum(np.where(tp == 0, 0.0, recall_gain), 0.0), np.where(tp == 0, 1.0, precision_gain)


def interpolated_precision(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """The area under precision over recall, where between two points positives and false positives grow evenly."""
    called, found = tp + fp, tp[:-1] - tp[1:]
    slope = quotient(found, np.maximum(called[:-1] - called[1:], 0))
    intercept = tp[1:] - slope * called[1:]
    both = (called[:-1] > 0) & (called[1:] > 0)
    ratio = np.where(both, quotient(called[:-1], called[1:]), 1.0)
    return quotient(slope * (found + intercept * np.log(ratio)), tp[1:] + fn[1:]).sum(0)


class FScore(Metric):
    """(1 + beta^2) precision recall / (beta^2 precision + recall) of each class, then made one number."""

    AVERAGES = ("micro", "macro", "weighted", None)

    def __init__(self, average: str | None, beta: float, threshold: float | None, name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name)
        if average not in self.AVERAGES:
            raise ValueError(f"{self.name}: average must be one of {self.AVERAGES}. Received: average={average!r}")
        self.average = average
        self.beta = float(as_number(self.name, "beta", beta, above=0, below=np.inf))
        self.threshold = optional(as_number, self.name, "threshold", threshold, high=1, above=0)
        self.counts: Any = None  # of true and false positives and false negatives, (3, classes) or (3,)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of (N, K). Raises ValueError for another number of axes."""
        y_true, y_pred = ops.convert_to_tensor(y_true), as_single(y_pred)
        if not y_true.ndim == y_pred.ndim == 2:
            raise ValueError(
                f"{self.name}: targets and outputs must be of (N, K). "
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

    def result(self) -> Any:
        if self.counts is None:
            return 0.0
        tp, fp, fn = self.counts.numpy()
        epsilon = config.epsilon()
        precision, recall = tp / (tp + fp + epsilon), tp / (tp + fn + epsilon)
        scores = (1 + self.beta**2) * precision * recall / (self.beta**2 * precision + recall + epsilon)
        if self.average == "weighted":
            return float((scores * (tp + fn) / ((tp + fn).sum() + epsilon)).sum())
        return scores if self.average is None else float(np.mean(scores))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "average": self.average, "threshold": self.threshold}


@register("metric")
class FBetaScore(FScore):
    """(1 + beta^2) precision recall / (beta^2 precision + recall), with one-hot or multi-hot targets (N, K).

    Args:
        average: "micro" (count all classes together), "macro" (the mean), "weighted" (by how often a class is the
            target) or None for a score of each class.
        beta: how many times as much recall counts as precision.
        threshold: above which an output is positive; the largest of each row when None.

    Raises:
        ValueError: another average, beta not positive, or a threshold outside of (0, 1].
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, beta, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta}


@register("metric")
class F1Score(FScore):
    """2 precision recall / (precision + recall): `FBetaScore` with beta = 1."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
