"""The graph of a small function, with the value and the derivative at each node, as text and as a picture."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastconv.utils.model_drawing import draw, figure_of
from fastconv.utils.model_graph import Box, Vertex

HEADER = ("node", "formula", "value", "derivative")
INPUT = "input"
OWNER = "explain_gradient"  # for error messages
MOST_NUMBERS = 8  # that a cell shows


class GradientNode(NamedTuple):
    """An input or an intermediate result of a function, as `explain_gradient` returns it.

    Attributes:
        name: str, the name of the argument or of the local variable; "t1", "t2" and so on for results without a name.
        formula: str, how the value is computed, such as "w * x"; "input" for an argument.
        value: array or number.
        derivative: the derivative of the function's result with respect to this node, with the shape of `value`.
        sources: the names of the nodes from which the value is computed.

    Example:
        >>> node = utils.explain_gradient(lambda x: x * x, x=3.0)["x"]
        >>> float(node.value), float(node.derivative)
        (3.0, 6.0)
    """

    name: str
    formula: str
    value: Any
    derivative: Any
    sources: tuple[str, ...]


class GradientGraph:
    """The nodes of a function in the order of computation; ``graph["name"]`` is a node, and `str` returns a table.

    Args:
        nodes: list of `GradientNode`, each after its sources.

    Example:
        >>> print(utils.explain_gradient(lambda x: 3.0 * x + 1.0, x=2.0))
        node  formula  value  derivative
        x     input    2      3
        t1    3 * x    6      1
        t2    t1 + 1   7      1
    """

    def __init__(self, nodes: Sequence[GradientNode]) -> None:
        self.nodes = list(nodes)

    def __getitem__(self, name: str) -> GradientNode:
        """Return the node with a name. Raises KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(
            f"explain_gradient: no node has this name. Received: {name!r}, not of {[*map(_name, self.nodes)]}"
        )

    def __str__(self) -> str:
        rows = [HEADER, *((n.name, n.formula, _text(n.value), _text(n.derivative)) for n in self.nodes)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows)

    def __repr__(self) -> str:
        return f"<GradientGraph: {', '.join(map(_name, self.nodes))}>"

    def plot(self, to_file: str | os.PathLike[str], rankdir: str = "LR", dpi: int = 200) -> None:
        """Draw the nodes as boxes with value and derivative, connected by arrows, into a file.

        In a notebook, a graph that is the last value of a cell shows the same picture.

        Args:
            to_file: str or path. The file, which ends in .png, .svg, .pdf or another format of Matplotlib.
            rankdir: "LR" for left to right (default), "TB" for top to bottom, "RL" or "BT".
            dpi: int. Dots per inch. Default: 200.

        Raises:
            ImportError: Matplotlib is not installed.
            ValueError: the format or the direction is unknown.
        """
        kind = Path(to_file).suffix.removeprefix(".").lower()
        draw(self._rows(), os.fspath(to_file), kind, rankdir, dpi, OWNER)

    def _rows(self) -> list[tuple[Box, list[list[str]]]]:
        return [(box_of(node), lines_of(node)) for node in self.nodes]

    def _repr_png_(self) -> bytes | None:
        """Return the picture for notebooks, or None if Matplotlib is not installed."""
        if importlib.util.find_spec("matplotlib") is None:
            return None
        file = io.BytesIO()
        figure_of(self._rows(), "LR", OWNER).savefig(file, format="png", dpi=100)
        return file.getvalue()


def _name(node: GradientNode) -> str:
    return node.name


def box_of(node: GradientNode) -> Box:
    """Return the box of a node in a picture."""
    return Box(node.name, Vertex(node.name, None), (), list(dict.fromkeys(node.sources)))


def lines_of(node: GradientNode) -> list[list[str]]:
    """Return the lines of text in the box of a node."""
    title = node.name if node.formula == INPUT else f"{node.name} = {node.formula}"
    return [[title], [f"value {_text(node.value)}"], [f"derivative {_text(node.derivative)}"]]


def _text(value: Any) -> str:
    """Return the numbers of a small array with four digits, and the shape of a large array."""
    array = np.asarray(value) + 0.0  # no negative zeros
    if array.size > MOST_NUMBERS:
        return f"array {array.shape}"
    if array.ndim == 0:
        return f"{array:.4g}"
    return np.array2string(array, precision=4, separator=", ").replace("\n", "")
