"""Zip archives, read in memory and with suspicion: names, kinds and sizes before contents."""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
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
        ValueError: entries of one name, with a path that leaves the archive, that are links or encrypted, or that, one
            by one or together, are said to be much larger than what is stored.
    """
    with zipfile.ZipFile(filepath) as archive:
        entries = archive.infolist()
        names = Counter(entry.filename for entry in entries)
        for entry in entries:
            if names[entry.filename] > 1:
                _refuse("one entry of each name", entry)
            if PurePosixPath(entry.filename).is_absolute() or ".." in PureWindowsPath(entry.filename).parts:
                _refuse("names inside of it", entry)
            if PureWindowsPath(entry.filename).drive or "\\" in entry.filename:
                _refuse("names inside of it", entry)
            if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
                _refuse("plain entries, no links and nothing encrypted", entry)
            if _expands(entry.file_size, entry.compress_size):
                _refuse(f"entries that expand at most {MOST_EXPANSION} times", entry)
        size, stored = sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
        if _expands(size, stored):
            raise ValueError(
                f"an archive must have entries that expand at most {MOST_EXPANSION} times. "
                f"Received: {len(entries)} entries, {size} bytes from {stored} stored"
            )
        if stored > os.path.getsize(filepath):
            raise ValueError("an archive must hold its entries one behind another. Received: entries that overlap")
        yield archive


def _expands(size: int, stored: int) -> bool:
    """Whether so many bytes are too many for what is stored."""
    return size > max(LARGE, MOST_EXPANSION * stored)


def _refuse(rule: str, entry: zipfile.ZipInfo) -> None:
    raise ValueError(
        f"an archive must have {rule}. "
        f"Received: {entry.filename!r}, {entry.file_size} bytes from {entry.compress_size} stored"
    )
