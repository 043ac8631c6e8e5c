"""What callbacks share that compare one quantity from epoch to epoch."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastconv.arguments import as_number
from fastconv.callbacks.callback import Callback, Logs
from fastconv.serialization import snake_case

# "auto" modes: a quantity whose name ends in one of these is to grow, or to shrink; the names are those of Keras.
GROWING = (
    "acc",
    "accuracy",
    "auc",
    "precision",
    "recall",
    "precision_at_recall",
    "recall_at_precision",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "f1_score",
    "fbeta_score",
    "f_beta_score",
    "io_u",
    "iou",
    "r2_score",
    "cosine_similarity",
    "pearson_correlation",
    "concordance_correlation",
)
SHRINKING = (
    "loss",
    "error",
    "mse",
    "mae",
    "mape",
    "msle",
    "rmse",
    "crossentropy",
    "bce",
    "kl_divergence",
    "kullback_leibler_divergence",
    "kld",
    "hinge",
    "poisson",
    "log_cosh",
    "logcosh",
    "huber",
)


class Monitor(Callback):
    """A callback that compares one quantity from epoch to epoch.

    Mode "auto" asks the model's metric of that name, then the name. A metric of a user tells its direction by an
    attribute ``_direction``, "up" or "down", as in Keras.

    Raises:
        ValueError: an unknown mode; when training begins, a quantity of which neither tells the direction.
    """

    compares = True  # whether the quantity is compared

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        super().__init__()
        if not isinstance(mode, str) or mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode must be 'auto', 'min' or 'max'. Received: mode={mode!r}")
        if not isinstance(monitor, str):
            raise ValueError(
                f"{type(self).__name__}: monitor must be the name of a quantity. Received: monitor={monitor!r}"
            )
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(as_number(self, "min_delta", min_delta, below=math.inf))
        self._sign = {"min": -1, "max": 1}.get(mode) or direction_of_name(monitor)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self.mode == "auto":
            self._sign = self._direction_in(model) or direction_of_name(self.monitor)
        if not self._sign and self.compares:
            raise ValueError(
                f"{type(self).__name__}: mode must be 'min' or 'max' where neither the model's metrics nor the name of "
                f"the quantity tell. Received: monitor={self.monitor!r}, mode={self.mode!r}"
            )

    def monitored(self, logs: Logs) -> float | None:
        """The quantity, or None, with a warning, where `logs` lacks it or it is no single number."""
        value = (logs or {}).get(self.monitor)
        name = type(self).__name__
        if value is None:
            known = ", ".join(logs or {})
            warnings.warn(
                f"{name}: the monitored quantity must be one of {known}. Received: monitor={self.monitor!r}",
                stacklevel=3,
            )
        elif np.size(value) != 1:
            warnings.warn(
                f"{name}: the monitored quantity must be a single number. "
                f"Received: monitor={self.monitor!r}, shape={np.shape(value)}",
                stacklevel=3,
            )
            return None
        return None if value is None else float(np.asarray(value).item())

    def is_better(self, value: float, reference: float | None) -> bool:
        """Whether `value` beats `reference`, if there is one, by more than min_delta; NaN beats nothing."""
        if reference is None:
            return not math.isnan(value)
        return self._sign * (value - reference) > self.min_delta

    def _direction_in(self, model: Any) -> int:
        """The direction of the metric of `model` that the quantity is the result of; 0 where there is none."""
        name = self.monitor.removeprefix("val_")
        for metric in metrics_of(model):
            if name == metric.name or name.endswith(f"_{metric.name}"):
                return direction_of_metric(metric)
        return 0


def metrics_of(model: Any) -> Iterator[Any]:
    """All metrics of a model that have a name in logs, those of `compile` included."""
    for metric in getattr(model, "metrics", ()):
        yield from getattr(metric, "given", [metric])


def direction_of_metric(metric: Any) -> int:
    """1 if the metric is to grow, -1 if it is to shrink, 0 if neither is known."""
    own = getattr(metric, "_direction", None)
    function = getattr(metric, "fn", None)
    names = [snake_case(cls.__name__) for cls in type(metric).__mro__]
    found = [direction_of_name(name) for name in [*names, str(getattr(function, "__name__", ""))]]
    return {"up": 1, "down": -1}.get(str(own)) or next(filter(None, found), 0)


def direction_of_name(name: str) -> int:
    """1 if the name's end says that a quantity is to grow, -1 if it is to shrink, 0 if it does not tell."""
    name = re.sub(r"_\d+$", "", name.lower())
    return 1 if name.endswith(GROWING) else -1 if name.endswith(SHRINKING) else 0
