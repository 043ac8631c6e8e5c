"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import struct
import tarfile
import tokenize
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeAlias

try:
    from lzma import LZMAError
except ImportError:  # a Python without this library reads no such files
    LZMAError = zlib.error  # type: ignore[assignment, misc]

# What readers raise on files that were cut, changed or written by something else.
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    LZMAError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    struct.error,
    tarfile.TarError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

FilePath: TypeAlias = str | bytes | os.PathLike[Any]

PART = re.compile(r"\.[0-9a-f]{32}\.part")  # what follows the name of a file that is being written
LONGEST_NAME = 255  # bytes, on the file systems of Linux


@contextmanager
def naming_file(path: FilePath) -> Iterator[None]:
    """Let every OSError inside `with` name the file that was to be written, such as when the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fsdecode(path)) from error


def write_whole(path: FilePath, write: Callable[[BinaryIO], Any]) -> None:
    """Let `write` fill a file that takes the place of `path` once it is complete and on the disk.

    Whatever happens meanwhile, `path` holds its former content or the new one. An exception leaves no file behind; what
    a killed process left of the same name is removed. A file that is replaced keeps its permissions and owner. Devices
    and pipes cannot be replaced and are written in place.

    Args:
        path: the file to write; a symbolic link is followed.
        write: ``write(file)`` for a binary file that can seek.

    Raises:
        OSError: it cannot be written; the error names `path`.
    """
    with naming_file(path):
        target = os.path.realpath(os.fsdecode(path))
        former = os.stat(target) if os.path.exists(target) else None
        if former is not None and not stat.S_ISREG(former.st_mode):
            with open(target, "wb") as file:
                write(file)
            return
        if former is not None and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
        remove_stale_parts(target)
        while not _replaced(target, former, write):
            pass


def _replaced(target: str, former: os.stat_result | None, write: Callable[[BinaryIO], Any]) -> bool:
    """Write a part and let it replace `target`; False if another process removed the part before it was locked."""
    name = os.path.join(*_folder_and_prefix(target)) + f".{uuid.uuid4().hex}.part"
    try:
        with open(name, "xb") as part:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(part.fileno(), fcntl.LOCK_EX)
            if not os.fstat(part.fileno()).st_nlink:
                return False
            write(part)
            part.flush()
            if former is not None:
                _copy_access(former, part.fileno())
            os.fsync(part.fileno())
            os.replace(name, target)
            return True
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(name)
        raise


def _copy_access(former: os.stat_result, descriptor: int) -> None:
    """Give a file the owner, if that is allowed, and the permissions of another."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (former.st_uid, former.st_gid):
        with suppress(PermissionError):
            os.fchown(descriptor, former.st_uid, former.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(former.st_mode))


# ---- parts -----------------------------------------------------------------------------------------------------------
# A file that is being written is called NAME.<id>.part and is locked while its process lives: the lock tells it from
# the part that a killed process left.


def remove_stale_parts(path: FilePath) -> None:
    """Remove what killed processes left of a file that they were writing."""
    folder, prefix = _folder_and_prefix(os.path.realpath(os.fsdecode(path)))
    try:
        names = os.listdir(folder)
    except PermissionError:
        return
    for name in names:
        if name.startswith(prefix) and PART.fullmatch(name, len(prefix)):
            _remove_unless_locked(os.path.join(folder, name))


def _folder_and_prefix(target: str) -> tuple[str, str]:
    """Where the parts of a file are, and what their names begin with: its own, as far as there is space for it."""
    folder, name = os.path.split(target)
    while len(os.fsencode(name)) > LONGEST_NAME - len(f".{uuid.UUID(int=0).hex}.part"):
        name = name[:-1]
    return folder, name


def _remove_unless_locked(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.remove(path)
    except OSError:
        pass  # locked, or on a file system without locks, or gone already
    finally:
        os.close(descriptor)
