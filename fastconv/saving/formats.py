"""Saving and loading of models: choice of the format, and checks before anything is changed.

Files are written completely or not at all. Their content is never unpickled, imported or executed. docs/saving.md
describes the content of each format.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from fastconv.engine.interrupts import assign_all
from fastconv.models.model import Model
from fastconv.saving.foreign import about
from fastconv.saving.keras.archive import KerasArchive, WeightsH5
from fastconv.saving.keras.legacy_h5 import LegacyH5
from fastconv.saving.matching import naming
from fastconv.saving.native import Npz, Safetensors
from fastconv.serialization import custom_object_scope, warning_of_lambdas
from fastconv.utils.endings import MODELS, READ_WEIGHTS, WEIGHTS, check_destination, known_suffix, model_suffix
from fastconv.utils.files import FilePath, write_whole
from fastconv.utils.memory import weights_of_file

__all__ = ["check_save", "load_model", "load_weights", "save_model", "save_weights"]

FORMATS: dict[str, Any] = {
    ".npz": Npz(),
    ".safetensors": Safetensors(),
    ".keras": KerasArchive(),
    ".weights.h5": WeightsH5(),
    ".h5": LegacyH5(),
    ".hdf5": LegacyH5(),
}
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ARCHIVES = (".npz", ".keras")
BEGINNINGS = {
    **dict.fromkeys(ARCHIVES, b"PK"),
    **dict.fromkeys((".weights.h5", ".h5", ".hdf5"), HDF5_SIGNATURE),
}


def save_model(model: Model, filepath: FilePath, overwrite: bool = True, zipped: bool | None = None) -> None:
    """Save a model. See `models.save_model`."""
    if zipped not in (None, True):
        raise ValueError(f"save_model: zipped must be None or True, since a model is one file. Received: {zipped=}")
    _check_destination(filepath, MODELS, overwrite)
    with warning_of_lambdas():
        content = FORMATS[model_suffix(filepath)].dump(model)
    write_whole(filepath, lambda file: file.write(content))


def save_weights(model: Model, filepath: FilePath, overwrite: bool = True, max_shard_size: float | None = None) -> None:
    """Save a model's weights to a file.

    Args:
        model: a `Model`.
        filepath, overwrite, max_shard_size: as for `Model.save_weights`.

    Raises:
        ValueError, OSError: as for `Model.save_weights`.

    Example:
        >>> import tempfile
        >>> model = Sequential([Input((4,)), layers.Dense(3)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fastconv.saving.save_weights(model, f"{folder}/weights.npz")
        ...     fastconv.saving.load_weights(model, f"{folder}/weights.npz")
    """
    if max_shard_size is not None:
        raise ValueError(
            f"save_weights: max_shard_size must be None, since weights are one file. Received: {max_shard_size=}"
        )
    _check_destination(filepath, WEIGHTS, overwrite)
    content = FORMATS[model_suffix(filepath, WEIGHTS)].dump_weights(model)
    write_whole(filepath, lambda file: file.write(content))


def check_save(model: Model, filepath: FilePath, save_weights_only: bool = False) -> None:
    """Check that `model` can be saved at `filepath`, without writing. See `Model.check_save`."""
    suffixes = WEIGHTS if save_weights_only else MODELS
    check_destination(filepath, suffixes, makes_folders=True)
    if not save_weights_only:
        with warning_of_lambdas():
            FORMATS[model_suffix(filepath)].configuration(model)


def load_model(
    filepath: FilePath, custom_objects: dict | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """Return the model in a file. See `models.load_model`."""
    name = os.fsdecode(filepath)
    file_format = _format_to_read(name, MODELS)
    with naming(name), custom_object_scope(custom_objects or {}), weights_of_file(os.path.getsize(name)):
        return file_format.load(name, compile)


def load_weights(model: Model, filepath: FilePath, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Load the weights of a built model from a file.

    Args:
        model: a `Model` that has been built.
        filepath, skip_mismatch, by_name: as for `Model.load_weights`.

    Raises:
        ValueError: the model has no weights yet, or as for `Model.load_weights`.

    Example:
        >>> import tempfile
        >>> model = Sequential([Input((4,)), layers.Dense(3)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fastconv.saving.save_weights(model, f"{folder}/weights.npz")
        ...     fastconv.saving.load_weights(model, f"{folder}/weights.npz")
    """
    if not model.built:
        raise ValueError(f"{model.name}: weights can be loaded once they exist; call build(input_shape) first")
    name = os.fsdecode(filepath)
    file_format = _format_to_read(name, READ_WEIGHTS)
    if by_name and not isinstance(file_format, LegacyH5):
        raise ValueError(
            f"load_weights: by_name=True is for .h5 and .hdf5, whose layers have names. Received: filepath={name!r}"
        )
    read = file_format.named_weights if by_name else file_format.weights
    skipped: list[str] | None = [] if skip_mismatch else None
    with naming(name):
        pairs = read(model, name, skipped)
    assign_all(pairs)
    for reason in skipped or ():
        warnings.warn(f"{name}: weights that do not fit were skipped: {reason}", stacklevel=3)


def _check_destination(filepath: FilePath, suffixes: tuple[str, ...], overwrite: bool) -> None:
    check_destination(filepath, suffixes)
    if not overwrite and os.path.exists(os.fsdecode(filepath)):
        raise FileExistsError(f"{os.fsdecode(filepath)} exists and overwrite=False")


def _format_to_read(name: str, suffixes: tuple[str, ...]) -> Any:
    """Return the format of a file: HDF5 by its first bytes, since Keras 2 gives it any ending; others by their ending.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is a folder, or its format is unknown.
    """
    suffix = known_suffix(name)
    if os.path.exists(name) and not os.path.isdir(name) and not os.path.isfile(name):
        raise ValueError(f"A model is read from a file. Received: filepath={name!r}, a device or a pipe")
    head = b"" if os.path.isdir(name) or not os.path.exists(name) else _head(name)
    if ".h" not in suffix and head.startswith(HDF5_SIGNATURE):
        return FORMATS[".h5"]
    begins_well = bool(suffix and head) and head.startswith(BEGINNINGS.get(suffix, head))
    content = "" if begins_well and suffix not in ARCHIVES else about(name)
    if not content and not os.path.exists(name):
        raise FileNotFoundError(f"There is no file {name!r}")
    if not content and suffix in suffixes:
        return FORMATS[suffix]
    if begins_well and suffix == ".weights.h5":
        content = "a file that holds weights only: make the model and call load_weights"
    this = f"; this is {content}" if content else ""
    raise ValueError(f"A model is read from {', '.join(suffixes)}{this}. Received: filepath={name!r}")


def _head(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read(len(HDF5_SIGNATURE))
