"""Means of functions over all samples, as objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv import losses, ops
from fastconv.losses.functions import same_rank
from fastconv.metrics import functions
from fastconv.metrics.metric import Mean, MeanMetricWrapper, Metric, weighted
from fastconv.serialization import arguments, register


class FunctionMean(MeanMetricWrapper):
    """`MeanMetricWrapper` with the function settled by the class."""

    function: Callable[..., Any]

    def __init__(self, name: str | None = None, dtype: str | None = None, **arguments: Any) -> None:
        function = type(self).function
        super().__init__(function, name or function.__name__, dtype, **arguments)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, **self.kwargs}

    @classmethod
    def from_config(cls, config: Any) -> Any:
        return cls(**arguments(cls, config))


@register("metric", "acc")
class Accuracy(FunctionMean):
    """How often outputs equal targets."""

    function = staticmethod(functions.accuracy)


@register("metric")
class CategoricalAccuracy(FunctionMean):
    """How often the most probable class is that of a one-hot target."""

    function = staticmethod(functions.categorical_accuracy)


@register("metric")
class SparseCategoricalAccuracy(FunctionMean):
    """How often the most probable class is the target, a whole number."""

    function = staticmethod(functions.sparse_categorical_accuracy)


@register("metric", "mse", "MSE")
class MeanSquaredError(FunctionMean):
    """The mean of (y_pred - y_true)^2."""

    function = staticmethod(losses.mean_squared_error)


@register("metric", "mae", "MAE")
class MeanAbsoluteError(FunctionMean):
    """The mean of |y_pred - y_true|."""

    function = staticmethod(losses.mean_absolute_error)


@register("metric", "mape", "MAPE")
class MeanAbsolutePercentageError(FunctionMean):
    """The mean of 100 |y_pred - y_true| / |y_true|."""

    function = staticmethod(losses.mean_absolute_percentage_error)


@register("metric", "msle", "MSLE")
class MeanSquaredLogarithmicError(FunctionMean):
    """The mean of (log(y_pred + 1) - log(y_true + 1))^2."""

    function = staticmethod(losses.mean_squared_logarithmic_error)


@register("metric")
class Hinge(FunctionMean):
    """The mean of `losses.hinge`."""

    function = staticmethod(losses.hinge)


@register("metric")
class SquaredHinge(FunctionMean):
    """The mean of `losses.squared_hinge`."""

    function = staticmethod(losses.squared_hinge)


@register("metric")
class CategoricalHinge(FunctionMean):
    """The mean of `losses.categorical_hinge`."""

    function = staticmethod(losses.categorical_hinge)


@register("metric", "kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(FunctionMean):
    """The mean of `losses.kl_divergence`."""

    function = staticmethod(losses.kl_divergence)


@register("metric")
class Poisson(FunctionMean):
    """The mean of `losses.poisson`."""

    function = staticmethod(losses.poisson)


@register("metric")
class BinaryAccuracy(FunctionMean):
    """How often outputs above `threshold` have target 1, and the others 0."""

    function = staticmethod(functions.binary_accuracy)

    def __init__(
        self,
        name: str = "binary_accuracy",
        dtype: str | None = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(name, dtype, threshold=threshold)


@register("metric")
class TopKCategoricalAccuracy(FunctionMean):
    """How often a one-hot target is among the k most probable classes."""

    function = staticmethod(functions.top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str = "top_k_categorical_accuracy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype, k=k)


@register("metric")
class SparseTopKCategoricalAccuracy(FunctionMean):
    """How often the target, a whole number, is among the k most probable classes."""

    function = staticmethod(functions.sparse_top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype, k=k)


@register("metric", "bce", "BCE")
class BinaryCrossentropy(FunctionMean):
    """The mean of `losses.binary_crossentropy`."""

    function = staticmethod(losses.binary_crossentropy)

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: str | None = None,
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
        name: str = "categorical_crossentropy",
        dtype: str | None = None,
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
        name: str = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between targets and outputs along `axis`: 1 where they point the same way."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


@register("metric")
class CosineSimilarity(FunctionMean):
    """The mean cosine of the angle between targets and outputs."""

    function = staticmethod(cosine_similarity)

    def __init__(
        self,
        name: str = "cosine_similarity",
        dtype: str | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, axis=axis)


@register("metric", "logcosh", "log_cosh")
class LogCoshError(FunctionMean):
    """The mean of `losses.log_cosh`."""

    function = staticmethod(losses.log_cosh)

    def __init__(self, name: str = "logcosh", dtype: str | None = None) -> None:
        super().__init__(name, dtype)


@register("metric", "rmse", "RMSE")
class RootMeanSquaredError(Mean):
    """sqrt(mean of (y_pred - y_true)^2) over all elements."""

    def __init__(self, name: str = "root_mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take the errors of a batch into account."""
        y_true, y_pred = same_rank(y_true, y_pred)
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
        name: str = "r2_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        if class_aggregation not in self.AGGREGATIONS or num_regressors < 0:
            raise ValueError(
                f"{name}: class_aggregation must be one of {self.AGGREGATIONS}, num_regressors at least 0. "
                f"Received: {class_aggregation!r}, {num_regressors!r}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.sums: Any = None  # of weights, targets, their squares and squared errors, for each output
        self.elements = self.add_variable((), "zeros", "float64", "num_samples")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of (N, K) into account."""
        y_true, y_pred = same_rank(y_true, y_pred)
        if self.sums is None:
            self.sums = self.add_variable((4, y_pred.shape[-1]), "zeros", "float64", "sums")
        y_true, y_pred = ops.cast(y_true, "float64"), ops.cast(y_pred, "float64")
        terms = [ops.ones_like(y_true), y_true, ops.square(y_true), ops.square(y_true - y_pred)]
        self.elements.assign(self.elements + float(y_true.size))
        self.sums.assign(self.sums + ops.stack([ops.sum(weighted(term, sample_weight), 0) for term in terms]))

    def result(self) -> Any:
        if self.sums is None:
            return 0.0
        count, total, squares, residual = self.sums.numpy()
        variation = squares - total**2 / np.maximum(count, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = np.where(variation == 0, 0.0, 1 - residual / variation)
        if self.class_aggregation is None:
            result: Any = scores
        elif self.class_aggregation == "uniform_average":
            result = float(scores.mean())
        else:
            result = float((scores * variation).sum() / variation.sum()) if variation.sum() else 0.0
        if self.num_regressors:
            n = float(self.elements)
            result = 1 - (1 - result) * (n - 1) / (n - self.num_regressors - 1)
        return result

    def get_config(self) -> dict[str, Any]:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
