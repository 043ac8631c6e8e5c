"""A report in words: every row, the lost ones on top, and each kind of rows beside its goal."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.goals import ALL_CONVOLUTIONS, CONVOLUTIONS, GOALS, SECOND_THREAD, SECOND_THREAD_FLOPS, Goal, goal
from benchmarks.rows import QUIET, THREADS, Row, key


def table(rows: Sequence[Row]) -> str:
    """Every row, the lost ones on top."""
    second = speedups(rows)
    lines = [
        f"{'ratio':>6}  {'ours':>13}  {'rival':>13}  {'GFLOP/s':>8}  {'of peak':>7}  {'threads':>7}  {'2nd':>4}  "
        f"{'batch':>5}  {'algorithm':<12}  what"
    ]
    for row in sorted(rows, key=lambda row: row.ratio):
        arithmetic = f"{row.gflops:8.1f}  {row.peak_share:7.0%}" if row.flops else f"{'-':>8}  {'-':>7}"
        speedup = f"{second[key(row)]:4.2f}" if key(row) in second else f"{'':4}"
        lines.append(
            f"{row.ratio:6.2f}  {row.seconds * 1e6:10.1f} us  {row.rival_seconds * 1e6:10.1f} us  {arithmetic}  "
            f"{row.threads:7}  {speedup}  {row.batch:5}  {row.algorithm:<12}  {row.family} {row.name} {row.op} "
            f"{row.direction} ({row.rival} {row.layout})"
        )
    return "\n".join(lines)


def speedups(rows: Iterable[Row]) -> dict[tuple, float]:
    """How many times as fast two threads are as one, by the key of the row with two, where that is worth asking."""
    times = {key(row): row.seconds for row in rows if row.flops > SECOND_THREAD_FLOPS}
    return {k: times[(*k[:-1], 1)] / seconds for k, seconds in times.items() if k[-1] == 2 and (*k[:-1], 1) in times}


def geometric_mean(numbers: Iterable[float]) -> float:
    logarithms = [math.log(number) for number in numbers]
    return math.exp(sum(logarithms) / len(logarithms))


def verdicts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each kind of rows and direction beside its goal, then all convolutions, then the second thread."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.kind, row.direction].append(row)
    order = list(GOALS)
    found = [
        verdict(f"{kind} {direction}", groups[kind, direction], goal(kind, direction))
        for kind, direction in sorted(groups, key=lambda group: order.index(group[0]))
    ]
    convolutions = [row for row in rows if row.kind in CONVOLUTIONS]
    return found + ([verdict("all convolutions", convolutions, ALL_CONVOLUTIONS)] if convolutions else [])


def verdict(name: str, rows: Sequence[Row], goal: Goal) -> dict[str, Any]:
    lowest = min(rows, key=lambda row: row.ratio)
    means = {
        str(threads): round(geometric_mean(row.ratio for row in rows if row.threads == threads), 3)
        for threads in THREADS
    }
    return {
        "what": name,
        "goal": goal.mean,
        "mean": means,
        "rows": len(rows),
        "lost": sum(row.ratio < goal.least for row in rows),
        "lowest": round(lowest.ratio, 3),
        "lowest_row": " ".join(map(str, key(lowest))),
        "met": min(means.values()) >= goal.mean and lowest.ratio >= goal.least,
    }


def overview(rows: Sequence[Row]) -> str:
    """The verdicts, a line each."""
    lines = [f"{'ratios':<32}  {'goal':>4}  {'1 thread':>8}  {'2 threads':>9}  {'lost':>11}  {'met':<3}  lowest"]
    for found in verdicts(rows):
        lines.append(
            f"{found['what']:<32}  {found['goal']:4.1f}  {found['mean']['1']:8.2f}  {found['mean']['2']:9.2f}  "
            f"{found['lost']:4} of {found['rows']:4}  {'yes' if found['met'] else 'no':<3}  "
            f"{found['lowest']:.2f} {found['lowest_row']}"
        )
    return "\n".join([*lines, *second_thread(rows), *disturbed(rows)])


def disturbed(rows: Sequence[Row]) -> list[str]:
    """How many rows are to be doubted; empty where none is."""
    doubtful = [row for row in rows if row.others > QUIET]
    if not doubtful:
        return []
    worst = max(doubtful, key=lambda row: row.others)
    return [
        f"{len(doubtful)} of {len(rows)} rows were measured while others kept more than {QUIET} processors busy, "
        f"up to {worst.others:.2f}: measure them again, {' '.join(map(str, key(worst)))} first"
    ]


def second_thread(rows: Sequence[Row]) -> list[str]:
    """What the second thread gains where there is enough to do; empty where no row has."""
    gains = speedups(rows)
    if not gains:
        return []
    lowest = min(gains, key=gains.__getitem__)
    below = sum(gain < SECOND_THREAD for gain in gains.values())
    return [
        f"second thread above {SECOND_THREAD_FLOPS / 1e6:.0f} MFLOP: {geometric_mean(gains.values()):.2f} "
        f"times as fast (goal {SECOND_THREAD} in every row; {below} of {len(gains)} below; "
        f"lowest {gains[lowest]:.2f} {' '.join(map(str, lowest))})"
    ]
