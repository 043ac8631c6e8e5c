"""Traces: the variables that a graph reads and assigns."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np

from fastconv.engine.primitive import CAST, DETACH, Tensor
from fastconv.typing import Array

_state = threading.local()


class Readable(Protocol):
    """A variable, as a trace needs it. `Variable` is above this module."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def here(self) -> Array:
        """Return the array on the device on which models compute."""


class Trace:
    """A context in which variables are read as tensors, and assignments are noted instead of done.

    Args:
        recording: if True, tensors carry values, so that every operation runs as it is recorded. Python control flow
            that depends on values requires this. If False, only shapes are known, and a `Plan` runs the graph later.
        outer: the enclosing trace, from which this trace reads variables, or None.
        differentiated: if True, values may not leave the graph unnoticed, since gradients would be lost.
    """

    def __init__(self, recording: bool = False, outer: Trace | None = None, differentiated: bool = False) -> None:
        self.recording = recording
        self.outer = outer
        self.differentiated = differentiated
        self.reads: dict[Any, Tensor] = {}  # tensors by variable
        self.updates: dict[Any, Tensor] = {}
        self._detached: dict[Readable, Tensor] = {}  # the tensors as which `updates` are read

    @staticmethod
    def current() -> Trace | None:
        """Return the innermost trace that this Python thread has entered, or None."""
        stack = getattr(_state, "stack", None)
        return stack[-1] if stack else None

    def __enter__(self) -> Trace:
        if not hasattr(_state, "stack"):
            _state.stack = []
        _state.stack.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _state.stack.pop()

    def input(self, value: Array) -> Tensor:
        """Return a tensor for an argument of the graph, or for the value of a variable, which may change later."""
        if not self.recording:
            return Tensor(value.shape, value.dtype)
        return Tensor(value.shape, value.dtype, (value.here() if hasattr(value, "here") else value).copy())

    def read(self, variable: Readable) -> Tensor:
        """Return the value of `variable` at this point of the graph. Gradients do not pass through assigned values."""
        if variable in self.updates:
            if variable not in self._detached:
                self._detached[variable] = DETACH(self.updates[variable])
            return self._detached[variable]
        if variable not in self.reads:
            outer = self.outer
            self.reads[variable] = self.input(variable) if outer is None else outer.read(variable)
        return self.reads[variable]

    def assign(self, variable: Readable, value: Array) -> None:
        """Note that `variable` holds `value`, cast to its dtype, from this point of the graph on."""
        tensor = Tensor.of(value)
        self._detached.pop(variable, None)
        self.updates[variable] = tensor if tensor.dtype == variable.dtype else CAST(tensor, dtype=variable.dtype.name)
