"""Plans on a GPU: variables are in GPU memory, and the steps are a CUDA graph."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fastconv.backends.gpu.backend import Gpu
from fastconv.backends.gpu.transfer import Upload
from fastconv.device import is_on_gpu
from fastconv.engine.executable import Executable
from fastconv.engine.host import HostCall
from fastconv.engine.interrupts import uninterrupted
from fastconv.engine.schedule import Schedule
from fastconv.engine.variable import Variable
from fastconv.typing import Array, ArrayModule


class CudaGraphExecutable(Executable):
    """A set of buffers on a GPU, and the steps of a schedule bound to them.

    The first run computes step by step, and the second run is recorded. From then on a single launch computes all
    steps. If the schedule contains Python code, which needs the values, steps always run one by one.
    """

    def __init__(self, schedule: Schedule, gpu: Gpu) -> None:
        self.gpu, self.xp, self.number = gpu, gpu.xp, gpu.number
        with gpu.running():
            super().__init__(schedule)
            self.uploads = [Upload(gpu, buffer) for buffer in self.inputs]
        self.pool: Any = None  # memory for the recorded steps only
        self.has_python = any(isinstance(step.primitive, HostCall) for step in schedule.steps)
        self.runs = 0
        self.launch: Callable[[], None] = self.compute

    def bytes(self, size: int) -> Array:
        return self.xp.empty(size, "uint8")

    def held(self, variable: Variable) -> Array:
        return variable.on(self.gpu)

    def target(self, variable: Variable) -> Array:
        return variable.on(self.gpu)

    def constant(self, value: Array) -> Array:
        return self.gpu.array(value)

    def acquire(self) -> bool:
        return True  # nothing is shared

    def release(self) -> None:
        pass

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        with self.gpu.running():
            for upload, buffer, array in zip(self.uploads, self.inputs, arrays):
                if is_on_gpu(array):
                    buffer[...] = self.gpu.array(array)
                else:
                    upload(array)
            for variable in self.variables:
                variable.on(self.gpu)  # copies values assigned elsewhere
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
        """Return a function that launches all steps at once, or `compute` if they cannot be recorded."""
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


def lasting_pool(xp: ArrayModule) -> Array:
    """Return a memory pool that frees nothing as long as it lives, since a graph uses memory that its steps have freed.

    CuPy's default pool frees unused memory when memory is short.
    """
    kept = []

    def allocate(size: int) -> Array:
        kept.append(xp.cuda.MemoryPointer(xp.cuda.Memory(size), 0))
        return kept[-1]

    return xp.cuda.MemoryPool(allocate)
