"""The graph of a model's operations, for pictures of the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fastconv.engine import KerasTensor
from fastconv.engine.tree import leaves
from fastconv.typing import AnyModel


def get_source_inputs(tensor: Any) -> Any:
    """Return the inputs from which a symbolic tensor is computed, without duplicates.

    They are in the order in which the operations use them.

    Args:
        tensor: a `KerasTensor`; any other object is returned unchanged.

    Returns:
        List of `KerasTensor`.

    Example:
        >>> a, b = Input((4,)), Input((4,))
        >>> inputs = utils.get_source_inputs(layers.Add()([a, b]))
        >>> inputs[0] is a, inputs[1] is b
        (True, True)
    """
    if not isinstance(tensor, KerasTensor):
        return tensor
    sources: dict[KerasTensor, None] = {}
    seen: set[KerasTensor] = set()
    waiting = [tensor]
    while waiting:
        tensor = waiting.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        if tensor.node is None or not tensor.node.inputs:
            sources[tensor] = None
        else:
            waiting.extend(reversed(tensor.node.inputs))
    return list(sources)


@dataclass
class Vertex:
    """A call of an operation in a model.

    Attributes:
        name: a name that no other vertex of the model has.
        operation: a layer, or a function of ops.
        sources: names of the vertices that compute its inputs.
        inputs, outputs: symbolic tensors; empty if they are unknown.
    """

    name: str
    operation: Any
    sources: list[str] = field(default_factory=list)
    inputs: list[KerasTensor] = field(default_factory=list)
    outputs: list[KerasTensor] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The class name of a layer, or the name of a function."""
        operation = self.operation
        return operation.__name__ if hasattr(operation, "__name__") else type(operation).__name__


def vertices(model: AnyModel) -> list[Vertex]:
    """Return the operations of a model in the order of computation; only the model itself if it has no graph."""
    if not model.nodes:
        return [Vertex(model.name, model)]
    maker: dict[KerasTensor, str] = {}
    used: Counter[str] = Counter()
    found = []
    for tensor in model.inputs:
        operation = tensor.node.operation if tensor.node is not None else tensor
        found.append(_vertex(operation, [], [tensor], maker, used))
        found[-1].inputs = [tensor]
    for node in model.nodes:
        found.append(_vertex(node.operation, node.inputs, node.outputs, maker, used))
    return found


def _vertex(operation: Any, inputs: list, outputs: list, maker: dict[KerasTensor, str], used: Counter[str]) -> Vertex:
    name = getattr(operation, "name", None) or operation.__name__
    used[name] += 1
    name = name if used[name] == 1 else f"{name}_{used[name] - 1}"
    maker.update(dict.fromkeys(leaves(outputs), name))
    return Vertex(name, operation, list(dict.fromkeys(maker[t] for t in inputs)), list(inputs), list(outputs))


@dataclass
class Box:
    """A vertex in a picture.

    Attributes:
        name: a name that no other box has; a box in a nested model is called "model/layer".
        vertex: the operation.
        frames: the names of the nested models around it, outermost first.
        sources: the names of the boxes that compute its inputs.
    """

    name: str
    vertex: Vertex
    frames: tuple[str, ...]
    sources: list[str]


def boxes(model: AnyModel, expand: bool, prefix: str = "") -> list[Box]:
    """Return the boxes of a picture of `model` in the order of computation.

    Args:
        model: the model.
        expand: whether nested models are drawn with their own boxes instead of a single box.
        prefix: put before all names.
    """
    found: list[Box] = []
    _collect(model, expand, prefix, (), [], found)
    return found


def _collect(
    model: AnyModel, expand: bool, prefix: str, frames: tuple[str, ...], sources: list[str], found: list[Box]
) -> list[str]:
    """Append the boxes of a model to `found`, and return the names of the boxes that compute its outputs.

    Args:
        sources: the boxes that compute the model's inputs.
    """
    exits: dict[str, list[str]] = {}
    inside = vertices(model)
    for vertex in inside:
        name = prefix + vertex.name
        before = [box for source in vertex.sources for box in exits[source]] if vertex.sources else sources
        if expand and getattr(vertex.operation, "nodes", None):
            exits[vertex.name] = _collect(vertex.operation, expand, f"{name}/", (*frames, name), before, found)
        else:
            found.append(Box(name, vertex, frames, before))
            exits[vertex.name] = [name]
    made = {t: vertex.name for vertex in inside for t in vertex.outputs}
    last = list(dict.fromkeys(made[t] for t in model.outputs)) if made else [inside[-1].name]
    return [box for name in last for box in exits[name]]
