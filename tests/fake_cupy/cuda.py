"""CuPy's RawModule and RawKernel on the CPU: CUDA C compiled as C++ after including cuda_on_cpu.h.

Stricter than the driver: the number, kinds and sizes of arguments must match the kernel's signature, as CuPy passes
them (a Python int as 8 bytes, a Python float as a double).
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.fake_cupy import memory
from tests.fake_cupy.streams import launch

AVAILABLE = sys.platform == "linux" and shutil.which("g++") is not None  # tests are skipped on other systems
HEADER = Path(__file__).with_name("cuda_on_cpu.h")
FLAGS = ("-std=c++17", "-O1", "-g1", "-shared", "-fPIC", "-w", "-U_FORTIFY_SOURCE", "-Wl,-z,defs")
MOST_BLOCKS = (2**31 - 1, 65535, 65535)
MOST_THREADS = (1024, 1024, 64)
SHARED = re.compile(r"(extern\s+)?__shared__\s+([^;={}]*?)\b(\w+)\s*((?:\[[^\]]*\]\s*)*);")
KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\s*\([^()]*\)\s*)?(\w+)\s*\(')
LAUNCHER = """
extern "C" const char* shim_signature_{i}() {{ return shim::signature({name}); }}
static void shim_call_{i}(void** args) {{ shim::call({name}, args); }}
extern "C" const char* shim_launch_{i}(unsigned* n, size_t shared, int* threads, int* blocks, void** args) {{
    dim3 grid = {{n[0], n[1], n[2]}}, block = {{n[3], n[4], n[5]}};
    return shim::launch(grid, block, shared, threads, blocks, shim_call_{i}, args);
}}"""

_order: str | int = "forward"


@contextlib.contextmanager
def order(name: str | int) -> Iterator[None]:
    """Set the order of blocks, and of threads between barriers: "forward", "reverse", or the seed of a shuffle."""
    global _order
    before, _order = _order, name
    try:
        yield
    finally:
        _order = before


def ordered(n: int) -> np.ndarray:
    numbers = np.arange(n, dtype=np.int32)
    if _order == "forward":
        return numbers
    return numbers[::-1].copy() if _order == "reverse" else np.random.default_rng(_order).permutation(numbers)


class CompileException(Exception):
    """Mirrors cupy.cuda.compiler.CompileException."""


class RawModule:
    """Mirrors cupy.RawModule, for kernels declared `extern "C" __global__ void` or named by `name_expressions`."""

    def __init__(
        self,
        *,
        code: str,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        name_expressions: Sequence[str] | None = None,
    ) -> None:
        assert isinstance(options, tuple), "cupy.RawModule: options must be a tuple"
        assert not {"-use_fast_math", "--use_fast_math"} & set(options), "kernels round as C does"
        if "#include" in code:
            raise CompileException("NVRTC has no headers here")
        self.code = code
        self.names = list(name_expressions or KERNEL.findall(preprocessed(code, options)))
        self.options = tuple(o for o in options if o.startswith(("-D", "--define-macro")))
        self.library: ctypes.CDLL | None = None

    def compile(self) -> None:
        if self.library is None:
            self.library = ctypes.CDLL(str(built(translated(self.code, self.names), self.options)))

    def get_function(self, name: str) -> RawKernel:
        self.compile()
        if name not in self.names:
            raise RuntimeError(f"CUDA_ERROR_NOT_FOUND: named symbol not found: {name}; there are {self.names}")
        return RawKernel._of(self.library, name, self.names.index(name))


class RawKernel:
    """Mirrors cupy.RawKernel: `kernel(grid, block, args, shared_mem=0)`."""

    def __init__(self, code: str, name: str, options: tuple[str, ...] = (), backend: str = "nvrtc") -> None:
        module = RawModule(code=code, options=options)
        self.__dict__.update(vars(module.get_function(name)))

    @classmethod
    def _of(cls, library: Any, name: str, number: int) -> RawKernel:
        kernel = cls.__new__(cls)
        kernel.name = name
        kernel._run = getattr(library, f"shim_launch_{number}")
        kernel._run.restype = ctypes.c_char_p
        describe = getattr(library, f"shim_signature_{number}")
        describe.restype = ctypes.c_char_p
        kernel.signature = describe().decode().split()
        return kernel

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple, *, shared_mem: int = 0, stream: Any = None
    ) -> None:
        check_sizes("grid", grid, MOST_BLOCKS)
        check_sizes("block", block, MOST_THREADS)
        threads, blocks = int(np.prod(block)), int(np.prod(grid))
        if threads > 1024:
            raise ValueError(f"CUDA_ERROR_INVALID_VALUE: a block has at most 1024 threads. Received: {block}")
        if shared_mem > 48 << 10:
            raise ValueError(f"CUDA_ERROR_INVALID_VALUE: more shared memory than 48 KiB. Received: {shared_mem}")
        if len(args) != len(self.signature):
            raise TypeError(f"{self.name} takes {len(self.signature)} arguments. Received: {len(args)}")
        values = [as_parameter(self.name, i, a, wanted) for i, (a, wanted) in enumerate(zip(args, self.signature))]
        pointers = (ctypes.c_void_p * max(len(values), 1))(*[v.ctypes.data for v in values])
        sizes = (ctypes.c_uint * 6)(*(*grid, 1, 1)[:3], *(*block, 1, 1)[:3])
        by_thread, by_block = ordered(threads), ordered(blocks)

        def run() -> None:
            problem = self._run(
                sizes,
                ctypes.c_size_t(shared_mem),
                *(ctypes.c_void_p(o.ctypes.data) for o in (by_thread, by_block)),
                pointers,
            )
            if problem:
                raise RuntimeError(f"{self.name}: {problem.decode()}")
            assert len(args) == len(values)  # and keep the arrays as long as a graph may run
            memory.check()

        with stream or contextlib.nullcontext():
            launch(run)


def check_sizes(name: str, sizes: tuple[int, ...], most: tuple[int, ...]) -> None:
    """Raise for grids and blocks that CuPy or the driver refuses."""
    if not isinstance(sizes, tuple) or not 1 <= len(sizes) <= 3:
        raise TypeError(f"{name} must be a tuple of 1 to 3 ints. Received: {sizes!r}")
    if not all(isinstance(n, (int, np.integer)) and 1 <= n <= limit for n, limit in zip(sizes, most)):
        raise ValueError(f"CUDA_ERROR_INVALID_VALUE: {name}={sizes} is not within 1 and {most}")


def as_parameter(name: str, i: int, value: Any, wanted: str) -> np.ndarray:
    """Return `value` as the bytes that CuPy would pass, in an array of one element. Raise if the kernel takes another
    type.
    """
    if hasattr(value, "data") and hasattr(value.data, "ptr"):
        kind, scalar = "P8", np.uint64(value.data.ptr)
        if value.size and not memory.holds(value.data.ptr):
            raise RuntimeError(f"CUDA_ERROR_ILLEGAL_ADDRESS: {name}: argument {i} is not an array on the GPU")
    elif wanted == "P8" and isinstance(value, np.uint64) and value == 0:
        kind, scalar = "P8", value  # a null pointer; CuPy 13 does not accept None
    elif isinstance(value, np.generic):
        kind, scalar = f"{value.dtype.kind.replace('u', 'i')}{value.dtype.itemsize}", value
    elif isinstance(value, int):
        kind, scalar = "i8", np.int64(value)
    elif isinstance(value, float):
        kind, scalar = "f8", np.float64(value)
    else:
        raise TypeError(f"Unsupported type {type(value)}")
    if kind != wanted:
        raise TypeError(
            f"{name}: argument {i} is passed as {kind}, the kernel takes {wanted}. Received: {value!r:.100}"
        )
    return np.array([scalar])


# ---- translation -----------------------------------------------------------------------------------------------------


def preprocessed(code: str, options: tuple[str, ...]) -> str:
    """Return `code` after the preprocessor, because macros may declare kernels."""
    macros = [o for o in options if o.startswith("-D")]
    command = ["g++", "-E", "-P", "-x", "c++", *macros, "-"]
    return subprocess.run(command, input=code, capture_output=True, text=True, check=True).stdout


def translated(code: str, names: Sequence[str]) -> str:
    """Return C++ that runs the kernels of `code`, with a numbered launcher for each of `names`."""
    launchers = "\n".join(LAUNCHER.format(i=i, name=name) for i, name in enumerate(names))
    cooperates = "#define COOPERATES\n" if re.search(r"__sync|__shfl", code) else ""
    return f'{cooperates}#include "{HEADER}"\n#line 1 "kernels.cu"\n{SHARED.sub(placed, code)}\n{launchers}\n'


def placed(declaration: re.Match) -> str:
    """Return the declaration of a shared array as a reference into the block's shared memory."""
    dynamic, kind, name, sizes = declaration.groups()
    kind = re.sub(r"__align__\s*\([^)]*\)|alignas\s*\([^)]*\)", "", kind).strip()
    if "," in re.sub(r"<[^<>]*>|\[[^\]]*\]", "", kind):
        raise CompileException(f"declare each __shared__ array in a statement of its own. Received: {declaration[0]}")
    if dynamic:
        return f"{kind}* {name} = reinterpret_cast<{kind}*>(shim::arena);"
    where = f"shim::place(shim_slot_{name}, sizeof({kind}{sizes}))"
    return (
        f"static shim::Slot shim_slot_{name}; {kind} (&{name}){sizes} = *reinterpret_cast<{kind} (*){sizes}>({where});"
    )


def built(source: str, options: tuple[str, ...]) -> Path:
    """Return the shared library of `source`, compiled unless it is cached."""
    key = hashlib.sha256("\0".join((source, HEADER.read_text(), *FLAGS, *options)).encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir()) / f"fastconv-cuda-on-cpu-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            result = Path(scratch) / "kernels.so"
            command = ["g++", *FLAGS, *options, "-x", "c++", "-", "-o", str(result)]
            run = subprocess.run(command, input=source, capture_output=True, text=True)
            if run.returncode:
                raise CompileException(run.stderr)
            result.replace(library)
    return library
