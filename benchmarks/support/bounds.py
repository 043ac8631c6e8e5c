"""What bounds a row: the machine's roof over both sides, the fixed cost of a call, or nothing but the code."""

from __future__ import annotations

from benchmarks.support.rows import QUIET, Row

# Arrays that need more do not stay in a last-level cache from one call to the next.
CACHED_BYTES = 32 << 20
# Shorter calls are mostly Python's checks of arguments.
CALL_SECONDS = 20e-6
# Two medians of one and the same call differ as much.
LEVEL = 0.95
# A rival this near to the roof leaves a kernel of the same arithmetic nothing to gain.
NEAR_ROOF = 0.8

BOUNDS = {
    "disturbed": f"others kept more than {QUIET} processors busy meanwhile",
    "level": f"not lower than {LEVEL}, which is as near as two measurements of one call come",
    "call": f"the call takes less than {CALL_SECONDS * 1e6:.0f} us, most of them to check arguments",
    "roof": f"the rival runs at {NEAR_ROOF:.0%} or more of what the machine can do",
    "open": "none of these",
}


def roof_seconds(row: Row) -> float:
    """What the direct algorithm takes at the FMA peak, or the arrays to pass by where no cache holds them."""
    memory = row.bytes / row.bandwidth_gbytes if row.bytes > CACHED_BYTES else 0.0
    return max(row.flops / row.peak_gflops, memory) / 1e9


def bound(row: Row) -> str:
    """Which of `BOUNDS` explains that the row is lost; empty where it is not."""
    if row.ratio >= 1:
        return ""
    if row.others > QUIET:
        return "disturbed"
    if row.ratio >= LEVEL:
        return "level"
    if row.seconds < CALL_SECONDS:
        return "call"
    return "roof" if roof_seconds(row) >= NEAR_ROOF * row.rival_seconds else "open"
