"""Profiles as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fastconv.backends.balance import THREADS
from fastconv.utils.profiled_step import ProfiledStep
from fastconv.window import Shape

NOTE = f"""GFLOP/s: of plain sums of products, although Winograd and Fourier need fewer; peak: of the threads in use.
balance: percent of the time of {", ".join(map(str, THREADS))} threads that tasks fill, if tasks are equal; threads are
at most those that the work of a step is worth. Times are the shortest of {{passes}} passes."""

SUMS = ("us", "share", "GFLOP/s", "peak", "GB/s")
BALANCE = "balance " + " ".join(f"{n:>3}" for n in THREADS)


def step_table(rows: Sequence[ProfiledStep]) -> str:
    """Return a table with a line for each step."""
    header = ["layers", "operation", "kernel", "shapes", *SUMS, "tasks", "threads", BALANCE]
    return _table(header, [_step_cells(row) for row in rows], 4)


def kind_table(kinds: Mapping[str, Sequence[ProfiledStep]]) -> str:
    """Return a table with a line for each kind of step."""
    rows = [[f"{kind} ({len(steps)})", *_sums(steps), _balance(steps)] for kind, steps in kinds.items()]
    return _table(["kind (steps)", *SUMS, BALANCE], rows, 1)


def _step_cells(row: ProfiledStep) -> list[str]:
    """Return a line; shapes are the factors of a product, else the first input, and the first result."""
    layers = ", ".join(row.layers) or "-"
    tasks = "+".join(str(n) for n in row.tasks if n) or "-"
    factors = row.input_shapes[: 2 if row.flops else 1]
    shapes = f"{_shapes(factors)} -> {_shapes(row.output_shapes[:1])}"
    kernel = "compiled" if row.kernel == row.operation else row.kernel
    return [layers, row.operation, kernel, shapes, *_sums([row]), tasks, str(row.threads), _balance([row])]


def _sums(rows: Sequence[ProfiledStep]) -> list[str]:
    """Return the time, share, GFLOP/s, share of the peak, and GB/s of steps together."""
    seconds = sum(row.seconds for row in rows)
    flops = sum(row.flops for row in rows)
    at_peak = sum(row.seconds * row.peak_share for row in rows) / seconds
    return [
        f"{seconds * 1e6:.1f}",
        f"{sum(row.share for row in rows):.1%}",
        f"{flops / seconds / 1e9:.1f}" if flops else "-",
        f"{at_peak:.0%}" if at_peak else "-",
        f"{sum(row.bytes for row in rows) / seconds / 1e9:.1f}",
    ]


def _balance(rows: Sequence[ProfiledStep]) -> str:
    """Return the balance of steps together, those without tasks left out, for each number of threads."""
    known = [row for row in rows if row.balance]
    return " ".join(f"{_percent(known, n):>3}" for n in THREADS)


def _percent(rows: Sequence[ProfiledStep], threads: int) -> str:
    if not rows:
        return "-"
    return f"{100 * sum(row.seconds for row in rows) / sum(row.seconds / row.balance[threads] for row in rows):.0f}"


def _shapes(shapes: Sequence[Shape]) -> str:
    return ", ".join("x".join(map(str, shape)) or "()" for shape in shapes)


def _table(header: list[str], rows: list[list[str]], left: int) -> str:
    """Return aligned columns; the first `left` of them are aligned to the left, and the others to the right."""
    widths = [max(len(cells[i]) for cells in [header, *rows]) for i in range(len(header))]
    aligned: list[Callable[..., str]] = [str.ljust] * left + [str.rjust] * (len(header) - left)
    lines = [[align(cell, width) for align, cell, width in zip(aligned, cells, widths)] for cells in [header, *rows]]
    return "\n".join("  ".join(cells).rstrip() for cells in [*lines[:1], ["-" * width for width in widths], *lines[1:]])
