"""Print the table of ratios: fastconv and every installed rival, all in one process.

``python -m benchmarks.report [--quick] [--only WORD] [--resume] [--again] [--isa avx2]`` prints the table and stores it
in benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals import OURS, RIVALS, Side
from benchmarks.support import plots, summary
from benchmarks.support.cases import Case, load
from benchmarks.support.goals import kind
from benchmarks.support.machine import BOUND, RESTRICTIONS, processor, start_with
from benchmarks.support.measure import Others, alternate, bandwidth, fma_peak
from benchmarks.support.rows import QUIET, THREADS, Row, key, read_rows, replaced, write_rows
from fastconv import _core

RESULTS = Path(__file__).parent / "results"
SAVE_EVERY = 10  # seconds
TRIES = 3  # measurements of a disturbed row

# Rounds, seconds per block, seconds after which the fewest rounds are enough.
FULL = (4, 0.002, 0.8)
QUICK = (3, 0.002, 0.5)
# A quick report has this number of cases of each kind and direction, and no larger cases than these.
QUICK_CASES = 7
QUICK_FLOPS, QUICK_BYTES = 1_000_000_000, 50_000_000


class DisagreementError(Exception):
    """Two sides compute different results for a case."""


def check_agreement(case: Case, sides: Sequence[Side], results: Iterable[Any]) -> None:
    """Check that the results agree; otherwise a comparison of speed is meaningless."""
    if case.op in ("model", "batches"):
        return  # weights, dropout and the order of samples are random
    arrays = [side.as_numpy(case, result) for side, result in zip(sides, results)]
    tolerance = 1e-4 * np.abs(arrays[0]).max()
    for side, array in zip(sides, arrays):
        if array.shape != arrays[0].shape or not np.abs(array - arrays[0]).max() <= tolerance:
            raise DisagreementError(f"{side.name} {side.layout} and fastconv compute different results")


def measure(case: Case, rivals: Sequence[Side], effort: tuple[int, float, float]) -> list[Row]:
    """Return the rows of a case, one for each number of threads.

    Raises:
        DisagreementError: a rival's result differs.
    """
    rivals = [rival for rival in rivals if rival.takes(case)]
    sides = (OURS, *rivals)
    calls = [side.prepare(case) for side in sides]
    check_agreement(case, sides, (call() for call in calls))
    return [measure_threads(case, sides, calls, threads, effort) for threads in THREADS]


def measure_threads(case: Case, sides: Sequence[Side], calls: Sequence[Any], threads: int, effort: Any) -> Row:
    """Return the row at `threads`, measured again if others disturb it; the least disturbed measurement counts."""
    for side in sides:
        side.set_num_threads(threads)
    rows: list[Row] = []
    while len(rows) < TRIES and not any(row.others <= QUIET for row in rows):
        with Others(threads) as others:
            ours, *theirs = alternate(calls, *effort)
        fastest, seconds = min(zip(sides[1:], theirs), key=lambda pair: pair[1])
        row = Row(
            family=case.family,
            name=case.name,
            op=case.op,
            direction=case.direction,
            batch=case.batch,
            threads=threads,
            kind=kind(case),
            algorithm=OURS.algorithm(case),
            depth=case.depth,
            columns=case.columns,
            flops=case.flops,
            bytes=case.bytes,
            others=others.share,
            peak_gflops=others.peak,
            bandwidth_gbytes=bandwidth(threads),
            seconds=ours,
            rival=fastest.name,
            layout=fastest.layout,
            rival_seconds=seconds,
        )
        rows.append(row)
    return min(rows, key=lambda row: row.others)


def representative(cases: Sequence[Case]) -> list[Case]:
    """Return `QUICK_CASES` cases of each kind and direction, evenly spread from the smallest to the largest allowed."""
    groups: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        if case.flops <= QUICK_FLOPS and case.bytes <= QUICK_BYTES:
            groups[kind(case), case.direction].append(case)
    chosen: set[Case] = set()
    for group in groups.values():
        group.sort(key=lambda case: (case.flops, case.bytes))
        places = np.linspace(0, len(group) - 1, min(QUICK_CASES, len(group)))
        chosen.update(group[round(place)] for place in places)
    return [case for case in cases if case in chosen]


def machine(rivals: Sequence[Side]) -> dict[str, Any]:
    """Return the information that a reader needs to compare figures."""
    return {
        "processor": processor(),
        "instruction_set": _core.get_isa(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", *sorted({rival.package for rival in rivals}))},
    }


def roof() -> dict[str, dict[str, float]]:
    """Return GFLOP/s in registers and GB/s from memory, for each number of threads."""
    return {
        "peak_gflops": {str(threads): round(fma_peak(threads), 1) for threads in THREADS},
        "bandwidth_gbytes": {str(threads): round(bandwidth(threads), 1) for threads in THREADS},
    }


class Report:
    """Files that are complete at any moment: rows (csv), the machine (json), text (md), pictures (png)."""

    def __init__(self, name: str, about: dict[str, Any]) -> None:
        self.name = name
        self.about = about
        self.rows: dict[tuple, Row] = {}
        self.saved = time.monotonic()

    def path(self, ending: str) -> Path:
        return RESULTS / (self.name + ending)

    def read(self) -> None:
        """Continue with the stored rows. Raise ValueError if they were measured on another machine."""
        if not self.path(".json").exists():
            return
        before = json.loads(self.path(".json").read_text())["machine"]
        if before != self.about:
            raise ValueError(f"{self.path('.csv')} was measured on {before}, this is {self.about}: move it away")
        self.rows = {key(row): row for row in read_rows(self.path(".csv"))}

    def add(self, rows: Iterable[Row]) -> None:
        self.rows.update((key(row), row) for row in rows)
        if time.monotonic() - self.saved > SAVE_EVERY:
            self.save()

    def save(self, **more: Any) -> None:
        """Store the rows, and additional entries of the json file."""
        RESULTS.mkdir(exist_ok=True)
        with replaced(self.path(".json")) as path:
            path.write_text(json.dumps({"machine": self.about, **more}, indent=1) + "\n")
        with replaced(self.path(".csv")) as path:
            write_rows(path, list(self.rows.values()))
        self.saved = time.monotonic()

    def finish(self, again: Iterable[Row]) -> None:
        """Write the summary of the rows; `again` are the lost rows, measured a second time."""
        rows, limits = list(self.rows.values()), roof()
        self.save(roof=limits, goals=summary.verdicts(rows))
        with replaced(self.path(".md")) as path:
            path.write_text(summary.markdown(rows, {key(row): row for row in again}))
        with replaced(self.path(".png")) as path:
            plots.ratios(rows, self.about["processor"], path)
        with replaced(self.path("-roofline.png")) as path:
            plots.roofline(rows, limits, self.about["processor"], path)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.report", description="fastconv beside its rivals")
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds; without --only, of fewer cases")
    parser.add_argument("--only", default="", metavar="WORD", help="measure again the cases whose name contains WORD")
    parser.add_argument("--resume", action="store_true", help="continue an interrupted report")
    parser.add_argument("--again", action="store_true", help="measure the cases that a report has lost a second time")
    parser.add_argument("--isa", choices=RESTRICTIONS, help="restrict every side to this instruction set")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    start_with("benchmarks.report", BOUND | RESTRICTIONS.get(asked.isa, {}))
    rivals = [rival for rival in RIVALS if rival.available()]
    if not rivals:
        sys.exit("no rival is installed: pip install 'fastconv[bench]'")
    name = ("quick" if asked.quick else "report") + (f"-{asked.isa}" if asked.isa else "")
    report, again = Report(name, machine(rivals)), Report(name + "-again", machine(rivals))
    try:
        if asked.resume or asked.only or asked.again:
            report.read()
        if asked.resume or (asked.only and not asked.again):
            again.read()
    except ValueError as error:
        sys.exit(str(error))
    compared = (case for case in load() if any(rival.takes(case) for rival in rivals))
    cases = [case for case in compared if asked.only in str(case)]
    if asked.again:
        cases = [case for case in cases if any(lost(report.rows.get(key(case, threads))) for threads in THREADS)]
    elif asked.quick and not asked.only:
        cases = representative(cases)
    measured = again if asked.again else report
    wrong = run(cases, rivals, measured, QUICK if asked.quick else FULL, skip=asked.resume)
    if not measured.rows:
        sys.exit("\n".join(wrong) or "no case has that name")
    again.save()
    report.finish(again.rows.values())
    shown = [measured.rows[k] for case in cases for threads in THREADS if (k := key(case, threads)) in measured.rows]
    print(json.dumps(report.about), summary.table(shown), summary.overview(shown), sep="\n\n")
    sys.exit("\n".join(wrong) or None)


def lost(row: Row | None) -> bool:
    return row is not None and row.ratio < 1


def run(cases: Sequence[Case], rivals: Sequence[Side], report: Report, effort: Any, *, skip: bool) -> list[str]:
    """Measure `cases`, except those already in the report if `skip`; return the errors of the cases left out."""
    wrong = []
    for number, case in enumerate(cases, 1):
        if skip and all(key(case, threads) in report.rows for threads in THREADS):
            continue
        print(f"{number}/{len(cases)} {case}", file=sys.stderr)
        try:
            report.add(measure(case, rivals, effort))
        except Exception as error:  # a failing case must not cost the hour of the others
            wrong.append(f"{case} is left out: {type(error).__name__}: {error}")
            print(wrong[-1], file=sys.stderr)
    return wrong


if __name__ == "__main__":
    main()
