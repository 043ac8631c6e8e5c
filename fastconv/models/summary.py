"""The table of a model's layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.arguments import as_integer, optional
from fastconv.engine import KerasTensor
from fastconv.engine.tree import leaves

MOST_CHARACTERS = 2**16  # of a line


def print_summary(
    model: Any, line_length: int | None, print_fn: Callable[[str], Any], show_trainable: bool = False
) -> None:
    """Print name, type, output shape and number of weights of every layer, then the totals."""
    line_length = optional(as_integer, "summary", "line_length", line_length, 1, MOST_CHARACTERS)
    nodes = getattr(model, "_nodes", ())
    nodes_of: dict[Any, list[Any]] = {}
    for node in nodes:
        nodes_of.setdefault(node.operation, []).append(node)
    is_branched = any(len(node.inputs) > 1 for node in nodes) or len(nodes_of) < len(nodes)
    header = ["Layer (type)", "Output Shape", "Param #"] + ["Connected to"] * is_branched
    header += ["Trainable"] * show_trainable
    rows = [_row(layer, nodes_of.get(layer, []), is_branched, show_trainable) for layer in model.layers]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    if line_length is not None:
        widths[0] += max(0, line_length - sum(widths) - 3 * len(widths) - 1)
    print_fn(f'Model: "{model.name}"')
    print_fn(_rule("┏", "━", "┳", "┓", widths))
    print_fn("┃ " + " ┃ ".join(cell.ljust(w) for cell, w in zip(header, widths)) + " ┃")
    print_fn(_rule("┡", "━", "╇", "┩", widths))
    for i, row in enumerate(rows):
        if i:
            print_fn(_rule("├", "─", "┼", "┤", widths))
        print_fn("│ " + " │ ".join(cell.ljust(w) for cell, w in zip(row, widths)) + " │")
    print_fn(_rule("└", "─", "┴", "┘", widths))
    trained = model.trainable_weights
    for label, variables in (
        ("Total", model.weights),
        ("Trainable", trained),
        ("Non-trainable", model.non_trainable_weights),
    ):
        print_fn(f" {label} params: {sum(v.size for v in variables):,} ({_bytes(variables)})")


def _row(layer: Any, nodes: list[Any], is_branched: bool, show_trainable: bool) -> list[str]:
    """A line of the table; the graph is branched if a layer joins several tensors or is applied several times."""
    outputs = [t for node in nodes for t in node.outputs] or leaves(layer.output)
    shapes = dict.fromkeys(str(t.shape) for t in outputs if isinstance(t, KerasTensor))
    row = [f"{layer.name} ({type(layer).__name__})", ", ".join(shapes) or "?", f"{layer.count_params():,}"]
    if is_branched:
        row.append(", ".join(t.name for node in nodes for t in node.inputs) or "-")
    if show_trainable:
        row.append("Y" if layer.trainable_weights else "N" if layer.weights else "-")
    return row


def _rule(left: str, line: str, cross: str, right: str, widths: list[int]) -> str:
    return left + cross.join(line * (w + 2) for w in widths) + right


def _bytes(variables: list) -> str:
    size = float(sum(v.value.nbytes for v in variables))
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"
