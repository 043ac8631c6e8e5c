"""The table of ratios: fastconv beside every rival that is installed, all in one process.

``python -m benchmarks.report [--quick] [--only WORD]`` prints it and writes it to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import Case, load
from benchmarks.measure import alternate, fma_peak
from benchmarks.rivals import OURS, RIVALS, Side
from fastconv import _core

RESULTS = Path(__file__).parent / "results"
THREADS = (1, 2)


@dataclass(frozen=True)
class Row:
    """One case at one number of threads, beside the fastest rival."""

    family: str
    name: str
    op: str
    direction: str
    batch: int
    threads: int
    flops: int
    peak_gflops: float
    seconds: float
    rival: str
    layout: str
    rival_seconds: float

    @property
    def ratio(self) -> float:
        """How many times as fast fastconv is."""
        return self.rival_seconds / self.seconds

    @property
    def gflops(self) -> float:
        return self.flops / self.seconds / 1e9

    @property
    def peak_share(self) -> float:
        """Above 1 an algorithm gets by with fewer operations than the direct one."""
        return self.gflops / self.peak_gflops


def check_agreement(case: Case, sides: Sequence[Side], results: Iterable[Any]) -> None:
    """A comparison of speed means nothing unless the results are the same."""
    if case.op == "model":
        return  # weights and dropout are drawn at random
    arrays = [side.as_numpy(case, result) for side, result in zip(sides, results)]
    tolerance = 1e-4 * np.abs(arrays[0]).max()
    for side, array in zip(sides, arrays):
        if array.shape != arrays[0].shape or np.abs(array - arrays[0]).max() > tolerance:
            raise AssertionError(f"{case}: {side.name} {side.layout} computes something else than fastconv")


def measure(case: Case, rivals: Sequence[Side], rounds: int, block: float) -> list[Row]:
    """The rows of a case, one for each number of threads."""
    sides = (OURS, *rivals)
    calls = [side.prepare(case) for side in sides]
    check_agreement(case, sides, (call() for call in calls))
    rows = []
    for threads in THREADS:
        for side in sides:
            side.set_num_threads(threads)
        peak = fma_peak(threads)
        ours, *theirs = alternate(calls, rounds, block)
        best = min(range(len(rivals)), key=theirs.__getitem__)
        what = (case.family, case.name, case.op, case.direction, case.batch, threads, case.flops, peak)
        rows.append(Row(*what, ours, rivals[best].name, rivals[best].layout, theirs[best]))
    return rows


def table(rows: Sequence[Row]) -> str:
    """Every row, the lost ones on top."""
    lines = [
        f"{'ratio':>6}  {'ours':>10}  {'rival':>10}  {'GFLOP/s':>8}  {'of peak':>7}  {'threads':>7}  {'batch':>5}  what"
    ]
    for row in sorted(rows, key=lambda row: row.ratio):
        arithmetic = f"{row.gflops:8.1f}  {row.peak_share:7.0%}" if row.flops else f"{'-':>8}  {'-':>7}"
        lines.append(
            f"{row.ratio:6.2f}  {row.seconds * 1e6:7.1f} us  {row.rival_seconds * 1e6:7.1f} us  {arithmetic}  "
            f"{row.threads:7}  {row.batch:5}  {row.family} {row.name} {row.op} {row.direction}"
            f" ({row.rival} {row.layout})"
        )
    return "\n".join(lines)


def geometric_mean(numbers: Iterable[float]) -> float:
    logarithms = [math.log(number) for number in numbers]
    return math.exp(sum(logarithms) / len(logarithms))


def summary(rows: Sequence[Row]) -> str:
    """Geometric means of the ratios, a line for each operation and direction."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[f"{row.op} {row.direction}"].append(row)
    groups["everything"] = list(rows)
    head = "".join(f"  {threads} thread{'s' * (threads > 1):1}" for threads in THREADS)
    lines = [f"{'geometric mean of ratios':<28}{head}  rows lost"]
    for name, group in groups.items():
        means = (geometric_mean(row.ratio for row in group if row.threads == threads) for threads in THREADS)
        lost = sum(row.ratio < 1 for row in group)
        lines.append(f"{name:<28}" + "".join(f"  {mean:9.2f}" for mean in means) + f"  {lost} of {len(group)}")
    return "\n".join(lines)


def machine(rivals: Sequence[Side]) -> dict[str, Any]:
    """What a reader needs to know to compare figures."""
    return {
        "processor": processor(),
        "instruction_set": _core.get_isa(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "versions": {name: version(name) for name in ("numpy", *{rival.package for rival in rivals})},
    }


def processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].split(":")[1].strip() if names else platform.machine()


def save(rows: Sequence[Row], about: dict[str, Any]) -> None:
    """Writes report.csv, report.json and report.png to RESULTS."""
    RESULTS.mkdir(exist_ok=True)
    records = [{**asdict(row), "ratio": round(row.ratio, 3)} for row in rows]
    with open(RESULTS / "report.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, records[0])
        writer.writeheader()
        writer.writerows(records)
    (RESULTS / "report.json").write_text(json.dumps({"machine": about, "rows": records}, indent=1) + "\n")
    plot(rows, about["processor"])


def plot(rows: Sequence[Row], title: str) -> None:
    """One dot a row: its ratio, on the line of its operation."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(f"{row.op} {row.direction}" for row in reversed(rows)))
    figure = Figure(figsize=(8, 1 + 0.4 * len(kinds)), layout="constrained")
    axes = figure.subplots()
    for threads, shift in zip(THREADS, (0.15, -0.15)):
        chosen = [row for row in rows if row.threads == threads]
        heights = [kinds.index(f"{row.op} {row.direction}") + shift for row in chosen]
        axes.scatter([row.ratio for row in chosen], heights, s=12, label=f"threads: {threads}")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xscale="log", xlabel="times as fast as the fastest rival", title=title)
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
    axes.minorticks_off()
    axes.set_yticks(range(len(kinds)), kinds)
    axes.legend()
    figure.savefig(RESULTS / "report.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.report", description="fastconv beside its rivals")
    parser.add_argument("--quick", action="store_true", help="5 short rounds a row in place of 15 longer ones")
    parser.add_argument("--only", default="", metavar="WORD", help="only the cases whose name contains WORD")
    arguments = parser.parse_args()
    rivals = [rival for rival in RIVALS if rival.available()]
    if not rivals:
        parser.error("there is nothing to compare with: pip install 'fastconv[bench]'")
    rounds, block = (5, 0.002) if arguments.quick else (15, 0.005)
    about = machine(rivals)
    if about["load"] > 0.5:
        print(f"Other processes are at work (load {about['load']}): these ratios will be noise.", file=sys.stderr)
    rows: list[Row] = []
    for case in load():
        if arguments.only in str(case):
            print(case, file=sys.stderr)
            rows += measure(case, rivals, rounds, block)
    print(json.dumps(about), table(rows), summary(rows), sep="\n\n")
    save(rows, about)


if __name__ == "__main__":
    main()
