"""Summaries of a report: every row, the lost rows first, and each kind of rows with its goal."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.support.bounds import BOUNDS, CACHED_BYTES, bound, roof_seconds
from benchmarks.support.goals import (
    ALL_CONVOLUTIONS,
    CONVOLUTIONS,
    DIRECT_SHARE,
    FULL_COLUMNS,
    FULL_DEPTH,
    GOALS,
    MEMORY_SHARE,
    SECOND_THREAD,
    SECOND_THREAD_FLOPS,
    Goal,
    goal,
)
from benchmarks.support.rows import QUIET, THREADS, Row, key


def table(rows: Sequence[Row]) -> str:
    """Return a table of every row, the lost rows first."""
    second = speedups(rows)
    lines = [
        f"{'ratio':>6}  {'ours':>13}  {'rival':>13}  {'GFLOP/s':>8}  {'of peak':>7}  {'threads':>7}  {'2nd':>4}  "
        f"{'batch':>5}  {'algorithm':<10}  {'bound':<9}  what"
    ]
    for row in sorted(rows, key=lambda row: row.ratio):
        arithmetic = f"{row.gflops:8.1f}  {row.peak_share:7.0%}" if row.flops else f"{'-':>8}  {'-':>7}"
        speedup = f"{second[key(row)]:4.2f}" if key(row) in second else f"{'':4}"
        lines.append(
            f"{row.ratio:6.2f}  {row.seconds * 1e6:10.1f} us  {row.rival_seconds * 1e6:10.1f} us  {arithmetic}  "
            f"{row.threads:7}  {speedup}  {row.batch:5}  {row.algorithm:<10}  {bound(row):<9}  "
            f"{row.family} {row.name} {row.op} {row.direction} ({row.rival} {row.layout})"
        )
    return "\n".join(lines)


def speedups(rows: Iterable[Row]) -> dict[tuple, float]:
    """Return the speed-up of two threads for rows with enough work, by the key of the row with two threads."""
    times = {key(row): row.seconds for row in rows if row.flops > SECOND_THREAD_FLOPS}
    return {k: times[(*k[:-1], 1)] / seconds for k, seconds in times.items() if k[-1] == 2 and (*k[:-1], 1) in times}


def geometric_mean(numbers: Iterable[float]) -> float:
    logarithms = [math.log(number) for number in numbers]
    return math.exp(sum(logarithms) / len(logarithms))


def verdicts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return each kind of rows and direction with its goal, then all convolutions."""
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
        "bounds": dict(Counter(bound(row) for row in rows if row.ratio < 1)),
        "lowest": round(lowest.ratio, 3),
        "lowest_row": " ".join(map(str, key(lowest))),
        "met": min(means.values()) >= goal.mean and lowest.ratio >= goal.least,
    }


def overview(rows: Sequence[Row]) -> str:
    """Return the verdicts, a line each."""
    lines = [f"{'ratios':<32}  {'goal':>4}  {'1 thread':>8}  {'2 threads':>9}  {'lost':>11}  {'met':<3}  lowest"]
    for found in verdicts(rows):
        lines.append(
            f"{found['what']:<32}  {found['goal']:4.1f}  {found['mean']['1']:8.2f}  {found['mean']['2']:9.2f}  "
            f"{found['lost']:4} of {found['rows']:4}  {'yes' if found['met'] else 'no':<3}  "
            f"{found['lowest']:.2f} {found['lowest_row']}"
        )
    return "\n".join([*lines, *further_goals(rows), *disturbed(rows)])


def further_goals(rows: Sequence[Row]) -> list[str]:
    """Return lines on goals for fractions of the machine's limits."""
    return [*full_depth(rows), *large_arrays(rows), *second_thread(rows)]


def full_depth(rows: Sequence[Row]) -> list[str]:
    """Return the fraction of the peak that direct convolutions with long sums reach; empty without such rows."""
    chosen = [
        row
        for row in rows
        if row.kind == "other" and row.algorithm == "direct" and row.depth >= FULL_DEPTH and row.columns >= FULL_COLUMNS
    ]
    return shares(
        "direct, sums of 576 and more, 64 and more outputs, of the FMA peak", chosen, DIRECT_SHARE, peak_share
    )


