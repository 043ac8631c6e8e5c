"""Callbacks that change the learning rate during training."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv.arguments import as_integer, as_number, as_verbosity, optional
from fastconv.callbacks.callback import Callback, Logs
from fastconv.callbacks.monitor import Monitor


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch.

    Args:
        schedule: function of the epoch (from 0) and the current rate, or of the epoch only, that returns the new rate.
        verbose: int. Whether to print the rate. Default: 0.

    Raises:
        ValueError: schedule is not callable, or it returns a value that is not a finite number of at least 0.
        TypeError: the optimizer's learning rate follows a schedule already. Raised when training begins.

    Example:
        >>> model = Sequential([Input((2,)), layers.Dense(1)])
        >>> model.compile(optimizers.SGD(1.0), "mse")
        >>> halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        >>> history = model.fit(np.zeros((8, 2)), np.zeros((8, 1)), epochs=3, verbose=0, callbacks=[halve])
        >>> history.history["learning_rate"]
        [0.5, 0.25, 0.125]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise ValueError(
                f"LearningRateScheduler: schedule must be a function of the epoch. Received: schedule={schedule!r}"
            )
        self.schedule = schedule
        self.verbose = as_verbosity(self, verbose)

    def on_train_begin(self, logs: Logs = None) -> None:
        check_assignable(self)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        optimizer = self.model.optimizer
        current = [float(optimizer.learning_rate)] if takes_two(self.schedule) else []
        rate = self.schedule(epoch, *current)
        optimizer.learning_rate = rate
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def check_assignable(callback: Callback) -> None:
    """Raise TypeError, in the name of `callback`, if the optimizer's learning rate cannot be assigned."""
    optimizer = callback.model.optimizer
    if optimizer is not None and not getattr(optimizer, "has_assignable_rate", True):
        raise TypeError(
            f"{type(callback).__name__}: the learning rate must be a number, so that it can be assigned. "
            f"Received: an optimizer {optimizer.name} whose learning rate follows a schedule"
        )


def takes_two(function: Callable[..., Any]) -> bool:
    """Return whether `function` can be called with two arguments."""
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    return True


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by `factor` when a quantity has not improved for `patience` epochs.

    Args:
        monitor: str. The quantity, a key of an epoch's logs. Default: "val_loss".
        factor: float, at least 0 and less than 1. Default: 0.1.
        patience: int. The number of epochs without improvement before a reduction. Default: 10.
        verbose: int. Whether to print a line for each reduction. Default: 0.
        mode: "min", "max", or "auto" to derive the direction from the metric or its name. Default: "auto".
        min_delta: float. A change must exceed it to count as an improvement. Default: 1e-4.
        cooldown: int. The number of epochs after a reduction that do not count as waiting. Default: 0.
        min_lr: float. The smallest learning rate. Default: 0.
        epsilon: float or None. The name of `min_delta` in Keras 2; if given, it replaces `min_delta`. Default: None.

    Raises:
        ValueError: an argument is invalid. When training begins: the direction of the quantity is unknown.
        TypeError: the optimizer's learning rate follows a schedule. Raised when training begins.

    Example:
        >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile(optimizers.SGD(1.0), "mse")
        >>> reduce = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1)
        >>> history = model.fit(np.zeros((8, 2)), np.zeros((8, 1)), epochs=3, verbose=0, callbacks=[reduce])
        >>> history.history["learning_rate"]
        [1.0, 1.0, 0.5]
    """

    STATE = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        epsilon: float | None = None,
    ) -> None:
        epsilon = optional(as_number, self, "epsilon", epsilon, below=math.inf)
        super().__init__(monitor, mode, min_delta if epsilon is None else epsilon)
        self.factor = as_number(self, "factor", factor, 0, below=1)
        self.patience = as_integer(self, "patience", patience, 0)
        self.verbose = as_verbosity(self, verbose)
        self.cooldown = as_integer(self, "cooldown", cooldown, 0)
        self.min_lr = as_number(self, "min_lr", min_lr, below=np.inf)
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        check_assignable(self)
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        optimizer = self.model.optimizer
        if logs is not None:
            logs["learning_rate"] = float(optimizer.learning_rate)
        value = self.monitored(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def in_cooldown(self) -> bool:
        """Return whether fewer than `cooldown` epochs have passed since the last reduction."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        old = float(optimizer.learning_rate)
        if old <= np.float32(self.min_lr):  # optimizers store their rates in float32
            return
        optimizer.learning_rate = max(old * self.factor, self.min_lr)
        if self.verbose:
            print(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {float(optimizer.learning_rate)}.")
        self.cooldown_counter, self.wait = self.cooldown, 0
