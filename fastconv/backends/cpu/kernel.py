"""The compiled kernels of the CPU backend: the contract of the methods that prepare them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from fastconv.backends.launch import Kernel, Launch, Operation


class CpuKernel(Kernel):
    """A kernel for float32 arrays in C order. `Cpu.prepare` copies other arrays; the reference takes other dtypes.

    The positional arguments of the method are the arrays. The method reads only shapes, and returns a `Launch`, or None
    if the reference is the better choice. Results come from ``output_array(out, shape)``, so that they are `out` if
    possible.

    Attributes:
        seeds: the number of arrays, at the end, that may have any dtype and any strides.
        reads_slices: True if arrays may also be slices of the channels of arrays in C order.
    """

    def __init__(
        self, operation: Operation, method: Callable[..., Launch | None], seeds: int, reads_slices: bool
    ) -> None:
        super().__init__(operation, method)
        self.seeds = seeds
        self.reads_slices = reads_slices


def float32(
    operation: Operation, seeds: int = 0, reads_slices: bool = False
) -> Callable[[Callable[..., Launch | None]], CpuKernel]:
    """Return a decorator that makes a method the CPU's kernel for `operation`; see `CpuKernel`."""
    return lambda method: CpuKernel(operation, method, seeds, reads_slices)


def is_filled(out: Any, result: Any) -> bool:
    """Return True if `result`, an array or several, is `out` itself."""
    return all(map(operator.is_, result, out)) if isinstance(out, tuple) else result is out


def run_into(launch: Launch, out: Any) -> None:
    """Run a launch, and copy its result to `out`, an array or several, unless it is already there."""
    copy_into(launch.run(), out)


def copy_into(result: Any, out: Any) -> None:
    """Copy `result`, an array or several, to `out`, unless it is already there."""
    if isinstance(out, tuple):
        for r, o in zip(result, out):
            copy_into(r, o)
    elif out is not result:
        out[...] = result
