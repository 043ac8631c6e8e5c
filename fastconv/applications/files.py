"""The files of pretrained weights."""

from __future__ import annotations

from pathlib import Path

from fastconv.datasets.files import check_content, download, find


def stored(name: str, url: str, checksum: str | None = None) -> Path:
    """Return the file `name` from the folder "models" of FASTCONV_DATA, ~/.cache/fastconv or ~/.keras.

    It is downloaded if it is in none of them.

    Raises:
        ImportError: the file must be downloaded, and pooch is not installed.
        OSError: the download failed; the message names the place to put the file.
        ValueError: the file has another checksum.
    """
    path = find(f"models/{name}", [Path.home() / ".keras"])
    if path is None:
        return download(f"models/{name}", url, checksum)
    check_content(str(path), path.read_bytes(), checksum)
    return path
