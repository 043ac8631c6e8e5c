"""`cupy.ElementwiseKernel`, compiled for the CPU by g++."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.fake_cupy.arrays import ndarray, unwrap
from tests.fake_cupy.streams import allocated, launch, spoil, state

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

HEAD = """
#include <math.h>
#include <stddef.h>
#define __device__
#define __host__
#define __forceinline__ inline
using namespace std;
template <typename T> struct CArray {
    T* p; ptrdiff_t n;
    T& operator[](ptrdiff_t i) const { return p[i]; }
    ptrdiff_t size() const { return n; }
};
static inline double normcdf(double x) { return erfc(-x / sqrt(2.0)) / 2; }
static inline float normcdf(float x) { return normcdf((double)x); }
static inline float rsqrtf(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }
static inline float rsqrt(float x) { return 1 / sqrtf(x); }
"""


def compiled(source: str) -> ctypes.CDLL:
    """Return a C++ library, cached in a temporary folder by a hash of its source."""
    key = hashlib.sha256(source.encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir(), f"fastconv-fake-cupy-{os.getuid() if hasattr(os, 'getuid') else 0}")
    library = folder / f"{key}.so"
    if not library.exists():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as workshop:
            made, text = Path(workshop, "made.so"), Path(workshop, "source.cpp")
            text.write_text(source)
            command = ["g++", "-std=c++17", "-O1", "-fPIC", "-shared", "-w", str(text), "-o", str(made)]
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                raise RuntimeError(f"CompileException:\n{result.stderr}\n{source}")
            os.replace(made, library)
    return ctypes.CDLL(str(library))


class Parameter(NamedTuple):
    raw: bool
    type: str  # a dtype's name, or a letter
    name: str

    @classmethod
    def parse(cls, text: str) -> list[Parameter]:
        words = [part.split() for part in text.split(",") if part.strip()]
        for *_, kind, _ in words:
            if kind not in TYPES and not re.fullmatch("[A-Z]", kind):
                raise ValueError(f"Type {kind!r} is not understood")
        return [cls(word[0] == "raw", word[-2], word[-1]) for word in words]


class ElementwiseKernel:
    """A kernel that runs a piece of C++ for each element of arrays that broadcast."""

    def __init__(
        self,
        in_params: str,
        out_params: str,
        operation: str,
        name: str = "kernel",
        reduce_dims: bool = True,
        preamble: str = "",
        no_return: bool = False,
        options: tuple[str, ...] = (),
        loop_prep: str = "",
        after_loop: str = "",
    ) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"Invalid kernel name: {name!r}")
        self.name, self.operation, self.preamble = name, operation, preamble
        self._in, self._out = Parameter.parse(in_params), Parameter.parse(out_params)
        self._loop_prep, self._after_loop = loop_prep, after_loop
        self.nin, self.nout, self.nargs = len(self._in), len(self._out), len(self._in) + len(self._out)
        self._library = functools.cache(self._compile)

    def __call__(self, *args: Any, size: int = -1, stream: Any = None, block_size: int = 128) -> Any:
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(
                f"Wrong number of arguments for {self.name!r}. It must be either {self.nin} or {self.nargs}"
            )
        raws = [unwrap(a) for a in args]
        types = self._types(raws)
        shape = self._shape(raws, size)
        outs = list(args[self.nin :]) or [self._new(shape, types[p.type]) for p in self._out]
        for p, out in zip(self._out, outs):
            if not isinstance(out, ndarray):
                raise TypeError("Output arguments type must be cupy.ndarray")
            if not p.raw and out.shape != shape:
                raise ValueError(f"Out shape is mismatched: {out.shape} is not {shape}")
        targets = [out._raw for out in outs]
        if int(np.prod(shape)) != 0:
            launch(lambda: self._run(raws[: self.nin], targets, types, shape))
        return outs[0] if len(outs) == 1 else tuple(outs)

    def _types(self, raws: list[Any]) -> dict[str, str]:
        """Return the dtype of each type in the parameters. Python numbers do not count."""
        types = {name: name for name in TYPES}
        for p, x in zip([*self._in, *self._out], raws):
            if isinstance(x, (np.ndarray, np.generic)):
                found = x.dtype.name
                if types.setdefault(p.type, found) != found:
                    raise TypeError(f"Type is mismatched. {p.name} {found} {types[p.type]} {p.type}")
        for p in [*self._in, *self._out]:
            if p.type not in types:
                raise TypeError(f"{p.type} of {p.name} is not decided by any argument")
        return types

    def _shape(self, raws: list[Any], size: int) -> tuple[int, ...]:
        arrays = [x for p, x in zip([*self._in, *self._out], raws) if not p.raw and isinstance(x, np.ndarray)]
        if size >= 0:
            if arrays:
                raise ValueError("Specified 'size' can be used only if all of the ndarray are 'raw'.")
            return (size,)
        if not arrays:
            raise ValueError("Loop size is undecided.")
        return np.broadcast_shapes(*(x.shape for x in arrays))

    def _new(self, shape: tuple[int, ...], dtype: str) -> ndarray:
        raw = allocated(np.empty(shape, dtype))
        spoil(raw)
        return ndarray(raw, state.entered[-1])

    def _run(self, inputs: list[Any], outputs: list[np.ndarray], types: dict[str, str], shape: tuple[int, ...]) -> None:
        dense = []
        for p, x in zip(self._in, inputs):
            array = np.asarray(x, types[p.type])
            dense.append(np.ascontiguousarray(array if p.raw or array.size == 1 else np.broadcast_to(array, shape)))
        results = [y if y.flags.c_contiguous else np.ascontiguousarray(y) for y in outputs]
        arrays = [*dense, *results]
        run = self._library(tuple(types[p.type] for p in [*self._in, *self._out]), tuple(sorted(types.items())))
        pointers = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
        sizes = (ctypes.c_longlong * len(arrays))(*(a.size for a in arrays))
        run(ctypes.c_longlong(int(np.prod(shape))), pointers, sizes)
        for y, result in zip(outputs, results):
            if y is not result:
                y[...] = result

    def _compile(self, dtypes: tuple[str, ...], types: tuple[tuple[str, str], ...]) -> Any:
        letters = "".join(f"typedef {TYPES[dtype]} {name};\n" for name, dtype in types if name not in TYPES)
        arrays, elements = "", ""
        for k, (p, dtype) in enumerate(zip([*self._in, *self._out], dtypes)):
            kind = TYPES[dtype]
            const = "const " if k < self.nin else ""
            if p.raw:
                arrays += f"CArray<{const}{kind}> {p.name} = {{({kind}*)pointers[{k}], sizes[{k}]}};\n"
            elif k < self.nin:
                elements += f"const {kind} {p.name} = (({kind}*)pointers[{k}])[sizes[{k}] == 1 ? 0 : i];\n"
            else:
                elements += f"{kind}& {p.name} = (({kind}*)pointers[{k}])[i];\n"
        source = (
            f"{HEAD}{letters}{self.preamble}\n"
            'extern "C" void run(long long n, void** pointers, const long long* sizes) {\n'
            f"{arrays}{self._loop_prep};\nfor (ptrdiff_t i = 0; i < n; ++i) {{\n{elements}{self.operation};\n}}\n"
            f"{self._after_loop};\n}}\n"
        )
        return compiled(source).run
