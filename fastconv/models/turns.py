"""Sharing of a model's metrics between calls in several Python threads."""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

import numpy as np

from fastconv.callbacks.lazy_logs import LazyLogs
from fastconv.engine import Variable
from fastconv.engine.interrupts import assign_all
from fastconv.typing import AnyModel

_all: weakref.WeakSet[Turns] = weakref.WeakSet()


class Turns:
    """Records which thread the metrics of a model belong to, and keeps the metrics of other running calls.

    Calls like `fit` hold the lock only during a step. A callback or a source of data may therefore wait for another
    thread that trains or evaluates the same model.

    Attributes:
        lock: held while a step runs or metrics are read.
        latest: the logs of the last step, which are evaluated before another thread takes the metrics.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()  # tracing a step may need another step
        self.latest: LazyLogs | None = None
        self._owner: int | None = None
        self._calls: Counter[int] = Counter()  # running calls of each thread, which may be nested
        self._kept: dict[int, dict[Variable, np.ndarray]] = {}
        _all.add(self)

    @contextmanager
    def call(self, model: AnyModel) -> Iterator[None]:
        """Inside `with`, keep this thread's metrics of `model` while other threads use theirs."""
        thread = get_ident()
        with self.lock:
            self.take(model)
            self._calls[thread] += 1
        try:
            yield
        finally:
            with self.lock:
                self._calls[thread] -= 1
                if self._calls[thread] <= 0:
                    self._end(thread)

    def _end(self, thread: int) -> None:
        del self._calls[thread]
        self._kept.pop(thread, None)
        if self._owner == thread:
            self._owner = self.latest = None

    def take(self, model: AnyModel) -> None:
        """Give the metrics of `model` to this thread; the caller holds the lock."""
        thread = get_ident()
        if thread != self._owner:
            self._hand_over(model, thread)

    def _hand_over(self, model: AnyModel, thread: int) -> None:
        if self._owner is not None and self._owner in self._calls:
            if self.latest is not None:
                self.latest.find()
            self._kept[self._owner] = {v: v.numpy() for metric in model.metrics for v in metric.variables}
        self._owner, self.latest = thread, None
        if thread in self._kept:
            for metric in model.metrics:
                metric.reset_state()
            assign_all(self._kept.pop(thread).items())


def _renew_locks() -> None:
    """In a forked child, replace locks held by threads of the parent, which do not exist here."""
    for turns in _all:
        if turns.lock.acquire(blocking=False):
            turns.lock.release()
        else:
            turns.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
