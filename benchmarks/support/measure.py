"""Timing of calls, and the limits of the machine in the same minute; docs/benchmarks.md gives the reasons."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.support.clock import seconds_a_call
from fastconv import _core

Call = Callable[[], Any]
Timer = Callable[[int], float]  # the seconds per call of a block of calls

# OpenMP's threads keep spinning after a parallel region: for about 9 ms with the runtime of PyTorch 2.13.
SETTLE = 0.015
# After two rounds, a contestant leaves if it is slower than the best of its rivals by this factor.
HOPELESS = 1.3
# A call that takes this number of blocks needs no warm-up.
LONG = 4
FEWEST_ROUNDS = 3

# The reference: this number of measurements of this number of products of square matrices.
REFERENCES, PRODUCTS, SIDE = 15, 128, 64

# Floats in each of three arrays per thread: together several times the size of a last-level cache.
STREAM = 1 << 24


def unbound(threads: int) -> ThreadPoolExecutor:
    """Return threads that may run on any processor, even if OpenMP has bound this thread to a core."""
    everywhere = range(os.cpu_count() or 1)
    return ThreadPoolExecutor(threads, initializer=lambda: os.sched_setaffinity(0, everywhere))


def fma_peak(threads: int) -> float:
    """Return GFLOP/s of `threads` threads that multiply and add in registers: the best of five short loops."""
    time.sleep(SETTLE)
    with unbound(threads) as pool:
        return max(sum(pool.map(_core.fma_peak, [200_000] * threads)) for _ in range(5))


@cache
def undisturbed_peak() -> float:
    """Return GFLOP/s of a processor at its best. Measured once per process."""
    return max(fma_peak(1) for _ in range(10))


@cache
def bandwidth(threads: int) -> float:
    """Return GB/s of `threads` threads that add two long arrays into a third, each array counted once.

    The best of five measurements, taken once per process.
    """
    arrays = [[np.ones(STREAM, np.float32) for _ in range(3)] for _ in range(threads)]
    with unbound(threads) as pool:
        seconds = min(
            seconds_a_call(lambda: list(pool.map(lambda abc: np.add(*abc[:2], out=abc[2]), arrays)), 1)
            for _ in range(5)
        )
    return threads * 3 * 4 * STREAM / seconds / 1e9


def reference_seconds(threads: int) -> float:
    """Return the seconds of a stack of NumPy's matrix products, computed by each of `threads` threads at once.

    NumPy computes products of this size on the thread that asks for them, so that no thread spins afterwards.
    """
    with unbound(threads) as pool:
        return max(pool.map(seconds_of_products, range(threads)))


def seconds_of_products(_: int) -> float:
    """Return the shortest time of some."""
    a, y = np.ones((2, PRODUCTS, SIDE, SIDE), np.float32)
    return min(seconds_a_call(lambda: np.matmul(a, a, out=y), 1) for _ in range(REFERENCES))


class Others:
    """Number of `threads` processors that others used while the context was active, and the FMA peak of that time.

    `own` returns the processor time of the measurement itself. The number is computed from /proc/stat (other processes
    and guests of the machine), or from a lower peak before or after: some schedulers keep two threads on one processor
    for a while.
    """

    BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, interrupts, soft interrupts, stolen; 3 and 4 are idle

    def __init__(self, threads: int, own: Callable[[], float] = time.process_time) -> None:
        self.threads = threads
        self.own = own

    def __enter__(self) -> Others:
        self.before = fma_peak(self.threads)
        self.started, self.all, self.own_before = time.perf_counter(), self.busy(), self.own()
        return self

    def __exit__(self, *_: object) -> None:
        others = self.busy() - self.all - (self.own() - self.own_before)
        seconds = time.perf_counter() - self.started
        after = fma_peak(self.threads)
        self.peak = max(self.before, after)
        missing = self.threads - min(self.before, after) / undisturbed_peak()
        self.share = max(0.0, others / seconds, missing)

    def busy(self) -> float:
        """Return the seconds that the processors have worked since the machine started."""
        ticks = Path("/proc/stat").read_text().split(maxsplit=11)[1:]
        return sum(int(ticks[i]) for i in self.BUSY) / os.sysconf("SC_CLK_TCK")


def estimate(timer: Timer, enough: float) -> float:
    """Return roughly the time of a call; a call that takes `enough` seconds is not repeated."""
    first = timer(1)
    return first if first > enough else min(first, timer(1))


def alternate(contestants: Sequence[Call], rounds: int, block: float, patience: float) -> list[float]:
    """Return the median seconds per call of each contestant; they take turns as in `play`."""
    timers = [partial(seconds_a_call, call) for call in contestants]
    return [median(times) for times in play(timers, rounds, block, patience)]


def play(timers: Sequence[Timer], rounds: int, block: float, patience: float) -> list[list[float]]:
    """Return the seconds per call of each contestant in each round; they take turns in blocks of `block` seconds.

    Before its block, a contestant waits until the threads of the previous contestant sleep, then wakes its own threads
    by a block of untimed calls. The first contestant plays all rounds; of the others, those that may still be the
    fastest. After `patience` seconds, at most `FEWEST_ROUNDS` rounds are played.
    """
    estimates = [estimate(timer, LONG * block) for timer in timers]
    counts = [max(1, round(block / max(estimate, 1e-7))) for estimate in estimates]
    times: list[list[float]] = [[] for _ in timers]
    playing = set(range(len(timers)))
    started = time.perf_counter()
    for turn in range(rounds):
        if turn == 2:
            best = min(map(median, times[1:]), default=0.0)
            playing = {i for i in playing if i == 0 or median(times[i]) <= HOPELESS * best}
        if turn >= FEWEST_ROUNDS and time.perf_counter() - started > patience:
            break
        for i in sorted(playing):
            time.sleep(SETTLE)
            if estimates[i] < LONG * block:
                timers[i](counts[i])
            times[i].append(timers[i](counts[i]))
    return times
