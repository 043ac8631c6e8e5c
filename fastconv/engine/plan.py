"""Plans: graphs prepared to run many times, with fused steps and assigned buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastconv._core import settings_number
from fastconv.backends import gpu_backend
from fastconv.device import gpu_number
from fastconv.engine.cuda_graph import CudaGraphExecutable
from fastconv.engine.executable import Executable
from fastconv.engine.primitive import Tensor, calls_before
from fastconv.engine.schedule import Schedule
from fastconv.engine.variable import Variable
from fastconv.engine.weights import Weights
from fastconv.typing import Array


def evaluate(outputs: Sequence[Tensor], feeds: Mapping[Tensor, Array]) -> list[Array]:
    """Return the arrays of `outputs`, computed once, call by call, given the arrays of `feeds`."""
    values = dict(feeds)

    def value(t: Tensor) -> Array:
        return values.get(t, t.value)

    for call in calls_before(outputs, known=lambda t: t.value is not None or t in values):
        arrays = [value(t) for t in call.inputs]
        result = call.primitive.prepare(tuple(arrays), call.params).run()
        values.update(zip(call.outputs, result if isinstance(result, tuple) else (result,)))
    return [value(t) for t in outputs]


class Plan(Schedule):
    """A graph as a list of kernels over buffers that are reused in every run.

    A call copies the given arrays into the input buffers, runs every step, writes the assigned variables and returns
    copies of the outputs. Steps that depend only on variables run again only after one of these was assigned. Several
    Python threads may call a plan at once: each gets its own buffers, and all share the results of these steps.

    Args:
        inputs: tensors without a value, the arguments.
        outputs: tensors to return.
        reads: dict from variables to the tensors of their values (`Trace.reads`).
        updates: dict from variables to the tensors of their new values (`Trace.updates`).
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        reads: Mapping[Variable, Tensor] | None = None,
        updates: Mapping[Variable, Tensor] | None = None,
    ) -> None:
        super().__init__(inputs, outputs, reads, updates)
        self._shapes = [t.shape for t in self.inputs]
        self._idle: list[Executable] = []
        self._weights: Weights | None = None  # of the executables on the processor

    def __call__(self, *arrays: Array) -> list[Array]:
        """Return the outputs for `arrays`: NumPy arrays, or CuPy arrays if models compute on a GPU.

        Raises:
            ValueError: if their number or shapes differ from those of the inputs.
        """
        shapes = [array.shape for array in arrays]
        if shapes != self._shapes:
            raise ValueError(
                f"Plan: arrays must have the shapes of the graph's inputs. Received: {shapes=}, inputs={self._shapes}"
            )
        return self.run(arrays)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Return the outputs for `arrays`, which have the shapes of the inputs."""
        ready = self._ready(gpu_number())
        try:
            return ready.run(arrays)
        finally:
            ready.release()
            if ready.number is not None or ready.weights is self._weights:
                self._idle.append(ready)

    def _ready(self, number: int | None) -> Executable:
        """Return an executable for a device, whose run has begun."""
        try:
            ready = self._idle.pop()
        except IndexError:
            ready = self._bind(number)
        while ready.weights.settings != settings_number() or ready.number != number:  # kernels depend on these
            ready = self._bind(number)
        while not ready.acquire():  # the weights have changed, and others still read the former ones
            if self._weights is ready.weights:
                self._weights = None
            ready = self._bind(number)
        return ready

    def _bind(self, number: int | None) -> Executable:
        """Return a new executable. On the processor, it shares the weights of the others if settings are the same."""
        if number is not None:
            return CudaGraphExecutable(self, gpu_backend(number))
        weights = self._weights
        if weights is not None and weights.settings == settings_number():
            ready = Executable(self, weights)
            if ready.shares_weights():
                return ready
        ready = Executable(self)
        self._weights = ready.weights
        return ready
