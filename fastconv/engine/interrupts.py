"""Ctrl-C that waits until a change is complete."""

from __future__ import annotations

import _signal  # the functions of `signal` themselves, without their conversions, which take as long as a small step
import threading
from collections.abc import Callable, Iterable
from typing import Any

SIGINT = 2


def uninterrupted(work: Callable[[], Any]) -> None:
    """Call `work`; a Ctrl-C meanwhile is handled when it has returned, so that it is done whole or not at all.

    Python handles signals in its main thread only; in other threads there is nothing to do.
    """
    handler = _signal.getsignal(SIGINT) if threading.get_ident() == threading.main_thread().ident else None
    if not callable(handler):
        work()
        return
    noted: list[tuple[Any, ...]] = []
    _signal.signal(SIGINT, lambda *signal: noted.append(signal))
    try:
        work()
    finally:
        _signal.signal(SIGINT, handler)
        if noted:
            handler(*noted[0])


def assign_all(pairs: Iterable[tuple[Any, Any]]) -> None:
    """Let variables have values, given as pairs: all of them, whenever Ctrl-C comes."""

    def assign() -> None:
        for variable, value in pairs:
            variable.assign(value)

    uninterrupted(assign)
