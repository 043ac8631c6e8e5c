"""Configurations as Keras 3 reads them, made of those that fastconv's objects give.

There, every object says its module and its registered name, functions of ops are named operations beside the layers,
and tensors are known by the operation, the number of its call and that of the result.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from fastconv import ops
from fastconv.layers.core import is_of_ops
from fastconv.models.saving.kinds import (
    CALLED_WITH,
    ELSEWHERE,
    GET_ITEM,
    MODULES,
    OPERATIONS,
    OPS_MODULE,
    OURS_ALONE,
    kind_of_class,
    kind_of_key,
    operation_module,
)
from fastconv.serialization import holds, serialize

CLASSES = {function: name for name, function in OPERATIONS.items()}


class LackingOperationError(ValueError):
    """An operation of a model is none of Keras's."""


def config_to_keras(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a `Sequential` or functional model as Keras's `get_config` does.

    Keras has no form for some functions of ops. Only a model with one of them keeps the form of fastconv.

    Args:
        data: the class and the configuration in the form of fastconv.
    """
    try:
        return to_keras("layer", data)["config"]
    except LackingOperationError:
        return data["config"]


def json_of(model: Any) -> dict[str, Any]:
    """Return the content of `Model.to_json`: Keras's configuration, or fastconv's, as in `config_to_keras`."""
    try:
        return model_to_keras(model)
    except LackingOperationError:
        return serialize(model)


def model_to_keras(model: Any) -> dict[str, Any]:
    """What is in config.json for a model."""
    data = to_keras("layer", serialize(model))
    if model.build_shape:
        data["build_config"] = {"input_shape": model.build_shape}
    options = model.get_compile_config()
    if options:
        judges = ("loss", "metrics", "weighted_metrics")
        compiled = to_keras("layer", options)
        data["compile_config"] = {key: _judge(one) if key in judges else one for key, one in compiled.items()}
    return data


def _judge(data: Any) -> Any:
    """Losses or metrics of `compile`, among which Keras is told names of its own from those of other functions."""
    if isinstance(data, list):
        return [_judge(one) for one in data]
    if isinstance(data, Mapping) and "class_name" not in data:
        return {key: _judge(one) for key, one in data.items()}
    is_other = isinstance(data, str) and not holds("loss", data) and not holds("metric", data)
    return _function(data) if is_other else data


def _function(name: str) -> dict[str, Any]:
    """A function that Keras is to find by its name; those of `ops` are of this package, unless Keras finds its own."""
    own = is_of_ops(name) and not holds("activation", name)
    module = OPS_MODULE if own else "builtins"
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def to_keras(kind: str, data: Any) -> Any:
    """A configuration, or what is nested in one, where something of `kind` is."""
    if isinstance(data, (list, tuple)):
        return type(data)(to_keras(kind, one) for one in data)
    if not isinstance(data, Mapping) or "module" in data:
        return data
    if "class_name" not in data:
        return {key: to_keras(kind_of_key(key, kind), value) for key, value in data.items()}
    name, config = data["class_name"], data["config"]
    found = kind_of_class(name, kind)
    config = SPECIAL[name](config) if found == "layer" and name in SPECIAL else _arguments(found or kind, config)
    own = found is None or name in OURS_ALONE
    return {
        "module": None if found is None else "fastconv.layers" if own else SPECIAL_MODULES.get(name, MODULES[found]),
        "class_name": name.rpartition(">")[2],
        "config": config,
        "registered_name": name if own else None,
    }


def _arguments(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _argument(key, kind_of_key(key, kind), value) for key, value in config.items()}


def _argument(key: str, kind: str, value: Any) -> Any:
    """An argument; Keras knows that a text is the name of a function where it is that of an activation of its own."""
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
    """The graph, with a list of calls for each layer and operation."""
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
    """The entries of a functional model, and the place of each tensor: [operation, which of its calls, result]."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self.places = {layer["config"]["name"]: place for place, layer in enumerate(config["layers"])}
        self.tensors: dict[tuple[int, int], tuple[list[Any], Any, str]] = {}
        self.calls = 0
        self.numbers: Counter[str] = Counter()  # of names that were tried, by operation
        for layer in config["layers"]:
            name = layer["config"]["name"]
            self.entries[name] = {**to_keras("layer", layer), "name": name, "inbound_nodes": []}
        for k, name in enumerate(config["inputs"]):
            entry = self.entries[name]["config"]
            self.tensors[-1, k] = [name, 0, 0], entry["batch_shape"], entry["dtype"]

    def call(self, maker: Mapping[str, str], args: Any, kwargs: Any, results: Any) -> None:
        """Enter one call; that of a function of ops is an operation of its own."""
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
        """The entries, each operation next to the last layer that it needs, since Keras 3.6 draws it in this order."""
        return sorted(self.entries.values(), key=lambda entry: self.places[entry["name"]])

    def noted_for(self, name: str) -> Callable[[list[int]], dict[str, Any]]:
        """`tensor`, which also moves the place of an operation to that of the tensor's maker."""
        self.places[name] = 0

        def tensor(number: list[int]) -> dict[str, Any]:
            maker = self.tensors[number[0], number[1]][0][0]
            self.places[name] = max(self.places[name], self.places[maker])
            return self.tensor(number)

        return tensor

    def tensor(self, number: list[int]) -> dict[str, Any]:
        """A tensor among the arguments of a call."""
        history, shape, dtype = self.tensors[number[0], number[1]]
        config = {"shape": shape, "dtype": dtype, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}

    def end(self, number: list[int]) -> list[Any]:
        """A tensor among inputs and outputs, where calls of a drawn model are numbered from 1 on."""
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
    """A call; Keras decides for itself what is called in training, so that `training` is noted once more for us."""
    named = decoded(kwargs, tensor)
    noted = {"training": named["training"]} if "training" in named else {}
    return {"args": decoded(args, tensor), "kwargs": named, **noted}


def _operation_call(
    name: str, args: Any, kwargs: Any, tensor: Callable[[list[int]], Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(configuration, call) of a function of ops. Raises ValueError where Keras has no such operation."""
    if name in ELSEWHERE:
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
    """What `encoding.encode` made, in the form of Keras."""
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
    """Arguments that the first versions of Keras 3 do not have are left out if they say nothing."""
    older = {key: value for key, value in config.items() if config["renorm"] or not key.startswith("renorm")}
    return _arguments("layer", older)


SPECIAL = {
    "BatchNormalization": _batch_normalization,
    "Functional": _functional,
    "InputLayer": _input_layer,
    "Sequential": _sequential,
}
SPECIAL_MODULES = {"Functional": "keras.src.models.functional", "Sequential": "keras"}
