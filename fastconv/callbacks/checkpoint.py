"""Saving models in the course of training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fastconv.callbacks.callback import Logs, check_numbers, is_count
from fastconv.callbacks.monitor import Monitor
from fastconv.callbacks.places import check_fields
from fastconv.utils.endings import MODELS, WEIGHTS, model_suffix
from fastconv.utils.files import FilePath


class ModelCheckpoint(Monitor):
    """Saves the model after epochs or numbers of batches; always, or when a quantity is the best so far.

    Args:
        filepath: where to, with an ending that `Model.save` or `save_weights` takes; may hold fields such as
            "{epoch:02d}" and "{val_loss:.2f}".
        monitor: the quantity for `save_best_only`, a key of an epoch's logs.
        verbose: whether to print what is done.
        save_best_only: whether to save only when the quantity is better than ever before; an epoch that lacks it is
            saved, with a warning, as long as there is nothing better.
        save_weights_only: whether to call the model's `save_weights` instead of `save`.
        mode: "min", "max", or "auto" to tell by the metric or its name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: with `save_best_only`, a value that must be beaten for the first model to be saved.
        period: with save_freq="epoch", after every so many epochs, as in Keras 2.

    Raises:
        ValueError: an unknown ending, mode, save_freq or period, or fields that are no names; when training begins, a
            quantity of which "auto" cannot tell the direction; later, a field that the logs lack.
        ImportError, OSError: when training begins, a file that could not be written.
    """

    looks_at_once = True

    STATE = ("best", "_epoch", "_batches")

    def __init__(
        self,
        filepath: FilePath,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        period: int = 1,
    ) -> None:
        super().__init__(monitor, mode)
        self.compares = save_best_only
        if save_freq != "epoch" and not is_count(save_freq):
            raise ValueError(
                f"ModelCheckpoint: save_freq must be 'epoch' or a positive int. Received: save_freq={save_freq!r}"
            )
        if not is_count(period):
            raise ValueError(f"ModelCheckpoint: period must be an int of at least 1. Received: period={period!r}")
        if initial_value_threshold is not None:
            check_numbers(self, initial_value_threshold=initial_value_threshold)
        model_suffix(filepath, WEIGHTS if save_weights_only else MODELS)
        check_fields("ModelCheckpoint", os.fsdecode(filepath))
        self.filepath = os.fsdecode(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.period = period
        self.best: float | None = None if initial_value_threshold is None else float(initial_value_threshold)
        self._epoch = 0
        self._batches = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self.model.check_save(self.filepath, self.save_weights_only)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self.save_freq != "epoch" and self._batches % int(self.save_freq) == 0:
            self._save(logs, {"batch": batch + 1})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch" and (epoch + 1) % self.period == 0:
            self._save(logs, {})

    def _save(self, logs: Logs, place: dict[str, int]) -> None:
        if self.save_best_only and not self._is_best(logs):
            return
        path = self._path({**(logs or {}), **place, "epoch": self._epoch + 1})
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: saving model to {path}")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)

    def _is_best(self, logs: Logs) -> bool:
        value = self.monitored(logs)
        if value is None:
            return self.best is None
        if not self.is_better(value, self.best):
            return False
        self.best = value
        return True

    def _path(self, fields: Mapping[str, Any]) -> str:
        try:
            return self.filepath.format(**fields)
        except KeyError as error:
            raise ValueError(
                f"ModelCheckpoint: filepath may hold {', '.join(fields)}. Received: filepath={self.filepath!r}"
            ) from error
