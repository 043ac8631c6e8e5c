"""How a call is timed; docs/benchmarks.md says why."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from fastconv import _core

Call = Callable[[], Any]

# OpenMP's threads go on spinning after a parallel region: for about 9 ms with the runtime of PyTorch 2.13.
SETTLE = 0.015


def fma_peak(threads: int) -> float:
    """GFLOP/s of `threads` threads that multiply and add in registers at once: the best of five short loops."""
    with ThreadPoolExecutor(threads) as pool:
        return max(sum(pool.map(_core.fma_peak, [200_000] * threads)) for _ in range(5))


def seconds_a_call(call: Call, calls: int) -> float:
    """The mean over a block of calls without a pause."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls


def alternate(contestants: Sequence[Call], rounds: int, block: float) -> list[float]:
    """The median seconds a call of each contestant, which take turns in blocks of about `block` seconds.

    Before its block a contestant waits until the threads of the one before it sleep, then wakes its own by as many
    calls untimed.
    """
    counts = [max(1, round(block / max(seconds_a_call(call, 1), 1e-7))) for call in contestants]
    times: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for call, count, kept in zip(contestants, counts, times):
            time.sleep(SETTLE)
            seconds_a_call(call, count)
            kept.append(seconds_a_call(call, count))
    return [median(kept) for kept in times]
