"""The table of a model's layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.engine import KerasTensor
from fastconv.engine.tree import leaves


def print_summary(
    model: Any, line_length: int | None, print_fn: Callable[[str], Any], show_trainable: bool = False
) -> None:
    """Print name, type, output shape and number of weights of every layer, then the totals."""
    header = ["Layer (type)", "Output Shape", "Param #"] + ["Connected to"] * _is_branched(model)
    header += ["Trainable"] * show_trainable
    rows = [_row(model, layer, show_trainable) for layer in model.layers]
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


def _is_branched(model: Any) -> bool:
    """Whether a layer joins several tensors, or is applied several times."""
    nodes = getattr(model, "_nodes", ())
    return any(len(node.inputs) > 1 for node in nodes) or len({node.operation for node in nodes}) < len(nodes)


def _row(model: Any, layer: Any, show_trainable: bool) -> list[str]:
    nodes = [node for node in getattr(model, "_nodes", ()) if node.operation is layer]
    outputs = [t for node in nodes for t in node.outputs] or leaves(layer.output)
    shapes = dict.fromkeys(str(t.shape) for t in outputs if isinstance(t, KerasTensor))
    row = [f"{layer.name} ({type(layer).__name__})", ", ".join(shapes) or "?", f"{layer.count_params():,}"]
    if _is_branched(model):
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
