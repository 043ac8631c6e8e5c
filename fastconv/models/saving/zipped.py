"""Zip archives, read in memory and with suspicion: names, kinds and sizes before contents."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

LARGE = 1 << 24  # bytes; what is smaller may be compressed as well as it can
MOST_EXPANSION = 100


@contextmanager
def opened(filepath: Any) -> Iterator[zipfile.ZipFile]:
    """The archive, once its list of entries is beyond reproach.

    Raises:
        ValueError: entries of one name, with a path that leaves the archive, that are links or encrypted, or that
            are said to be much larger than what is stored.
    """
    with zipfile.ZipFile(filepath) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        for entry in entries:
            if names.count(entry.filename) > 1:
                _refuse("one entry of each name", entry)
            if PurePosixPath(entry.filename).is_absolute() or ".." in PureWindowsPath(entry.filename).parts:
                _refuse("names inside of it", entry)
            if PureWindowsPath(entry.filename).drive or "\\" in entry.filename:
                _refuse("names inside of it", entry)
            if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
                _refuse("plain entries, no links and nothing encrypted", entry)
            if entry.file_size > max(LARGE, MOST_EXPANSION * entry.compress_size):
                _refuse(f"entries that expand at most {MOST_EXPANSION} times", entry)
        if sum(entry.compress_size for entry in entries) > os.path.getsize(filepath):
            raise ValueError("an archive must hold its entries one behind another. Received: entries that overlap")
        yield archive


def _refuse(rule: str, entry: zipfile.ZipInfo) -> None:
    raise ValueError(
        f"an archive must have {rule}. "
        f"Received: {entry.filename!r}, {entry.file_size} bytes from {entry.compress_size} stored"
    )
