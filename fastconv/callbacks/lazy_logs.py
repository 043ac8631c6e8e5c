"""What a step has reported, for those who may not want to know it."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable
from typing import Any


class LazyLogs(UserDict):
    """Numbers by name that are found when somebody first looks at them, which has to be before the next step begins.

    Args:
        make: returns them in a dict; on a GPU it waits until they are computed.
        turns: has the lock to hold meanwhile; None if no other thread can look at the same numbers.
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
        """The numbers; the caller holds the lock."""
        if self._found is None:
            self._found = self._make()
        return self._found
