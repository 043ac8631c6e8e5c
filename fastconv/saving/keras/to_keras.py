"""Conversion of fastconv's configurations to the form of Keras 3.

In Keras, each object states its module and its registered name. Functions of ops are named operations, listed with the
layers. A tensor is identified by its operation, the index of the call and the index of the result.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import fastconv.ops as ops
from fastconv.layers.core import is_of_ops
from fastconv.models.model import Model
from fastconv.saving.keras.kinds import (
    CALLED_WITH,
    GET_ITEM,
    LACKING_LAYERS,
    LACKING_METRICS,
    LACKING_OPERATIONS,
    MODULES,
    OPERATIONS,
    OPS_MODULE,
    kind_of_class,
    kind_of_key,
    operation_module,
)
from fastconv.serialization import holds, serialize
from fastconv.typing import Tree

CLASSES = {function: name for name, function in OPERATIONS.items()}


class LackingOperationError(ValueError):
    """Keras lacks an operation of a model."""


def config_to_keras(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a `Sequential` or functional model in the form of Keras's `get_config`.

    Keras has no form for some functions of ops. A model with such a function keeps the form of fastconv.

    Args:
        data: the class and the configuration in the form of fastconv.
    """
    try:
        return to_keras("layer", data)["config"]
    except LackingOperationError:
        return data["config"]


def json_of(model: Model) -> dict[str, Any]:
    """Return the content of `Model.to_json`: Keras's configuration, or fastconv's, as in `config_to_keras`."""
    try:
        return model_to_keras(model)
    except LackingOperationError:
        return serialize(model)


def model_to_keras(model: Model) -> dict[str, Any]:
    """Return the content of config.json for a model."""
    data = to_keras("layer", serialize(model))
    if model.build_shape:
        data["build_config"] = {"input_shape": model.build_shape}
    options = model.get_compile_config()
    if options:
        judges = ("loss", "metrics", "weighted_metrics")
        compiled = to_keras("layer", options)
        data["compile_config"] = {key: _judge(value) if key in judges else value for key, value in compiled.items()}
    return data


def _judge(data: Tree) -> Any:
    """Convert losses or metrics of `compile`; the names of Keras's own remain, those of other functions are marked."""
    if isinstance(data, list):
        return [_judge(item) for item in data]
    if isinstance(data, Mapping) and "class_name" not in data:
        return {key: _judge(value) for key, value in data.items()}
    is_other = isinstance(data, str) and not holds("loss", data) and not holds("metric", data)
    return _function(data) if is_other else data


def _function(name: str) -> dict[str, Any]:
    """Return the form of a function that Keras finds by its name; functions of `ops` belong to this package."""
    own = is_of_ops(name) and not holds("activation", name)
    module = OPS_MODULE if own else "builtins"
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def to_keras(kind: str, data: Tree) -> Any:
    """Convert a configuration, or a part nested in it, for an object of `kind`."""
    if isinstance(data, (list, tuple)):
        return type(data)(to_keras(kind, item) for item in data)
    if not isinstance(data, Mapping) or "module" in data:
        return data
    if "class_name" not in data:
        return {key: to_keras(kind_of_key(key, kind), value) for key, value in data.items()}
    name, config = data["class_name"], data["config"]
    found = kind_of_class(name, kind)
    config = SPECIAL[name](config) if found == "layer" and name in SPECIAL else _arguments(found or kind, config)
    own = found is None or name in LACKING_LAYERS | LACKING_METRICS
    module = None if found is None else SPECIAL_MODULES.get(name, MODULES[found])
    return {
        "module": module.replace("keras", "fastconv") if own and module is not None else module,
        "class_name": name.rpartition(">")[2],
        "config": config,
        "registered_name": name if own else None,
    }


def _arguments(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _argument(key, kind_of_key(key, kind), value) for key, value in config.items()}


def _argument(key: str, kind: str, value: Any) -> Any:
    """Convert an argument; a text that names a function, not a built-in activation, is marked as a function."""
    is_function = key in ("fn", "function") or (kind == "activation" and isinstance(value, str) and ">" in value)
    return _function(value) if is_function and isinstance(value, str) else to_keras(kind, value)


def _input_layer(config: Mapping[str, Any]) -> dict[str, Any]:
    shape = [config["batch_size"], *config["shape"]]
    return {"batch_shape": shape, "dtype": config["dtype"], "sparse": False, "name": config["name"]}


def _sequential(config: Mapping[str, Any]) -> dict[str, Any]:
    data = _arguments("layer", config)
    first = data["layers"][0] if data["layers"] else None
    if first is not None and first["class_name"] == "InputLayer":
        data["build_input_shape"] = first["config"]["batch_shape"]
    return data


