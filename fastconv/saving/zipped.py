"""Safe reading of zip archives: names, kinds and sizes of entries are checked before their contents."""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath, PureWindowsPath

LARGE = 1 << 24  # bytes; smaller entries may be compressed by any factor
MOST_EXPANSION = 100


@contextmanager
def opened(filepath: str) -> Iterator[zipfile.ZipFile]:
    """Open an archive after validating its list of entries.

    Raises:
        ValueError: entries have the same name, paths that leave the archive, links, encryption, or sizes that are much
            larger than the stored data, individually or in total.
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
            raise ValueError("an archive must store its entries one after another. Received: entries that overlap")
        yield archive


def _expands(size: int, stored: int) -> bool:
    """Return whether `size` bytes are too many for the stored data."""
    return size > max(LARGE, MOST_EXPANSION * stored)


def _refuse(rule: str, entry: zipfile.ZipInfo) -> None:
    raise ValueError(
        f"an archive must have {rule}. "
        f"Received: {entry.filename!r}, {entry.file_size} bytes from {entry.compress_size} stored"
    )
