"""A table of all epochs."""

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
    """Writes a line for each epoch: its number and its quantities in alphabetical order.

    Quantities that appear in a later epoch, such as those of validation every other epoch, get columns at the end; the
    lines before have "NA" there. Metrics of several numbers are written as "[0.25, 0.5]".

    Args:
        filename: the file.
        separator: between the values of a line.
        append: whether to go on with a file that exists; it is begun anew otherwise.

    Raises:
        OSError: when training begins, a file that cannot be written.
        ValueError: when training begins, a file to append to that is not in UTF-8.
    """

    STATE = ("_begun",)

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"CSVLogger: separator must be one character. Received: separator={separator!r}")
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = as_flag(self, "append", append)
        self._begun = False  # whether lines of this training are in the file

    def on_train_begin(self, logs: Logs = None) -> None:
        self._begun = False
        with open(self.filename, "a"):
            """Raises what would be raised after the first epoch."""
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
        """The lines that are in the file."""
        try:
            with open(self.filename, newline="", encoding="utf-8") as file:
                return list(csv.reader(file, delimiter=self.separator))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(
                f"{self.filename}: CSVLogger appends to files of values in UTF-8 only. Received: {error}"
            ) from error

    def _rewrite(self, rows: Iterable[Iterable[Any]]) -> None:
        write_whole(self.filename, lambda file: file.write(self._text(rows).encode()))

    def _append(self, line: str) -> None:
        """Add a line, whole or not at all. Raises OSError that names the file."""
        size = os.path.getsize(self.filename)
        with naming_file(self.filename):
            try:
                with open(self.filename, "a", newline="", encoding="utf-8") as file:
                    file.write(line)
            except OSError:
                with suppress(OSError):
                    os.truncate(self.filename, size)
                raise

    def _text(self, rows: Iterable[Iterable[Any]]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator).writerows(rows)
        return text.getvalue()


def as_cell(value: Any) -> Any:
    """A quantity as it is written: numbers and texts as they are, arrays as lists."""
    return np.asarray(value).tolist() if np.ndim(value) else value
