"""Callback that saves models during training."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from fastconv.arguments import as_flag, as_integer, as_number, as_verbosity, optional
from fastconv.callbacks.callback import Callback, Logs, as_frequency
from fastconv.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from fastconv.callbacks.monitor import Monitor
from fastconv.callbacks.places import check_fields, fill, names_in, unfit_fields
from fastconv.utils.endings import MODELS, WEIGHTS, model_suffix
from fastconv.utils.files import FilePath


class ModelCheckpoint(Monitor):
    """Save the model or its weights after epochs or after a number of batches, optionally only if a quantity improves.

    Args:
        filepath: str or path. The file, with an ending that `Model.save` or `save_weights` accepts. It may contain
            fields like "{epoch:02d}" and "{val_loss:.2f}". If an epoch lacks a value, or if the format does not fit,
            "NA" is written, with a warning.
        monitor: str. The quantity that `save_best_only` compares, a key of an epoch's logs. Default: "val_loss".
        verbose: int. Whether to print a line when a file is saved. Default: 0.
        save_best_only: bool. Whether to save only if the quantity is the best so far. If an epoch lacks the quantity, a
            warning is given, and the model is saved unless a best value is known. Default: False.
        save_weights_only: bool. Whether to call `save_weights` instead of `save`. Default: False.
        mode: "min", "max", or "auto" to derive the direction from the metric or its name. Default: "auto".
        save_freq: "epoch" (default), or an int: the number of batches between files.
        initial_value_threshold: float or None. With `save_best_only`, the value to beat before the first file is saved.
            Default: None.
        period: int. With save_freq="epoch", the number of epochs between files, as in Keras 2. Default: 1.

    Raises:
        ValueError: the ending, mode, save_freq or period is invalid, or a field has no name. When training begins: the
            direction of the quantity is unknown. When training begins, or after the first batch if the names of the
            metrics are known only then: a field's name is unknown, or its format does not fit its values.
        ImportError, OSError: the file cannot be written. Raised when training begins.

    Example:
        >>> import os, tempfile
        >>> model = Sequential([Input((2,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.zeros((8, 2)), np.zeros((8, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save = callbacks.ModelCheckpoint(f"{folder}/epoch-{{epoch}}.npz", save_weights_only=True)
        ...     history = model.fit(x, y, epochs=2, verbose=0, callbacks=[save])
        ...     sorted(os.listdir(folder))
        ['epoch-1.npz', 'epoch-2.npz']
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
        self.compares = self.save_best_only = as_flag(self, "save_best_only", save_best_only)
        self.save_weights_only = as_flag(self, "save_weights_only", save_weights_only)
        self.save_freq = as_frequency(self, "save_freq", save_freq, "epoch")
        self.period = as_integer(self, "period", period, 1)
        self.verbose = as_verbosity(self, verbose)
        self.best: float | None = optional(as_number, self, "initial_value_threshold", initial_value_threshold)
        model_suffix(filepath, WEIGHTS if self.save_weights_only else MODELS)
        self.filepath = os.fsdecode(filepath)
        check_fields("ModelCheckpoint", self.filepath)
        self._checks_values = False  # whether to check the fields' values after the next batch
        self._epoch = 0
        self._batches = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self.model.check_save(self.filepath, self.save_weights_only)
        self._checks_values = not {*names_in(self.filepath)} <= {"epoch"}
        names = self.model.names_in_logs()
        if self._checks_values and names is not None:
            self._check_names(names)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self._checks_values:
            self._checks_values = False
            self._check_values(logs or {})
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
        unfit = unfit_fields(self.filepath, fields)
        if unfit:
            warnings.warn(
                f"ModelCheckpoint: filepath may contain {', '.join(fields)}, if the format fits. "
                f"Received: {', '.join(unfit)} in filepath={self.filepath!r}; NA is written instead",
                stacklevel=4,
            )
        return fill(self.filepath, fields)

    def _known(self, names: Iterable[str]) -> list[str]:
        """Return the names that fields may have, given the names in a batch's logs."""
        names = list(names)
        if self.save_freq != "epoch":
            return [*names, "epoch", "batch"]
        validation = [] if self.model.validates is False else [f"val_{name}" for name in names]
        has_rate = any(isinstance(callback, (LearningRateScheduler, ReduceLROnPlateau)) for callback in self._earlier())
        return [*names, *validation, *["learning_rate"] * has_rate, "epoch"]

    def _earlier(self) -> list[Callback]:
        """Return the callbacks that come before this callback in the list."""
        return list(itertools.takewhile(lambda callback: callback is not self, self.companions))

    def _check_names(self, names: Iterable[str]) -> None:
        """Raise ValueError if a field's name is not in `names` and no earlier callback could add it to the logs."""
        known = self._known(names)
        unknown = [name for name in names_in(self.filepath) if name not in known]
        if unknown and not any(map(_may_add_to_logs, self._earlier())):
            raise ValueError(
                f"ModelCheckpoint: filepath may contain {', '.join(known)}. "
                f"Received: {', '.join(unknown)} in filepath={self.filepath!r}"
            )

    def _check_values(self, logs: Mapping[str, Any]) -> None:
        """Raise ValueError if a field's name is unknown, or its format does not fit the values of the first batch."""
        self._check_names(logs)
        values = {**logs, **{f"val_{name}": value for name, value in logs.items()}}
        values = {"learning_rate": 0.1, **values, "epoch": 1, "batch": 1}
        unfit = [f for f in unfit_fields(self.filepath, values) if any(name in values for name in names_in(f))]
        if unfit:
            raise ValueError(
                f"ModelCheckpoint: the values of fields in filepath must fit their formats. "
                f"Received: {', '.join(unfit)} in filepath={self.filepath!r}, "
                + ", ".join(f"{name}={values[name]!r}" for f in unfit for name in names_in(f))
            )


def _may_add_to_logs(callback: Callback) -> bool:
    """Return whether a class outside the package defines the callback's end of a batch or epoch."""
    stages = ("on_epoch_end", "on_train_batch_end", "on_batch_end")
    methods = [getattr(callback, stage) for stage in stages]
    return any(getattr(method, "__module__", "").partition(".")[0] != __name__.partition(".")[0] for method in methods)
