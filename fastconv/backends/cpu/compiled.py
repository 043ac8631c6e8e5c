"""The compiled kernels that take the place of Python code in recordings, with the same results bit for bit.

Only denormal numbers, which NumPy keeps, count as zero, as in all kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import fastconv._elementwise as _elementwise
import fastconv._pool as _pool
import fastconv.backends.cpu.algorithms.matmul as matmul
import fastconv.backends.cpu.algorithms.product as product
import fastconv.backends.cpu.stream as stream
from fastconv._arrays import dense_float32, output_array
from fastconv.backends.reference import Array
from fastconv.geometry import Pooling

# Elementwise functions that round correctly, in kernels as in NumPy.
ROUNDED: dict[Any, str] = {
    np.add: "add",
    np.subtract: "subtract",
    np.multiply: "multiply",
    np.divide: "true_divide",
    np.sqrt: "sqrt",
}


def compiled(run: Callable[[], Any]) -> Callable[[], Any]:
    """Return the compiled kernel, with its arguments, that computes the same as `run`, or `run` if there is none.

    In a recording a kernel costs no Python, so that it is the better choice for arrays of any size.
    """
    if not isinstance(run, partial):
        return run
    if run.func in ROUNDED:
        return elementwise_kernel(run) or run
    find = KERNELS.get(run.func)
    return run if find is None else find(*run.args) or run


def elementwise_kernel(run: partial[Any]) -> partial[None] | None:
    """Return the kernel for a ufunc of NumPy on float32 arrays in C order that writes into such an array."""
    out, arrays = run.keywords.get("out"), run.args
    if out is None or dense_float32(arrays) is not arrays:
        return None
    shape = stream.streamed_shape(arrays, least=1, least_with_channels=1)
    if shape is None or output_array(out, shape) is not out:
        return None
    return partial(_elementwise.elementwise, ROUNDED[run.func], out, *arrays)


def extreme_pool_backward_kernel(dx: Array, dy: Array, argmax: Array, pooling: Pooling) -> partial[None] | None:
    """Return the compiled kernel that `stream.extreme_pool_backward` calls; None if it copies `argmax` first."""
    is_plain = argmax.dtype == np.int32 and argmax.flags.c_contiguous
    return partial(_pool.extreme_pool_backward, dx, dy, argmax, pooling) if is_plain else None


# Functions that return a kernel with its arguments, or None, by the Python functions with the same arguments.
KERNELS: dict[Callable[..., Any], Callable[..., partial[None] | None]] = {
    product.forward: product.forward_kernel,
    product.backward_input: product.backward_input_kernel,
    product.backward_kernel: product.kernel_gradient_kernel,
    matmul.matmul_transposed: matmul.transposed_kernel,
    stream.extreme_pool_backward: extreme_pool_backward_kernel,
}
