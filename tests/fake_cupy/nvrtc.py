"""NVIDIA's compiler of CUDA C, which needs no GPU: PyPI's nvidia-cuda-nvrtc-cu12, if it is installed."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the compiler, or None."""
    try:
        spec = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        return None
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    found = [path for folder in folders for path in sorted(folder.glob("lib/libnvrtc.so.*"))]
    return ctypes.CDLL(str(found[0])) if found else None


def compiled(code: str, options: Sequence[str], names: Sequence[str] = (), form: str = "CUBIN") -> tuple[bytes, str]:
    """Return (machine code, or text if form="PTX", compiler log). Raise ValueError for compile errors."""
    nvrtc, program, size = library(), ctypes.c_void_p(), ctypes.c_size_t()
    check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), code.encode(), b"kernels.cu", 0, None, None))
    for name in names:
        check(nvrtc.nvrtcAddNameExpression(program, name.encode()))
    words = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    failed = nvrtc.nvrtcCompileProgram(program, len(options), words)
    check(nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size)))
    log = ctypes.create_string_buffer(size.value)
    check(nvrtc.nvrtcGetProgramLog(program, log))
    if failed:
        raise ValueError(log.value.decode())
    check(getattr(nvrtc, f"nvrtcGet{form}Size")(program, ctypes.byref(size)))
    binary = ctypes.create_string_buffer(size.value)
    check(getattr(nvrtc, f"nvrtcGet{form}")(program, binary))
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return binary.raw, log.value.decode()


def check(status: int) -> None:
    if status:
        raise RuntimeError(f"NVRTC returned {status}")
