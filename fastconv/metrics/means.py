"""Means of functions over all samples, as objects."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv import config, losses, ops
from fastconv.arguments import as_integer, as_number
from fastconv.losses.functions import counted, same_shape
from fastconv.losses.objects import leading_weights
from fastconv.losses.settings import checked_settings, settings
from fastconv.metrics import functions
from fastconv.metrics.metric import Mean, MeanMetricWrapper, Metric, weighted
from fastconv.serialization import arguments, register


class FunctionMean(MeanMetricWrapper):
    """`MeanMetricWrapper` with the function settled by the class."""

    function: Callable[..., Any]

    def __init__(self, name: str | None, dtype: Any, **arguments: Any) -> None:
        function = type(self).function
        super().__init__(function, name or function.__name__, dtype, **checked_settings(self, function, arguments))

    def _values(self, y_true: Any, y_pred: Any) -> Any:
        return type(self).function(y_true, y_pred, **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**Metric.get_config(self), **self.kwargs}

    @classmethod
    def from_config(cls, config: Any) -> Any:
        return cls(**arguments(cls, config))


@register("metric", "acc")
class Accuracy(FunctionMean):
    """How often outputs equal targets."""

    function = staticmethod(functions.accuracy)

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class CategoricalAccuracy(FunctionMean):
    """How often the most probable class is that of a one-hot target."""

    function = staticmethod(functions.categorical_accuracy)

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class SparseCategoricalAccuracy(FunctionMean):
    """How often the most probable class is the target, a class index."""

    function = staticmethod(functions.sparse_categorical_accuracy)

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric", "mse", "MSE")
class MeanSquaredError(FunctionMean):
    """The mean of (y_pred - y_true)^2."""

    function = staticmethod(losses.mean_squared_error)

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric", "mae", "MAE")
class MeanAbsoluteError(FunctionMean):
    """The mean of |y_pred - y_true|."""

    function = staticmethod(losses.mean_absolute_error)

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric", "mape", "MAPE")
class MeanAbsolutePercentageError(FunctionMean):
    """The mean of 100 |y_pred - y_true| / |y_true|."""

    function = staticmethod(losses.mean_absolute_percentage_error)

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric", "msle", "MSLE")
class MeanSquaredLogarithmicError(FunctionMean):
    """The mean of (log(y_pred + 1) - log(y_true + 1))^2."""

    function = staticmethod(losses.mean_squared_logarithmic_error)

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class Hinge(FunctionMean):
    """The mean of `losses.hinge`."""

    function = staticmethod(losses.hinge)

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class SquaredHinge(FunctionMean):
    """The mean of `losses.squared_hinge`."""

    function = staticmethod(losses.squared_hinge)

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class CategoricalHinge(FunctionMean):
    """The mean of `losses.categorical_hinge`."""

    function = staticmethod(losses.categorical_hinge)

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric", "kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(FunctionMean):
    """The mean of `losses.kl_divergence`."""

    function = staticmethod(losses.kl_divergence)

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class Poisson(FunctionMean):
    """The mean of `losses.poisson`."""

    function = staticmethod(losses.poisson)

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric")
class BinaryAccuracy(FunctionMean):
    """How often outputs above `threshold` have target 1, and the others 0.

    Raises:
        ValueError: a threshold that is not between 0 and 1.
    """

    function = staticmethod(functions.binary_accuracy)

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: Any = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(name, dtype, threshold=as_number(self, "threshold", threshold, above=0, below=1))


@register("metric")
class TopKCategoricalAccuracy(FunctionMean):
    """How often a one-hot target is among the k most probable classes."""

    function = staticmethod(functions.top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype, k=k)


@register("metric")
class SparseTopKCategoricalAccuracy(FunctionMean):
    """How often the target, a class index, is among the k most probable classes."""

    function = staticmethod(functions.sparse_top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype, k=k, from_sorted_ids=from_sorted_ids)


@register("metric", "bce", "BCE")
class BinaryCrossentropy(FunctionMean):
    """The mean of `losses.binary_crossentropy`."""

    function = staticmethod(losses.binary_crossentropy)

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


@register("metric")
class CategoricalCrossentropy(FunctionMean):
    """The mean of `losses.categorical_crossentropy`."""

    function = staticmethod(losses.categorical_crossentropy)

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


@register("metric")
class SparseCategoricalCrossentropy(FunctionMean):
    """The mean of `losses.sparse_categorical_crossentropy`."""

    function = staticmethod(losses.sparse_categorical_crossentropy)

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take a batch into account; if samples are weighted, targets of the ignored class weigh nothing."""
        ignored = self.kwargs["ignore_class"]
        if ignored is not None and sample_weight is not None:
            counts = ops.cast(counted(y_true, y_pred, ignored, self.kwargs["axis"]), config.floatx())
            sample_weight = counts * leading_weights(counts, sample_weight)
        super().update_state(y_true, y_pred, sample_weight)


