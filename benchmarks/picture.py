"""Draw the bar chart of the README from the stored results: whole nets beside PyTorch.

python -m benchmarks.picture    # reads benchmarks/results/report.csv, writes docs/images/nets.svg
"""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.support import plots

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


if __name__ == "__main__":
    plots.bars(ratios(), "speed relative to PyTorch 2.13 (the vertical line is PyTorch)", PICTURE)
