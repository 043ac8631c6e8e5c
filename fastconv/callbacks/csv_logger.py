"""Callback that writes the logs of epochs to a CSV file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np

from fastconv.arguments import as_flag
from fastconv.callbacks.callback import Callback, Logs
from fastconv.callbacks.places import MISSING
from fastconv.utils.files import naming_file, write_whole


class CSVLogger(Callback):
    """Write a line per epoch to a CSV file: the epoch, then its quantities in alphabetical order.

    If a quantity first appears in a later epoch, for example when every second epoch is validated, a column is added at
    the right, and the earlier lines get "NA". Metrics with several values are written like "[0.25, 0.5]".

    Args:
        filename: str or path. The file.
        separator: str of length 1. The delimiter between values. Default: ",".
        append: bool. Whether to append to a file that exists; if False, it is overwritten. Default: False.

    Raises:
        ValueError: separator is not a single character. When training begins: the file to append to is not UTF-8.
        OSError: the file cannot be written. Raised when training begins.

    Example:
        >>> import tempfile
        >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = callbacks.CSVLogger(f"{folder}/log.csv")
        ...     history = model.fit(np.zeros((8, 2)), np.zeros((8, 1)), epochs=2, verbose=0, callbacks=[table])
        ...     with open(table.filename) as file:
        ...         print(file.read())
        epoch,loss
        0,0.0
        1,0.0
    """

    STATE = ("_begun",)

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"CSVLogger: separator must be one character. Received: separator={separator!r}")
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = as_flag(self, "append", append)
        self._begun = False  # whether the file has lines of this training

    def on_train_begin(self, logs: Logs = None) -> None:
        self._begun = False
        with open(self.filename, "a"):
            """Raise errors now instead of after the first epoch."""
        if self.append:
            self._rows()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        rows = self._rows() if self._begun or self.append else []
        header = rows[0] if rows else ["epoch"]
        values = {"epoch": epoch, **(logs or {})}
        added = sorted(values.keys() - set(header))
        if added or not rows:
            filled = [[*row, *[MISSING] * len(added)] for row in rows[1:]]
            self._rewrite([[*header, *added], *filled])
        self._append(self._text([[as_cell(values.get(name, MISSING)) for name in [*header, *added]]]))
        self._begun = True

    def _rows(self) -> list[list[str]]:
        """Return the lines of the file."""
        try:
            with open(self.filename, newline="", encoding="utf-8") as file:
                return list(csv.reader(file, delimiter=self.separator))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(
                f"{self.filename}: CSVLogger appends to files of values in UTF-8 only. Received: {error}"
            ) from error

    def _rewrite(self, rows: Iterable[Iterable[object]]) -> None:
        write_whole(self.filename, lambda file: file.write(self._text(rows).encode()))

    def _append(self, line: str) -> None:
        """Append a line completely or, if that fails, not at all. An OSError names the file."""
        size = os.path.getsize(self.filename)
        with naming_file(self.filename):
            try:
                with open(self.filename, "a", newline="", encoding="utf-8") as file:
                    file.write(line)
            except OSError:
                with suppress(OSError):
                    os.truncate(self.filename, size)
                raise

    def _text(self, rows: Iterable[Iterable[object]]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator).writerows(rows)
        return text.getvalue()


def as_cell(value: Any) -> Any:
    """Return a quantity for a cell: an array becomes a list, other values stay."""
    return np.asarray(value).tolist() if np.ndim(value) else value
