"""Models in files: which format, where to, and that everything in a file fits before anything is changed.

Files are written whole or not at all. Nothing in them is ever unpickled, imported or run. docs/saving.md tells which
format holds what.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from fastconv.models.saving.fitting import assign, naming
from fastconv.models.saving.keras_v3 import KerasArchive, WeightsH5
from fastconv.models.saving.legacy_h5 import LegacyH5
from fastconv.models.saving.own import Npz, Safetensors
from fastconv.serialization import custom_object_scope
from fastconv.utils.files import MODELS, WEIGHTS, model_suffix, write_whole

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

FORMATS: dict[str, Any] = {
    ".npz": Npz(),
    ".safetensors": Safetensors(),
    ".keras": KerasArchive(),
    ".weights.h5": WeightsH5(),
    ".h5": LegacyH5(),
    ".hdf5": LegacyH5(),
}


def save_model(model: Any, filepath: str | os.PathLike, overwrite: bool = True) -> None:
    """Write a model's configuration, weights, and the state of the optimizer into one file. See `Model.save`."""
    file_format = FORMATS[model_suffix(filepath)]
    _check_place(filepath, overwrite)
    content = file_format.dump(model)
    write_whole(filepath, lambda file: file.write(content))


def save_weights(model: Any, filepath: str | os.PathLike, overwrite: bool = True) -> None:
    """Write a model's weights into one file. See `Model.save_weights`."""
    file_format = FORMATS[model_suffix(filepath, WEIGHTS)]
    _check_place(filepath, overwrite)
    content = file_format.dump_weights(model)
    write_whole(filepath, lambda file: file.write(content))


def load_model(
    filepath: str | os.PathLike, custom_objects: dict | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model that `Model.save` has written, or Keras: .keras, and .h5 since Keras 2.

    Args:
        filepath: a file with a model.
        custom_objects: classes and functions of your own, by name.
        compile: whether to compile it as it was and restore the optimizer's state.
        safe_mode: accepted as Keras does; code in a file is never run.

    Returns:
        A model that computes, and goes on training, as the saved one would have.

    Raises:
        ValueError: the file is damaged, or not a model, or names an unknown layer.
        FileNotFoundError: there is no such file.
    """
    file_format = FORMATS[model_suffix(filepath)]
    _check_file(filepath)
    with naming(filepath), custom_object_scope(custom_objects or {}):
        return file_format.load(os.fspath(filepath), compile)


def load_weights(model: Any, filepath: str | os.PathLike, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Read the weights of a model that has been built. See `Model.load_weights`."""
    file_format = FORMATS[model_suffix(filepath, (*MODELS, ".weights.h5"))]
    if by_name and not isinstance(file_format, LegacyH5):
        raise ValueError(
            "load_weights: by_name=True is for .h5 and .hdf5, whose layers have names. "
            f"Received: filepath={os.fspath(filepath)!r}"
        )
    if not model.built:
        raise ValueError(f"{model.name}: weights can be loaded once they exist; call build(input_shape) first")
    _check_file(filepath)
    read = file_format.named_weights if by_name else file_format.weights
    skipped: list[str] | None = [] if skip_mismatch else None
    with naming(filepath):
        pairs = read(model, os.fspath(filepath), skipped)
    assign(pairs)
    for what in skipped or ():
        warnings.warn(f"{filepath}: weights that do not fit were skipped: {what}", stacklevel=3)


def _check_place(filepath: str | os.PathLike, overwrite: bool) -> None:
    if not overwrite and Path(filepath).exists():
        raise FileExistsError(f"{filepath} exists and overwrite=False")
    if not Path(filepath).parent.is_dir():
        raise FileNotFoundError(f"The folder of a model's file must exist. Received: filepath={os.fspath(filepath)!r}")


def _check_file(filepath: str | os.PathLike) -> None:
    if not Path(filepath).exists():
        raise FileNotFoundError(f"There is no file {os.fspath(filepath)!r}")
