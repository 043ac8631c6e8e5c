"""The order of a drawn model's layers: from the one that is farthest from the outputs to the nearest, as in Keras.

Files name the layers of a class by their place in this order, so that it must be the same on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastconv.engine import KerasTensor
from fastconv.engine.symbolic import Node
from fastconv.engine.tree import leaves, ordered


class Graph:
    """The nodes that lead from inputs to outputs, with an `InputLayer` as the node of each input."""

    def __init__(self, inputs: Mapping[KerasTensor, Any], outputs: Any) -> None:
        self.inputs = inputs
        self.met: dict[Any, int] = {}  # operations, numbered as a search back from the outputs meets them
        self.seen: set[Any] = set()
        self.order: list[Any] = []  # nodes, each behind those it needs
        for t in leaves(ordered(outputs)):
            self._visit(self.node_of(t))

    def node_of(self, t: KerasTensor) -> Any:
        return self.inputs.get(t, t.node)

    def operation_of(self, node: Any) -> Any:
        """The layer that a node applies; a function of ops is another operation in each node."""
        return node.operation if isinstance(node, Node) and hasattr(node.operation, "name") else node

    def needs(self, node: Any) -> list[Any]:
        return [self.node_of(t) for t in node.inputs] if isinstance(node, Node) else []

    def _visit(self, start: Any) -> None:
        waiting = [] if start in self.seen else [self._meet(start)]
        while waiting:
            node, needed = waiting[-1]
            following = next((n for n in needed if n not in self.seen), None)
            if following is None:
                self.order.append(node)
                waiting.pop()
            else:
                waiting.append(self._meet(following))

    def _meet(self, node: Any) -> tuple[Any, Iterator[Any]]:
        self.seen.add(node)
        self.met.setdefault(self.operation_of(node), len(self.met))
        return node, iter(self.needs(node))

    def operations(self) -> list[Any]:
        """Every operation once, the deepest first; among equals, those that the search has met first."""
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