def large_arrays(rows: Sequence[Row]) -> list[str]:
    """Return the fraction of the bandwidth that operations without arithmetic reach; empty without large arrays."""
    chosen = [row for row in rows if not row.flops and row.op != "model" and row.bytes > CACHED_BYTES]
    return shares("arrays that no cache holds, of the memory's bandwidth", chosen, MEMORY_SHARE, memory_share)


def peak_share(row: Row) -> tuple[float, float]:
    return row.peak_share, row.rival_gflops / row.peak_gflops


def memory_share(row: Row) -> tuple[float, float]:
    pace = row.bytes / row.bandwidth_gbytes / 1e9
    return pace / row.seconds, pace / row.rival_seconds


def shares(title: str, rows: Sequence[Row], goal: float, of: Callable[[Row], tuple[float, float]]) -> list[str]:
    """Return the number of rows that reach the fraction `goal`, and both sides' medians; empty without rows."""
    if not rows:
        return []
    ours, theirs = zip(*map(of, rows))
    lowest = min(rows, key=lambda row: of(row)[0])
    return [
        f"{title}: median {median(ours):.0%}, the rival's {median(theirs):.0%} (goal {goal:.0%} in every row; "
        f"{sum(share < goal for share in ours)} of {len(rows)} below; "
        f"lowest {min(ours):.0%} {' '.join(map(str, key(lowest)))})"
    ]


def disturbed(rows: Sequence[Row]) -> list[str]:
    """Return the number of disturbed rows; empty without such rows."""
    doubtful = [row for row in rows if row.others > QUIET]
    if not doubtful:
        return []
    worst = max(doubtful, key=lambda row: row.others)
    return [
        f"{len(doubtful)} of {len(rows)} rows were measured while others kept more than {QUIET} processors busy, "
        f"up to {worst.others:.2f}: measure them again, {' '.join(map(str, key(worst)))} first"
    ]


def second_thread(rows: Sequence[Row]) -> list[str]:
    """Return the gain of the second thread for rows with enough work; empty without such rows."""
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


def markdown(rows: Sequence[Row], again: Mapping[tuple, Row]) -> str:
    """Return the verdicts as a table, then the rows that were lost both times."""
    return "\n".join([*verdict_table(rows), "", *further_lines(rows), "", *lost_table(rows, again)]) + "\n"


def verdict_table(rows: Sequence[Row]) -> list[str]:
    names = list(BOUNDS)
    lines = [
        "# Ratios to the fastest rival",
        "",
        "Above 1 fastconv is faster. Geometric means on 1 and 2 threads, and the bounds of the lost rows:",
        "",
        *(f"- {name}: {text}" for name, text in BOUNDS.items()),
        "",
        f"| | goal | 1 thread | 2 threads | rows | lost | {' | '.join(names)} |",
        f"|---|---|---|---|---|---|{'---|' * len(names)}",
    ]
    for found in verdicts(rows):
        counts = " | ".join(str(found["bounds"].get(name, "")) for name in names)
        lines.append(
            f"| {found['what']} | {found['goal']:.1f} | {found['mean']['1']:.2f} | {found['mean']['2']:.2f} "
            f"| {found['rows']} | {found['lost'] or ''} | {counts} |"
        )
    return lines


def further_lines(rows: Sequence[Row]) -> list[str]:
    return [f"- {line}" for line in [*further_goals(rows), *disturbed(rows)]]


def lost_table(rows: Sequence[Row], again: Mapping[tuple, Row]) -> list[str]:
    """Return the rows that were lost in both measurements."""
    lost = [row for row in rows if row.ratio < 1]
    twice = [row for row in lost if key(row) in again and again[key(row)].ratio < 1]
    measured = sum(key(row) in again for row in lost)
    lines = [
        "# Lost twice",
        "",
        f"Of {len(rows)} rows {len(lost)} were lost; {measured} of these were measured again, and {len(twice)} lost "
        "again. `bound` is that of the second time, shares are those of the roof.",
        "",
        "| ratio | again | ours | rival | bound | threads | algorithm | row |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(twice, key=lambda row: row.ratio * again[key(row)].ratio):
        second = again[key(row)]
        lines.append(
            f"| {row.ratio:.2f} | {second.ratio:.2f} | {roof_seconds(second) / second.seconds:.0%} "
            f"| {roof_seconds(second) / second.rival_seconds:.0%} | {bound(second)} | {row.threads} | {row.algorithm} "
            f"| {row.family} {row.name} {row.op} {row.direction} {row.batch} |"
        )
    return lines
