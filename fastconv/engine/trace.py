"""Which variables a graph reads and which it assigns."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fastconv.engine.primitive import CAST, Tensor

if TYPE_CHECKING:
    from fastconv.engine.variable import Variable

_state = threading.local()


class Trace:
    """While it is entered, variables are read as tensors and assignments are noted instead of done.

    Args:
        recording: whether tensors carry values, so that every operation runs as it is recorded. Code whose Python
            control flow looks at values needs this; otherwise only shapes are known, and a `Plan` runs the graph later.
    """

    def __init__(self, recording: bool = False) -> None:
        self.recording = recording
        self.reads: dict[Variable, Tensor] = {}
        self.updates: dict[Variable, Tensor] = {}

    @staticmethod
    def current() -> Trace | None:
        """The innermost trace that this Python thread has entered."""
        stack = getattr(_state, "stack", None)
        return stack[-1] if stack else None

    def __enter__(self) -> Trace:
        if not hasattr(_state, "stack"):
            _state.stack = []
        _state.stack.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _state.stack.pop()

    def input(self, value: Any) -> Tensor:
        """A tensor for one of the graph's arguments."""
        return Tensor(value.shape, value.dtype, value if self.recording else None)

    def read(self, variable: Variable) -> Tensor:
        """What `variable` holds at this point of the graph."""
        if variable in self.updates:
            return self.updates[variable]
        if variable not in self.reads:
            self.reads[variable] = self.input(variable.value)
        return self.reads[variable]

    def assign(self, variable: Variable, value: Any) -> None:
        """Note that `variable` holds `value`, in its own dtype, from this point of the graph on."""
        tensor = Tensor.of(value)
        self.updates[variable] = tensor if tensor.dtype == variable.dtype else CAST(tensor, dtype=variable.dtype.name)
