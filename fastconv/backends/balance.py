"""The predicted balance of tasks on threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np

import fastconv._core as _core

# The numbers of threads for which balances are predicted.
THREADS = (2, 4, 8, 16, 32, 64)


class Phase(NamedTuple):
    """Tasks that a kernel distributes to threads; all of them end before the next phase of the kernel begins.

    Attributes:
        number: the place of the phase in its parallel region.
        tasks: the number of tasks.
        threads: the threads that the work of the kernel is worth.
        seconds: the time of all tasks, on the threads in use; 0 if they were only counted.
    """

    number: int
    tasks: int
    threads: int
    seconds: float

    @property
    def balance(self) -> float:
        """Return tasks / (threads * the most tasks of a thread), for tasks of equal size."""
        return self.tasks / (self.threads * ceil(self.tasks / self.threads)) if self.tasks else 1.0


def phases_of(run: Callable[[], object], threads: int = 0) -> list[Phase]:
    """Return the phases of the kernels that `run` calls; see `_core.observe_tasks`."""
    with np.errstate(all="ignore"):  # results are undefined if tasks are only counted
        return [Phase(*phase) for phase in _core.observe_tasks(run, threads)]


def balance(phases: Sequence[Phase], weights: Sequence[float]) -> float:
    """Return the part of the threads' time that tasks fill: the sum of weights / (the sum of weight / balance).

    Args:
        phases: at least one phase.
        weights: the time of each phase on a single thread, in any unit.
    """
    total = sum(weights)
    return total / sum(weight / phase.balance for phase, weight in zip(phases, weights)) if total else 1.0
