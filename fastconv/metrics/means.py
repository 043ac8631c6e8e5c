"""Metrics that are means of functions over all samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.losses as losses
import fastconv.ops as ops
from fastconv.arguments import as_integer, as_number
from fastconv.losses.functions import counted, same_shape
from fastconv.losses.objects import leading_weights
from fastconv.losses.settings import checked_settings, settings
from fastconv.metrics import functions
from fastconv.metrics.metric import Mean, MeanMetricWrapper, Metric, weighted
from fastconv.serialization import arguments, register
from fastconv.typing import Array, ArrayLike, Config, DTypeLike, Tree


class FunctionMean(MeanMetricWrapper):
    """A `MeanMetricWrapper` whose function is fixed by the class."""

    function: Callable[..., Any]

    def __init__(self, name: str | None, dtype: DTypeLike | None, **arguments: Any) -> None:
        function = type(self).function
        super().__init__(function, name or function.__name__, dtype, **checked_settings(self, function, arguments))

    def _values(self, y_true: Array, y_pred: Array) -> Array:
        return type(self).function(y_true, y_pred, **self.kwargs)

    def get_config(self) -> Config:
        return {**Metric.get_config(self), **self.kwargs}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        return cls(**arguments(cls, config))


@register("metric", "acc")
class Accuracy(FunctionMean):
    """Fraction of outputs that equal their targets.

    It compares numbers. The string "accuracy" in `compile` stands for a metric of classes; see `accuracy_for`.

    Args:
        name: str, the name of the metric. Defaults to "accuracy".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.Accuracy()
        >>> metric.update_state([1, 2, 3, 4], [1, 2, 3, 0])
        >>> round(metric.result(), 4)
        0.75
        >>> metric.update_state([1, 1], [1, 0], sample_weight=[2.0, 0.0])  # adds to the first batch
        >>> round(metric.result(), 4)
        0.8333
    """

    function = staticmethod(functions.accuracy)

    def __init__(self, name: str | None = "accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class CategoricalAccuracy(FunctionMean):
    """Fraction of samples whose largest output is at the class of the one-hot target.

    Shapes: targets and outputs (..., K).

    Args:
        name: str, the name of the metric. Defaults to "categorical_accuracy".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.CategoricalAccuracy()
        >>> metric.update_state([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]])
        >>> round(metric.result(), 4)
        0.5
    """

    function = staticmethod(functions.categorical_accuracy)

    def __init__(self, name: str | None = "categorical_accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class SparseCategoricalAccuracy(FunctionMean):
    """Fraction of samples whose largest output is at the target, a class index.

    Shapes: targets (...) or (..., 1), outputs (..., K).

    Args:
        name: str, the name of the metric. Defaults to "sparse_categorical_accuracy".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if a target is not an integer, or if shapes do not fit together.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.SparseCategoricalAccuracy()
        >>> metric.update_state([1, 0], [[0.2, 0.8], [0.4, 0.6]])
        >>> round(metric.result(), 4)
        0.5
    """

    function = staticmethod(functions.sparse_categorical_accuracy)

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric", "mse", "MSE")
class MeanSquaredError(FunctionMean):
    """Mean of (y_pred - y_true)^2.

    Args:
        name: str, the name of the metric. Defaults to "mean_squared_error".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.MeanSquaredError()
        >>> metric.update_state([[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]])
        >>> round(metric.result(), 4)
        1.25
    """

    function = staticmethod(losses.mean_squared_error)

    def __init__(self, name: str | None = "mean_squared_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric", "mae", "MAE")
class MeanAbsoluteError(FunctionMean):
    """Mean of |y_pred - y_true|.

    Args:
        name: str, the name of the metric. Defaults to "mean_absolute_error".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.MeanAbsoluteError()
        >>> metric.update_state([[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]])
        >>> round(metric.result(), 4)
        0.75
    """

    function = staticmethod(losses.mean_absolute_error)

    def __init__(self, name: str | None = "mean_absolute_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric", "mape", "MAPE")
class MeanAbsolutePercentageError(FunctionMean):
    """Mean of 100 |y_pred - y_true| / |y_true|.

    Args:
        name: str, the name of the metric. Defaults to "mean_absolute_percentage_error".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.MeanAbsolutePercentageError()
        >>> metric.update_state([[1.0, 2.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]])
        >>> round(metric.result(), 4)
        25.0
    """

    function = staticmethod(losses.mean_absolute_percentage_error)

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric", "msle", "MSLE")
class MeanSquaredLogarithmicError(FunctionMean):
    """Mean of (log(y_pred + 1) - log(y_true + 1))^2.

    Args:
        name: str, the name of the metric. Defaults to "mean_squared_logarithmic_error".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.MeanSquaredLogarithmicError()
        >>> metric.update_state([[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]])
        >>> round(metric.result(), 4)
        0.1853
    """

    function = staticmethod(losses.mean_squared_logarithmic_error)

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class Hinge(FunctionMean):
    """Mean of max(1 - y_true y_pred, 0); see `losses.hinge`.

    Args:
        name: str, the name of the metric. Defaults to "hinge".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.Hinge()
        >>> metric.update_state([[1.0, -1.0], [1.0, 1.0]], [[0.5, -2.0], [-1.0, 2.0]])
        >>> round(metric.result(), 4)
        0.625
    """

    function = staticmethod(losses.hinge)

    def __init__(self, name: str | None = "hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class SquaredHinge(FunctionMean):
    """Mean of max(1 - y_true y_pred, 0)^2; see `losses.squared_hinge`.

    Args:
        name: str, the name of the metric. Defaults to "squared_hinge".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.SquaredHinge()
        >>> metric.update_state([[1.0, -1.0], [1.0, 1.0]], [[0.5, -2.0], [-1.0, 2.0]])
        >>> round(metric.result(), 4)
        1.0625
    """

    function = staticmethod(losses.squared_hinge)

    def __init__(self, name: str | None = "squared_hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class CategoricalHinge(FunctionMean):
    """Mean of `losses.categorical_hinge` over all samples.

    Args:
        name: str, the name of the metric. Defaults to "categorical_hinge".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.CategoricalHinge()
        >>> metric.update_state([[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.5], [0.5, 1.0]])
        >>> round(metric.result(), 4)
        0.25
    """

    function = staticmethod(losses.categorical_hinge)

    def __init__(self, name: str | None = "categorical_hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric", "kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(FunctionMean):
    """Mean of the Kullback-Leibler divergence over all samples; see `losses.kl_divergence`.

    Args:
        name: str, the name of the metric. Defaults to "kl_divergence".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.KLDivergence()
        >>> metric.update_state([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.75, 0.25]])
        >>> round(metric.result(), 4)
        0.1438
    """

    function = staticmethod(losses.kl_divergence)

    def __init__(self, name: str | None = "kl_divergence", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class Poisson(FunctionMean):
    """Mean of y_pred - y_true log(y_pred + epsilon); see `losses.poisson`.

    Args:
        name: str, the name of the metric. Defaults to "poisson".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.Poisson()
        >>> metric.update_state([[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]])
        >>> round(metric.result(), 4)
        0.4603
    """

    function = staticmethod(losses.poisson)

    def __init__(self, name: str | None = "poisson", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class BinaryAccuracy(FunctionMean):
    """Fraction of outputs for which y_pred > threshold agrees with the target, 0 or 1.

    Args:
        name: str, the name of the metric. Defaults to "binary_accuracy".
        dtype: accepted for compatibility with Keras; metrics count in float64.
        threshold: float between 0 and 1. Defaults to 0.5.

    Raises:
        ValueError: if the threshold is not between 0 and 1, or if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.BinaryAccuracy()
        >>> metric.update_state([0, 1, 1, 0], [0.2, 0.8, 0.3, 0.1])
        >>> round(metric.result(), 4)
        0.75
    """

    function = staticmethod(functions.binary_accuracy)

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: DTypeLike | None = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(name, dtype, threshold=as_number(self, "threshold", threshold, above=0, below=1))


@register("metric")
class TopKCategoricalAccuracy(FunctionMean):
    """Fraction of samples for which the class of the one-hot target is among the k largest outputs.

    Args:
        k: int, the number of classes. Defaults to 5.
        name: str, the name of the metric. Defaults to "top_k_categorical_accuracy".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.TopKCategoricalAccuracy(k=2)
        >>> metric.update_state([[0, 0, 1], [1, 0, 0]], [[0.5, 0.1, 0.4], [0.1, 0.2, 0.7]])
        >>> round(metric.result(), 4)
        0.5
    """

    function = staticmethod(functions.top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, dtype, k=k)


@register("metric")
class SparseTopKCategoricalAccuracy(FunctionMean):
    """Fraction of samples for which the target, a class index, is among the k largest outputs.

    Args:
        k: int, the number of classes. Defaults to 5.
        from_sorted_ids: bool, whether outputs are class indices in descending order of their probabilities. Defaults to
            False.
        name: str, the name of the metric. Defaults to "sparse_top_k_categorical_accuracy".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if a target is not an integer, or if shapes do not fit together.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.SparseTopKCategoricalAccuracy(k=2)
        >>> metric.update_state([2, 0], [[0.5, 0.1, 0.4], [0.1, 0.2, 0.7]])
        >>> round(metric.result(), 4)
        0.5
    """

    function = staticmethod(functions.sparse_top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: DTypeLike | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype, k=k, from_sorted_ids=from_sorted_ids)


@register("metric", "bce", "BCE")
class BinaryCrossentropy(FunctionMean):
    """Mean binary cross-entropy; see `losses.binary_crossentropy`.

    Args:
        name: str, the name of the metric. Defaults to "binary_crossentropy".
        dtype: accepted for compatibility with Keras; metrics count in float64.
        from_logits: bool, whether outputs are logits. Defaults to False.
        label_smoothing: float from 0 to 1; see `losses.binary_crossentropy`. Defaults to 0.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.BinaryCrossentropy()
        >>> metric.update_state([[0.0, 1.0], [1.0, 1.0]], [[0.5, 0.5], [0.9, 0.9]])
        >>> round(metric.result(), 4)
        0.3993
    """

    function = staticmethod(losses.binary_crossentropy)

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


@register("metric")
class CategoricalCrossentropy(FunctionMean):
    """Mean categorical cross-entropy for one-hot targets; see `losses.categorical_crossentropy`.

    Args:
        name: str, the name of the metric. Defaults to "categorical_crossentropy".
        dtype: accepted for compatibility with Keras; metrics count in float64.
        from_logits: bool, whether outputs are logits. Defaults to False.
        label_smoothing: float from 0 to 1; see `losses.categorical_crossentropy`. Defaults to 0.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.CategoricalCrossentropy()
        >>> metric.update_state([[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.9, 0.1]])
        >>> round(metric.result(), 4)
        0.3993
    """

    function = staticmethod(losses.categorical_crossentropy)

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


@register("metric")
class SparseCategoricalCrossentropy(FunctionMean):
    """Mean categorical cross-entropy for class indices; see `losses.sparse_categorical_crossentropy`.

    Args:
        name: str, the name of the metric. Defaults to "sparse_categorical_crossentropy".
        dtype: accepted for compatibility with Keras; metrics count in float64.
        from_logits: bool, whether outputs are logits. Defaults to False.
        ignore_class: int, a class index, or another integer, whose targets have loss 0, or None.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.SparseCategoricalCrossentropy()
        >>> metric.update_state([1, 0], [[0.5, 0.5], [0.9, 0.1]])
        >>> round(metric.result(), 4)
        0.3993
    """

    function = staticmethod(losses.sparse_categorical_crossentropy)

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:  # type: ignore[override]
        """Add a batch to the mean. If samples are weighted, targets of the ignored class have weight 0."""
        ignored = self.kwargs["ignore_class"]
        if ignored is not None and sample_weight is not None:
            counts = ops.cast(counted(y_true, y_pred, ignored, self.kwargs["axis"]), config.floatx())
            sample_weight = counts * leading_weights(counts, sample_weight)
        super().update_state(y_true, y_pred, sample_weight)


@settings()
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Return the cosine of the angle between targets and outputs along `axis`: 1 if they have the same direction."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


@register("metric")
class CosineSimilarity(FunctionMean):
    """Mean cosine of the angle between targets and outputs; 1 if they have the same direction.

    Args:
        name: str, the name of the metric. Defaults to "cosine_similarity".
        dtype: accepted for compatibility with Keras; metrics count in float64.
        axis: int, the axis of the vectors. Defaults to -1.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.CosineSimilarity()
        >>> metric.update_state([[0.0, 1.0], [3.0, 4.0]], [[0.0, 2.0], [3.0, 4.0]])
        >>> round(metric.result(), 4)
        1.0
    """

    function = staticmethod(cosine_similarity)

    def __init__(
        self,
        name: str | None = "cosine_similarity",
        dtype: DTypeLike | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, axis=axis)


@register("metric", "logcosh", "log_cosh")
class LogCoshError(FunctionMean):
    """Mean of log(cosh(y_pred - y_true)); see `losses.log_cosh`.

    Args:
        name: str, the name of the metric. Defaults to "logcosh".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.LogCoshError()
        >>> metric.update_state([[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]])
        >>> round(metric.result(), 4)
        0.4397
    """

    function = staticmethod(losses.log_cosh)

    def __init__(self, name: str | None = "logcosh", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@register("metric", "rmse", "RMSE")
class RootMeanSquaredError(Mean):
    """Root mean squared error, sqrt(mean of (y_pred - y_true)^2), over all elements.

    Args:
        name: str, the name of the metric. Defaults to "root_mean_squared_error".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if shapes of targets and outputs differ.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.RootMeanSquaredError()
        >>> metric.update_state([[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]])
        >>> round(metric.result(), 4)
        1.118
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:  # type: ignore[override]
        """Add the squared errors of a batch to the mean."""
        y_true, y_pred = same_shape(self.name, y_true, y_pred)
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self) -> float:
        return float(np.sqrt(super().result()))


