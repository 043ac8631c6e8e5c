"""The .h5 format of Keras 2 for entire models, which Keras 3 still reads and writes.

The attributes ``model_config`` and ``training_config`` of the root hold configurations as JSON. The group
``model_weights`` has a group per layer, in the order of its attribute ``layer_names``. Each of these groups lists its
arrays in ``weight_names``, trainable weights first. ``optimizer_weights`` holds the state of the optimizer in the same
way, and ``other_state``, which only fastconv writes and reads, the seeds of random layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fastconv.saving.hdf5.access as access
import fastconv.saving.keras.quantized as quantized
from fastconv.engine import Variable
from fastconv.engine.interrupts import assign_all
from fastconv.layers.base import Layer
from fastconv.models.model import Model
from fastconv.saving.building import build_model, optimizer_state, other_state
from fastconv.saving.hdf5 import Dataset, Group
from fastconv.saving.keras.compiling import compile_options
from fastconv.saving.keras.from_keras import from_keras
from fastconv.saving.keras.optimizer_arrays import matched, without_scaling
from fastconv.saving.keras.to_keras import model_to_keras
from fastconv.saving.matching import Pairs, as_json, parse, skipping
from fastconv.saving.names import distinct
from fastconv.serialization import holds, lookup

KERAS_VERSION = "3.15.0"  # the version whose format this is
TOP = "top_level_model_weights"
OTHER = "other_state"


class LegacyH5:
    """The formats .h5 and .hdf5."""

    def dump(self, model: Model) -> bytes:
        """Return the file of a model."""
        return access.written(lambda root: _write(root, model))

    def dump_weights(self, model: Model) -> bytes:
        """Return the file of only a model's weights, in the format of Keras 2."""
        return access.written(lambda root: _write_weights(root, model))

    def configuration(self, model: Model) -> str:
        """Return the configuration of a model and its `compile` as JSON. Raises ValueError if it is not plain data."""
        return as_json(model_to_keras(model))

    def load(self, filepath: str, compile: bool) -> Any:
        """Return the model in a file. Raises ValueError if there is no model, or its parts do not fit."""
        root = access.opened(filepath)
        config = parse(access.text(root, "model_config"))
        text = access.text(root, "training_config")
        training = _compile_config(parse(text)) if compile and text else {}
        options = compile_options(training, filepath)
        shape = (config.get("build_config") or {}).get("input_shape")
        model = build_model(from_keras("layer", config), shape, options)
        pairs = read_layers(access.subgroup(root, "model_weights"), model)
        arrays = without_scaling(_optimizer_arrays(root), training.get("optimizer"))
        assign_all(pairs + matched(model, arrays, filepath) + _other_pairs(root, model))
        return model

    def weights(self, model: Model, filepath: str, skipped: list[str] | None = None) -> Pairs:
        """Return the weights of `model` with their values in a file."""
        root = access.opened(filepath)
        return read_layers(weights_group(root) or root, model, skipped)

    def named_weights(self, model: Model, filepath: str, skipped: list[str] | None = None) -> Pairs:
        """Return the same for only the layers whose names are in the file."""
        root = access.opened(filepath)
        return read_named_layers(weights_group(root) or root, model, skipped)


def weights_group(root: Group) -> Any:
    """Return the group with the weights, or None if the file has another format."""
    found = access.child(root, "model_weights")
    return root if found is None and "layer_names" in root.attributes else found


# ---- reading ---------------------------------------------------------------------------------------------------------


def read_layers(group: Group, model: Model, skipped: list[str] | None = None) -> Pairs:
    """Return the weights of the layers with their arrays, in the order of the file."""
    found = _named_arrays(group)
    layers = [layer for layer in model.layers if _weights(layer)]
    if len(found) != len(layers):
        raise ValueError(
            "its layers with weights must be those of the model. "
            f"Received: {[name for name, _ in found]}, the model's: {[layer.name for layer in layers]}"
        )
    pairs = [
        pair
        for (name, arrays), layer in zip(found, layers)
        for pair in _read_layer(group, name, arrays, layer, skipped)
    ]
    if TOP in group.links:
        names = access.names(access.subgroup(group, TOP), "weight_names")
        pairs += _read(group, TOP, names, _top_weights(model), skipped)
    return pairs


def read_named_layers(group: Group, model: Model, skipped: list[str] | None = None) -> Pairs:
    """Return the same for only the layers whose names are in the file."""
    layers = _layers_by_name(model)
    pairs: Pairs = []
    for name, arrays in _named_arrays(group):
        if name in layers:
            with skipping(skipped, name):
                pairs += _read_layer(group, name, arrays, layers[name], skipped)
    return pairs


