"""Ctrl-C that waits until a change is complete."""

from __future__ import annotations

import _signal  # the functions of `signal` themselves, without their conversions, which take as long as a small step
import threading
from collections.abc import Callable, Iterable
from typing import Any

from fastconv.typing import Array

SIGINT = 2


def uninterrupted(work: Callable[[], object]) -> None:
    """Call `work`. A Ctrl-C during the call is handled after it returns, so that the work is never done in part.

    Python handles signals only in its main thread, so other threads need no protection.
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


def assign_all(pairs: Iterable[tuple[Any, Array]]) -> None:
    """Assign values to variables, given as pairs. Ctrl-C does not interrupt between them."""

    def assign() -> None:
        for variable, value in pairs:
            variable.assign(value)

    uninterrupted(assign)
