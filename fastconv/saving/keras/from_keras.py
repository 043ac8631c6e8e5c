"""Conversion of configurations of Keras 2 and 3 to the form of fastconv.

Modules named in a file are never imported. They only distinguish objects with the same name, and Keras's objects from
users' objects.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from fastconv.caches import cached_on_argument
from fastconv.layers.base import Layer
from fastconv.layers.core import is_of_ops
from fastconv.saving.keras.graph_from_keras import Graph
from fastconv.saving.keras.kinds import OPS_MODULE, kind_of_class, kind_of_key, kind_of_module
from fastconv.saving.keras.policies import check_readable, dtype_of
from fastconv.serialization import LAMBDA, get_registered_object, holds, lookup
from fastconv.typing import Tree

# Arguments of Keras that do not change the results here.
IGNORED = frozenset(
    [
        "auto_scale_loss", "fn", "is_legacy_optimizer", "jit_compile", "lora_alpha", "lora_rank", "loss_scale_factor",
        "quantization_config",
    ]
)  # fmt: skip
# Optimizers that scale the loss for an inner optimizer; float32 needs no scaling.
SCALING = ("LossScaleOptimizer", "LossScaleOptimizerV3")
KERAS_2 = {("LeakyReLU", "alpha"): "negative_slope"}  # names of arguments, by class
OF_EVERY_LAYER = frozenset(["activity_regularizer", "autocast", "dtype", "name", "trainable"])


def from_keras(kind: str, data: Tree) -> Any:
    """Convert a configuration, or a part nested in it, for an object of `kind`.

    Raises:
        ValueError: the configuration contains code, which is never read from files.
    """
    if isinstance(data, list):
        return [from_keras(kind, item) for item in data]
    if not isinstance(data, Mapping):
        return data
    if "class_name" not in data:
        return {key: from_keras(kind_of_key(key, kind), value) for key, value in data.items()}
    if data["class_name"] in PLAIN:
        return PLAIN[data["class_name"]](data)
    kind, name, config = kind_of_module(data.get("module"), kind), _name(data), data.get("config") or {}
    if "nodes" in config and (name == "Functional" or "results" in config):
        return {"class_name": name, "config": config}  # already in the form of fastconv
    if name in ("Functional", "Model") and "input_layers" in config:
        return {"class_name": "Functional", "config": Graph(config, from_keras).config()}
    if name in SCALING and "inner_optimizer" in config:
        return from_keras("optimizer", config["inner_optimizer"])
    if kind == "layer" and name in SPECIAL:
        config = SPECIAL[name](config)
    return {"class_name": name, "config": _arguments(kind, name, config)}


def _name(data: Mapping[str, Any]) -> str:
    """Return the name to look up; a user's class is not confused with a class of Keras of the same name."""
    name, registered, module = data["class_name"], data.get("registered_name"), data.get("module", "keras")
    if "module" not in data and get_registered_object(name) is None:
        return name.removeprefix("Custom>")  # an optimizer of Keras 2
    if module is not None and module.partition(".")[0] in ("keras", "fastconv"):
        return name
    return registered if registered and ">" in registered else f"{module or 'Custom'}>{name}"


