"""The table of a model's layers."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from fastconv.arguments import as_integer, optional
from fastconv.engine import KerasTensor
from fastconv.engine.tree import leaves
from fastconv.typing import AnyModel
from fastconv.utils.layer_counts import LayerCounts

# The line length, and the ends of the columns as fractions of it: for layers in sequence, and for branches.
IN_A_ROW: tuple[int, tuple[float, ...]] = (88, (0.45, 0.80, 1.0))
BRANCHED: tuple[int, tuple[float, ...]] = (108, (0.3, 0.56, 0.74, 1.0))
COUNTS = ["Window", "Neurons", "Connections", "Mult-Adds", "Receptive Field"]  # columns of counts
LEAST_WIDTH = 4  # of a column
MOST_CHARACTERS = 2**16  # of a line


def print_summary(
    model: AnyModel,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    counts: Sequence[LayerCounts] | None = None,
) -> None:
    """Print the table of `Model.summary`, with columns for `counts` if they are given, then the numbers of weights."""
    line_length = optional(as_integer, "summary", "line_length", line_length, 1, MOST_CHARACTERS)
    print_line = print_fn or print
    table = summary_table(model, expand_nested, show_trainable, layer_range, counts)
    print_line(f'Model: "{model.name}"')
    for line in table.lines(line_length, positions):
        print_line(line)
    for line in totals(model):
        print_line(f" {line}")


def summary_table(
    model: AnyModel,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    counts: Sequence[LayerCounts] | None = None,
) -> Table:
    """Return the table of the layers of a model."""
    nodes = getattr(model, "_nodes", ())
    nodes_of: dict[Any, list[Any]] = {}
    for node in nodes:
        nodes_of.setdefault(node.operation, []).append(node)
    is_branched = any(len(node.inputs) > 1 for node in nodes) or len(nodes_of) < len(nodes)
    table = Table(is_branched, show_trainable, counts)
    for layer in in_range(model.layers, layer_range):
        table.add(layer, nodes_of.get(layer, []), expand_nested)
    return table


def totals(model: AnyModel) -> list[str]:
    """Return the lines with the numbers of weights."""
    return [
        f"{label} params: {sum(v.size for v in variables):,} ({_bytes(variables)})"
        for label, variables in _totals(model).items()
    ]


def in_range(layers: list[Any], layer_range: Sequence[str] | None) -> list[Any]:
    """Return the layers from the first match of one pattern to the last match of the other.

    Raises:
        ValueError: there are not two patterns, or a pattern matches no name.
    """
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(pattern, str) for pattern in layer_range):
        raise ValueError(f"summary: layer_range must be two strings. Received: layer_range={layer_range!r}")
    found = [[i for i, layer in enumerate(layers) if re.match(pattern, layer.name)] for pattern in layer_range]
    if not all(found):
        raise ValueError(
            "summary: both patterns of layer_range must match the name of a layer. "
            f"Received: layer_range={layer_range!r}, layers={[layer.name for layer in layers]}"
        )
    first, last = found
    ends = (min(first), max(last)) if min(first) <= max(last) else (min(last), max(first))
    return layers[ends[0] : ends[1] + 1]


def count_cells(counts: Sequence[LayerCounts]) -> list[str]:
    """Return the cells of the columns `COUNTS` for the counts of a layer, or of the layers of a nested model."""
    if not counts:
        return ["-"] * len(COUNTS)
    window, field = counts[0].window if len(counts) == 1 else None, counts[-1].receptive_field
    sums = (sum(numbers) for numbers in zip(*((c.neurons, c.connections, c.multiply_adds) for c in counts)))
    return [times(window) or "-", *(f"{n:,}" if n else "-" for n in sums), times(field) or "?"]


def times(sizes: Sequence[int] | None) -> str:
    """Return sizes as text, such as "3x3", or an empty string for None."""
    return "x".join(map(str, sizes or ()))


class Table:
    """A table of text."""

    def __init__(self, is_branched: bool, show_trainable: bool, counts: Sequence[LayerCounts] | None = None) -> None:
        self.is_branched = is_branched
        self.show_trainable = show_trainable
        self.counts = counts
        self.header = ["Layer (type)", "Output Shape", "Param #"]
        self.header += [] if counts is None else COUNTS
        self.right = range(2, len(self.header))  # columns of numbers
        self.header += ["Connected to"] * is_branched
        self.header += ["Trainable"] * show_trainable
        self.rows: list[list[str]] = []

    def add(self, layer: Any, nodes: list[Any], expand_nested: bool, depth: int = 0, path: str = "") -> None:
        """Add a row for a layer and, if `expand_nested`, for each layer inside it; `path` is that of the model."""
        outputs = [t for node in nodes for t in node.outputs] or leaves(layer.output)
        shapes = dict.fromkeys(str(t.shape) for t in outputs if isinstance(t, KerasTensor))
        prefix = "   " * depth + "└ " if depth else ""
        count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        row = [f"{prefix}{layer.name} ({type(layer).__name__})", ", ".join(shapes) or "?", count]
        if self.counts is not None:
            row += count_cells([c for c in self.counts if f"{c.name}/".startswith(f"{path}{layer.name}/")])
        if self.is_branched:
            row.append(", ".join(t.name for node in nodes for t in node.inputs) or "-")
        if self.show_trainable:
            row.append("Y" if layer.trainable_weights else "N" if layer.weights else "-")
        self.rows.append(row)
        for inner in getattr(layer, "layers", ()) if expand_nested else ():
            self.add(inner, [], expand_nested, depth + 1, f"{path}{layer.name}/")

    def lines(self, line_length: int | None, positions: Sequence[float] | None) -> list[str]:
        """Return the lines of the table, as wide as its cells unless a length or positions are given."""
        as_needed = line_length is None and positions is None
        widths = self._natural_widths() if as_needed else self._given_widths(line_length, positions)
        lines = [_rule("┏", "━", "┳", "┓", widths), *self._row(self.header, "┃", widths)]
        lines.append(_rule("┡", "━", "╇", "┩", widths))
        for i, row in enumerate(self.rows):
            lines += [_rule("├", "─", "┼", "┤", widths)] * bool(i) + self._row(row, "│", widths)
        return [*lines, _rule("└", "─", "┴", "┘", widths)]

    def _natural_widths(self) -> list[int]:
        return [max(len(row[i]) for row in [self.header, *self.rows]) for i in range(len(self.header))]

    def _given_widths(self, line_length: int | None, positions: Sequence[float] | None) -> list[int]:
        default_length, fractions = IN_A_ROW
        if self.is_branched:
            default_length, fractions = BRANCHED
        if positions is None and self.counts is not None:
            widths = self._natural_widths()
            fractions = tuple(sum(widths[: i + 1]) / sum(widths) for i in range(len(widths)))
        elif positions is None and self.show_trainable:
            fractions = (*(0.9 * fraction for fraction in fractions), 1.0)
        length = line_length or default_length + 12 * self.show_trainable
        ends = [*(fractions if positions is None else positions)]
        if ends and ends[-1] <= 1:
            ends = [int(length * end) for end in ends]
        widths = [int(end) - int(start) - 3 for start, end in zip([1, *ends], ends)]
        if len(widths) != len(self.header) or min(widths) < LEAST_WIDTH:
            raise ValueError(
                f"summary: each column of {self.header} needs a position, and {LEAST_WIDTH} characters. "
                f"Received: {line_length=}, {positions=}"
            )
        return widths

    def _row(self, cells: list[str], bar: str, widths: list[int]) -> list[str]:
        """Return the lines of a row; long cells are wrapped, and counts are aligned to the right."""
        parts = [textwrap.wrap(cell, w, drop_whitespace=False) or [""] for cell, w in zip(cells, widths)]
        lines = []
        for i in range(max(map(len, parts))):
            texts = [part[i] if i < len(part) else "" for part in parts]
            padded = [t.rjust(w) if k in self.right else t.ljust(w) for k, (t, w) in enumerate(zip(texts, widths))]
            lines.append(f"{bar} " + f" {bar} ".join(padded) + f" {bar}")
        return lines


def _rule(left: str, line: str, cross: str, right: str, widths: list[int]) -> str:
    return left + cross.join(line * (w + 2) for w in widths) + right


def _totals(model: AnyModel) -> dict[str, list[Any]]:
    """Return the variables to count after the table, by label."""
    trained, others = model.trainable_weights, model.non_trainable_weights
    has_state = model.compiled and model.optimizer is not None and model.optimizer.built
    state = model.optimizer.variables if has_state else []
    found = {"Total": [*trained, *others, *state], "Trainable": trained, "Non-trainable": others}
    return {**found, "Optimizer": state} if has_state else found


def _bytes(variables: list) -> str:
    size = float(sum(v.size * v.dtype.itemsize for v in variables))
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