def _functional(config: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the graph to a list of calls for each layer and operation."""
    graph = _Graph(config)
    for (maker, args, kwargs), results in zip(config["nodes"], config["results"]):
        graph.call(maker, args, kwargs, results)
    return {
        "name": config["name"],
        "trainable": config["trainable"],
        "layers": graph.in_order(),
        "input_layers": decoded(config["input"], graph.end),
        "output_layers": decoded(config["output"], graph.end),
    }


class _Graph:
    """The entries of a functional model, and the position of each tensor: [operation, index of the call, result]."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self.places = {layer["config"]["name"]: place for place, layer in enumerate(config["layers"])}
        self.tensors: dict[tuple[int, int], tuple[list[Any], Any, str]] = {}
        self.calls = 0
        self.numbers: Counter[str] = Counter()  # number of names tried, by operation
        for layer in config["layers"]:
            name = layer["config"]["name"]
            self.entries[name] = {**to_keras("layer", layer), "name": name, "inbound_nodes": []}
        for k, name in enumerate(config["inputs"]):
            entry = self.entries[name]["config"]
            self.tensors[-1, k] = [name, 0, 0], entry["batch_shape"], entry["dtype"]

    def call(self, maker: Mapping[str, str], args: Any, kwargs: Any, results: Any) -> None:
        """Add a call; each call of a function of ops is a separate operation."""
        if "layer" in maker:
            name, node = maker["layer"], _layer_call(args, kwargs, self.tensor)
        else:
            name = self._free_name(maker["operation"])
            config, node = _operation_call(maker["operation"], args, kwargs, self.noted_for(name))
            self.entries[name] = _operation(maker["operation"], name, config)
        nodes = self.entries[name]["inbound_nodes"]
        for k, (shape, dtype) in enumerate(results):
            self.tensors[self.calls, k] = [name, len(nodes), k], shape, dtype
        nodes.append(node)
        self.calls += 1

    def in_order(self) -> list[dict[str, Any]]:
        """Return the entries, each operation after the layers that it needs; Keras 3.6 builds them in this order."""
        return sorted(self.entries.values(), key=lambda entry: self.places[entry["name"]])

    def noted_for(self, name: str) -> Callable[[list[int]], dict[str, Any]]:
        """Return `tensor`, with the effect that the operation is placed after the tensor's source."""
        self.places[name] = 0

        def tensor(number: list[int]) -> dict[str, Any]:
            maker = self.tensors[number[0], number[1]][0][0]
            self.places[name] = max(self.places[name], self.places[maker])
            return self.tensor(number)

        return tensor

    def tensor(self, number: list[int]) -> dict[str, Any]:
        """Return the form of a tensor among the arguments of a call."""
        history, shape, dtype = self.tensors[number[0], number[1]]
        config = {"shape": shape, "dtype": dtype, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}

    def end(self, number: list[int]) -> list[Any]:
        """Return the form of a tensor among inputs and outputs; calls of a functional model count from 1 there."""
        name, node, k = self.tensors[number[0], number[1]][0]
        return [name, node + 1 if self.entries[name]["class_name"] == "Functional" else node, k]

    def _free_name(self, name: str) -> str:
        while True:
            number = self.numbers[name]
            self.numbers[name] += 1
            candidate = f"{name}_{number}" if number else name
            if candidate not in self.entries:
                return candidate


def _layer_call(args: Any, kwargs: Any, tensor: Callable[[list[int]], Any]) -> dict[str, Any]:
    """Return a call; `training` is also stored separately for fastconv, since Keras chooses its own value."""
    named = decoded(kwargs, tensor)
    noted = {"training": named["training"]} if "training" in named else {}
    return {"args": decoded(args, tensor), "kwargs": named, **noted}


def _operation_call(
    name: str, args: Any, kwargs: Any, tensor: Callable[[list[int]], Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (configuration, call) of a function of ops. Raises ValueError if Keras has no such operation."""
    if name in LACKING_OPERATIONS:
        raise LackingOperationError(
            f"a model is saved for Keras if it is made of operations that Keras has; .npz holds all. Received: {name!r}"
        )
    positional, named = decoded(args, tensor), decoded(kwargs, tensor)
    if CLASSES[name] == GET_ITEM:
        return {}, {"args": positional, "kwargs": named}
    given = inspect.signature(getattr(ops, name)).bind_partial(*positional, **named).arguments
    config = {key: value for key, value in given.items() if key not in CALLED_WITH}
    call = [value for key, value in given.items() if key in CALLED_WITH and key != "constant_values"]
    rest = {key: value for key, value in given.items() if key == "constant_values"}
    return config, {"args": call, "kwargs": rest}


def _operation(function: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": operation_module(function),
        "class_name": CLASSES[function],
        "config": {"name": name, **config},
        "registered_name": CLASSES[function],
        "name": name,
        "inbound_nodes": [],
    }


def decoded(data: Mapping[str, Any], tensor: Callable[[list[int]], Any]) -> Any:
    """Convert the result of `encoding.encode` to the form of Keras."""
    ((kind, content),) = data.items()
    if kind == "tensor":
        return tensor(content)
    if kind == "dict":
        return {key: decoded(item, tensor) for key, item in content.items()}
    if kind in ("list", "tuple"):
        return [decoded(item, tensor) for item in content]
    if kind == "slice":
        ends = [decoded(end, tensor) for end in content]
        return {"class_name": "__slice__", "config": dict(zip(("start", "stop", "step"), ends))}
    if kind == "array":
        config = {"value": content["values"], "dtype": content["dtype"]}
        return {"class_name": "__numpy__", "config": config} if isinstance(content["values"], list) else config["value"]
    return {"class_name": "__ellipsis__", "config": {}} if kind == "ellipsis" else content


def _batch_normalization(config: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the configuration; unused arguments that the first versions of Keras 3 lack are left out."""
    older = {key: value for key, value in config.items() if config["renorm"] or not key.startswith("renorm")}
    return _arguments("layer", older)


SPECIAL = {
    "BatchNormalization": _batch_normalization,
    "Functional": _functional,
    "InputLayer": _input_layer,
    "Sequential": _sequential,
}
SPECIAL_MODULES = {"Functional": "keras.src.models.functional", "Sequential": "keras"}
