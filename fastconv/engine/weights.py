"""What a plan computes from variables and constants only, shared by all of its executables."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from fastconv._core import settings_number
from fastconv.backends.cpu.recording import Recording
from fastconv.engine.variable import Variable

PATIENCE = 1.0  # seconds for which a change of weights waits for runs that read the former weights
PAUSE = 5e-5  # seconds between two looks

_all: weakref.WeakSet[Weights] = weakref.WeakSet()


class Weights:
    """The results of a plan's prologue and the packed weights of its kernels.

    Several threads may read them at once. They are computed again, in their place, when a variable has been assigned
    and no run reads them.

    Args:
        watched: the variables on which they depend.

    Attributes:
        settings: the number of the settings for which weights are packed.
        arrays: the results of the prologue by their tensors.
        prologue: functions that compute these.
        recordings: the recordings of the first executable, with which those of others share packed weights.
    """

    def __init__(self, watched: Sequence[Variable]) -> None:
        self.settings = settings_number()
        self.arrays: dict[Any, Any] = {}
        self.prologue: list[Callable[[], Any]] = []
        self.recordings: list[Recording] = []
        self._watched = watched
        self._lock = threading.RLock()  # held while weights are computed
        self._versions: list[int] | None = None  # of the variables from which they were computed
        self._running: list[None] = []  # an item for each run that reads them
        _all.add(self)

    def acquire(self, recordings: Sequence[Recording]) -> bool:
        """Begin a run that reads the weights of the present variables; `release` ends it.

        Args:
            recordings: those of the executable that runs, which pack weights if a variable has changed.

        Returns:
            False if other runs read the former weights for longer than `PATIENCE`. The run has not begun then.
        """
        self._running.append(None)  # before the look at versions, so that a thread that changes weights sees this run
        if self._present_versions() == self._versions:
            return True
        self._running.pop()
        with self._lock:
            if not self._renew(recordings):
                return False
            self._running.append(None)
            return True

    def release(self) -> None:
        """End a run."""
        del self._running[-1:]  # a forked child has forgotten a run that it ends

    def _present_versions(self) -> list[int]:
        return [variable.version for variable in self._watched]

    def _renew(self, recordings: Sequence[Recording]) -> bool:
        """Compute the weights again if a variable has changed. Return False if other runs do not end."""
        versions = self._present_versions()
        if versions == self._versions:
            return True
        self._versions = None  # runs that begin from now on wait for the lock
        if not self._are_unread():
            return False
        for step in self.prologue:
            step()
        for recording in recordings:
            recording.pack()
        self._versions = versions
        return True

    def _are_unread(self) -> bool:
        """Wait until no run reads the weights; return False if that takes longer than `PATIENCE`."""
        end = time.monotonic() + PATIENCE
        while self._running and time.monotonic() < end:
            time.sleep(PAUSE)
        return not self._running

    def forget_threads(self) -> None:
        """In a forked child, forget the runs of the parent's other threads, and what they were about to compute."""
        self._lock = threading.RLock()
        self._versions = None
        self._running = []


def _forget_threads() -> None:
    for weights in _all:
        weights.forget_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
