"""Logs of a step that are computed only if they are read."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable
from typing import Any


class LazyLogs(UserDict):
    """Logs that are computed when they are first read, which must happen before the next step begins.

    Args:
        make: function that returns the logs as a dict; on a GPU it waits for the computation.
        turns: object with the lock to hold during `make`; None if no other thread can read the same numbers.
    """

    def __init__(self, make: Callable[[], dict[str, Any]], turns: Any = None) -> None:
        self._make = make
        self._turns = turns
        self._found: dict[str, Any] | None = None

    @property
    def data(self) -> dict[str, Any]:  # type: ignore[override]
        if self._found is not None:
            return self._found
        if self._turns is None:
            return self.find()
        with self._turns.lock:
            return self.find()

    def find(self) -> dict[str, Any]:
        """Return the logs; the caller holds the lock."""
        if self._found is None:
            self._found = self._make()
        return self._found
