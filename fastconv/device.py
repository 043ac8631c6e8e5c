"""Where models compute: the processor, or a GPU that CuPy finds."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

_chosen = "auto"  # for the whole process
_here: ContextVar[str | None] = ContextVar("fastconv_device", default=None)  # within `device(...)`
_found = {"cpu": "cpu"}  # what names have come to


class MissingGpuError(RuntimeError):
    """Why no GPU can be used, and what is to be installed."""


# ---- the choice ------------------------------------------------------------------------------------------------------


def set_device(name: str) -> None:
    """Choose where models compute from now on: "auto", the default, "cpu", "gpu", or "gpu:1" for the second GPU.

    "auto" is the first GPU where CuPy is installed and finds one, and else the processor. The environment variable
    FASTCONV_DEVICE says it beforehand. Functions of `ops` are not concerned: they run where their arrays are.

    Raises:
        ValueError: another name.
        MissingGpuError: a GPU where none can be used; the message says what is missing.
    """
    global _chosen
    resolve(name)
    _chosen = name


def get_device() -> str:
    """Where models compute now: "cpu", or "gpu:0" and the like."""
    return resolve(_here.get() or _chosen)


def gpu_number() -> int | None:
    """The number of the GPU where models compute now; None for the processor."""
    device = get_device()
    return None if device == "cpu" else int(device.partition(":")[2])


@contextlib.contextmanager
def device(name: str) -> Iterator[None]:
    """Choose where models compute within a block of code, in this Python thread alone.

    Raises:
        ValueError, MissingGpuError: as `set_device` does.

    >>> with device("cpu"):
    ...     print(get_device())
    cpu
    """
    resolve(name)
    token = _here.set(name)
    try:
        yield
    finally:
        _here.reset(token)


def resolve(name: str) -> str:
    """The device that `name` stands for. Raises as `set_device` does."""
    if name not in _found:
        _found[name] = _find(check_name(name))
    return _found[name]


def check_name(name: str) -> str:
    """`name`. Raises ValueError unless it is spelled like a device."""
    if not isinstance(name, str) or not re.fullmatch(r"auto|cpu|gpu(:\d+)?", name):
        raise ValueError(f'A device is "auto", "cpu", "gpu" or "gpu:" and a number. Received: {name!r}')
    return name


def _find(name: str) -> str:
    try:
        count = gpu_count()
    except MissingGpuError:
        if name == "auto":
            return "cpu"
        raise
    number = int(name.partition(":")[2] or 0)
    if number >= count:
        raise MissingGpuError(f"There are {count} GPUs here, numbered from 0. Received: {name!r}")
    return f"gpu:{number}"


# ---- CuPy ------------------------------------------------------------------------------------------------------------


def gpu_count() -> int:
    """How many GPUs can be used, at least one. Raises MissingGpuError where there is none."""
    runtime = cupy().cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except Exception as error:  # a driver that is missing or too old has many ways to say so
        raise MissingGpuError(f"CuPy finds no GPU that it can use: {error}") from error
    if count == 0:
        raise MissingGpuError("CuPy finds no GPU in this machine")
    return count


def cupy() -> Any:
    """The module. Raises MissingGpuError where it is not installed or does not load."""
    try:
        return importlib.import_module("cupy")
    except Exception as error:  # a broken installation must not break work on the processor
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            raise MissingGpuError(
                "A GPU is used through CuPy, which is not installed: `pip install fastconv[cuda12]`, or "
                "fastconv[cuda13] for drivers of CUDA 13"
            ) from error
        raise MissingGpuError(f"CuPy is installed but does not load: {error}") from error


def any_on_gpu(arrays: Iterable[Any]) -> bool:
    """Whether there is an array of CuPy among `arrays`."""
    return "cupy" in sys.modules and any(map(is_on_gpu, arrays))


def is_on_gpu(x: Any) -> bool:
    """Whether `x` is an array of CuPy."""
    module = sys.modules.get("cupy")
    return module is not None and isinstance(x, module.ndarray)


_chosen = check_name(os.environ.get("FASTCONV_DEVICE") or "auto")
