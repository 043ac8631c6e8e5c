"""Draw the bar chart of the README from the stored results: whole nets beside PyTorch.

python -m benchmarks.picture    # reads benchmarks/results/report.csv, writes docs/images/nets.svg
"""

from __future__ import annotations

import csv
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "report.csv"
PICTURE = ROOT / "docs" / "images" / "nets.svg"

NETS = {"lenet5": "LeNet-5", "mnist_convnet": "MNIST convnet"}
WORK = {"train": "training step", "inference": "inference"}


def ratios() -> dict[str, dict[int, float]]:
    """Return {net and work: {threads: ratio to PyTorch}} of the rows of whole nets."""
    found: dict[str, dict[int, float]] = {}
    with RESULTS.open() as file:
        for row in csv.DictReader(file):
            if row["kind"] == "whole net":
                label = f"{NETS[row['name']]}, {WORK[row['direction']]}, batch {row['batch']}"
                found.setdefault(label, {})[int(row["threads"])] = float(row["ratio"])
    return found


def draw(bars: dict[str, dict[int, float]], path: Path) -> None:
    """Draw a bar for each net and number of threads; the same ratios give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "fastconv", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        axes = figure.subplots()
        for threads, shift, color in ((1, -0.2, "#4c72b0"), (2, 0.2, "#dd8452")):
            heights = [place + shift for place in range(len(bars))]
            drawn = axes.barh(heights, [bar[threads] for bar in bars.values()], 0.38, color=color)
            drawn.set_label(f"{threads} thread{'s' if threads > 1 else ''}")
            axes.bar_label(drawn, fmt="%.2f", padding=3, fontsize=8)
        axes.axvline(1, color="black", linewidth=1)
        axes.set_yticks(range(len(bars)), list(bars))
        axes.invert_yaxis()
        axes.set(xlabel="speed relative to PyTorch 2.13 (the vertical line is PyTorch)", xlim=(0, 6))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper right")
        figure.savefig(path, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(ratios(), PICTURE)
