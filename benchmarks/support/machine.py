"""The processor, and the environment of a run; measurements import it before they load a library."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

# Bind the threads of every OpenMP runtime to separate cores.
BOUND = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
# Variables that restrict every side to an instruction set; read when the libraries are loaded.
RESTRICTIONS = {
    "avx2": {
        "FASTCONV_ISA": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
}


def processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].split(":")[1].strip() if names else platform.machine()


def start_with(module: str, wanted: dict[str, str]) -> None:
    """Restart the process, ``python -m module``, with these environment variables, unless they are set already."""
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], {**os.environ, **wanted})
