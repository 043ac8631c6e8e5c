"""Kernels in CUDA C (the files of fastconv/cuda): compiled for an element type when first used, and launched."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from fastconv.typing import ArrayModule

SOURCES = Path(__file__).parents[2] / "cuda"
THREADS = 256  # of a block
INT_SIZES = 1 << 30  # arrays of fewer elements are indexed by int

# The names of element types in C.
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


class Index(int):
    """A number of elements, passed as INDEX."""


@functools.cache
def source(file: str) -> str:
    """Return the text of fastconv/cuda/`file`.cu."""
    return Path(SOURCES, f"{file}.cu").read_text(encoding="utf-8")


@functools.cache
def function(xp: ArrayModule, device: int, code: str, name: str, *options: str) -> Any:
    """Return a function of CUDA C, compiled for the current GPU `device`: ``function(...)(grid, block, args)``.

    Args:
        name: its name, or an instance of a template, for example "depthwise<true>".
    """
    expressions = (name,) if "<" in name else None
    return module(xp, device, code, expressions, *options).get_function(name)


@functools.cache
def module(xp: ArrayModule, device: int, code: str, expressions: tuple[str, ...] | None, *options: str) -> Any:
    return xp.RawModule(code=code, options=("--std=c++17", *options), name_expressions=expressions)


def launch(
    xp: ArrayModule, name: str, *args: Any, grid: tuple[int, ...], block: tuple[int, ...], shared_mem: int = 0
) -> None:
    """Run the kernel "file.function". ELEMENT is the dtype of the first argument.

    Args:
        args: arrays in C order, None for a null pointer; ints are passed as `int`, floats as ELEMENT.
    """
    element = args[0].dtype
    small = all(a.size < INT_SIZES for a in args if isinstance(a, xp.ndarray))
    index, offset = ("int", np.int32) if small else ("long long", np.int64)

    def parameter(a: Any) -> Any:
        if a is None:
            return np.uint64(0)  # CuPy 13 passes None as no argument, which crashes
        if isinstance(a, Index):
            return offset(a)
        if isinstance(a, (int, np.integer, np.bool_)):
            return np.int32(a)
        return element.type(a) if isinstance(a, float) else a

    file, own_name = name.split(".")
    types = f"-DELEMENT={TYPES[element.name]}", f"-DINDEX={index}"
    run = function(xp, args[0].device.id, source(file), own_name, *types)
    run(grid, block, tuple(map(parameter, args)), shared_mem=shared_mem)


def launch_each(xp: ArrayModule, name: str, *args: Any) -> None:
    """Run a kernel with a thread for each element of the first array, and pass their number after the arrays."""
    size = args[0].size
    if size:
        arrays = sum(a is None or isinstance(a, xp.ndarray) for a in args)
        grid, block = (-(-size // THREADS),), (THREADS,)
        launch(xp, name, *args[:arrays], Index(size), *args[arrays:], grid=grid, block=block)
