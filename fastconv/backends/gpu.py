"""The GPU backend: `Reference` on CuPy's arrays, with kernels in place of what is worth one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from fastconv.backends.reference import Array, Reference
from fastconv.device import cupy, is_on_gpu


class Gpu(Reference):
    """Arrays of one GPU; arrays of NumPy among them are copied there first.

    Args:
        number: of the GPU.
    """

    def __init__(self, number: int = 0) -> None:
        super().__init__(cupy())
        self.number = number

    def method(self, name: str) -> Callable[..., Any]:
        kernel = getattr(self, name)

        @functools.wraps(kernel)
        def on_gpu(*arrays: Any, **parameters: Any) -> Any:
            with self.xp.cuda.Device(self.number):
                return kernel(*map(self.array, arrays), **parameters)

        return on_gpu

    def array(self, x: Any) -> Array:
        """`x` on this GPU."""
        return x if is_on_gpu(x) else self.xp.asarray(x)


@functools.cache
def gpu(number: int) -> Gpu:
    """The backend of a GPU."""
    return Gpu(number)
