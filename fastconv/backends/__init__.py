"""Where arrays are computed: which backend an array belongs to, and what runs there."""

from __future__ import annotations

import platform
import sys
import textwrap
from typing import Any

from fastconv import _core, config
from fastconv._stream import BINARY, UNARY
from fastconv.backends.algorithms import settings
from fastconv.backends.cpu import Cpu
from fastconv.backends.cpu_stream import bound
from fastconv.backends.explain import explain_conv
from fastconv.backends.gpu import gpu
from fastconv.backends.reference import Reference
from fastconv.device import is_on_gpu

__all__ = ["backend_of", "bound", "explain_conv", "settings", "show_config"]

_cpu = Cpu()


def backend_of(*arrays: Any) -> Reference:
    """The backend that computes on `arrays`: that of the first one on a GPU, else the CPU's."""
    if "cupy" in sys.modules:
        for x in arrays:
            if is_on_gpu(x):
                return gpu(x.device.id)
    return _cpu


def show_config() -> None:
    """Print the instruction set and threads in use, and for every kernel whether it is tuned or plain NumPy.

    float32 runs on the tuned kernels; float64 runs on the reference code, NumPy alone, meant for checking gradients.
    """
    print(f"processor: {platform.machine()}, instruction sets usable: {', '.join(_core.usable_isas())}")
    print(f"instruction set in use: {_core.get_isa()} (FASTCONV_ISA chooses another)")
    print(f"threads: {config.get_num_threads()}{'' if _core.has_openmp() else ' (built without OpenMP: serial)'}")
    print(f"convolutions: {config.conv_precision()} (config.set_conv_precision; explain_conv tells of one shape)")
    kernels = [name for name, member in vars(Reference).items() if callable(member) and name[0] != "_"]
    tuned = [
        name
        for name in kernels
        if name in {name for cls in Cpu.__mro__[: Cpu.__mro__.index(Reference)] for name in vars(cls)}
    ]
    _print_names("float32, tuned", tuned)
    _print_names("float32, tuned functions of elementwise (NumPy computes the others)", [*UNARY, *BINARY])
    _print_names("float32, reference (NumPy)", [name for name in kernels if name not in tuned])
    print("float64: reference (NumPy) for every kernel")


def _print_names(title: str, names: list[str]) -> None:
    print(textwrap.fill(f"{title}: {', '.join(names)}", 100, subsequent_indent="  "))
