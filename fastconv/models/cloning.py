"""Models made again from their configuration, with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.layers.base import Layer
from fastconv.serialization import deserialize, distinct_names, serialize


def clone_model(model: Any, input_tensors: Any = None, clone_function: Callable[[Layer], Layer] | None = None) -> Any:
    """A model like `model`, with layers and weights of its own.

    Args:
        model: a `Sequential` or drawn model, or a subclass with `get_config`.
        input_tensors: None: the new model has inputs of its own.
        clone_function: makes the new layer of each layer; `from_config` of what `get_config` says when None.

    Raises:
        ValueError: `input_tensors` are given.
    """
    if input_tensors is not None:
        raise ValueError("clone_model: input_tensors must be None; call the clone on tensors instead")
    with distinct_names() as names:
        data = serialize(model)
    if clone_function is None:
        return deserialize("layer", data, names)
    made = {layer.name: clone_function(layer) for layer in model.layers}
    clones = {f"clone of {name}": _returning(layer) for name, layer in made.items()}
    for entry in data["config"]["layers"]:
        name = entry["config"]["name"]
        if name in made:
            entry["class_name"] = f"clone of {name}"
    return deserialize("layer", data, {**names, **clones})


def _returning(layer: Layer) -> type:
    """A class whose configuration makes `layer`, whatever it says."""

    class Clone:
        @classmethod
        def from_config(cls, config: Any) -> Layer:
            return layer

    return Clone
