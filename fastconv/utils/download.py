"""Download of files into a local cache."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from fastconv.utils.archives import extract_archive
from fastconv.utils.files import naming_file

HASHES = {32: "md5", 64: "sha256"}  # by the number of their hexadecimal digits
ENDING = re.compile(r"(\.tar)?\.(tar|zip|t?gz|t?bz2|t?xz)$", re.IGNORECASE)  # endings of archives


def folders() -> list[Path]:
    """Return the folders in which files are searched: FASTCONV_DATA, if that variable is set, and ~/.cache/fastconv.

    Downloads go into the first folder.
    """
    given = os.environ.get("FASTCONV_DATA")
    return [*([Path(given)] if given else []), Path.home() / ".cache" / "fastconv"]


def fetch(url: str, checksum: str | None, target: Path) -> Path:
    """Download a file to `target`, unless it exists with this checksum, and return `target`.

    The file is written completely or not at all.

    Args:
        url: the address.
        checksum: "sha256:..." or "md5:...", or None to accept any content.
        target: the path of the file.

    Raises:
        ImportError: pooch is not installed.
        OSError: the download failed.
        ValueError: the downloaded file has another checksum.
    """
    try:
        import pooch
    except ImportError as error:
        raise ImportError(f"{target.name}: downloading needs pooch: pip install fastconv[data]") from error
    with naming_file(target):
        return Path(pooch.retrieve(url, checksum, fname=target.name, path=target.parent))


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Download a file unless it exists, extract it if requested, and return the path of the file or folder.

    Args:
        fname: str or None. The file's name; if None, the name at the end of `origin`. Default: None.
        origin: str. The address to download from.
        untar: bool. Whether to extract the file as a tar archive, as in Keras 2. Default: False.
        md5_hash: str or None. The MD5 of the file, as in Keras 2. Default: None.
        file_hash: str or None. The SHA-256 or MD5 of the file. An existing file with another hash is downloaded again.
            Default: None.
        cache_subdir: str. The folder within `cache_dir`. Default: "datasets".
        hash_algorithm: "sha256", "md5", or "auto" to derive it from the hash's length. Default: "auto".
        extract: bool. Whether to extract the file into a folder next to it, for example "set_extracted" for
            "set.tar.gz". Default: False.
        archive_format: "tar", "zip", or "auto" to derive it from the content. Default: "auto".
        cache_dir: str, path or None. If None, the folder FASTCONV_DATA or ~/.cache/fastconv. Default: None.
        force_download: bool. Whether to download the file even if it exists. Default: False.

    Returns:
        str. The path of the file, or of the folder with the extracted files.

    Raises:
        ImportError: the file must be downloaded, and pooch is not installed.
        OSError: the download failed.
        ValueError: origin is missing, fname contains folders, the hash is malformed or differs, or the archive is
            damaged or contains anything but files and folders inside it.

    Example:
        >>> address = "https://example.org/digits.tar.gz"
        >>> folder = get_file(origin=address, file_hash="9f86d0...", extract=True)  # doctest: +SKIP
    """
    if not origin:
        raise ValueError(f"get_file: origin must be the address to download from. Received: origin={origin!r}")
    name = os.fspath(fname) if fname else PurePosixPath(urlsplit(origin).path).name
    if name != Path(name).name or name in ("", ".."):
        raise ValueError(f"get_file: fname must be a name without folders. Received: {name!r} for origin={origin!r}")
    checksum = _checksum(md5_hash, "md5") if md5_hash and not file_hash else _checksum(file_hash, hash_algorithm)
    target = Path(folders()[0] if cache_dir is None else cache_dir).expanduser() / cache_subdir / name
    if force_download:
        target.unlink(missing_ok=True)
    before = _written(target)
    fetch(origin, checksum, target)
    if not (extract or untar):
        return str(target)
    folder = target.with_name(f"{ENDING.sub('', name)}_extracted")
    if folder.is_dir() and _written(target) != before:
        shutil.rmtree(folder)
    if not folder.is_dir():
        extract_archive(target, folder, "tar" if untar else archive_format)
    return str(folder)


def _checksum(digest: str | None, algorithm: str) -> str | None:
    """Return `digest` as "algorithm:digest". Raises ValueError if its length does not fit the algorithm."""
    if not digest:
        return None
    found = HASHES.get(len(digest)) if algorithm == "auto" else algorithm
    if found not in HASHES.values() or HASHES.get(len(digest)) != found:
        raise ValueError(
            f"get_file: file_hash must be SHA-256 or MD5. Received: file_hash={digest!r}, hash_algorithm={algorithm!r}"
        )
    return f"{found}:{digest.lower()}"


def _written(path: Path) -> Any:
    return path.stat().st_mtime_ns if path.exists() else None
