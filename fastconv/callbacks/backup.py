"""Callback that resumes an interrupted training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastconv.arguments import as_flag
from fastconv.callbacks.callback import Callback, Logs, as_frequency
from fastconv.callbacks.places import check_folder
from fastconv.callbacks.training_state import TrainingState
from fastconv.utils import random
from fastconv.utils.files import remove_stale_parts


class BackupAndRestore(Callback):
    """Save the state of training regularly, and resume from it when an interrupted script is started again.

    The resumed training ends with the same weights, bit for bit, as a training without interruption. The backup holds
    weights, seeds, optimizers, the state of metrics, the random states of Python, NumPy and fastconv, and the
    attributes that callbacks list in `STATE` (for example those of `EarlyStopping` and `History`). If the data are
    arrays, training continues at the next batch. Generators and datasets are read again from the beginning, and their
    first batches skipped.

    The script must stay the same: it builds and compiles the same model and calls `fit` with the same data and
    callbacks.

    Args:
        backup_dir: str or path. A folder that only this call of `fit` uses.
        save_freq: "epoch" (default), or an int: the number of batches between backups.
        double_checkpoint: bool. Whether to keep the previous backup too, in case the latest is damaged. Default: False.
        delete_checkpoint: bool. Whether to delete the backup after training. Default: True.

    Raises:
        ValueError: backup_dir is empty, or save_freq is neither "epoch" nor a positive int. When training begins: the
            model has no weights yet, or the backup is damaged or belongs to another model.
        OSError: the folder cannot be written to. Raised when training begins.

    Example:
        >>> import tempfile
        >>> model = Sequential([Input((2,)), layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.zeros((8, 2)), np.zeros((8, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     backup = callbacks.BackupAndRestore(f"{folder}/backup")
        ...     history = model.fit(x, y, epochs=2, verbose=0, callbacks=[backup])
    """

    looks_at_once = True

    comes_last = True  # saves after the other callbacks have updated their state

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not os.fspath(backup_dir):
            raise ValueError(f"BackupAndRestore: backup_dir must name a folder. Received: backup_dir={backup_dir!r}")
        self.backup_dir = Path(backup_dir)
        self.save_freq = as_frequency(self, "save_freq", save_freq, "epoch")
        self.double_checkpoint = as_flag(self, "double_checkpoint", double_checkpoint)
        self.delete_checkpoint = as_flag(self, "delete_checkpoint", delete_checkpoint)
        self._latest = self.backup_dir / "latest.npz"
        self._previous = self.backup_dir / "previous.npz"
        self._resuming: TrainingState | None = None
        self._random: dict[str, Any] = {}
        self._epoch = 0
        self._batches = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        if not self.model.built:
            raise ValueError(
                f"BackupAndRestore: a model must have its weights before fit; call build(input_shape) or begin with "
                f"Input(shape). Received: {self.model.name}"
            )
        check_folder(os.fspath(self.backup_dir))
        self._random = {"fit": random.get_state()}
        self._batches = 0
        self._resuming = self._read()
        if self._resuming is not None:
            self._resuming.restore(self.model, self._others())
            self._random = dict(self._resuming.place["random"])
            self._batches = self._resuming.place["batches"]
            self.model.resume_from = self._resuming

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch
        if self._resuming is not None and self._resuming.place["batch"]:
            self._resuming.restore(self.model, self._others())  # the state after the last saved batch of this epoch
            random.set_state(self._random["epoch"])
        self._resuming = None
        self._random["epoch"] = random.get_state()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        due = self.save_freq != "epoch" and self._batches % int(self.save_freq) == 0
        if (
            due and not self.model.stop_training
        ):  # a stopped epoch has no more batches, which a backup within it does not record
            self._save(self._epoch, batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0, logs)

    def on_train_end(self, logs: Logs = None) -> None:
        if self.backup_dir.is_dir():
            remove_stale_parts(self._latest)
        if self.delete_checkpoint:
            for path in (self._latest, self._previous):
                path.unlink(missing_ok=True)
            if self.backup_dir.is_dir() and not any(self.backup_dir.iterdir()):
                self.backup_dir.rmdir()

    def _others(self) -> list[Callback]:
        return [callback for callback in self.companions if callback is not self]

    def _save(self, epoch: int, batch: int, logs: Logs) -> None:
        place = {
            "epoch": epoch,
            "batch": batch,
            "batches": self._batches,
            "logs": dict(logs or {}),
            "stopped": self.model.stop_training,
            "random": {**self._random, "now": random.get_state()},
        }
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        if self.double_checkpoint and self._latest.exists():
            os.replace(self._latest, self._previous)
        TrainingState.take(self.model, self._others(), place).write(self._latest)

    def _read(self) -> TrainingState | None:
        """Return the newest undamaged backup, or None if there is no backup."""
        found = [path for path in (self._latest, self._previous) if path.exists()]
        for path in found:
            try:
                return TrainingState.read(path)
            except ValueError:
                if path == found[-1]:
                    raise
        return None
