"""Functions that a lower layer calls in a higher layer: registered as text, imported when they are first called.

`fastconv/__init__.py` registers them. The lower layer knows only a name, so that imports point downward.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

_places: dict[str, str] = {}


def register(name: str, place: str) -> None:
    """Register a function under a name.

    Args:
        name: the name that `find` looks up.
        place: the module and the function in it, "package.module:function".
    """
    _places[name] = place
    find.cache_clear()


@functools.cache
def find(name: str) -> Callable[..., Any]:
    """Return the function with a name; import its module if this has not been done.

    Raises:
        LookupError: no function is registered under the name.
    """
    if name not in _places:
        raise LookupError(f"hooks.find: name must be one of {', '.join(sorted(_places))}. Received: {name!r}")
    module, _, function = _places[name].partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found
