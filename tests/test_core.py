"""The compiled core: instruction sets, threads and behaviour in processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastconv
from fastconv import _core
from fastconv.backends.cpu.backend import Cpu
from tests.windows import Windows

SANITIZERS = ("LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS")  # without them a checked build does not load
WINDOW = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}

PRELUDE = f"""
import os, sys
import numpy as np
from fastconv import _core
from fastconv.backends.cpu.backend import Cpu
from tests.windows import Windows
window = {WINDOW}
x, w = np.ones((4, 20, 20, 32), np.float32), np.ones((3, 3, 32, 64), np.float32)
"""


def run(script: str, **environment: str) -> str:
    """Return the output of `script` in a new process, which must exit with status 0."""
    sanitizers = {name: os.environ[name] for name in SANITIZERS if name in os.environ}
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + script],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **sanitizers, **environment},
        cwd=Path(fastconv.__file__).parents[1],
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_the_best_instruction_set_is_the_default():
    assert _core.usable_isas()[0] == "ref"
    assert run("print(_core.get_isa())") == _core.usable_isas()[-1]


def test_the_environment_forces_an_instruction_set():
    assert run("print(_core.get_isa())", FASTCONV_ISA="ref") == "ref"
    assert "FASTCONV_ISA must be one of" in run("try: _core.set_isa('mmx')\nexcept ValueError as error: print(error)")


def test_peak_is_a_plausible_rate(isa):
    assert 0.1 < _core.fma_peak(100_000) < 1000


def test_a_forked_child_computes():
    """libgomp does not survive a fork: a child that started threads would hang."""
    script = """
_core.set_num_threads(2)
expected = Windows(Cpu()).conv(x, w, **window)
child = os.fork()
if child == 0:
    same = _core.get_num_threads() == 1 and np.array_equal(Windows(Cpu()).conv(x, w, **window), expected)
    os._exit(0 if same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), _core.get_num_threads())
"""
    assert run(script) == ("0 2" if _core.has_openmp() else "0 1")


def test_denormals_are_flushed_only_inside_kernels(isa, threads):
    """A denormal takes about 50 times as long as a normal number, and no network can tell it from zero."""
    tiny = np.full((4, 20, 20, 32), 1e-40, np.float32)
    for n in (1, 2):
        threads(n)
        y = Windows(Cpu()).conv(tiny, np.ones((3, 3, 32, 64), np.float32), **WINDOW)
        assert not y.any()
        assert tiny[0, 0, 0, 0] * np.float32(0.5) > 0


def test_scratch_memory_is_freed_and_reused():
    x, w = np.ones((1, 9, 9, 8), np.float32), np.ones((3, 3, 8, 8), np.float32)
    before = Windows(Cpu()).conv(x, w, **WINDOW)
    _core.free_scratch()
    _core.free_scratch()
    np.testing.assert_array_equal(Windows(Cpu()).conv(x, w, **WINDOW), before)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space as Linux counts it")
def test_a_failed_allocation_is_a_memory_error():
    script = """
import resource
kernel = np.ones((400, 400, 16, 1), np.float32)
image, y = np.ones((1, 400, 400, 16), np.float32), np.empty((1, 3, 3, 1), np.float32)
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 20),) * 2)
try:
    Windows(Cpu()).conv(image, kernel, out=y, **window)
except MemoryError as error:
    print(error)
"""
    assert run(script).endswith("bytes left for scratch memory")
