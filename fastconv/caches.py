"""Answers about classes and functions, kept as long as these live."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

Answer = TypeVar("Answer")


def cached_while_alive(function: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """Return `function`, of a class or a function, asked once for each: a user's class is freed with all that it uses.

    The answer must not refer to what it is about.
    """
    known: WeakKeyDictionary[Any, Answer] = WeakKeyDictionary()

    @wraps(function)
    def ask(about: Any) -> Answer:
        found = known.get(about, known)
        if found is known:
            found = known[about] = function(about)
        return found  # type: ignore[return-value]

    return ask
