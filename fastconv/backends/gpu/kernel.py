"""The kernels of the GPU backend: the arrays that they accept, and the memory order that they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.backends.launch import Backend, Kernel, Launch, Operation
from fastconv.backends.reference import Array, deliver
from fastconv.typing import ArrayModule

FLOATS = frozenset(["float32", "float64"])


class GpuKernel(Kernel):
    """A kernel for arrays of one floating-point dtype. The reference computes other arrays.

    The positional arguments of the method are arrays or None. The method computes at once, on the current stream, and
    returns the result, or None if the reference is the better choice.

    Attributes:
        count: the number of arrays, from the first, that must have the same dtype; None for all.
        floats: the dtypes that they may have; None for any arrays.
        inputs_in_order: True if the method needs inputs in C order; other inputs are copied.
        results_in_order: True if the method needs `out` in C order; otherwise the result is copied to `out`.
        others: dtypes that `out` may have besides the dtype of the arrays.
    """

    def __init__(
        self,
        operation: Operation,
        method: Callable[..., Any],
        count: int | None = None,
        floats: frozenset[str] | None = FLOATS,
        inputs_in_order: bool = True,
        results_in_order: bool = True,
        others: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(operation, method)
        self.count = count
        self.floats = floats
        self.inputs_in_order = inputs_in_order
        self.results_in_order = results_in_order
        self.others = others

    def prepare(self, backend: Backend, arrays: tuple, parameters: dict[str, Any], out: Any) -> Launch | None:
        """Return the launch for `arrays`, or None if the reference must compute."""
        if self.floats is None:
            return Launch(None, self._run, (backend, arrays, parameters, out, True))
        dtypes = {x.dtype.name for x in arrays[: self.count] if x is not None}
        if len(dtypes) != 1 or not dtypes <= self.floats:
            return None
        fits = all(self._fits(o, dtypes) for o in tuple_of_arrays(out))
        return Launch(None, self._run, (backend, arrays, parameters, out, fits))

    def _fits(self, out: Array, dtypes: set[str]) -> bool:
        return out.dtype.name in dtypes | self.others and (out.flags.c_contiguous or not self.results_in_order)

    def _run(self, backend: Any, arrays: tuple, parameters: dict[str, Any], out: Any, fits: bool) -> Any:
        given = tuple(in_order(backend.xp, x) for x in arrays) if self.floats and self.inputs_in_order else arrays
        results = self.method(backend, *given, out=out if fits else None, **parameters)
        if results is None:
            return self.operation(backend, *arrays, out=out, **parameters)
        if fits:
            return results
        delivered = tuple(map(deliver, tuple_of_arrays(results), tuple_of_arrays(out)))
        return delivered if isinstance(results, tuple) else delivered[0]


def kernel(operation: Operation, **conditions: Any) -> Callable[[Callable[..., Any]], GpuKernel]:
    """Return a decorator that makes a method the GPU's kernel for `operation`; `GpuKernel` has the conditions."""
    return lambda method: GpuKernel(operation, method, **conditions)


def in_order(xp: ArrayModule, x: Array | None) -> Array | None:
    """Return x in C order; a number keeps its shape (), to which CuPy's function would add an axis."""
    return x if x is None or x.flags.c_contiguous else xp.ascontiguousarray(x)


def tuple_of_arrays(out: Any) -> tuple:
    """Return the arrays of `out`: none, one or several."""
    return () if out is None else out if isinstance(out, tuple) else (out,)
