"""Keras 3's formats: .keras, an archive of configuration and weights, and .weights.h5, only weights.

An archive holds ``config.json``, ``metadata.json`` and ``model.weights.h5``. The layout of the weights is described in
`tree`; the state of the optimizer is at ``optimizer/vars``.
"""

from __future__ import annotations

import datetime
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.saving.hdf5 as hdf5
import fastconv.saving.hdf5.access as access
import fastconv.saving.keras.legacy_h5 as legacy_h5
import fastconv.saving.keras.quantized as quantized
import fastconv.saving.keras.tree as tree
import fastconv.saving.zipped as zipped
from fastconv.engine import Trace, Variable
from fastconv.engine.interrupts import assign_all
from fastconv.layers.base import Layer
from fastconv.models.model import Model
from fastconv.saving.building import build_model, optimizer_state
from fastconv.saving.hdf5 import Dataset, Group
from fastconv.saving.keras.compiling import compile_options
from fastconv.saving.keras.from_keras import from_keras
from fastconv.saving.keras.optimizer_arrays import matched
from fastconv.saving.keras.to_keras import model_to_keras
from fastconv.saving.matching import Pairs, as_json, parse, skipping
from fastconv.saving.names import storable

WEIGHTS = "model.weights.h5"
KERAS_VERSION = "3.15.0"  # the version whose format this is


class KerasArchive:
    """The format .keras."""

    def dump(self, model: Model) -> bytes:
        """Return the file of a model."""
        now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": KERAS_VERSION, "date_saved": now}))
            archive.writestr("config.json", self.configuration(model))
            archive.writestr(WEIGHTS, WeightsH5().dump_weights(model))
        return buffer.getvalue()

    def configuration(self, model: Model) -> str:
        """Return the configuration of a model and its `compile` as JSON. Raises ValueError if it is not plain data."""
        return as_json(model_to_keras(model))

    def load(self, filepath: str, compile: bool) -> Any:
        """Return the model in a file. Raises ValueError if there is no model, or its parts do not fit."""
        with zipped.opened(filepath) as archive:
            data, content = parse(archive.read("config.json")), archive.read(WEIGHTS)
        shape = (data.get("build_config") or {}).get("input_shape")
        options = compile_options(data.get("compile_config"), filepath) if compile else None
        model = build_model(from_keras("layer", data), shape, options)
        root = hdf5.opened(content)
        assign_all(read_tree(root, model) + matched(model, _optimizer_arrays(root), filepath))
        return model

    def weights(self, model: Model, filepath: str, skipped: list[str] | None = None) -> Pairs:
        """Return the weights of `model` with their values in a file."""
        with zipped.opened(filepath) as archive:
            return _with_optimizer(hdf5.opened(archive.read(WEIGHTS)), model, filepath, skipped)


class WeightsH5:
    """The format .weights.h5; files that Keras 2 wrote in its own format under this name are read too."""

    def dump_weights(self, model: Model) -> bytes:
        """Return the file of a model's weights and of the optimizer's state, as Keras writes it."""
        return access.written(lambda root: _write_tree(root, model))

    def weights(self, model: Model, filepath: str, skipped: list[str] | None = None) -> Pairs:
        """Return the weights of `model` with their values in a file."""
        root = access.opened(filepath)
        old = legacy_h5.weights_group(root)
        if old is not None:
            return legacy_h5.read_layers(old, model, skipped)
        return _with_optimizer(root, model, filepath, skipped)


def read_tree(root: Group, model: Model, skipped: list[str] | None = None) -> Pairs:
    """Return all variables of a model with their arrays; seeds only if the file has them; Keras's files do not."""
    pairs: Pairs = []
    for path, layer in tree.places(model).items():
        with skipping(skipped, layer.name):
            pairs += _read_layer(root, tree.joined(path, "vars"), layer)
            if access.child(root, tree.joined(path, "seed_state")) is not None:
                pairs += _read(root, tree.joined(path, "seed_state/vars"), tree.seeds(layer))
    return pairs


def _read_layer(root: Group, path: str, layer: Any) -> Pairs:
    if type(layer).load_own_variables is not Layer.load_own_variables:
        return _loaded_by(layer, access.child(root, path))
    arrays = _arrays(access.child(root, path))
    if quantized.is_quantized(layer, arrays):
        return quantized.read_quantized(layer, arrays)
    return _read(root, path, tree.own_variables(layer))


def _loaded_by(layer: Layer, group: Any) -> Pairs:
    """Return the values that a layer's own `load_own_variables` assigns, given the arrays of a group."""
    links = group.links if isinstance(group, Group) else ()
    found = {name: group[name] for name in links}
    with Trace(recording=True) as trace:
        layer.load_own_variables({name: item.array() for name, item in found.items() if isinstance(item, Dataset)})
    return [(variable, value.numpy()) for variable, value in trace.updates.items()]


def _arrays(group: Any) -> list[Dataset]:
    """Return the arrays 0, 1, ... of a group."""
    found = [access.child(group, str(i)) for i in range(len(group.links))] if isinstance(group, Group) else []
    return [array for array in found if isinstance(array, Dataset)]


def _with_optimizer(root: Group, model: Model, filepath: str, skipped: list[str] | None) -> Pairs:
    """Return the weights and, if the model has been trained, the optimizer's state, as Keras does."""
    pairs = read_tree(root, model, skipped)
    is_trained = model.optimizer is not None and model.optimizer.known_variables()
    return pairs + matched(model, _optimizer_arrays(root), filepath, is_new=False) if is_trained else pairs


def _optimizer_arrays(root: Group) -> list[Dataset]:
    """Return the arrays of the optimizer; for an optimizer that scales the loss, those of its inner optimizer."""
    return _arrays(access.child(root, "optimizer/inner_optimizer/vars")) or _arrays(
        access.child(root, "optimizer/vars")
    )


def _read(root: Group, path: str, variables: Sequence[Variable]) -> Pairs:
    """Return variables with the arrays 0, 1, ... of a group, whose number must be equal."""
    found = access.child(root, path)
    count = sum(name.isdecimal() for name in found.links) if isinstance(found, Group) else 0
    if count != len(variables):
        wanted = [v.path for v in variables]
        raise ValueError(f"its weights must fit the model, with {wanted} at {path}. Received: {count} arrays")
    return [(v, access.read(found, str(i), v)) for i, v in enumerate(variables)]


def _write_tree(root: Any, model: Model) -> None:
    for path, layer in tree.places(model).items():
        _write_layer(root, tree.joined(path, "vars"), layer)
        if tree.seeds(layer):
            _write(root, tree.joined(path, "seed_state/vars"), layer.name, tree.seeds(layer))
    if model.optimizer is not None:
        _write(root, "optimizer/vars", model.optimizer.name, optimizer_state(model))


def _write_layer(root: Any, path: str, layer: Layer) -> None:
    """Write the layer's own variables, by `save_own_variables` if its class overrides that method."""
    if type(layer).save_own_variables is Layer.save_own_variables:
        _write(root, path, layer.name, tree.own_variables(layer))
        return
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    _write(root, path, layer.name, ())
    for name, value in store.items():
        root[path][storable(name)] = np.asarray(value)


def _write(root: Any, path: str, name: str, variables: Sequence[Variable]) -> None:
    group = root.create_group(path)
    group.attrs["name"] = storable(name)
    for i, variable in enumerate(variables):
        group[str(i)] = variable.value