def arguments(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constructor arguments of `cls` in a configuration of this package or of Keras."""
    kind = kind_of_class(cls.__name__, "layer")
    if kind is None or get_registered_object(cls.__name__) is not None or lookup(kind, cls.__name__) is not cls:
        return _of_someone_else(cls, config)
    special = SPECIAL.get(cls.__name__) if kind == "layer" else None
    return _arguments(kind, cls.__name__, special(config) if special else config)


# ---- arguments -------------------------------------------------------------------------------------------------------


def _arguments(kind: str, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a constructor, without arguments of Keras that have no effect here."""
    check_readable(str(config.get("name", name)), config.get("dtype"))
    renamed = dict(_renamed(KERAS_2.get((name, key), key), value) for key, value in config.items())
    taken = {key: value for key, value in renamed.items() if _is_taken(kind, name, key, value)}
    _check_known(kind, name, taken)
    return {key: from_keras(kind_of_key(key, kind), value) for key, value in taken.items()}


def _renamed(key: str, value: Any) -> tuple[str, Any]:
    """Return an argument as Keras 3 spells it."""
    if key == "batch_input_shape":
        return "input_shape", value[1:]
    if key == "dtype":
        return key, dtype_of(value)
    if key == "axis" and isinstance(value, list) and len(value) == 1:
        return key, value[0]
    return (key, "sum_over_batch_size") if key == "reduction" and value == "auto" else (key, value)


def _is_taken(kind: str, name: str, key: str, value: Any) -> bool:
    """Return whether to pass an argument to the constructor, possibly only to be rejected there."""
    custom = get_registered_object(name)
    if isinstance(custom, type) and issubclass(custom, Layer):
        return _is_for(custom, key)
    found = kind_of_class(name, kind)
    if custom is not None or found is None or name.endswith("Wrapper"):
        return True
    return key in parameters(lookup(found, name)) or not (key in IGNORED or value is None or value is False)


def _check_known(kind: str, name: str, given: Mapping[str, Any]) -> None:
    """Raise ArgumentError if a class of this package does not accept an argument."""
    found = kind_of_class(name, kind)
    if found is None or get_registered_object(name) is not None or name.endswith("Wrapper"):
        return
    unknown = {key: value for key, value in given.items() if key not in parameters(lookup(found, name))}
    if unknown:
        called = given.get("name", name)
        raise ArgumentError(
            f"the {found} {called!r} ({name}) must have arguments that fastconv knows. Leave them out in the "
            f"configuration, or give a class of your own as custom_objects={{{name!r}: class}}. Received: {unknown}"
        )


class ArgumentError(TypeError, ValueError):
    """A constructor does not take an argument of a configuration."""


def _of_someone_else(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a user's class, without the arguments that layers of Keras add to them."""
    renamed = dict(_renamed(key, value) for key, value in config.items())
    return {key: value for key, value in renamed.items() if not issubclass(cls, Layer) or _is_for(cls, key)}


def _is_for(cls: type, key: str) -> bool:
    """Return whether an argument is for the constructor of a user's layer, or for `Sequential` below it."""
    is_sequence = key in ("name", "trainable") and issubclass(cls, lookup("layer", "Sequential"))
    return key not in OF_EVERY_LAYER or is_sequence or key in parameters(cls)


@cached_on_argument
def parameters(cls: type) -> frozenset[str]:
    """Return the names of the arguments of a constructor, and of its bases' if it passes on keyword arguments."""
    names: set[str] = set()
    for base in cls.__mro__:
        if "__init__" in vars(base):
            signature = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
            names.update(p.name for p in signature)
            if all(p.kind is not p.VAR_KEYWORD for p in signature):
                break
    return frozenset(names)


# ---- other spellings
# ---------------------------------------------------------------------------------------------------


def _input_layer(config: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in config.items() if key not in ("batch_shape", "batch_input_shape")}
    whole = config.get("batch_shape") or config.get("batch_input_shape")
    return rest if whole is None else {**rest, "shape": whole[1:], "batch_size": whole[0]}


def _sequential(config: Any) -> dict[str, Any]:
    """Convert the configuration of a `Sequential`; Keras 2.2 and older versions write only a list of layers."""
    config = {"layers": config} if isinstance(config, list) else config
    layers, shape = config["layers"], config.get("build_input_shape")
    has_input = bool(layers) and (layers[0]["class_name"] == "InputLayer" or "batch_input_shape" in layers[0]["config"])
    if shape and not has_input:
        layers = [{"class_name": "InputLayer", "config": {"batch_shape": shape}}, *layers]
    return {"name": config.get("name"), "trainable": config.get("trainable", True), "layers": layers}


def _lambda(config: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the configuration of a `Lambda`: a function is found by its name, code by the layer's name.

    The function for code comes from `custom_objects`. A function that Keras does not know by name is a user's function,
    even if `ops` has the same name.
    """
    function, name = config["function"], config.get("name")
    kept = ("name", "trainable", "dtype", "arguments", "activity_regularizer")
    if isinstance(function, list) or (isinstance(function, Mapping) and function["class_name"] == "__lambda__"):
        if get_registered_object(str(name)) is None:
            _refuse_code({"class_name": f"Lambda {name!r}"})
        function = name
    elif isinstance(function, Mapping):
        is_users = function.get("module") != OPS_MODULE and is_of_ops(function["config"])
        function = (
            f"Custom>{function['config']}" if is_users and not holds("activation", function["config"]) else function
        )
    return {"function": function, **{key: config[key] for key in kept if key in config}}


def _refuse_code(data: Mapping[str, Any]) -> Any:
    raise ValueError(
        "code is never read from a file. Use a named function and pass it in custom_objects, or register it with "
        "saving.register_keras_serializable; for a Lambda layer that holds code, pass custom_objects={name of the "
        "layer: function}; for a lambda that a model was compiled with, custom_objects={'<lambda>': function}, or "
        f"compile=False. Received: {data['class_name']}"
    )


def _code_of_lambda(data: Mapping[str, Any]) -> str:
    """Return the name of the function in `custom_objects` that replaces a lambda."""
    return LAMBDA if get_registered_object(LAMBDA) is not None else _refuse_code(data)


SPECIAL = {"InputLayer": _input_layer, "Lambda": _lambda, "Sequential": _sequential}
PLAIN = {
    "__bytes__": _refuse_code,
    "__lambda__": _code_of_lambda,
    "__numpy__": lambda data: data["config"]["value"],
    "__tensor__": lambda data: data["config"]["value"],
    "__tuple__": lambda data: data["items"],
    "function": lambda data: data["config"],
}
