"""When a kernel of the GPU is taken: for which arrays, and how these have to lie."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from fastconv.backends.reference import Array, Reference, deliver

FLOATS = frozenset(["float32", "float64"])


def kernel(
    method: Callable[..., Any],
    count: int | None = None,
    floats: frozenset[str] = FLOATS,
    inputs_in_order: bool = True,
    results_in_order: bool = True,
    others: frozenset[str] = frozenset(),
) -> Callable[..., Any]:
    """`method` where the arrays, the first `count` of them, are of one dtype of `floats`; else the reference's.

    An array may be None. The method finds inputs in C order, copied where they are not, unless it says that it needs
    no such order; likewise `out`, into which results are copied where it lies otherwise or has another dtype than the
    arrays and none of `others`. It
    returns None where the reference is the better choice.
    """
    reference = getattr(Reference, method.__name__)

    @functools.wraps(method)
    def chosen(self: Any, *arrays: Array | None, out: Any = None, **parameters: Any) -> Any:
        dtypes = {x.dtype.name for x in arrays[:count] if x is not None}
        results = None
        if len(dtypes) == 1 and dtypes <= floats:
            given = tuple(in_order(self.xp, x) for x in arrays) if inputs_in_order else arrays
            outs = several(out)
            fits = all(o.dtype.name in dtypes | others and (o.flags.c_contiguous or not results_in_order) for o in outs)
            results = method(self, *given, out=out if fits else None, **parameters)
            if results is not None and not fits:
                delivered = tuple(map(deliver, several(results), outs))
                return delivered if isinstance(results, tuple) else delivered[0]
        return reference(self, *arrays, out=out, **parameters) if results is None else results

    return chosen


def in_order(xp: Any, x: Array | None) -> Array | None:
    """x in C order; a number keeps its shape (), to which CuPy's function would add an axis."""
    return x if x is None or x.flags.c_contiguous else xp.ascontiguousarray(x)


def several(out: Any) -> tuple:
    """The arrays of `out`: none, one or several."""
    return () if out is None else out if isinstance(out, tuple) else (out,)
