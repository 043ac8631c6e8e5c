"""What is told of the progress of training, and may stop it, save it, or show it."""

from __future__ import annotations

import csv
import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastconv.utils.files import model_suffix
from fastconv.utils.progbar import Progbar

Logs = Mapping[str, Any] | None

# "auto" modes: a quantity whose name ends in one of these is to grow, or to shrink.
GROWING = ("acc", "accuracy", "auc", "precision", "recall")
SHRINKING = ("loss", "error", "mse", "mae", "crossentropy")


class Callback:
    """Methods that fit, evaluate and predict call at each stage; override those of interest.

    Attributes:
        model: the model that is trained.
        params: "verbose", "epochs" and "steps" of this call; None where they are not known.
    """

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Before an epoch; the first one is 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After an epoch and its validation; `logs` holds its loss and metrics, with "val_" before validation's."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a step of training; the first one of an epoch is 0."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a step of training; `logs` holds the loss and metrics of the epoch so far."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """After evaluation or validation."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of evaluation or validation."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """After prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of prediction."""


class CallbackList(Callback):
    """Several callbacks as one; each is told in turn.

    Args:
        callbacks: the callbacks.
        model: their model.
        params: their parameters.
    """

    def __init__(
        self, callbacks: Iterable[Callback] = (), model: Any = None, params: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.callbacks = list(callbacks)
        self.set_model(model)
        self.set_params(params or {})


def _tell_all(name: str) -> Any:
    def tell(self: CallbackList, *args: Any, **kwargs: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(*args, **kwargs)

    return tell


for _name in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(CallbackList, _name, _tell_all(_name))
for _name in ("set_model", "set_params"):
    setattr(CallbackList, _name, _tell_all(_name))


class History(Callback):
    """What happened: `epoch`, the numbers of the epochs, and `history`, the values of each quantity in these."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []
        self.history = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class ProgbarLogger(Callback):
    """Prints "Epoch 1/3" and a progress bar for each epoch, or one for an evaluation or prediction of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._in_fit = False
        self._seen = 0
        self._bar: Progbar | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        epochs = self.params.get("epochs") or 1
        if self._verbose and epochs > 1:
            print(f"Epoch {epoch + 1}/{epochs}")
        self._start()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._show(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._in_fit:
            self._show(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._show(batch, None)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    @property
    def _verbose(self) -> int:
        return self.params.get("verbose", 1)

    def _start(self) -> None:
        self._seen = 0
        self._bar = Progbar(self.params.get("steps"), verbose=self._verbose)

    def _show(self, batch: int, logs: Logs) -> None:
        assert self._bar is not None
        self._seen = batch + 1
        self._bar.update(self._seen, (logs or {}).items(), finalize=False)

    def _finish(self, logs: Logs) -> None:
        assert self._bar is not None
        self._bar.target = self._seen
        self._bar.update(self._seen, (logs or {}).items(), finalize=True)


class _Monitor(Callback):
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


class EarlyStopping(_Monitor):
    """Stops training when a quantity has not become better for `patience` epochs; Prechelt 1998.

    Args:
        monitor: the quantity, a key of an epoch's logs.
        min_delta: what counts as better: a change of more than this.
        patience: epochs to wait for something better.
        verbose: whether to print what is done.
        mode: "min", "max", or "auto" to tell by the name.
        baseline: a value that must be beaten for the waiting to begin again.
        restore_best_weights: whether the weights of the best epoch are set in the end.
        start_from_epoch: the first epoch that counts.

    Raises:
        ValueError: an unknown mode, or a name that does not tell.
    """

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
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._begin()

    def _begin(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        value = self.monitored(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch  # should the first be NaN
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


class ModelCheckpoint(_Monitor):
    """Saves the model after epochs or numbers of batches; always, or when a quantity is the best so far.

    Args:
        filepath: where to, ending in .npz or .safetensors; may hold fields such as "{epoch:02d}" and "{val_loss:.2f}".
        monitor: the quantity for `save_best_only`, a key of an epoch's logs.
        verbose: whether to print what is done.
        save_best_only: whether to save only when the quantity is better than ever before.
        save_weights_only: whether to call the model's `save_weights` instead of `save`.
        mode: "min", "max", or "auto" to tell by the name.
        save_freq: "epoch", or a number of batches.

    Raises:
        ValueError: an unknown ending, mode or save_freq, a name that does not tell, or a field that the logs lack.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
    ) -> None:
        super().__init__(monitor, "min" if mode == "auto" and not save_best_only else mode)
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ValueError(
                f"ModelCheckpoint: save_freq must be 'epoch' or a positive int. Received: save_freq={save_freq!r}"
            )
        model_suffix(filepath)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.best: float | None = None
        self._epoch = 0
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self.save_freq != "epoch" and self._batches % int(self.save_freq) == 0:
            self._save(logs, {"batch": batch + 1})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
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
        if value is None or not self.is_better(value, self.best):
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


class LearningRateScheduler(Callback):
    """Sets the learning rate before every epoch.

    Args:
        schedule: a function of the number of the epoch, from 0 on, and of the rate so far, or of the number alone, that
            returns the rate.
        verbose: whether to print it.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        optimizer = self.model.optimizer
        try:
            rate = self.schedule(epoch, float(optimizer.learning_rate))
        except TypeError:  # of the number alone
            rate = self.schedule(epoch)
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ReduceLROnPlateau(_Monitor):
    """Multiplies the learning rate by `factor` when a quantity has not become better for `patience` epochs.

    Args:
        monitor: the quantity, a key of an epoch's logs.
        factor: less than 1.
        patience: epochs to wait for something better.
        verbose: whether to print what is done.
        mode: "min", "max", or "auto" to tell by the name.
        min_delta: what counts as better: a change of more than this.
        cooldown: epochs after a reduction that are not waited in.
        min_lr: the least learning rate.

    Raises:
        ValueError: a factor from 1 on, an unknown mode, or a name that does not tell.
    """

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
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be less than 1. Received: factor={factor!r}")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        if logs is not None:
            logs["learning_rate"] = float(optimizer.learning_rate)
        value = self.monitored(logs)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        old = float(optimizer.learning_rate)
        if old <= self.min_lr:
            return
        optimizer.learning_rate = max(old * self.factor, self.min_lr)
        if self.verbose:
            print(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {float(optimizer.learning_rate)}.")
        self.cooldown_counter, self.wait = self.cooldown, 0


class TerminateOnNaN(Callback):
    """Stops training when the loss of a batch is NaN or infinite."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


class CSVLogger(Callback):
    """Writes a line for each epoch: its number and its quantities in alphabetical order.

    Args:
        filename: the file.
        separator: between the values of a line.
        append: whether to go on with a file that exists; it is begun anew otherwise.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._keys: list[str] | None = None
        self._file: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        goes_on = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._keys = None
        if goes_on:
            with open(self.filename, newline="") as file:
                self._keys = next(csv.reader(file, delimiter=self.separator))[1:]
        self._file = open(self.filename, "a" if goes_on else "w", newline="")  # noqa: SIM115 - closed by on_train_end

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        values = dict(logs or {})
        writer = csv.writer(self._file, delimiter=self.separator)
        if self._keys is None:
            self._keys = sorted(values)
            writer.writerow(["epoch", *self._keys])
        writer.writerow([epoch, *(values.get(key, "NA") for key in self._keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        self._file.close()


class LambdaCallback(Callback):
    """Functions for some of the stages, by the names of `Callback`'s methods, with their arguments.

    Args:
        functions: ``on_epoch_end=lambda epoch, logs: ...`` and the like.

    Raises:
        TypeError: a name that is none of a stage.
    """

    def __init__(self, **functions: Callable[..., Any] | None) -> None:
        super().__init__()
        unknown = [name for name in functions if not (name.startswith("on_") and hasattr(Callback, name))]
        if unknown:
            raise TypeError(f"LambdaCallback: there are no such stages. Received: {', '.join(unknown)}")
        vars(self).update({name: function for name, function in functions.items() if function is not None})
