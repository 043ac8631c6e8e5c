"""How deep Python's calls may nest: each model inside another takes some of them."""

from __future__ import annotations

import sys

ORDINARY = 50  # models inside one another, for which Python's own limit is enough
CALLS = 12  # at most, for a model inside another, in everything that is done with it; 9 were counted
MOST_CALLS = 20_000  # take 5 MB of the stack at most, which has 8


def allow_nesting(depth: int) -> None:
    """Raise Python's recursion limit if `depth` layers inside one another need that."""
    if depth > ORDINARY:
        needed = min(1000 + CALLS * depth, MOST_CALLS)
        sys.setrecursionlimit(max(sys.getrecursionlimit(), needed))
