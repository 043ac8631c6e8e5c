"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import struct
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

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
    TypeError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)

MODELS = (".npz", ".safetensors", ".keras", ".h5", ".hdf5")
WEIGHTS = (".npz", ".safetensors", ".weights.h5")


def model_suffix(path: str | os.PathLike[str], suffixes: Sequence[str] = MODELS) -> str:
    """The ending of a model's file. Raises ValueError unless it is among `suffixes`."""
    name = os.fspath(path)
    suffix = ".weights.h5" if name.endswith(".weights.h5") else Path(name).suffix
    if suffix not in suffixes:
        what = "Weights are" if suffixes == WEIGHTS else "A model is"
        hint = (
            f"; write {str(Path(name).with_suffix('.weights.h5'))!r}"
            if suffixes == WEIGHTS and suffix in MODELS
            else ""
        )
        raise ValueError(f"{what} saved as {', '.join(suffixes)}{hint}. Received: filepath={name!r}")
    return suffix


def write_whole(path: str | os.PathLike[str], write: Callable[[BinaryIO], Any]) -> None:
    """Let `write` fill a file that takes the place of `path` once it is complete and on the disk.

    Whatever happens meanwhile, `path` holds its former content or the new one. An exception leaves no file behind.

    Args:
        path: the file to write; a symbolic link is followed.
        write: ``write(file)`` for a binary file that can seek.
    """
    target = os.path.realpath(path)
    temporary = f"{target}.{uuid.uuid4().hex}.part"
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
