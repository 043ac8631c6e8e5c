"""The pictures of a report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np

from benchmarks.support.rows import THREADS, Row

COLORS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52")


def ratios(rows: Sequence[Row], title: str, path: Path) -> None:
    """Draw a dot for each row: its ratio, on the line of its kind and direction."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(f"{row.kind} {row.direction}" for row in sorted(rows, key=lambda row: row.kind)))[::-1]
    figure = Figure(figsize=(8, 1 + 0.3 * len(kinds)), layout="constrained")
    axes = figure.subplots()
    for threads, shift in zip(THREADS, (0.15, -0.15)):
        chosen = [row for row in rows if row.threads == threads]
        heights = [kinds.index(f"{row.kind} {row.direction}") + shift for row in chosen]
        axes.scatter([row.ratio for row in chosen], heights, s=8, alpha=0.6, label=f"threads: {threads}")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xscale="log", xlabel="times as fast as the fastest rival", title=title)
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(kinds)), kinds)
    axes.legend()
    figure.savefig(path, dpi=120, format="png")


def roofline(rows: Sequence[Row], roof: dict[str, dict[str, float]], title: str, path: Path) -> None:
    """Draw two dots for each row, ours and the rival's: operations per byte and per second, under the machine's limits.

    Both count the operations of the direct algorithm, and the bytes of each array once: arrays that stay in caches may
    lie above the slope, and algorithms with fewer operations above the roof (Williams et al. 2009).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6), layout="constrained")
    for axes, threads in zip(figure.subplots(1, len(THREADS), sharey=True), THREADS):
        chosen = [row for row in rows if row.threads == threads and row.flops]
        intensity = [row.flops / row.bytes for row in chosen]
        for label, heights in {
            "the fastest rival": [row.rival_gflops for row in chosen],
            "fastconv": [row.gflops for row in chosen],
        }.items():
            axes.scatter(intensity, heights, s=7, alpha=0.5, label=label)
        peak, slope = roof["peak_gflops"][str(threads)], roof["bandwidth_gbytes"][str(threads)]
        reach = np.geomspace(0.25, 1000, 200)
        limit = f"{peak:.0f} GFLOP/s, {slope:.0f} GB/s"
        axes.plot(reach, np.minimum(peak, slope * reach), color="black", linewidth=1, label=limit)
        axes.set(xscale="log", yscale="log", xlabel="operations a byte", title=f"{title}, threads: {threads}")
        axes.legend(loc="lower right")
    figure.axes[0].set_ylabel("GFLOP/s of the direct algorithm")
    figure.savefig(path, dpi=120, format="png")


def bars(ratios: dict[str, dict[int, float]], label: str, path: Path) -> None:
    """Draw a bar for each label and number of threads, on svg; the same ratios give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "fastconv", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 0.4 + 0.8 * len(ratios)), layout="constrained")
        axes = figure.subplots()
        counts = sorted({threads for bar in ratios.values() for threads in bar})
        height = 0.8 / len(counts)
        for i, (threads, color) in enumerate(zip(counts, cycle(COLORS))):
            chosen = [(n, bar[threads]) for n, bar in enumerate(ratios.values()) if threads in bar]
            places = [n + (i - (len(counts) - 1) / 2) * height for n, _ in chosen]
            drawn = axes.barh(places, [ratio for _, ratio in chosen], 0.95 * height, color=color)
            drawn.set_label(f"{threads} thread{'s' if threads > 1 else ''}")
            axes.bar_label(drawn, fmt="%.2f", padding=3, fontsize=8)
        axes.axvline(1, color="black", linewidth=1)
        axes.set_yticks(range(len(ratios)), list(ratios))
        axes.invert_yaxis()
        axes.margins(x=0.15, y=0.01)
        axes.set(xlabel=label, xlim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="best")
        figure.savefig(path, format="svg", metadata={"Date": None})
