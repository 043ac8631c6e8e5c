"""The order of a functional model's layers: by decreasing distance from the outputs, as in Keras.

Files name the layers of a class by their index in this order, so it must be the same in both libraries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastconv.engine import KerasTensor
from fastconv.engine.symbolic import Node
from fastconv.engine.tree import leaves, ordered
from fastconv.typing import Tree


class Graph:
    """The nodes between inputs and outputs, with an `InputLayer` as the node of each input."""

    def __init__(self, inputs: Mapping[KerasTensor, Any], outputs: Tree) -> None:
        self.inputs = inputs
        self.met: dict[Any, int] = {}  # operations, numbered in the order in which a search from the outputs finds them
        self.seen: set[Any] = set()
        self.order: list[Any] = []  # nodes, each after the nodes that it needs
        for t in leaves(ordered(outputs)):
            self._visit(self.node_of(t))

    def node_of(self, t: KerasTensor) -> Any:
        return self.inputs.get(t, t.node)

    def operation_of(self, node: Any) -> Any:
        """Return the layer that a node applies; for a function of ops, return the node itself."""
        return node.operation if isinstance(node, Node) and hasattr(node.operation, "name") else node

    def needs(self, node: Any) -> list[Any]:
        return [self.node_of(t) for t in node.inputs] if isinstance(node, Node) else []

    def _visit(self, start: Any) -> None:
        waiting = [] if start in self.seen else [self._enter(start)]
        while waiting:
            node, needed = waiting[-1]
            following = next((n for n in needed if n not in self.seen), None)
            if following is None:
                self.order.append(node)
                waiting.pop()
            else:
                waiting.append(self._enter(following))

    def _enter(self, node: Any) -> tuple[Any, Iterator[Any]]:
        self.seen.add(node)
        self.met.setdefault(self.operation_of(node), len(self.met))
        return node, iter(self.needs(node))

    def operations(self) -> list[Any]:
        """Return each operation once, the deepest first; equally deep operations are in the order of the search."""
        depths: dict[Any, int] = {}
        deepest: dict[Any, int] = {}
        for node in reversed(self.order):
            operation = self.operation_of(node)
            depth = max(depths.get(node, 0), deepest.get(operation, 0))
            depths[node] = deepest[operation] = depth
            for needed in self.needs(node):
                depths[needed] = max(depth + 1, depths.get(needed, 0))
        unused = {layer: 0 for layer in self.inputs.values() if layer not in deepest}
        deepest.update(unused)
        return sorted(deepest, key=lambda operation: (-deepest[operation], self.met.get(operation, -1)))
