"""Callbacks that stop training early."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.arguments import as_flag, as_integer, as_number, as_verbosity, optional
from fastconv.callbacks.callback import Callback, Logs
from fastconv.callbacks.monitor import Monitor


class EarlyStopping(Monitor):
    """Stop training when a quantity has not improved for `patience` epochs (Prechelt 1998).

    Args:
        monitor: str. The quantity, a key of an epoch's logs. Default: "val_loss".
        min_delta: float. A change must exceed it to count as an improvement. Default: 0.
        patience: int. The number of epochs without improvement after which training stops. Default: 0.
        verbose: int. Whether to print a line when training stops. Default: 0.
        mode: "min", "max", or "auto" to derive the direction from the metric or its name. Default: "auto".
        baseline: float or None. If given, an improvement resets the waiting only if it also beats this value.
            Default: None.
        restore_best_weights: bool. Whether to restore the weights of the best epoch after training. Default: False.
        start_from_epoch: int. The first epoch to compare. Default: 0.

    Raises:
        ValueError: an argument is invalid. When training begins: the direction of the quantity is unknown.

    Example:
        >>> model = Sequential([Input((2,)), layers.Dense(1)])
        >>> model.compile(optimizers.SGD(0.0), "mse")
        >>> x, y = np.zeros((8, 2)), np.zeros((8, 1))
        >>> stop = callbacks.EarlyStopping("loss", patience=2)
        >>> history = model.fit(x, y, epochs=10, verbose=0, callbacks=[stop])
        >>> history.epoch
        [0, 1, 2]
    """

    STATE = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = as_integer(self, "patience", patience, 0)
        self.verbose = as_verbosity(self, verbose)
        self.baseline = optional(as_number, self, "baseline", baseline)
        self.restore_best_weights = as_flag(self, "restore_best_weights", restore_best_weights)
        self.start_from_epoch = as_integer(self, "start_from_epoch", start_from_epoch, 0)
        self._begin()

    def _begin(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._begin()

    def get_monitor_value(self, logs: Logs) -> float | None:
        """Return the value to compare after an epoch, given its logs, or None; subclasses may override it."""
        return self.monitored(logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch  # in case all values are NaN
        self.wait += 1
        if self.is_better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stop training when the loss of a batch is NaN or infinite.

    Args:
        raise_error: bool. Whether to raise an error instead, so that no callback treats the training as finished.
            Default: False.

    Raises:
        RuntimeError: the loss is not finite, and raise_error is True.

    Example:
        >>> model = Sequential([Input((2,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.full((8, 2), np.nan), np.zeros((8, 1))
        >>> history = model.fit(x, y, epochs=10, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
        Batch 0: Invalid loss, terminating training
        >>> history.epoch
        [0]
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss).all():
            return
        if self.raise_error:
            raise RuntimeError(f"TerminateOnNaN: the loss must be finite. Received: loss={loss} after batch {batch}")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
