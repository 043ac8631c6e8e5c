"""Search for, and reading of, the files of datasets."""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import fastconv.config as config
from fastconv.utils.download import fetch, folders
from fastconv.utils.files import DAMAGE

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

DEBIAN = Path("/usr/share/datasets")
UNSIGNED_BYTES = 0x08  # code of this element type in idx files


def locate(name: str, url: str, checksum: str | None, more: Sequence[Path] = ()) -> Path:
    """Return the file `name` from a folder of `folders()` or `more`; download it if it is in none of them.

    Args:
        name: a path within these folders.
        url: the address to download from.
        checksum: "sha256:..." or "md5:..." of the downloaded file, or None for any. An existing file may have been
            compressed differently; `check_content` checks its content.
        more: further folders.

    Raises:
        ImportError: the file must be downloaded, and pooch is not installed.
        OSError: the download failed.
        ValueError: the downloaded file has another checksum.
    """
    return find(name, more) or download(name, url, checksum)


def find(name: str, more: Sequence[Path] = ()) -> Path | None:
    """Return the file `name` from a folder of `folders()` or `more`, or None."""
    return next((folder / name for folder in (*folders(), *more) if (folder / name).is_file()), None)


def download(name: str, url: str, checksum: str | None) -> Path:
    """Download the file `name` to the first folder of `folders()`, and check it as `locate` does."""
    target = folders()[0] / name
    try:
        return fetch(url, checksum, target)
    except OSError as error:
        raise OSError(
            f"{name}: the file must be in a folder of {', '.join(map(str, folders()))}, or be downloaded. "
            f"Place it at {target}, or set FASTCONV_DATA to a folder that has it. Received: {error}"
        ) from error


def check_content(place: str, content: bytes, digest: str | None) -> None:
    """Raise ValueError unless `content`, the decompressed bytes of a file, has this digest.

    Args:
        place: the file.
        content: the bytes.
        digest: "sha256:..." or "md5:...", or None for any content.
    """
    if digest is None:
        return
    algorithm, _, wanted = digest.partition(":")
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if found != wanted:
        raise ValueError(
            f"{place}: the file is damaged or contains other data; remove it, and it will be downloaded. "
            f"The {algorithm} of its content must be {wanted}. Received: {found}"
        )


def read_idx(path: Path, ndim: int, digest: str | None = None) -> np.ndarray:
    """Read a gzipped idx file: bytes 0, 0, element type, number of axes; each size as 4 bytes; the elements.

    The format is described with the MNIST database (LeCun, Cortes and Burges 1998).

    Args:
        path: the file.
        ndim: the required number of axes.
        digest: the digest of the decompressed file, as for `check_content`.

    Returns:
        A uint8 array with `ndim` axes.

    Raises:
        ValueError: the file has another format, or is truncated.
    """
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, struct.error, zlib.error) as error:
        raise ValueError(f"{path}: not a complete gzip file ({error})") from error
    start = 4 + 4 * ndim
    if len(content) < start or content[:4] != bytes([0, 0, UNSIGNED_BYTES, ndim]):
        raise ValueError(
            f"{path}: an idx file of bytes with {ndim} axes is needed. Received: it begins {content[:4]!r}"
        )
    sizes = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4"))
    if len(content) - start != math.prod(sizes):
        raise ValueError(f"{path}: sizes {sizes} need {math.prod(sizes)} bytes. Received: {len(content) - start}")
    check_content(str(path), content, digest)
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes).copy()


def as_idx(array: np.ndarray) -> bytes:
    """Return the content of an idx file for `array`, uint8."""
    header = bytes([0, 0, UNSIGNED_BYTES, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def read_npz(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """Read the uint8 arrays called `names` from an npz file. Pickled objects are never loaded.

    Raises:
        ValueError: the file has another format or is truncated, a name is missing, or a dtype differs.
    """
    try:
        with open(path, "rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                raise ValueError("a single array")
            arrays = [content[name] for name in names]
            if not all(isinstance(array, np.ndarray) for array in arrays):
                raise ValueError("files that are no arrays")
    except (*DAMAGE, ValueError) as error:
        if getattr(error, "filename", None) is not None:  # the file cannot be opened, and the error names it
            raise
        raise ValueError(
            f"{path}: an npz file of the arrays {', '.join(names)} is needed. Received: {error}"
        ) from error
    kinds = [a.dtype.name for a in arrays]
    if kinds != ["uint8"] * len(arrays):
        raise ValueError(f"{path}: all arrays must be uint8. Received: {kinds}")
    return arrays


def read_records(path: Path, digests: Mapping[str, str | None], size: int) -> list[np.ndarray]:
    """Read the files of a tar archive that consist of records of `size` bytes.

    Args:
        path: the archive.
        digests: dict from the files' names, with their folders, to their digests, as for `check_content`.
        size: the number of bytes in a record.

    Returns:
        A uint8 array (N, size) per file.

    Raises:
        ValueError: the archive is damaged, a file is missing, or its length is not a multiple of `size`.
    """
    try:
        with tarfile.open(path) as archive:
            contents = [_content(archive, name) for name in digests]
    except DAMAGE as error:
        raise ValueError(f"{path}: a tar archive of {', '.join(digests)} is needed. Received: {error}") from error
    lengths = [len(content) for content in contents]
    if any(n == 0 or n % size for n in lengths):
        raise ValueError(f"{path}: its files must hold records of {size} bytes. Received: files of {lengths} bytes")
    for content, (name, digest) in zip(contents, digests.items()):
        check_content(f"{path}, {name}", content, digest)
    return [np.frombuffer(content, np.uint8).reshape(-1, size) for content in contents]


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(f"{name} is not a file")
    return file.read()


def from_records(records: np.ndarray, labels: int, label: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images of 32x32 pixels in the format of `config.image_data_format()`, and labels (N, 1).

    Args:
        records: array (N, labels + 3072): the labels, then all red, all green and all blue pixels.
        labels: the number of labels in a record.
        label: the index of the label to return.
        classes: the number of classes.

    Raises:
        ValueError: a label is not less than `classes`.
    """
    y, x = records[:, label : label + 1], records[:, labels:].reshape(-1, 3, 32, 32)
    if y.max(initial=0) >= classes:
        raise ValueError(f"Labels must be less than {classes}. Received: labels up to {y.max()}")
    channels_last = config.image_data_format() == "channels_last"
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1) if channels_last else x), y.copy()


def checked(source: Path, x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> Split:
    """Return the four arrays as Keras does, if they are 28x28 images, each with a label from 0 to 9.

    Raises:
        ValueError: the arrays have other shapes or labels.
    """
    for x, y in ((x_train, y_train), (x_test, y_test)):
        if x.shape != (len(y), 28, 28) or y.shape != (len(x),) or y.max(initial=0) > 9:
            raise ValueError(
                f"{source}: images (N, 28, 28) and labels (N,) from 0 to 9 are needed. "
                f"Received: {x.shape} and {y.shape}, labels up to {y.max(initial=0)}"
            )
    return (x_train, y_train), (x_test, y_test)
