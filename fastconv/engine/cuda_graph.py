"""A plan on a GPU: variables live there, and the steps are one CUDA graph."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fastconv.backends.gpu.backend import Gpu
from fastconv.backends.gpu.transfer import Upload
from fastconv.device import is_on_gpu
from fastconv.engine.executable import Executable
from fastconv.engine.host import HostCall
from fastconv.engine.interrupts import uninterrupted

if TYPE_CHECKING:
    from fastconv.engine.plan import Plan
    from fastconv.engine.variable import Variable


class CudaGraphExecutable(Executable):
    """One set of buffers on a GPU, and a plan's steps bound to them.

    The first run computes step by step, the second is recorded, and from then on one launch computes all steps: unless
    Python code is among them, which has to see the values.
    """

    def __init__(self, plan: Plan, gpu: Gpu) -> None:
        self.gpu, self.xp, self.number = gpu, gpu.xp, gpu.number
        with gpu.running():
            super().__init__(plan)
            self.uploads = [Upload(gpu, buffer) for buffer in self.inputs]
        self.pool: Any = None  # of what the recorded steps allocate, nobody else's
        self.has_python = any(isinstance(step.primitive, HostCall) for step in plan.steps)
        self.runs = 0
        self.launch: Callable[[], None] = self.compute

    def bytes(self, size: int) -> Any:
        return self.xp.empty(size, "uint8")

    def held(self, variable: Variable) -> Any:
        return variable.on(self.gpu)

    def target(self, variable: Variable) -> Any:
        return variable.on(self.gpu)

    def constant(self, value: Any) -> Any:
        return self.gpu.array(value)

    def run(self, arrays: Sequence[Any]) -> list[Any]:
        with self.gpu.running():
            for upload, buffer, array in zip(self.uploads, self.inputs, arrays):
                if is_on_gpu(array):
                    buffer[...] = self.gpu.array(array)
                else:
                    upload(array)
            for variable in self.variables:
                variable.on(self.gpu)  # with what has been assigned elsewhere
            self.prepare()
            uninterrupted(self._launch)
            return [self.xp.array(array) for array in self.outputs]

    def _launch(self) -> None:
        """Run all steps, and note that the variables have changed."""
        if self.runs == 1 and not self.has_python:
            self.launch = self.recorded()
        self.launch()
        self.runs += 1
        for variable in self.updated:
            variable.changed_on(self.gpu)

    def recorded(self) -> Callable[[], None]:
        """The function that launches all steps at once; `compute`, where they cannot be recorded."""
        stream, pool = self.gpu.stream, lasting_pool(self.xp)
        with self.xp.cuda.using_allocator(pool.malloc):
            stream.begin_capture()
            try:
                self.compute()
                graph = stream.end_capture()
                self.pool = pool
                return partial(graph.launch, stream)
            except Exception as error:
                with contextlib.suppress(Exception):
                    stream.end_capture()
                warnings.warn(f"The steps are launched one by one: they cannot be recorded, {error}", stacklevel=2)
                return self.compute


def lasting_pool(xp: Any) -> Any:
    """A pool that gives nothing back as long as it lives: a graph goes on using what its steps have freed.

    CuPy's own gives back what is free as soon as memory is short.
    """
    kept = []

    def allocate(size: int) -> Any:
        kept.append(xp.cuda.MemoryPointer(xp.cuda.Memory(size), 0))
        return kept[-1]

    return xp.cuda.MemoryPool(allocate)
