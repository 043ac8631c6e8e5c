"""Changing the learning rate from epoch to epoch."""

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
    """Sets the learning rate before every epoch.

    Args:
        schedule: a function of the number of the epoch, from 0 on, and of the rate so far, or of the number alone, that
            returns the rate.
        verbose: whether to print it.

    Raises:
        ValueError: a schedule that is no function, or that returns no finite number from 0 on.
        TypeError: when training begins, a learning rate that follows a schedule already.
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
        now = [float(optimizer.learning_rate)] if takes_two(self.schedule) else []
        rate = self.schedule(epoch, *now)
        optimizer.learning_rate = rate
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def check_assignable(callback: Callback) -> None:
    """Raise TypeError, in the name of `callback`, unless the optimizer's learning rate can be assigned."""
    optimizer = callback.model.optimizer
    if optimizer is not None and not getattr(optimizer, "has_assignable_rate", True):
        raise TypeError(
            f"{type(callback).__name__}: the learning rate must be a number, to be assigned. "
            f"Received: an optimizer {optimizer.name} whose learning rate follows a schedule"
        )


def takes_two(function: Callable[..., Any]) -> bool:
    """Whether `function` can be called with two arguments."""
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    return True


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by `factor` when a quantity has not become better for `patience` epochs.

    Args:
        monitor: the quantity, a key of an epoch's logs.
        factor: at least 0 and less than 1.
        patience: epochs to wait for something better.
        verbose: whether to print what is done.
        mode: "min", "max", or "auto" to tell by the metric or its name.
        min_delta: what counts as better: a change of more than this.
        cooldown: epochs after a reduction that are not waited in.
        min_lr: the least learning rate.
        epsilon: what Keras 2 calls `min_delta`.

    Raises:
        ValueError: a factor outside of [0, 1), an unknown mode, or an argument of another kind; when training begins, a
            quantity of which "auto" cannot tell the direction.
        TypeError: when training begins, a learning rate that follows a schedule.
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

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
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
        """Whether a reduction was made so lately that the callback does not wait for the next one yet."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        old = float(optimizer.learning_rate)
        if old <= np.float32(self.min_lr):  # the precision in which optimizers keep their rates
            return
        optimizer.learning_rate = max(old * self.factor, self.min_lr)
        if self.verbose:
            print(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {float(optimizer.learning_rate)}.")
        self.cooldown_counter, self.wait = self.cooldown, 0