@register("metric", "r2", "R2")
class R2Score(Metric):
    """Coefficient of determination R^2, 1 - sum((y_true - y_pred)^2) / sum((y_true - mean(y_true))^2).

    It is 1 for perfect outputs, and 0 for outputs that equal the mean of the targets.

    Shapes: targets and outputs (N, K).

    Args:
        class_aggregation: "uniform_average" (mean over the K outputs), "variance_weighted_average" (mean weighted by
            the variance of the targets), or None for an array with a score for each output. Defaults to
            "uniform_average".
        num_regressors: int p; above 0, the result is the adjusted score 1 - (1 - R^2) (n - 1) / (n - p - 1) for n
            elements. Defaults to 0.
        name: str, the name of the metric. Defaults to "r2_score".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Raises:
        ValueError: if the aggregation is unknown, or if `num_regressors` is negative.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.R2Score()
        >>> metric.update_state([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]])
        >>> round(metric.result(), 4)
        0.5
    """

    AGGREGATIONS = ("uniform_average", "variance_weighted_average", None)

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in self.AGGREGATIONS:
            raise ValueError(
                f"{self.name}: class_aggregation must be one of {self.AGGREGATIONS}. "
                f"Received: class_aggregation={class_aggregation!r}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = as_integer(self.name, "num_regressors", num_regressors, 0)
        self.sums: Any = None  # sums of weights, targets, squared targets and squared errors, for each output
        self.elements = self.add_variable((), "zeros", "float64", name="num_samples")

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Add a batch of targets and outputs (N, K). Raises ValueError if they do not have two axes."""
        y_true, y_pred = same_shape(self.name, y_true, y_pred)
        if y_pred.ndim != 2:
            raise ValueError(
                f"{self.name}: targets and outputs must have shape (N, K). Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if self.sums is None:
            self.sums = self.add_variable((4, y_pred.shape[-1]), "zeros", "float64", name="sums")
        y_true, y_pred = ops.cast(y_true, "float64"), ops.cast(y_pred, "float64")
        terms = [ops.ones_like(y_true), y_true, ops.square(y_true), ops.square(y_true - y_pred)]
        self.elements.assign(self.elements + float(y_true.size))
        self.sums.assign(self.sums + ops.stack([ops.sum(weighted(term, sample_weight), 0) for term in terms]))

    def result(self) -> Tree:
        if self.sums is None:
            return 0.0
        count, total, squares, residual = self.sums.numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            variation = squares - total**2 / count
            scores = 1 - residual / variation
            scores = np.where(np.isinf(scores), 0.0, scores)
            if self.class_aggregation is None:
                result: Any = scores
            elif self.class_aggregation == "uniform_average":
                result = float(scores.mean())
            else:
                result = float((scores * variation).sum() / variation.sum())
        return self._adjusted(result)

    def _adjusted(self, score: Array) -> Array:
        """Return the score adjusted for `num_regressors`, if there are enough elements."""
        if not self.num_regressors:
            return score
        spare = float(self.elements) - self.num_regressors - 1
        if spare <= 0:
            warnings.warn(
                f"{self.name}: the adjusted score needs more than num_regressors + 1 elements; it is not adjusted. "
                f"Received: num_regressors={self.num_regressors}, elements={float(self.elements):.0f}",
                stacklevel=2,
            )
            return score
        return 1 - (1 - score) * (float(self.elements) - 1) / spare

    def get_config(self) -> Config:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
