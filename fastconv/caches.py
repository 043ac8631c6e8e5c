"""Results for classes and functions, cached for as long as these live."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

Result = TypeVar("Result")


def cached_while_alive(function: Callable[[Any], Result]) -> Callable[[Any], Result]:
    """Cache the results of `function`, which takes a class or a function, without keeping its argument alive.

    A class that a user wrote is freed with everything it uses. The result must not refer to the argument.
    """
    known: WeakKeyDictionary[Any, Result] = WeakKeyDictionary()

    @wraps(function)
    def ask(key: Any) -> Result:
        found = known.get(key, known)
        if found is known:
            found = known[key] = function(key)
        return found  # type: ignore[return-value]

    return ask


def cached_on_function(compute: Callable[[Any], Result]) -> Callable[[Any], Result]:
    """Cache the results of `compute`, which takes a function, as attributes of that function: the fastest lookup."""
    name = f"_{compute.__name__}"

    @wraps(compute)
    def ask(function: Any) -> Result:
        try:
            return getattr(function, name)
        except AttributeError:
            found = compute(function)
            with suppress(AttributeError):  # a callable that takes no attributes is asked again
                setattr(function, name, found)
            return found

    return ask
