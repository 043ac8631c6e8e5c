"""fastconv's formats .npz and .safetensors: arrays, with the configuration as JSON.

A file holds arrays named ``weights/000000/conv2d/kernel``, in the order of `model.weights`, then ``seeds/...`` and
``optimizer/...``. An .npz is a zip archive that `numpy.load` reads, with the configuration in ``config.json``. In a
.safetensors file, the configuration is the metadata entry ``fastconv``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import fastconv.saving.zipped as zipped
from fastconv.engine import Variable
from fastconv.models.model import Model
from fastconv.saving.building import build_model, optimizer_state, other_state
from fastconv.saving.matching import Pairs, as_json, fitted, parse
from fastconv.saving.names import storable
from fastconv.saving.stored import StoredArray
from fastconv.serialization import serialize
from fastconv.utils.endings import ABOUT_SAFETENSORS
from fastconv.utils.memory import weights_assigned_later

FORMAT = 1


class NativeFormat:
    """Base class of both formats, which differ in the encoding of a text and named arrays."""

    def dump(self, model: Model) -> bytes:
        """Return the file of a model."""
        text = self.configuration(model)
        groups = {"weights": model.weights, "seeds": other_state(model), "optimizer": optimizer_state(model)}
        return self.encode(text, _named(groups))

    def configuration(self, model: Model) -> str:
        """Return the configuration of a model and its `compile` as JSON. Raises ValueError if it is not plain data."""
        config = {
            "format": FORMAT,
            "model": serialize(model),
            "build_shape": model.build_shape,
            "compile": model.get_compile_config(),
        }
        return as_json(config)

    def dump_weights(self, model: Model) -> bytes:
        """Return the file of only a model's weights."""
        return self.encode(as_json({"format": FORMAT}), _named({"weights": model.weights}))

    def load(self, filepath: str, compile: bool) -> Any:
        """Return the model in a file. Raises ValueError if there is no model, or its parts do not fit."""
        with self.opened(filepath) as (text, arrays):
            return self._built(text, arrays, compile)

    def _built(self, text: str, arrays: Mapping[str, Any], compile: bool) -> Any:
        """Return the model of a configuration with the values of its variables."""
        config = parse(text)
        if config.get("format") != FORMAT or not {"model", "build_shape", "compile"} <= set(config):
            raise ValueError(f"a file of Model.save is needed. Received: {sorted(config)}")
        with weights_assigned_later():
            model = build_model(config["model"], config["build_shape"], config["compile"] if compile else None)
        pairs = _pairs("weights", model.weights, arrays) + _pairs("seeds", other_state(model), arrays)
        pairs += _pairs("optimizer", optimizer_state(model), arrays) if model.optimizer is not None else []
        for variable, array in pairs:
            fill(variable, array)
        return model

    def weights(self, model: Model, filepath: str, skipped: list[str] | None = None) -> Pairs:
        """Return the weights of `model` with their values in a file."""
        return _pairs("weights", model.weights, self.decode(filepath)[1], skipped)

    def encode(self, text: str, arrays: Mapping[str, np.ndarray]) -> bytes:
        """Return the bytes of a file."""
        raise NotImplementedError

    def decode(self, filepath: str) -> tuple[str, dict[str, np.ndarray]]:
        """Return (text, arrays) of a file, read completely before anything is changed."""
        raise NotImplementedError

    @contextmanager
    def opened(self, filepath: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Inside `with`, give the text of a file and its arrays, of which some may be `StoredArray`."""
        yield self.decode(filepath)


class Npz(NativeFormat):
    """The format .npz: a zip archive that `numpy.load` reads."""

    def encode(self, text: str, arrays: Mapping[str, np.ndarray]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("config.json", text)
            for name, array in arrays.items():
                with archive.open(name + ".npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)
        return buffer.getvalue()

    def decode(self, filepath: str) -> tuple[str, dict[str, np.ndarray]]:
        with self.opened(filepath) as (text, arrays):
            return text, {name: array.read() for name, array in arrays.items()}

    @contextmanager
    def opened(self, filepath: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        with zipped.opened(filepath) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            arrays = {name[:-4]: StoredArray(archive, name) for name in names}
            yield archive.read("config.json").decode(), arrays


class Safetensors(NativeFormat):
    """The format .safetensors: https://github.com/huggingface/safetensors."""

    def encode(self, text: str, arrays: Mapping[str, np.ndarray]) -> bytes:
        return _safetensors().save(dict(arrays), metadata={"fastconv": text})

    def decode(self, filepath: str) -> tuple[str, dict[str, np.ndarray]]:
        _safetensors()
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(filepath, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return (file.metadata() or {})["fastconv"], arrays
        except SafetensorError as error:
            raise ValueError(f"the file is damaged. Received: {error}") from error


def _named(groups: Mapping[str, Sequence[Variable]]) -> dict[str, np.ndarray]:
    return {f"{group}/{i:06d}/{storable(v.path)}": v.value for group, vs in groups.items() for i, v in enumerate(vs)}


def _pairs(
    group: str, variables: Sequence[Variable], arrays: Mapping[str, np.ndarray], skipped: list[str] | None = None
) -> Pairs:
    return fitted(group, variables, [arrays[key] for key in sorted(arrays) if key.startswith(f"{group}/")], skipped)


def fill(variable: Variable, array: Any) -> None:
    """Give `variable` the values of an array, which is read directly into its memory if it is stored as it shall be."""
    if isinstance(array, StoredArray) and array.is_like(variable):
        variable.fill(array.read_into)
    else:
        variable.assign(array.read() if isinstance(array, StoredArray) else array)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(ABOUT_SAFETENSORS) from error
    return safetensors.numpy
