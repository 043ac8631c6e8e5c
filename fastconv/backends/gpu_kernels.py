"""Kernels of CUDA C, the files of fastconv/cuda: compiled when first used, for one type of elements, and launched."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

SOURCES = Path(__file__).parents[1] / "cuda"
THREADS = 256  # of a block
INT_SIZES = 1 << 30  # arrays of fewer elements are indexed by int

# C's names of the types of elements.
TYPES = {
    "bool": "bool",
    "int8": "signed char",
    "uint8": "unsigned char",
    "int16": "short",
    "uint16": "unsigned short",
    "int32": "int",
    "uint32": "unsigned int",
    "int64": "long long",
    "uint64": "unsigned long long",
    "float32": "float",
    "float64": "double",
}


@functools.cache
def module(xp: Any, file: str, element: str, index: str) -> Any:
    """The RawModule of fastconv/cuda/`file`.cu for C's types of elements and of offsets."""
    source = Path(SOURCES, f"{file}.cu").read_text(encoding="utf-8")
    return xp.RawModule(code=source, options=("--std=c++17", f"-DELEMENT={element}", f"-DINDEX={index}"))


@functools.cache
def function(xp: Any, name: str, element: str, index: str) -> Any:
    """The kernel "file.function"."""
    file, function = name.split(".")
    return module(xp, file, element, index).get_function(function)


def launch(xp: Any, name: str, *args: Any, grid: tuple[int, ...], block: tuple[int, ...], shared_mem: int = 0) -> None:
    """Run kernel "file.function", whose ELEMENT is the dtype of the first argument.

    Args:
        args: arrays in C order, None for a null pointer; ints are passed as `int`, floats as ELEMENT.
    """
    dtype = args[0].dtype
    kernel = function(xp, name, TYPES[dtype.name], index_type(args)[0])
    numbers = {int: np.int32, bool: np.int32, float: dtype.type}
    kernel(grid, block, tuple(numbers.get(type(a), lambda a: a)(a) for a in args), shared_mem=shared_mem)


def launch_each(xp: Any, name: str, *args: Any) -> None:
    """Run a kernel with a thread for each element of the first array, and their number behind the arrays."""
    size = args[0].size
    if size:
        arrays = next((k for k, a in enumerate(args) if isinstance(a, (int, float))), len(args))
        number = index_type(args)[1](size)
        launch(xp, name, *args[:arrays], number, *args[arrays:], grid=(-(-size // THREADS),), block=(THREADS,))


def index_type(args: tuple) -> tuple[str, Any]:
    """What offsets into `args` are counted in, by C's name and NumPy's."""
    small = all(a.size < INT_SIZES for a in args if hasattr(a, "size"))
    return ("int", np.int32) if small else ("long long", np.int64)
