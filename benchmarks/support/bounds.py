"""Reasons for lost rows: the machine's roof over both sides, the fixed cost of a call, or only the code."""

from __future__ import annotations

from benchmarks.support.rows import QUIET, Row

# Larger arrays do not stay in a last-level cache from one call to the next.
CACHED_BYTES = 32 << 20
# Shorter calls are mostly Python's checks of arguments.
CALL_SECONDS = 20e-6
# Two medians of the same call differ by as much.
LEVEL = 0.95
# If a rival is this near to the roof, a kernel of the same arithmetic can gain nothing.
NEAR_ROOF = 0.8

BOUNDS = {
    "disturbed": f"others kept more than {QUIET} processors busy at the same time",
    "level": f"not lower than {LEVEL}, the ratio that two measurements of the same call may have",
    "call": f"the call takes less than {CALL_SECONDS * 1e6:.0f} us, most of it to check arguments",
    "roof": f"the rival runs at {NEAR_ROOF:.0%} or more of the machine's limit",
    "open": "none of these",
}


def roof_seconds(row: Row) -> float:
    """Return the time of the direct algorithm at the FMA peak, or of memory traffic if no cache holds the arrays."""
    memory = row.bytes / row.bandwidth_gbytes if row.bytes > CACHED_BYTES else 0.0
    return max(row.flops / row.peak_gflops, memory) / 1e9


def bound(row: Row) -> str:
    """Return the key of `BOUNDS` that explains why the row is lost; empty if it is not lost."""
    if row.ratio >= 1:
        return ""
    if row.others > QUIET:
        return "disturbed"
    if row.ratio >= LEVEL:
        return "level"
    if row.seconds < CALL_SECONDS:
        return "call"
    return "roof" if roof_seconds(row) >= NEAR_ROOF * row.rival_seconds else "open"
