"""Classes of functional models: of ``Mine(inputs, outputs)`` for a subclass `Mine` of `Model`."""

from __future__ import annotations

from typing import Any

from fastconv.models.functional import Functional
from fastconv.models.model import Model


def functional_class(written: type) -> Any:
    """Return the class of functional models of a class: `Functional` for `Model`, otherwise a subclass of both.

    The subclass has the name of `written`, which keeps it as an attribute.
    """
    if written is Model:
        return Functional
    if "_functional_class" not in vars(written):
        written._functional_class = _subclass(written)  # type: ignore[attr-defined]
    return vars(written)["_functional_class"]


def _subclass(written: type) -> type:
    members = {
        "__module__": written.__module__,
        "__qualname__": written.__qualname__,
        "__doc__": written.__doc__,
        "WRITTEN": written,
        "__reduce_ex__": lambda self, protocol: (without_state, (written,), self.__getstate__()),
        "from_config": classmethod(lambda cls, *given, **named: written.from_config(*given, **named)),  # type: ignore[attr-defined]
    }
    return type(written.__name__, (written, Functional), members)


def without_state(written: type) -> Any:
    """Return a functional model of a class without state, for copies and pickles."""
    return object.__new__(functional_class(written))
