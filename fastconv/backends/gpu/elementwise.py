"""Formulas as kernels: called with symbols in place of arrays, a formula writes the C code that computes it.

Every operation on symbols adds a line to a program of single assignments,

    const T t0 = x * scale;
    const T t1 = t0 + shift;

T is float or double, and the type of Python's numbers. The compiler merges repeated computations.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv.typing import ArrayModule

TYPES = {"bool": "bool", "uint64": "unsigned long long", "float32": "float"}  # C types; every other dtype is T


class Program:
    """The lines of a C program while it is written, and the `xp` of formulas that write them."""

    uint64, float32 = np.uint64, np.float32

    def __init__(self) -> None:
        self.lines: list[str] = []

    def let(self, dtype: str, text: str) -> Symbol:
        """Add a new value, computed by `text`."""
        name = f"t{len(self.lines)}"
        self.lines.append(f"const {TYPES.get(dtype, 'T')} {name} = {text};")
        return Symbol(self, name, dtype)

    def maximum(self, x: Any, y: Any) -> Symbol:
        x, y, dtype = self.alike(x, y)
        return self.let(dtype, f"{x} > {y} || {x} != {x} ? {x} : {y}")  # NaN propagates, as in NumPy

    def minimum(self, x: Any, y: Any) -> Symbol:
        x, y, dtype = self.alike(x, y)
        return self.let(dtype, f"{x} < {y} || {x} != {x} ? {x} : {y}")

    def clip(self, x: Any, low: Any, high: Any) -> Symbol:
        return self.minimum(self.maximum(x, low), high)

    def where(self, condition: Symbol, x: Any, y: Any) -> Symbol:
        x, y, dtype = self.alike(x, y)
        return self.let(dtype, f"{condition} ? {x} : {y}")

    def sign(self, x: Symbol) -> Symbol:
        return self.let(x.dtype, f"{x} > 0 ? (T)1 : {x} < 0 ? (T)-1 : {x}")

    def exp(self, x: Symbol) -> Symbol:
        return self.let(x.dtype, f"exp({x})")

    def expm1(self, x: Symbol) -> Symbol:
        return self.let(x.dtype, f"expm1({x})")

    def log1p(self, x: Symbol) -> Symbol:
        return self.let(x.dtype, f"log1p({x})")

    def hypot(self, x: Symbol, y: Any) -> Symbol:
        x, y, dtype = self.alike(x, y)
        return self.let(dtype, f"hypot({x}, {y})")

    def tanh(self, x: Symbol) -> Symbol:
        return self.let(x.dtype, f"tanh({x})")

    def sqrt(self, x: Symbol) -> Symbol:
        return self.let(x.dtype, f"sqrt({x})")

    def normcdf(self, x: Symbol) -> Symbol:
        return self.let(x.dtype, f"normcdf({x})")

    def alike(self, *operands: Any) -> tuple:
        """Return the operands as C, and their dtype: the dtype of the symbols or NumPy numbers among them, or T."""
        known = [x.dtype.name if isinstance(x, np.generic) else x.dtype for x in operands if hasattr(x, "dtype")]
        dtype = next((d for d in known if d != "bool"), "T")
        return (*(x if isinstance(x, Symbol) else constant(x, dtype) for x in operands), dtype)


class DType(str):
    """A dtype as formulas use it."""

    def type(self, number: float) -> float:
        return number


class Symbol:
    """A value in a program.

    Args:
        dtype: "T", or a key of TYPES.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, program: Program, name: str, dtype: str) -> None:
        self.program, self.name, self.dtype = program, name, DType(dtype)

    def __str__(self) -> str:
        return self.name

    def astype(self, dtype: str) -> Symbol:
        return self.program.let(dtype, f"({TYPES.get(dtype, 'T')}){self}")

    def __neg__(self) -> Symbol:
        return self.program.let(self.dtype, f"-{self}")

    def __abs__(self) -> Symbol:
        return self.program.let(self.dtype, f"fabs({self})")


def operator(sign: str, dtype: str | None = None, swapped: bool = False) -> Callable[[Symbol, Any], Symbol]:
    """Return a binary operator. `dtype` is the dtype of its result, if it differs from that of the operands."""

    def method(self: Symbol, other: Any) -> Symbol:
        x, y, common = self.program.alike(*((other, self) if swapped else (self, other)))
        return self.program.let(dtype or common, f"{x} {sign} {y}")

    return method


for _name, _sign in {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "xor": "^", "rshift": ">>"}.items():
    setattr(Symbol, f"__{_name}__", operator(_sign))
    setattr(Symbol, f"__r{_name}__", operator(_sign, swapped=True))
for _name, _sign in {"and": "&", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
    setattr(Symbol, f"__{_name}__", operator(_sign, "bool"))


def constant(number: Any, dtype: str) -> str:
    """Return a number as C."""
    if dtype == "uint64":
        return f"{int(number)}ULL"
    if math.isfinite(number):
        return f"({TYPES.get(dtype, 'T')}){float(number)!r}"
    return "(0 / (T)0)" if math.isnan(number) else f"({'-' if number < 0 else ''}1 / (T)0)"


def written(formula: Callable[..., Any], inputs: Sequence[str], constants: tuple) -> tuple[str, int]:
    """Return the C code of a formula, and the number of its results: y0, y1, ...

    Args:
        inputs: the parameters of the kernel, for example "T x". For "raw uint64 seed" the formula gets the number and
            the index of the element, for "raw float32 s" the four numbers.
    """
    program = Program()
    symbols: list[Any] = []
    for text in inputs:
        *raw, dtype, name = text.split()
        if raw and name == "seed":
            symbols += [Symbol(program, "seed[0]", dtype), Symbol(program, "(unsigned long long)i", "uint64")]
        elif raw:
            symbols.append([program.let("T", f"{name}[{k}]") for k in range(4)])
        else:
            symbols.append(Symbol(program, name, dtype))
    results = formula(program, *symbols, *constants)
    results = results if isinstance(results, tuple) else (results,)
    return "\n".join([*program.lines, *(f"y{k} = {result};" for k, result in enumerate(results))]), len(results)


@functools.lru_cache(maxsize=1024)
def kernel(xp: ArrayModule, formula: Callable[..., Any], inputs: tuple[str, ...], constants: tuple) -> Any:
    """Return the ElementwiseKernel of a formula. Its results have type T, or float32 if no input has type T."""
    text, count = written(formula, inputs, constants)
    result = "T" if any(text.startswith("T ") for text in inputs) else "float32"
    outputs = ", ".join(f"{result} y{k}" for k in range(count))
    return xp.ElementwiseKernel(", ".join(inputs), outputs, text, f"fastconv_{formula.__name__}")
