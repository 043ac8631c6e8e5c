"""Metrics: numbers about a model that are updated batch by batch, as part of the graph, and read at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fastconv.serialization as serialization
from fastconv.losses.functions import (
    BCE,
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    bce,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    kld,
    log_cosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from fastconv.metrics.confusion import (
    AUC,
    F1Score,
    FalseNegatives,
    FalsePositives,
    FBetaScore,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from fastconv.metrics.functions import (
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from fastconv.metrics.means import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    R2Score,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SquaredHinge,
    TopKCategoricalAccuracy,
)
from fastconv.metrics.metric import (
    Mean,
    MeanMetricWrapper,
    Metric,
    Sum,
)
from fastconv.metrics.overlap import (
    BinaryIoU,
    ConfusionMatrix,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
)
from fastconv.typing import Config, LossLike

__all__ = [
    "AUC",
    "BCE",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy",
    "accuracy_for",
    "bce",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "deserialize",
    "for_output",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]


def serialize(metric: LossLike) -> Any:
    """Return the configuration of `metric` as plain data, without the state of its variables.

    Args:
        metric: a `Metric` or a function.

    Example:
        >>> from fastconv import metrics
        >>> metrics.serialize(metrics.TopKCategoricalAccuracy(k=3))["config"]["k"]
        3
    """
    return serialization.serialize_for_keras("metric", metric)


def deserialize(config: str | Config | None, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the metric for a name or for a configuration that `serialize` has returned.

    Args:
        config: str or dict, the name or the configuration.
        custom_objects: dict of the user's classes and functions by name, or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import metrics
        >>> metrics.deserialize(metrics.serialize(metrics.TopKCategoricalAccuracy(k=3))).get_config()["k"]
        3
    """
    return serialization.deserialize("metric", config, custom_objects)


def get(identifier: LossLike | None) -> Any:
    """Return the metric for a name such as "mse", a configuration or a metric; None for None.

    Args:
        identifier: str, dict, `Metric` or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import metrics
        >>> metrics.get("mse").name
        'mean_squared_error'
    """
    return serialization.get("metric", identifier)


def accuracy_for(y_true_shape: Sequence[int], y_pred_shape: Sequence[int], name: str = "accuracy") -> Metric:
    """Return the metric that "accuracy" stands for, given the shapes of targets and outputs, as in Keras.

    The metric is `BinaryAccuracy` if a sample has a single output, `SparseCategoricalAccuracy` if targets lack the axis
    of the classes or have size 1 there, and `CategoricalAccuracy` otherwise.

    Args:
        y_true_shape: the shape of the targets.
        y_pred_shape: the shape of the outputs.
        name: str, the name of the metric. Defaults to "accuracy".

    Example:
        >>> from fastconv import metrics
        >>> type(metrics.accuracy_for((32,), (32, 10))).__name__
        'SparseCategoricalAccuracy'
    """
    if y_pred_shape[-1] == 1:
        return BinaryAccuracy(name)
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return SparseCategoricalAccuracy(name)
    return CategoricalAccuracy(name)


def for_output(identifier: LossLike, y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> Metric:
    """Return the metric for an entry of ``compile(metrics=[...])``, given the shapes of targets and outputs.

    Args:
        identifier: a name, a configuration, a metric, or a function or loss (y_true, y_pred) -> values, whose mean is
            computed.
        y_true_shape: the shape of the targets.
        y_pred_shape: the shape of the outputs.

    Returns:
        The metric. If `identifier` is a string, the metric has this name.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.for_output("acc", (32, 1), (32, 1))
        >>> type(metric).__name__, metric.name
        ('BinaryAccuracy', 'acc')
    """
    if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
        return accuracy_for(y_true_shape, y_pred_shape, identifier)
    metric = get(identifier)
    metric = metric if isinstance(metric, Metric) else MeanMetricWrapper(metric, serialization.name_of(metric))
    if isinstance(identifier, str):
        metric.name = identifier
    return metric