def _named_arrays(group: Group) -> list[tuple[str, list[str]]]:
    """Return the names of the layers with weights in a file, and the names of these weights."""
    found = [
        (name, access.names(access.subgroup(group, name), "weight_names"))
        for name in access.names(group, "layer_names")
    ]
    return [(name, arrays) for name, arrays in found if arrays]


def _read_layer(group: Group, name: str, arrays: Sequence[str], layer: Layer, skipped: list[str] | None) -> Pairs:
    found = [access.child(access.subgroup(group, name), array) for array in quantized.in_order(arrays)]
    datasets = [array for array in found if isinstance(array, Dataset)]
    if quantized.is_quantized(layer, datasets):
        return quantized.read_quantized(layer, datasets)
    return _read(group, name, arrays, _weights(layer), skipped)


def _read(
    group: Group, name: str, arrays: Sequence[str], variables: Sequence[Variable], skipped: list[str] | None = None
) -> Pairs:
    """Return the variables of a layer with their arrays, whose number must be equal; variables may be skipped."""
    if len(arrays) != len(variables):
        wanted = [v.path for v in variables]
        raise ValueError(f"the weights of {name} must be those of the model, {wanted}. Received: {list(arrays)}")
    layer = access.subgroup(group, name)
    pairs: Pairs = []
    for variable, array in zip(variables, arrays):
        with skipping(skipped, variable.path):
            pairs.append((variable, access.read(layer, array, variable)))
    return pairs


def _compile_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `compile` that a configuration contains."""
    options = {key: config.get(key) for key in ("loss", "loss_weights", "metrics", "weighted_metrics")}
    return {"optimizer": config["optimizer_config"], **options}


def _optimizer_arrays(root: Group) -> list[Dataset]:
    """Return the arrays of the optimizer, in the order of its variables."""
    group = access.child(root, "optimizer_weights")
    names = [] if group is None else access.names(group, "weight_names")
    arrays = [access.child(group, name) for name in names]
    return [array for array in arrays if isinstance(array, Dataset)]


def _other_pairs(root: Group, model: Model) -> Pairs:
    group = access.child(root, OTHER)
    return [] if group is None else _read(root, OTHER, access.names(group, "weight_names"), other_state(model))


# ---- writing ---------------------------------------------------------------------------------------------------------


def _write(root: Any, model: Model) -> None:
    config = model_to_keras(model)
    root.attrs["keras_version"] = KERAS_VERSION
    root.attrs["backend"] = "fastconv"
    root.attrs["model_config"] = as_json({key: value for key, value in config.items() if key != "compile_config"})
    _write_weights(root.create_group("model_weights"), model)
    _write_variables(root.create_group(OTHER), other_state(model), model.name)
    if "compile_config" in config:
        options = dict(config["compile_config"])
        options["optimizer_config"] = options.pop("optimizer")
        options["loss"] = _in_full(options["loss"])
        root.attrs["training_config"] = as_json(options)
        _write_variables(root.create_group("optimizer_weights"), optimizer_state(model), model.optimizer.name)


def _write_weights(group: Any, model: Model) -> None:
    layers = _layers_by_name(model)
    access.set_names(group, "layer_names", [*layers])
    group.attrs["keras_version"] = KERAS_VERSION
    group.attrs["backend"] = "fastconv"
    for name, layer in layers.items():
        _write_variables(group.create_group(name), _weights(layer), name)
    _write_variables(group.create_group(TOP), _top_weights(model), model.name)


def _in_full(loss: Any) -> Any:
    """Return losses by the names of their functions: Keras does not find "mse" in a file of this format."""
    if isinstance(loss, list):
        return [_in_full(item) for item in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: _in_full(item) for key, item in loss.items()}
    return lookup("loss", loss).__name__ if isinstance(loss, str) and holds("loss", loss) else loss


def _write_variables(group: Any, variables: Sequence[Variable], prefix: str) -> None:
    names = distinct(f"{prefix}/{variable.path}" for variable in variables)
    for name, variable in zip(names, variables):
        group[name] = variable.value
    access.set_names(group, "weight_names", names)


# ---- both ------------------------------------------------------------------------------------------------------------


def _layers_by_name(model: Model) -> dict[str, Layer]:
    """Return the layers by their names in the file, which are changed if HDF5 cannot store them."""
    return dict(zip(distinct((layer.name for layer in model.layers), taken=[TOP]), model.layers))


def _weights(layer: Layer) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _top_weights(model: Model) -> list[Variable]:
    """Return the weights of the model itself, not of its layers."""
    inner = {v for layer in model.layers for v in layer.weights}
    return [v for v in _weights(model) if v not in inner]
