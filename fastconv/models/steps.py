"""A step of training, evaluation or prediction, and what it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fastconv.backends import gpu_backend
from fastconv.backends.gpu.transfer import download
from fastconv.device import any_on_gpu, gpu_number, is_on_gpu
from fastconv.engine import HostCall, Plan, Tensor, Trace
from fastconv.engine.tree import leaves, rebuild


class Results:
    """What a step has returned: arrays where they were computed, and numbers that are found when they are asked for.

    Args:
        structure: nested as the step has returned it.
        values: its leaves, arrays and functions that return numbers.
        check: raises what has gone wrong on the GPU.
    """

    def __init__(self, structure: Any, values: Sequence[Any], check: Callable[[], None] | None = None) -> None:
        self.structure = structure
        self.values = values
        self.check = check

    def found(self) -> list[Any]:
        """Arrays where they are, and the numbers of now."""
        return [value() if callable(value) else value for value in self.values]

    def arrays(self) -> Any:
        """`found`, nested."""
        return rebuild(self.structure, self.found())

    def sent(self) -> Callable[[], Any]:
        """Numbers are found and arrays sent to the host's memory; the function returned waits for them there."""
        values = self.found()
        if not any_on_gpu(values):
            return partial(rebuild, self.structure, values)
        arrived = download([value for value in values if is_on_gpu(value)])

        def when_arrived() -> Any:
            copies = iter(arrived())
            return rebuild(self.structure, [next(copies) if is_on_gpu(value) else value for value in values])

        return when_arrived

    def on_host(self) -> Any:
        """Arrays in the host's memory, and numbers. Raises ValueError where a label was none of the classes."""
        if self.check is not None:
            self.check()
        return self.sent()()


def flat_logs(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Return `logs` with the entries of each dict among its values in its place, at any depth."""
    flat: dict[str, Any] = {}
    for name, value in logs.items():
        flat.update(flat_logs(value) if isinstance(value, dict) else {name: value})
    return flat


class PlannedStep:
    """A traced step: a plan, then what looks at variables alone, in the structure of what the step has returned."""

    def __init__(self, inputs: list[Tensor], results: Any, trace: Trace) -> None:
        tensors = [Tensor.of(leaf) for leaf in leaves(results)]
        self.looks = [_final_look(t, trace) for t in tensors]
        outputs = [t for t, look in zip(tensors, self.looks) if look is None]
        self.plan = Plan(inputs, outputs, trace.reads, trace.updates)
        self.structure = rebuild(results, range(len(tensors)))

    def __call__(self, *arrays: Any) -> Results:
        outputs = iter(self.plan(*arrays))
        number = gpu_number()
        values = [next(outputs) if look is None else look for look in self.looks]
        return Results(self.structure, values, None if number is None else gpu_backend(number).check)


def _final_look(t: Tensor, trace: Trace) -> Callable[[], Any] | None:
    """The function that gives `t` when the graph of `trace` has run; None where a plan has to compute it."""
    if t.call is None or not isinstance(t.call.primitive, HostCall):
        return None
    host = t.call.primitive
    return host.function if host.is_last(t.call, trace) else None
