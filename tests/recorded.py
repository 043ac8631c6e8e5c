"""Kernels that run as in a plan: recorded on other values, then run on the real ones.

`pytest --recorded` runs the tests with them. If results depend on the values at the time of the recording, they fail.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from fastconv import _core
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.cpu.compiled import compiled
from fastconv.backends.cpu.recording import is_recordable
from fastconv.backends.launch import Launch

PREPARE = Cpu.prepare
LOCK = threading.Lock()
MOST_KEPT = 1 << 28  # bytes of packed weights


def arrays_in(arguments: Any) -> Iterator[np.ndarray]:
    """Return the arrays among `arguments`, also in tuples and lists, that can be written to. Kernels check indices."""
    if isinstance(arguments, (tuple, list)):
        for argument in arguments:
            yield from arrays_in(argument)
    elif isinstance(arguments, np.ndarray) and arguments.flags.writeable and arguments.dtype != np.int64:
        yield arguments


def run_recorded(function: Any, arguments: tuple) -> None:
    """Record a kernel while its arrays are full of ones, restore the arrays, and run the recording.

    Other Python threads, which may read the same arrays, wait.
    """
    with LOCK:
        _run_recorded(function, arguments)


def _run_recorded(function: Any, arguments: tuple) -> None:
    arrays = list(arrays_in(arguments))
    values = [array.copy() for array in arrays]
    for array in arrays:
        array.fill(1)
    recording = _core.Recording([(function, arguments, True)], MOST_KEPT)
    for array, value in zip(arrays, values):
        array[...] = value
    recording.run()
    if recording.kept_bytes:
        recording.run()  # with the weights that the first run has packed


def prepare(self: Cpu, *arguments: Any, **options: Any) -> Launch:
    """Return what `Cpu.prepare` returns, with a compiled kernel replaced by its recording."""
    launch = PREPARE(self, *arguments, **options)
    run = compiled(partial(launch.function, *launch.arguments))
    if not is_recordable(run):
        return launch
    return Launch(launch.result, run_recorded, (run.func, run.args))
