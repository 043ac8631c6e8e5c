"""Losses: functions of targets and outputs that training minimizes, written with ops."""

from __future__ import annotations

from collections.abc import Mapping
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
    cosine_similarity,
    dice,
    hinge,
    huber,
    kl_divergence,
    kld,
    kullback_leibler_divergence,
    log_cosh,
    logcosh,
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
    tversky,
)
from fastconv.losses.objects import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Loss,
    LossFunctionWrapper,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
from fastconv.typing import Config, LossLike

__all__ = [
    "BCE",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "bce",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "kullback_leibler_divergence",
    "log_cosh",
    "logcosh",
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
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


def serialize(loss: LossLike) -> Any:
    """Return the configuration of `loss` as plain data.

    Args:
        loss: a `Loss` or a function.

    Example:
        >>> from fastconv import losses
        >>> losses.serialize(losses.Huber(delta=2.0))["config"]["delta"]
        2.0
    """
    return serialization.serialize_for_keras("loss", loss)


def deserialize(name: str | Config | None, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the loss for a name or for a configuration that `serialize` has returned.

    Args:
        name: str or dict, the name or the configuration.
        custom_objects: dict of the user's classes and functions by name, or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import losses
        >>> losses.deserialize(losses.serialize(losses.Huber(delta=2.0))).get_config()["delta"]
        2.0
    """
    return serialization.deserialize("loss", name, custom_objects)


def get(identifier: LossLike | None) -> Any:
    """Return the `Loss` for a name such as "mse", a configuration, a function or a `Loss`; None for None.

    Args:
        identifier: str, dict, function, `Loss` or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import losses
        >>> float(losses.get("mse")([[0.0, 1.0]], [[1.0, 1.0]]))
        0.5
    """
    found = serialization.get("loss", identifier)
    return found if found is None or isinstance(found, Loss) else LossFunctionWrapper(found)
