"""Results for classes and functions, cached for as long as these live."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar

Result = TypeVar("Result")


def cached_on_argument(compute: Callable[[Any], Result]) -> Callable[[Any], Result]:
    """Cache the results of `compute`, which takes a class or a function, as attributes of that class or function.

    The results are freed with it, subclasses have results of their own, and no lookup is faster.
    """
    name = f"_fastconv_{compute.__name__}"

    @wraps(compute)
    def ask(thing: Any) -> Result:
        try:
            return thing.__dict__[name]
        except (AttributeError, KeyError):
            result = compute(thing)
            with suppress(AttributeError, TypeError):  # builtins take no attributes and are asked again
                setattr(thing, name, result)
            return result

    return ask
