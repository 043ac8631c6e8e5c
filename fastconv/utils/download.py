"""Files from elsewhere, kept in a folder of one's own."""

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
ENDING = re.compile(r"(\.tar)?\.(tar|zip|t?gz|t?bz2|t?xz)$", re.IGNORECASE)  # of an archive's name


def folders() -> list[Path]:
    """Where files are looked for: the folder FASTCONV_DATA, if that variable is set, and ~/.cache/fastconv.

    Downloads go into the first of them.
    """
    given = os.environ.get("FASTCONV_DATA")
    return [*([Path(given)] if given else []), Path.home() / ".cache" / "fastconv"]


def fetch(url: str, checksum: str | None, target: Path) -> Path:
    """`target`, downloaded unless it is there with this checksum; it is there whole or not at all.

    Args:
        checksum: "sha256:..." or "md5:...", or None for any content.

    Raises:
        ImportError: pooch is not installed.
        OSError: the download failed.
        ValueError: what was downloaded has another checksum.
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
    """The path of a file that is downloaded where it is not there yet, or of the folder that it was extracted into.

    Args:
        fname: the file's name; that at the end of `origin` when None.
        origin: where to download it from.
        untar: `extract`, as a tar archive; what Keras 2 calls it.
        md5_hash: `file_hash`, as MD5; what Keras 2 calls it.
        file_hash: SHA-256 or MD5 of the file; a file that is there with another one is downloaded again.
        cache_subdir: the folder within `cache_dir`.
        hash_algorithm: "sha256", "md5", or "auto" to tell by its length.
        extract: whether to extract it, into a folder beside it: "set_extracted" for "set.tar.gz".
        archive_format: "tar", "zip", or "auto" to tell by its content.
        cache_dir: FASTCONV_DATA or ~/.cache/fastconv when None.
        force_download: whether to download it again.

    Raises:
        ImportError: it must be downloaded, and pooch is not installed.
        OSError: the download failed.
        ValueError: no origin, a name that is a path, a hash that is none, another checksum, or an archive that is
            damaged or holds anything but files and folders below its own.
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
    """`digest` as "algorithm:digest". Raises ValueError where it cannot be one."""
    if not digest:
        return None
    found = HASHES.get(len(digest)) if algorithm == "auto" else algorithm
    if found not in HASHES.values() or HASHES.get(len(digest)) != found:
        raise ValueError(
            f"get_file: a hash must be of SHA-256 or MD5. Received: file_hash={digest!r}, hash_algorithm={algorithm!r}"
        )
    return f"{found}:{digest.lower()}"


def _written(path: Path) -> Any:
    return path.stat().st_mtime_ns if path.exists() else None
