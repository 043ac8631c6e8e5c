"""Base class of callbacks that compare a quantity from epoch to epoch."""

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
from fastconv.typing import AnyModel

# Mode "auto": quantities whose names end in these words should grow, or shrink. The names are Keras's.
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
    """A callback that compares a quantity from epoch to epoch.

    Mode "auto" derives the direction from the model's metric of that name or, if there is none, from the name itself. A
    user's metric can declare its direction in the attribute ``_direction``, "up" or "down", as in Keras.

    Raises:
        ValueError: the mode is unknown. When training begins: neither the metric nor the name gives the direction.
    """

    compares = True  # whether the callback compares the quantity

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

    def set_model(self, model: AnyModel) -> None:
        super().set_model(model)
        if self.mode == "auto":
            self._sign = self._direction_in(model) or direction_of_name(self.monitor)
        if not self._sign and self.compares:
            raise ValueError(
                f"{type(self).__name__}: mode must be 'min' or 'max' if neither the model's metrics nor the quantity's "
                f"name give a direction. Received: monitor={self.monitor!r}, mode={self.mode!r}"
            )

    def monitored(self, logs: Logs) -> float | None:
        """Return the quantity; if `logs` lacks it, or it is not a single number, warn and return None."""
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
        """Return whether `value` improves on `reference` (if not None) by more than min_delta; NaN never does."""
        if reference is None:
            return not math.isnan(value)
        return self._sign * (value - reference) > self.min_delta

    def _direction_in(self, model: AnyModel) -> int:
        """Return the direction of the metric of `model` with the quantity's name; 0 if there is none."""
        name = self.monitor.removeprefix("val_")
        for metric in metrics_of(model):
            if name == metric.name or name.endswith(f"_{metric.name}"):
                return direction_of_metric(metric)
        return 0


def metrics_of(model: AnyModel) -> Iterator[Any]:
    """Yield all metrics of a model that have a name in logs, including the metrics given to `compile`."""
    for metric in getattr(model, "metrics", ()):
        yield from getattr(metric, "given", [metric])


def direction_of_metric(metric: Any) -> int:
    """Return 1 if the metric should grow, -1 if it should shrink, 0 if the direction is unknown."""
    own = getattr(metric, "_direction", None)
    function = getattr(metric, "fn", None)
    names = [snake_case(cls.__name__) for cls in type(metric).__mro__]
    found = [direction_of_name(name) for name in [*names, str(getattr(function, "__name__", ""))]]
    return {"up": 1, "down": -1}.get(str(own)) or next(filter(None, found), 0)


def direction_of_name(name: str) -> int:
    """Return 1 if the end of a name means a quantity that should grow, -1 if it should shrink, 0 if it is unknown."""
    name = re.sub(r"_\d+$", "", name.lower())
    return 1 if name.endswith(GROWING) else -1 if name.endswith(SHRINKING) else 0
