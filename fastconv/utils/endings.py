"""File formats of models, by their endings, and checks to make before saving."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fastconv.utils.files import FilePath

MODELS = (".npz", ".safetensors", ".keras", ".h5", ".hdf5")
WEIGHTS = (".npz", ".safetensors", ".h5", ".hdf5", ".weights.h5")
READ_WEIGHTS = (*MODELS, ".weights.h5")

ABOUT_H5PY = "Writing files that end in .keras, .h5 and .hdf5 needs: pip install fastconv[h5]"
ABOUT_SAFETENSORS = "Files ending in .safetensors need: pip install fastconv[safetensors]"


def model_suffix(path: FilePath, suffixes: Sequence[str] = MODELS) -> str:
    """Return the ending of a model's file, in lower case. Raises ValueError unless it is in `suffixes`."""
    name = os.fsdecode(path)
    suffix = known_suffix(name)
    if suffix not in suffixes:
        subject = "A model is" if suffixes == MODELS else "Weights are"
        better = with_suffix(name, ".keras" if suffixes == MODELS else ".weights.h5")
        raise ValueError(f"{subject} saved as {', '.join(suffixes)}; write {better!r}. Received: filepath={name!r}")
    return suffix


def known_suffix(name: str) -> str:
    """Return the ending of a name, in lower case; "" if no format uses it."""
    return next((suffix for suffix in reversed(READ_WEIGHTS) if name.lower().endswith(suffix)), "")


def with_suffix(name: str, suffix: str) -> str:
    """Return `name` with another ending; the part after the last point is replaced only if it is a word."""
    stem = name.rstrip(os.sep)
    known = known_suffix(stem)
    return (stem[: -len(known)] if known else re.sub(r"\.[A-Za-z]\w*$", "", stem)) + suffix


def check_destination(path: FilePath, suffixes: Sequence[str] = MODELS, makes_folders: bool = False) -> None:
    """Check that a model can be saved at `path`, before any work is done.

    Args:
        path: the file; if `makes_folders`, it may contain fields such as "{epoch:02d}".
        suffixes: the allowed endings.
        makes_folders: whether missing folders will be created.

    Raises:
        ValueError: the ending is not allowed.
        ImportError: a package that the format needs is not installed.
        FileNotFoundError: the folder does not exist and will not be created.
        IsADirectoryError, NotADirectoryError, PermissionError: the name belongs to a folder, or cannot be written.
    """
    name = os.fsdecode(path)
    _check_installed(model_suffix(name, suffixes))
    if os.path.isdir(name):
        raise IsADirectoryError(f"A model is saved as a file, but a folder has this name. Received: filepath={name!r}")
    folder = Path(name).parent
    if makes_folders:
        folder = _nearest(Path(name.partition("{")[0] + "_").parent)
    elif not folder.exists():
        raise FileNotFoundError(f"The folder of a model's file must exist. Received: filepath={name!r}")
    if not folder.is_dir():
        raise NotADirectoryError(
            f"A model's file must be in a folder. Received: {str(folder)!r}, which is not a folder"
        )
    if not os.access(folder, os.W_OK | os.X_OK) or (os.path.exists(name) and not os.access(name, os.W_OK)):
        raise PermissionError(f"A model's file must be writable. Received: filepath={name!r}")


def _check_installed(suffix: str) -> None:
    """Raise ImportError, with the command that installs it, if a package that the format needs is missing."""
    if suffix == ".safetensors" and find_spec("safetensors") is None:
        raise ImportError(ABOUT_SAFETENSORS)
    if suffix not in (".npz", ".safetensors") and find_spec("h5py") is None:
        raise ImportError(ABOUT_H5PY)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest of its parents that exists."""
    return next((existing for existing in (folder, *folder.parents) if existing.exists()), folder)
