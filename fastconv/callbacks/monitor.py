"""What callbacks share that compare one quantity from epoch to epoch."""

from __future__ import annotations

import math
import warnings

from fastconv.callbacks.callback import Callback, Logs

# "auto" modes: a quantity whose name ends in one of these is to grow, or to shrink.
GROWING = ("acc", "accuracy", "auc", "precision", "recall")
SHRINKING = ("loss", "error", "mse", "mae", "crossentropy")


class Monitor(Callback):
    """A callback that compares one quantity from epoch to epoch."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        super().__init__()
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self._sign = _direction(type(self).__name__, monitor, mode)

    def monitored(self, logs: Logs) -> float | None:
        """The quantity, or None, with a warning, where `logs` lacks it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(logs or {})
            warnings.warn(
                f"{type(self).__name__}: the monitored quantity must be one of {known}. "
                f"Received: monitor={self.monitor!r}",
                stacklevel=3,
            )
        return value

    def is_better(self, value: float, reference: float | None) -> bool:
        """Whether `value` beats `reference`, if there is one, by more than min_delta; NaN beats nothing."""
        if reference is None:
            return not math.isnan(value)
        return self._sign * (value - reference) > self.min_delta


def _direction(callback: str, monitor: str, mode: str) -> int:
    """1 where a larger quantity is better, -1 where a smaller one is."""
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"{callback}: mode must be 'auto', 'min' or 'max'. Received: mode={mode!r}")
    if mode == "max" or (mode == "auto" and monitor.endswith(GROWING)):
        return 1
    if mode == "min" or monitor.endswith(SHRINKING):
        return -1
    raise ValueError(
        f"{callback}: mode must be 'min' or 'max' where the name of the quantity does not tell. "
        f"Received: monitor={monitor!r}, mode={mode!r}"
    )
