"""Where the files of data sets are, and what may be in them."""

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

from fastconv import config
from fastconv.utils.download import fetch, folders
from fastconv.utils.files import DAMAGE

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

DEBIAN = Path("/usr/share/datasets")
UNSIGNED_BYTES = 0x08  # the code of this element type in idx files


def locate(name: str, url: str, checksum: str | None, more: Sequence[Path] = ()) -> Path:
    """Return the file `name` in one of `folders` or in `more`; it is downloaded when none of them has it.

    Args:
        name: a path within these folders.
        url: where to download it from.
        checksum: "sha256:..." or "md5:..." of the file that is downloaded, or None for any. A file that is there
            already may have been compressed by somebody else; `check_content` checks what is in it.

    Raises:
        ImportError: it must be downloaded, and pooch is not installed.
        OSError: the download failed.
        ValueError: the downloaded file has another checksum.
    """
    return find(name, more) or download(name, url, checksum)


def find(name: str, more: Sequence[Path] = ()) -> Path | None:
    """Return the file `name` in one of `folders` or in `more`, or None."""
    return next((folder / name for folder in (*folders(), *more) if (folder / name).is_file()), None)


def download(name: str, url: str, checksum: str | None) -> Path:
    """Return the file `name` in the first of `folders`, downloaded and checked as for `locate`."""
    target = folders()[0] / name
    try:
        return fetch(url, checksum, target)
    except OSError as error:
        raise OSError(
            f"{name}: it must be in one of {', '.join(map(str, folders()))}, or be downloaded. "
            f"Place it at {target}, or set FASTCONV_DATA to a folder that has it. Received: {error}"
        ) from error


def check_content(where: str, content: bytes, digest: str | None) -> None:
    """Raise ValueError unless `content`, the bytes in a file after decompression, has this digest.

    Args:
        where: the file.
        content: the bytes.
        digest: "sha256:..." or "md5:...", or None for any content.
    """
    if digest is None:
        return
    algorithm, _, wanted = digest.partition(":")
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if found != wanted:
        raise ValueError(
            f"{where}: the file is damaged, or holds other data; take it away to have it downloaded. "
            f"The {algorithm} of its content must be {wanted}. Received: {found}"
        )


def read_idx(path: Path, ndim: int, digest: str | None = None) -> np.ndarray:
    """The bytes of a gzipped idx file: zero, zero, element type, number of axes; each size as 4 bytes; the elements.

    The format is that of the MNIST data base, LeCun, Cortes and Burges 1998.

    Args:
        path: the file.
        ndim: how many axes the array must have.
        digest: of the decompressed file, as for `check_content`.

    Returns:
        A uint8 array with `ndim` axes.

    Raises:
        ValueError: anything else, a truncated file included.
    """
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, struct.error, zlib.error) as error:
        raise ValueError(f"{path}: not a whole gzip file ({error})") from error
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
    """Return the content of an idx file that holds `array`, uint8."""
    header = bytes([0, 0, UNSIGNED_BYTES, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def read_npz(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """The uint8 arrays called `names` in an npz file. Pickled objects are never loaded.

    Raises:
        ValueError: a file of another form, a truncated one included, a missing name, or another dtype.
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
    """Files of a tar archive, each of records of `size` bytes.

    Args:
        path: the archive.
        digests: the names of the files, with their folders, and their digests, as for `check_content`.

    Returns:
        A uint8 array (N, size) for each.

    Raises:
        ValueError: a damaged archive, a missing file, or one that does not consist of whole records.
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
    """Images of 32x32 pixels in the form of `config.image_data_format()`, and a column of labels.

    Args:
        records: (N, labels + 3072): the labels, then all red, all green and all blue pixels.
        label: which of the labels is wanted.
        classes: how many there are.

    Raises:
        ValueError: a label from `classes` on.
    """
    y, x = records[:, label : label + 1], records[:, labels:].reshape(-1, 3, 32, 32)
    if y.max(initial=0) >= classes:
        raise ValueError(f"Labels must be less than {classes}. Received: labels up to {y.max()}")
    channels_last = config.image_data_format() == "channels_last"
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1) if channels_last else x), y.copy()


def checked(source: Path, x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> Split:
    """The four arrays as Keras returns them, if they are 28x28 images and one label from 0 to 9 for each.

    Raises:
        ValueError: they are not.
    """
    for x, y in ((x_train, y_train), (x_test, y_test)):
        if x.shape != (len(y), 28, 28) or y.shape != (len(x),) or y.max(initial=0) > 9:
            raise ValueError(
                f"{source}: images (N, 28, 28) and labels (N,) from 0 to 9 are needed. "
                f"Received: {x.shape} and {y.shape}, labels up to {y.max(initial=0)}"
            )
    return (x_train, y_train), (x_test, y_test)
