"""Subclasses of `Model` that are functional: ``Mine(inputs, outputs)``."""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import Any


def is_drawing(args: tuple, kwargs: dict[str, Any]) -> bool:
    """Return whether the arguments of a constructor are the inputs and outputs of a graph."""
    return len(args) >= 2 or "outputs" in kwargs


def takes_ends(kind: type) -> bool:
    """Return whether a constructor needs only inputs and outputs, so that a graph is its configuration."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]  # type: ignore[misc]
    rest = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in rest]
    takes_all = rest <= {p.kind for p in parameters}
    return needed == ["inputs", "outputs"] or (takes_all and not needed)


def drawn_kind(written: type) -> type:
    """Return a subclass of `written`, with its name, whose instances are functional models; kept with the class."""
    if "_drawn_kind" not in vars(written):
        written._drawn_kind = _new_drawn_kind(written)  # type: ignore[attr-defined]
    return vars(written)["_drawn_kind"]


def _new_drawn_kind(written: type) -> type:
    from fastconv.models.functional import Functional

    members = {
        "__module__": written.__module__,
        "__qualname__": written.__qualname__,
        "__doc__": written.__doc__,
        "WRITTEN": written,
        "__reduce_ex__": lambda self, protocol: (new_drawn, (written,), self.__getstate__()),
        "from_config": classmethod(lambda cls, *given, **named: written.from_config(*given, **named)),  # type: ignore[attr-defined]
    }
    return type(written.__name__, (written, Functional), members)


def new_drawn(written: type) -> Any:
    """Return an instance of a functional subclass of `written` without state, for copies."""
    kind = drawn_kind(written)
    return object.__new__(kind)
