"""The graph of a functional model without links between nodes, for pickles and copies.

If pickle followed these links, it would recurse for every layer of a deep model.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fastconv.engine import KerasTensor
from fastconv.engine.symbolic import Node, substitute
from fastconv.engine.tree import leaves, rebuild
from fastconv.models.encoding import named_operation, operation_name
from fastconv.typing import Tree


class Place:
    """A tensor of a graph: result `index` of node `node`, or input `index` if `node` is -1."""

    def __init__(self, node: int, index: int) -> None:
        self.node = node
        self.index = index


class Call(NamedTuple):
    """A node: a layer or the name of an operation, its arguments, and (shape, dtype, name) of its results."""

    operation: Any
    args: tuple
    kwargs: dict[str, Any]
    results: list[tuple[Any, Any, str]]


class FlatGraph(NamedTuple):
    """A graph; `ends` has the input and output of each layer that was first applied in it."""

    calls: list[Call]
    input: Any
    output: Any
    ends: list[tuple[Any, Any, Any]]


def flatten(nodes: Sequence[Node], inputs: Sequence[KerasTensor], input: Any, output: Tree) -> FlatGraph:
    """Flatten the graph of `nodes`, which are in an executable order."""
    places = {t: Place(i, k) for i, node in enumerate(nodes) for k, t in enumerate(node.outputs)}
    places.update({t: Place(-1, k) for k, t in enumerate(inputs)})

    def flat(tree: Tree) -> Any:
        return substitute(tree, places.__getitem__)

    def is_inside(tree: Tree) -> bool:
        return all(t in places for t in leaves(tree))

    layers: dict[Any, None] = dict.fromkeys(node.operation for node in nodes if is_layer(node.operation))
    ends = [
        (layer, flat(layer.input), flat(layer.output)) for layer in layers if is_inside([layer.input, layer.output])
    ]
    return FlatGraph([_call(node, flat) for node in nodes], flat(input), flat(output), ends)


def unflatten(graph: FlatGraph, inputs: Sequence[KerasTensor]) -> tuple[list[Node], Any, Any]:
    """Rebuild (nodes, input, output) of a graph on given inputs, without running operations."""
    tensors: dict[tuple[int, int], KerasTensor] = {(-1, k): t for k, t in enumerate(inputs)}

    def linked(tree: Tree) -> Any:
        return rebuild(tree, [tensors[t.node, t.index] if isinstance(t, Place) else t for t in leaves(tree)])

    nodes = []
    for i, call in enumerate(graph.calls):
        operation = call.operation if is_layer(call.operation) else inspect.unwrap(named_operation(call.operation))
        node = Node(operation, linked(call.args), linked(call.kwargs))
        node.outputs += [KerasTensor(shape, dtype, name=name, node=node) for shape, dtype, name in call.results]
        tensors.update({(i, k): t for k, t in enumerate(node.outputs)})
        nodes.append(node)
    for layer, layer_input, layer_output in graph.ends:
        layer.input, layer.output = linked(layer_input), linked(layer_output)
    return nodes, linked(graph.input), linked(graph.output)


def is_layer(operation: Any) -> bool:
    """Return whether a node applies a layer, not a function of ops."""
    return hasattr(operation, "trainable")


def _call(node: Node, flat: Callable[[Any], Any]) -> Call:
    operation = node.operation if is_layer(node.operation) else operation_name(node.operation)
    results = [(t.shape, t.dtype, t.name) for t in node.outputs]
    return Call(operation, flat(node.args), flat(node.kwargs), results)
