"""Absurd sizes are computed or refused, on every instruction set, in bounded memory and time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastconv
from fastconv import _core

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
@pytest.mark.parametrize("isa", _core.usable_isas())
def test_absurd_sizes_do_not_crash_the_process(isa):
    home = str(Path(fastconv.__file__).parents[1])
    environment = {**os.environ, "FASTCONV_ISA": isa, "PYTHONPATH": os.pathsep.join([home, str(ROOT)])}
    command = [sys.executable, "-m", "tests.absurd", "1", "1000"]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
