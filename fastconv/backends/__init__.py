"""Where arrays are computed: which backend an array belongs to, and what runs there."""

from __future__ import annotations

import platform
import sys
import textwrap
from typing import Any

from fastconv import _core, config
from fastconv._stream import BINARY, UNARY
from fastconv.backends.cpu.algorithms import choose
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.cpu.explain import explain_conv
from fastconv.backends.gpu import cudnn
from fastconv.backends.gpu.backend import Gpu, gpu_backend
from fastconv.backends.reference import Reference
from fastconv.device import MissingGpuError, cupy, get_device, gpu_count, is_on_gpu

__all__ = ["backend_of", "explain_conv", "gpu_backend", "settings", "show_config"]

_cpu = Cpu()


def backend_of(*arrays: Any) -> Reference:
    """The backend that computes on `arrays`: that of the first one on a GPU, else the CPU's."""
    if "cupy" in sys.modules:
        for x in arrays:
            if is_on_gpu(x):
                return gpu_backend(x.device.id)
    return _cpu


def settings() -> tuple[Any, ...]:
    """What kernels are chosen by besides shapes; whoever keeps a choice asks again whether these are the same."""
    return (*choose.settings(), config.tf32())


def show_config() -> None:
    """Print the device, the instruction set and the threads in use, and for every kernel whether it is tuned.

    float32 runs on the tuned kernels; float64 runs on the reference code, NumPy alone, meant for checking gradients.
    """
    _print_device()
    print(f"processor: {platform.machine()}, instruction sets usable: {', '.join(_core.usable_isas())}")
    print(f"instruction set in use: {_core.get_isa()} (FASTCONV_ISA chooses another)")
    print(f"threads: {config.get_num_threads()}{'' if _core.has_openmp() else ' (built without OpenMP: serial)'}")
    print(f"convolutions: {config.conv_precision()} (config.set_conv_precision; explain_conv tells of one shape)")
    _print_kernels("float32", Cpu, "NumPy")
    _print_names("float32, tuned functions of elementwise (NumPy computes the others)", [*UNARY, *BINARY])
    print("float64: reference (NumPy) for every kernel")


def _print_device() -> None:
    print(f"models compute on: {get_device()} (config.set_device or FASTCONV_DEVICE chooses)")
    try:
        print(f"GPUs: {gpu_count()}, through CuPy {cupy().__version__}")
        tf32 = "allowed" if config.tf32() else "not allowed"
        print(f"GPU, convolutions: {cudnn.describe(0)}; TF32 is {tf32} (config.set_tf32)")
        _print_kernels("GPU, float32", Gpu, "CuPy")
    except MissingGpuError as error:
        print(textwrap.fill(f"GPUs: none. {error}", 100, subsequent_indent="  "))


def _print_kernels(title: str, backend: type[Reference], arrays: str) -> None:
    """Which kernels of the reference `backend` has its own of."""
    kernels = [name for name, member in vars(Reference).items() if callable(member) and name[0] != "_"]
    own = {operation.__name__ for operation in backend.kernels}
    _print_names(f"{title}, tuned", [name for name in kernels if name in own])
    _print_names(f"{title}, reference ({arrays})", [name for name in kernels if name not in own])


def _print_names(title: str, names: list[str]) -> None:
    print(textwrap.fill(f"{title}: {', '.join(names)}", 100, subsequent_indent="  "))
