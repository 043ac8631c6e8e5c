"""Extraction of archives that never writes outside the target folder."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from fastconv.utils.files import DAMAGE

FORMATS = ("tar", "zip")


def extract_archive(path: Path, folder: Path, archive_format: str | Sequence[str] | None = "auto") -> None:
    """Extract an archive into `folder`, completely or not at all.

    Args:
        path: the archive.
        folder: a folder that does not exist yet.
        archive_format: "tar" (compressed or not), "zip", a sequence of these, or "auto" for either.

    Raises:
        ValueError: the format is unknown, or the file has another format, is damaged, or contains links, devices, or
            paths that lead out of the folder.
    """
    allowed = FORMATS if archive_format == "auto" else (archive_format,) if isinstance(archive_format, str) else (
        tuple(archive_format or ())
    )  # fmt: skip
    if not allowed or not set(allowed) <= set(FORMATS):
        raise ValueError(f"An archive's format must be 'auto', 'tar' or 'zip'. Received: {archive_format!r}")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as temporary:
        part = Path(temporary) / "content"
        part.mkdir()
        try:
            members = _tar(path) if "tar" in allowed and tarfile.is_tarfile(path) else _zip(path, "zip" in allowed)
            for name, content in members:
                _place(part, path, name, content)
        except DAMAGE as error:
            raise ValueError(f"{path}: an archive ({' or '.join(allowed)}) is needed. Received: {error}") from error
        part.rename(folder)


def _place(folder: Path, archive: Path, name: str, content: IO[bytes] | None) -> None:
    """Write a file of an archive, or create a folder if `content` is None."""
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name or ":" in name:
        raise ValueError(f"{archive}: paths must stay in the archive's folder. Received: {name!r}")
    target = folder.joinpath(*parts)
    (target if content is None else target.parent).mkdir(parents=True, exist_ok=True)
    if content is not None:
        with content, open(target, "wb") as file:
            shutil.copyfileobj(content, file)


def _tar(path: Path) -> Iterator[tuple[str, Any]]:
    with tarfile.open(path) as archive:
        for member in archive:
            if not (member.isfile() or member.isdir()):
                raise ValueError(f"{path}: an archive must contain only files and folders. Received: {member.name!r}")
            yield member.name, archive.extractfile(member) if member.isfile() else None
        while archive.fileobj is not None and archive.fileobj.read(1 << 20):
            pass  # the checksum follows the last member


def _zip(path: Path, allowed: bool) -> Iterator[tuple[str, Any]]:
    if not allowed:
        raise zipfile.BadZipFile("a file of another format")
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            yield member.filename, None if member.is_dir() else archive.open(member)
