"""Python's recursion limit for models nested in models, each of which needs several nested calls."""

from __future__ import annotations

import sys

ORDINARY = 50  # nested models that fit into Python's own limit
CALLS = 12  # at most, for each nested model, in any method; 9 were counted
MOST_CALLS = 20_000  # they use at most 5 MB of the stack, which has 8 MB


def allow_nesting(depth: int) -> None:
    """Raise Python's recursion limit if `depth` nested layers need it."""
    if depth > ORDINARY:
        needed = min(1000 + CALLS * depth, MOST_CALLS)
        sys.setrecursionlimit(max(sys.getrecursionlimit(), needed))
