"""Names of the kernels that launches run, for profiles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import fastconv._matmul as _matmul
from fastconv._conv_depthwise import conv_depthwise
from fastconv.backends.cpu.algorithms.algorithm import DIRECTIONS
from fastconv.backends.cpu.algorithms.choose import ALGORITHMS
from fastconv.backends.cpu.algorithms.matmul import MATMUL, matmul_transposed
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.cpu.kernel import run_into
from fastconv.backends.gpu.backend import Gpu
from fastconv.backends.reference import Reference

# The names of algorithms by the functions that compute them; for convolutions, those of `explain_conv`.
ALGORITHM_NAMES: dict[Callable[..., Any], str] = {
    **{
        getattr(algorithm, direction).run: algorithm.name
        for algorithm in ALGORITHMS
        for direction in DIRECTIONS
        if getattr(algorithm, direction) is not None
    },
    **{run: name for name, run in MATMUL.items()},
    **dict.fromkeys((matmul_transposed, _matmul.matmul_transposed), "transposed"),
    conv_depthwise: "depth first",
}
PLAIN_CODE = {member for member in vars(Reference).values() if callable(member)}


def kernel_name(function: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """Return the name of the algorithm or kernel that ``function(*arguments)``, as in a `Launch`, computes with.

    "array code" is the code of `Reference`, in NumPy or CuPy. A name with "on copies" computes on contiguous copies.
    """
    if isinstance(function, functools.partial):
        return kernel_name(function.func, (*function.args, *arguments))
    inner = getattr(function, "__func__", function)
    if inner is run_into:
        return kernel_name(arguments[0].function, arguments[0].arguments)
    if inner is Gpu._on_this_device:
        return kernel_name(*arguments)
    if inner is Cpu._compute_on_copies:
        return f"{arguments[0].operation.__name__} on copies"
    if inner in PLAIN_CODE or isinstance(inner, np.ufunc):
        return "array code"
    return ALGORITHM_NAMES.get(inner) or getattr(inner, "__name__", type(inner).__name__).lstrip("_")