@settings()
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between targets and outputs along `axis`: 1 where they point the same way."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


@register("metric")
class CosineSimilarity(FunctionMean):
    """The mean cosine of the angle between targets and outputs."""

    function = staticmethod(cosine_similarity)

    def __init__(
        self,
        name: str | None = "cosine_similarity",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, axis=axis)


@register("metric", "logcosh", "log_cosh")
class LogCoshError(FunctionMean):
    """The mean of `losses.log_cosh`."""

    function = staticmethod(losses.log_cosh)

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(name, dtype)


@register("metric", "rmse", "RMSE")
class RootMeanSquaredError(Mean):
    """sqrt(mean of (y_pred - y_true)^2) over all elements."""

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take the errors of a batch into account."""
        y_true, y_pred = same_shape(self.name, y_true, y_pred)
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self) -> float:
        return float(np.sqrt(super().result()))


@register("metric", "r2", "R2")
class R2Score(Metric):
    """1 - sum((y_true - y_pred)^2) / sum((y_true - mean(y_true))^2) for each output, then made one number.

    Args:
        class_aggregation: "uniform_average", "variance_weighted_average", or None to leave a number for each output.
        num_regressors: above 0, the adjusted score 1 - (1 - R^2) (n - 1) / (n - p - 1) of so many regressors p
            and n elements.

    Raises:
        ValueError: another aggregation, or a negative number of regressors.
    """

    AGGREGATIONS = ("uniform_average", "variance_weighted_average", None)

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in self.AGGREGATIONS:
            raise ValueError(
                f"{self.name}: class_aggregation must be one of {self.AGGREGATIONS}. "
                f"Received: class_aggregation={class_aggregation!r}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = as_integer(self.name, "num_regressors", num_regressors, 0)
        self.sums: Any = None  # of weights, targets, their squares and squared errors, for each output
        self.elements = self.add_variable((), "zeros", "float64", name="num_samples")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of (N, K) into account. Raises ValueError for another number of axes."""
        y_true, y_pred = same_shape(self.name, y_true, y_pred)
        if y_pred.ndim != 2:
            raise ValueError(
                f"{self.name}: targets and outputs must be of (N, K). Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if self.sums is None:
            self.sums = self.add_variable((4, y_pred.shape[-1]), "zeros", "float64", name="sums")
        y_true, y_pred = ops.cast(y_true, "float64"), ops.cast(y_pred, "float64")
        terms = [ops.ones_like(y_true), y_true, ops.square(y_true), ops.square(y_true - y_pred)]
        self.elements.assign(self.elements + float(y_true.size))
        self.sums.assign(self.sums + ops.stack([ops.sum(weighted(term, sample_weight), 0) for term in terms]))

    def result(self) -> Any:
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

    def _adjusted(self, score: Any) -> Any:
        """The score for `num_regressors`, if there are enough elements for them."""
        if not self.num_regressors:
            return score
        spare = float(self.elements) - self.num_regressors - 1
        if spare <= 0:
            warnings.warn(
                f"{self.name}: the adjusted score needs more than num_regressors + 1 elements, else it is the score. "
                f"Received: num_regressors={self.num_regressors}, elements={float(self.elements):.0f}",
                stacklevel=2,
            )
            return score
        return 1 - (1 - score) * (float(self.elements) - 1) / spare

    def get_config(self) -> dict[str, Any]:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
