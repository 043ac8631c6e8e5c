"""Where the files of ready-made nets are."""

from __future__ import annotations

from pathlib import Path

from fastconv.datasets.files import locate


def stored(name: str, url: str, checksum: str | None = None) -> Path:
    """The file `name` in the folder "models" of FASTCONV_DATA, ~/.cache/fastconv or ~/.keras; else it is downloaded.

    Raises:
        ImportError: it must be downloaded, and pooch is not installed.
        OSError: the download failed; the message names the place to put the file.
        ValueError: the file has another checksum.
    """
    return locate(f"models/{name}", url, checksum, [Path.home() / ".keras"])
