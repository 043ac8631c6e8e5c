"""Python code as a step of a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv.backends.gpu.transfer import write
from fastconv.backends.launch import Launch
from fastconv.engine.primitive import Call, Primitive, Tensor
from fastconv.engine.trace import Trace
from fastconv.engine.variable import Variable
from fastconv.typing import Array


def when_run(function: Callable[[], Any], variables: Sequence[Variable]) -> Any:
    """Return the result of `function`, which may read the values of `variables`, at this point of the current graph.

    If the current graph knows only shapes, the result is a tensor without a gradient, and the function runs whenever
    the graph runs. Otherwise the function runs at once.

    Args:
        function: returns a number or an array, always of the same shape.
        variables: all variables that it reads.
    """
    trace = Trace.current()
    if trace is None or trace.recording:
        return function()
    return HostCall(function, variables)(*(trace.read(variable) for variable in variables))


class HostCall(Primitive):
    """A function that reads variables. While it runs, they hold the arrays with which this primitive is called."""

    def __init__(self, function: Callable[[], Any], variables: Sequence[Variable]) -> None:
        self.function = function
        self.variables = list(variables)
        with np.errstate(all="ignore"):  # for example, a quotient of counts that are still 0
            example = self.compute(*(variable.array for variable in variables))
        super().__init__(function, lambda *_: (example.shape, example.dtype))

    def compute(self, *arrays: Array) -> np.ndarray:
        with Trace(recording=True) as trace:
            trace.reads.update(zip(self.variables, map(Tensor.of, arrays)))
            return np.asarray(self.function())

    def is_last(self, call: Call, trace: Trace) -> bool:
        """Return True if `call` reads the values that the variables have after the graph of `trace` has run."""
        return all(trace.read(variable) is t for variable, t in zip(self.variables, call.inputs))

    @property
    def name(self) -> str:
        return "host_call"

    def prepare(self, inputs: tuple[Array, ...], params: dict[str, Any], out: Array = None) -> Launch:
        """Return the launch that calls the function, and copies its result to `out` if it is given."""
        if out is None:
            return Launch(None, self.compute, inputs)
        return Launch(out, self._compute_into, (out, *inputs))

    def _compute_into(self, out: Array, *arrays: Array) -> None:
        write(out, self.compute(*arrays))
