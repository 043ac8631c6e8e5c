"""The clock of every measurement; it imports nothing of fastconv or of its rivals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def seconds_a_call(call: Callable[[], Any], calls: int) -> float:
    """Return the mean over a block of calls without a pause."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls
