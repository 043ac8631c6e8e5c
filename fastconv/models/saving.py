"""Models in one file: arrays as .npz or .safetensors, the configuration as JSON beside them. Nothing is ever unpickled.

A file holds arrays named ``weights/000000/conv2d/kernel``, in the order of `model.weights`, then ``seeds/...`` and
``optimizer/...``. An .npz is a zip archive that `numpy.load` reads, with the configuration in ``config.json``; in a
.safetensors file it is the metadata entry ``fastconv``.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastconv.engine import Variable
from fastconv.serialization import deserialize, serialize
from fastconv.utils.files import model_suffix, write_whole

FORMAT = 1


def save_model(model: Any, filepath: str | os.PathLike, overwrite: bool = True) -> None:
    """Write configuration, weights, seeds and the optimizer's state. See `Model.save`."""
    config = {
        "format": FORMAT,
        "model": serialize(model),
        "build_shape": model.build_shape,
        "compile": model.get_compile_config(),
    }
    groups = {"weights": model.weights, "seeds": _seeds(model)}
    if model.optimizer is not None:
        groups["optimizer"] = _optimizer_state(model)
    _write(filepath, overwrite, config, groups)


def save_weights(model: Any, filepath: str | os.PathLike, overwrite: bool = True) -> None:
    """Write the weights. See `Model.save_weights`."""
    _write(filepath, overwrite, {"format": FORMAT}, {"weights": model.weights})


def load_weights(model: Any, filepath: str | os.PathLike) -> None:
    """Read the weights of a model that has been built. See `Model.load_weights`."""
    if not model.built:
        raise ValueError(f"{model.name}: weights can be loaded once they exist; call build(input_shape) first")
    _, arrays = _read(filepath)
    _fill(filepath, "weights", model.weights, arrays)


def load_model(filepath: str | os.PathLike, custom_objects: dict | None = None, compile: bool = True) -> Any:
    """The model that `Model.save` wrote.

    Args:
        filepath: a file of `Model.save`.
        custom_objects: classes and functions of your own, by name.
        compile: whether to compile it as it was and restore the optimizer's state.

    Returns:
        A model that computes, and goes on training, as the saved one would have.

    Raises:
        ValueError: the file is damaged, or not a model, or names an unknown layer.
    """
    config, arrays = _read(filepath)
    if config.get("format") != FORMAT or "model" not in config:
        raise ValueError(f"{filepath}: a file of Model.save is needed. Received: {sorted(config)}")
    try:
        model = deserialize("layer", config["model"], custom_objects)
        if not model.built and config["build_shape"]:
            model.build(config["build_shape"])
        if compile and config["compile"]:
            _compile(model, config["compile"], custom_objects)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{filepath}: its configuration must be that of a model. Received: {reason}") from error
    _fill(filepath, "weights", model.weights, arrays)
    _fill(filepath, "seeds", _seeds(model), arrays)
    if model.optimizer is not None:
        _fill(filepath, "optimizer", _optimizer_state(model), arrays)
    return model


def _compile(model: Any, config: dict, custom_objects: dict | None) -> None:
    options = dict(config)
    options["optimizer"] = deserialize("optimizer", options["optimizer"], custom_objects)
    options["loss"] = _revive("loss", options["loss"], custom_objects)
    for which in ("metrics", "weighted_metrics"):
        options[which] = _revive("metric", options.get(which), custom_objects)
    model.compile(**options)


def _revive(kind: str, data: Any, custom_objects: dict | None) -> Any:
    """The losses or metrics of `compile`, nested as they were; names that `compile` knows stay names."""
    if isinstance(data, list):
        return [_revive(kind, one, custom_objects) for one in data]
    if isinstance(data, dict) and "class_name" not in data:
        return {key: _revive(kind, one, custom_objects) for key, one in data.items()}
    if isinstance(data, str):
        return (custom_objects or {}).get(data, data)
    return deserialize(kind, data, custom_objects)


def _optimizer_state(model: Any) -> list[Variable]:
    """The optimizer's variables in an order that the model alone determines, whenever its layers were frozen."""
    return model.optimizer.saved_state(model.trainable_weights)


def _seeds(model: Any) -> list[Variable]:
    weights = set(model.weights)
    return [v for v in model.variables if v not in weights]


def _named(group: str, variables: Sequence[Variable]) -> dict[str, np.ndarray]:
    return {f"{group}/{i:06d}/{v.path}": v.value for i, v in enumerate(variables)}


def _fill(filepath: Any, group: str, variables: Sequence[Variable], arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays of `group` into `variables`, or nothing where one does not fit."""
    found = [arrays[key] for key in sorted(arrays) if key.startswith(group + "/")]
    wanted = [v.shape for v in variables]
    if [a.shape for a in found] != wanted or any(a.dtype.kind != v.dtype.kind for a, v in zip(found, variables)):
        raise ValueError(
            f"{filepath}: its {group} must fit the model. "
            f"Received: shapes={[a.shape for a in found]}, the model's shapes={wanted}"
        )
    for variable, array in zip(variables, found):
        variable.assign(array)


def _write(filepath: Any, overwrite: bool, config: dict, groups: dict[str, list[Variable]]) -> None:
    suffix = model_suffix(filepath)
    if not overwrite and Path(filepath).exists():
        raise FileExistsError(f"{filepath} exists and overwrite=False")
    if not Path(filepath).parent.is_dir():
        raise FileNotFoundError(f"The folder of a model's file must exist. Received: filepath={os.fspath(filepath)!r}")
    arrays = {name: array for group, variables in groups.items() for name, array in _named(group, variables).items()}
    text = json.dumps(config, allow_nan=True)
    if suffix == ".safetensors":
        content = _safetensors().save(arrays, metadata={"fastconv": text})
    else:
        content = _npz(text, arrays)
    write_whole(filepath, lambda file: file.write(content))


def _npz(text: str, arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", text)
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
    return buffer.getvalue()


def _read(filepath: Any) -> tuple[dict, dict[str, np.ndarray]]:
    """(configuration, arrays) of a file, read whole before anything is changed."""
    suffix = model_suffix(filepath)
    if not Path(filepath).exists():
        raise FileNotFoundError(f"There is no file {os.fspath(filepath)!r}")
    try:
        config, arrays = _read_safetensors(filepath) if suffix == ".safetensors" else _read_npz(filepath)
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError, RecursionError) as error:
        raise ValueError(f"{filepath}: the file is damaged or was not written by fastconv ({error})") from error
    if not isinstance(config, dict):
        raise ValueError(f"{filepath}: its configuration must be a JSON object. Received: {type(config).__name__}")
    return config, arrays


def _read_npz(filepath: Any) -> tuple[dict, dict[str, np.ndarray]]:
    arrays = {}
    with zipfile.ZipFile(filepath) as archive:
        text = archive.read("config.json").decode()
        for entry in archive.infolist():
            if entry.filename.endswith(".npy"):
                with archive.open(entry) as file:
                    arrays[entry.filename[:-4]] = np.lib.format.read_array(file, allow_pickle=False)
    return json.loads(text), arrays


def _read_safetensors(filepath: Any) -> tuple[dict, dict[str, np.ndarray]]:
    _safetensors()
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(filepath, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return json.loads((file.metadata() or {})["fastconv"]), arrays
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("Files ending in .safetensors need: pip install fastconv[safetensors]") from error
    return safetensors.numpy
