"""The operations of a drawn model and what they take from each other, for pictures of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fastconv.engine import KerasTensor
from fastconv.engine.tree import leaves


@dataclass
class Vertex:
    """An operation, applied once.

    Attributes:
        name: differs from that of every other vertex of the model.
        operation: a layer, or a function of ops.
        sources: names of the vertices that make what it takes.
        inputs, outputs: symbolic tensors; empty where they are not known.
    """

    name: str
    operation: Any
    sources: list[str] = field(default_factory=list)
    inputs: list[KerasTensor] = field(default_factory=list)
    outputs: list[KerasTensor] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The class of a layer, or the name of a function."""
        operation = self.operation
        return operation.__name__ if hasattr(operation, "__name__") else type(operation).__name__


def vertices(model: Any) -> list[Vertex]:
    """The operations of a model in the order in which data meets them; the model itself where it is not drawn."""
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
