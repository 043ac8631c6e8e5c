"""What a step has reported, for those who may not want to know it."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable
from functools import cached_property
from typing import Any


class LateLogs(UserDict):
    """Numbers by name that are found when somebody first looks at them, which has to be before the next step begins.

    Args:
        find: returns them in a dict; on a GPU it waits until they are computed.
    """

    def __init__(self, find: Callable[[], dict[str, Any]]) -> None:
        self._find = find

    @cached_property
    def data(self) -> dict[str, Any]:  # type: ignore[override]
        return self._find()
