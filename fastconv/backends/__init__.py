"""The backends: which backend an array belongs to, and which kernels each backend has."""

from __future__ import annotations

import platform
import sys
import textwrap
from typing import Any

import fastconv._core as _core
import fastconv.config as config
from fastconv._elementwise import BINARY, UNARY
from fastconv.backends.cpu import depth_first
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.cpu.explain import explain_conv
from fastconv.backends.gpu import cudnn
from fastconv.backends.gpu.backend import Gpu, gpu_backend
from fastconv.backends.reference import Reference
from fastconv.device import MissingGpuError, cupy, get_device, gpu_count, gpu_number, is_on_gpu
from fastconv.geometry import Convolution

__all__ = ["backend_of", "explain_conv", "gpu_backend", "joins", "show_config"]

_cpu = Cpu()


def backend_of(*arrays: Any) -> Reference:
    """Return the backend that computes on `arrays`: the backend of the first GPU array, else the CPU's."""
    if "cupy" in sys.modules:
        for x in arrays:
            if is_on_gpu(x):
                return gpu_backend(x.device.id)
    return _cpu


def joins(convolution: Convolution, depthwise: Convolution) -> bool:
    """Return True if models compute faster with `Reference.conv_depthwise` than with two convolutions."""
    return gpu_number() is None and depth_first.pays(convolution, depthwise)


def show_config() -> None:
    """Print the device, the instruction set, the threads, and the tuned kernels.

    float32 runs on tuned kernels. float64 runs on the reference code in NumPy, which is meant for checking gradients.

    Example:
        >>> fastconv.show_config()
        models compute on: ...
        float64: reference (NumPy) for every kernel
    """
    _print_device()
    print(f"processor: {platform.machine()}, instruction sets usable: {', '.join(_core.usable_isas())}")
    print(f"instruction set in use: {_core.get_isa()} (FASTCONV_ISA chooses another)")
    print(f"threads: {config.get_num_threads()}{'' if _core.has_openmp() else ' (built without OpenMP: serial)'}")
    print(f"convolutions: {config.conv_precision()} (config.set_conv_precision; explain_conv explains a shape)")
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
    """Print the kernels of the reference that `backend` overrides, and those that it does not."""
    kernels = [name for name, member in vars(Reference).items() if callable(member) and name[0] != "_"]
    own = {operation.__name__ for operation in backend.kernels}
    _print_names(f"{title}, tuned", [name for name in kernels if name in own])
    _print_names(f"{title}, reference ({arrays})", [name for name in kernels if name not in own])


def _print_names(title: str, names: list[str]) -> None:
    print(textwrap.fill(f"{title}: {', '.join(names)}", 100, subsequent_indent="  "))
