"""The endings of models' files, and what must hold before anything is saved."""

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
    """The ending of a model's file, in small letters. Raises ValueError unless it is among `suffixes`."""
    name = os.fsdecode(path)
    suffix = known_suffix(name)
    if suffix not in suffixes:
        what = "A model is" if suffixes == MODELS else "Weights are"
        better = with_suffix(name, ".keras" if suffixes == MODELS else ".weights.h5")
        raise ValueError(f"{what} saved as {', '.join(suffixes)}; write {better!r}. Received: filepath={name!r}")
    return suffix


def known_suffix(name: str) -> str:
    """The ending of a name, in small letters; "" if no format has it."""
    return next((suffix for suffix in reversed(READ_WEIGHTS) if name.lower().endswith(suffix)), "")


def with_suffix(name: str, suffix: str) -> str:
    """`name` with another ending; what follows its last point is only replaced if it is a word."""
    stem = name.rstrip(os.sep)
    known = known_suffix(stem)
    return (stem[: -len(known)] if known else re.sub(r"\.[A-Za-z]\w*$", "", stem)) + suffix


def check_destination(path: FilePath, suffixes: Sequence[str] = MODELS, makes_folders: bool = False) -> None:
    """Find what would keep a model from being saved at `path`, before there is anything to save.

    Args:
        path: may hold fields such as "{epoch:02d}" if `makes_folders`.
        suffixes: the endings that are allowed.
        makes_folders: whether missing folders will be made.

    Raises:
        ValueError: another ending.
        ImportError: what the ending needs is not installed.
        FileNotFoundError: the folder does not exist, and is not to be made.
        IsADirectoryError, NotADirectoryError, PermissionError: something else has the name, or it cannot be written.
    """
    name = os.fsdecode(path)
    _check_installed(model_suffix(name, suffixes))
    if os.path.isdir(name):
        raise IsADirectoryError(f"A model is saved as a file, but a folder has its name. Received: filepath={name!r}")
    folder = Path(name).parent
    if makes_folders:
        folder = _nearest(Path(name.partition("{")[0] + "_").parent)
    elif not folder.exists():
        raise FileNotFoundError(f"The folder of a model's file must exist. Received: filepath={name!r}")
    if not folder.is_dir():
        raise NotADirectoryError(f"A model's file must be in a folder. Received: {str(folder)!r}, which is none")
    if not os.access(folder, os.W_OK | os.X_OK) or (os.path.exists(name) and not os.access(name, os.W_OK)):
        raise PermissionError(f"A model's file must be one that may be written. Received: filepath={name!r}")


def _check_installed(suffix: str) -> None:
    """Raise ImportError, with advice, unless files of this ending can be written."""
    if suffix == ".safetensors" and find_spec("safetensors") is None:
        raise ImportError(ABOUT_SAFETENSORS)
    if suffix not in (".npz", ".safetensors") and find_spec("h5py") is None:
        raise ImportError(ABOUT_H5PY)


def _nearest(folder: Path) -> Path:
    """The folder, or the one nearest to it of those around it that exist."""
    return next((one for one in (folder, *folder.parents) if one.exists()), folder)
