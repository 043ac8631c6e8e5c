"""Writing of files completely or not at all."""

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
except ImportError:  # a Python built without this library reads no such files
    LZMAError = zlib.error  # type: ignore[assignment, misc]

# The errors that readers raise if a file was cut, changed, or written by another program.
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

PART = re.compile(r"\.[0-9a-f]{32}\.part")  # follows the name of a file that is being written
LONGEST_NAME = 255  # bytes, on the file systems of Linux


@contextmanager
def naming_file(path: FilePath) -> Iterator[None]:
    """Make every OSError inside `with`, for example of a full disk, name the file that was to be written."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fsdecode(path)) from error


def write_whole(path: FilePath, write: Callable[[BinaryIO], Any]) -> None:
    """Call `write` on a temporary file, which replaces `path` when it is complete and on the disk.

    At any time, `path` has either its former content or the new content. If an exception occurs, the temporary file is
    removed, and so are temporary files of the same name left by killed processes. A replaced file keeps its permissions
    and owner. Devices and pipes cannot be replaced and are written in place.

    Args:
        path: the file to write; symbolic links are followed.
        write: ``write(file)`` for a seekable binary file.

    Raises:
        OSError: the file cannot be written; the error names `path`.
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
    """Write a temporary file and move it to `target`; False if another process removed it before it was locked."""
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
    """Give a file the permissions and, if allowed, the owner of another file."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (former.st_uid, former.st_gid):
        with suppress(PermissionError):
            os.fchown(descriptor, former.st_uid, former.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(former.st_mode))


# ---- temporary files -------------------------------------------------------------------------------------------------
# A file that is being written is called NAME.<id>.part, and its process holds a lock on it. The lock distinguishes it
# from the temporary file of a process that was killed.


def remove_stale_parts(path: FilePath) -> None:
    """Remove the temporary files of `path` that killed processes left."""
    folder, prefix = _folder_and_prefix(os.path.realpath(os.fsdecode(path)))
    try:
        names = os.listdir(folder)
    except PermissionError:
        return
    for name in names:
        if name.startswith(prefix) and PART.fullmatch(name, len(prefix)):
            _remove_unless_locked(os.path.join(folder, name))


def _folder_and_prefix(target: str) -> tuple[str, str]:
    """Return the folder of a file's temporary files, and the prefix of their names: its own name, shortened if long."""
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
        pass  # locked, or on a file system without locks, or removed already
    finally:
        os.close(descriptor)
