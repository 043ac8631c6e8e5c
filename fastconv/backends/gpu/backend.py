"""The GPU backend: `Reference` on CuPy arrays, with kernels for operations that benefit."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

from fastconv.backends.gpu.kernel import GpuKernel
from fastconv.backends.gpu.products import GpuProducts
from fastconv.backends.gpu.stream import GpuStream
from fastconv.backends.launch import Launch, Operation
from fastconv.backends.reference import Array
from fastconv.device import cupy, is_on_gpu


class Gpu(GpuProducts, GpuStream):
    """The backend for arrays of one GPU. NumPy arrays are copied to it first.

    Args:
        number: int, the number of the GPU.

    Attributes:
        stream: the stream on which plans compute.
        uploads, downloads: the streams that copy batches and results at the same time.
    """

    def __init__(self, number: int = 0) -> None:
        with cupy().cuda.Device(number):
            super().__init__(cupy())
            self.number = number
            self._lock = threading.RLock()
            self.stream, self.uploads, self.downloads = (self.xp.cuda.Stream(non_blocking=True) for _ in range(3))

    def prepare(self, operation: Operation, arrays: tuple, parameters: dict[str, Any], out: Any = None) -> Launch:
        """As `Backend.prepare`. NumPy arrays among `arrays` are copied to this GPU."""
        with self.xp.cuda.Device(self.number):
            given = tuple(None if x is None else self.array(x) for x in arrays)
            kernel: GpuKernel | None = self.kernels.get(operation)
            launch = None if kernel is None else kernel.prepare(self, given, parameters, out)
            if launch is None:
                launch = super().prepare(operation, given, parameters, out)
        return Launch(launch.result, self._on_this_device, (launch.function, launch.arguments))

    def _on_this_device(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        with self.xp.cuda.Device(self.number):
            return function(*arguments)

    def array(self, x: Any) -> Array:
        """Return `x` on this GPU."""
        if is_on_gpu(x) and x.device.id == self.number:
            return x
        with self.xp.cuda.Device(self.number):
            if not is_on_gpu(x):
                return self.xp.array(x)
            other = gpu_backend(x.device.id)
            self._wait_for(other)  # CuPy's copy does not wait
            copy = self.xp.array(x)
            other._wait_for(self)
            return copy

    def event(self) -> Any:
        """Return a new event of this GPU."""
        with self.xp.cuda.Device(self.number):
            return self.xp.cuda.Event(disable_timing=True)

    def reached(self) -> Any:
        """Record an event on the caller's current stream and return it."""
        with self.xp.cuda.Device(self.number):
            here = self.event()
            here.record()
            return here

    def current_stream(self) -> Any:
        """Return the caller's current stream on this GPU."""
        with self.xp.cuda.Device(self.number):
            return self.xp.cuda.get_current_stream()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run a block on `stream`, after the work of the caller's stream, which then continues after the block."""
        with self._lock, self.xp.cuda.Device(self.number):
            callers = self.current_stream()
            self._follow(self.stream, callers)
            try:
                with self.stream:
                    yield
            finally:
                self._follow(callers, self.stream)

    def check(self) -> None:
        with self.running():
            super().check()

    def _follow(self, later: Any, earlier: Any) -> None:
        if later != earlier:
            reached = self.event()
            reached.record(earlier)
            later.wait_event(reached)

    def _wait_for(self, other: Gpu) -> None:
        """Let the caller's stream on this GPU wait for its work on another GPU."""
        reached = other.reached()
        with self.xp.cuda.Device(self.number):
            self.current_stream().wait_event(reached)


@functools.cache
def gpu_backend(number: int) -> Gpu:
    """Return the backend of a GPU."""
    return Gpu(number)
