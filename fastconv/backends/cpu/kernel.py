"""The compiled kernels of the CPU backend: what a method that prepares one has to keep to."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from fastconv.backends.launch import Kernel, Launch, Operation


class CpuKernel(Kernel):
    """A kernel for float32 arrays in C order; `Cpu.prepare` copies others, and leaves other dtypes to the reference.

    The positional arguments of the method are the arrays. The method looks only at shapes and returns a `Launch`, or
    None if the reference is the better choice. Results come from ``output_array(out, shape)``, so that they are `out`
    if that is possible.

    Attributes:
        seeds: how many arrays at the end may have any dtype and any strides.
    """

    def __init__(self, operation: Operation, method: Callable[..., Launch | None], seeds: int) -> None:
        super().__init__(operation, method)
        self.seeds = seeds


def float32(operation: Operation, seeds: int = 0) -> Callable[[Callable[..., Launch | None]], CpuKernel]:
    """Return a decorator that makes a method the CPU's kernel for `operation`; see `CpuKernel`."""
    return lambda method: CpuKernel(operation, method, seeds)


def is_filled(out: Any, result: Any) -> bool:
    """Whether `result`, an array or several, is `out` itself."""
    return all(map(operator.is_, result, out)) if isinstance(out, tuple) else result is out


def run_into(launch: Launch, out: Any) -> None:
    """Run a launch, and copy its result to `out`, an array or several, if it is not there."""
    copy_into(launch.run(), out)


def copy_into(result: Any, out: Any) -> None:
    """Copy `result`, an array or several, to `out` if it is not there."""
    if isinstance(out, tuple):
        for r, o in zip(result, out):
            copy_into(r, o)
    elif out is not result:
        out[...] = result
