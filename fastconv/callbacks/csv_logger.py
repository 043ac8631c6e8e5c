"""A table of all epochs."""

from __future__ import annotations

import csv
import os
from typing import Any

from fastconv.callbacks.callback import Callback, Logs


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
