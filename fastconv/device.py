"""The device on which models compute: the processor, or a GPU that CuPy finds."""

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
_found = {"cpu": "cpu"}  # name given by the user: name of the device


class MissingGpuError(RuntimeError):
    """Raised if no GPU can be used; the message says why and what to install."""


# ---- the choice ------------------------------------------------------------------------------------------------------


def set_device(name: str) -> None:
    """Set the device on which models compute from now on.

    "auto" is the first GPU if CuPy is installed and finds a GPU, else the processor. The environment variable
    FASTCONV_DEVICE sets the device at start. Functions of `ops` do not depend on it: they run on the device of their
    arrays.

    Args:
        name: "auto" (default), "cpu", "gpu", or "gpu:1" for the second GPU.

    Raises:
        ValueError: if `name` is not spelled like a device.
        MissingGpuError: if the GPU cannot be used; the message says what is missing.

    Example:
        >>> config.set_device("cpu")
        >>> config.get_device()
        'cpu'
    """
    global _chosen
    resolve(name)
    _chosen = name


def get_device() -> str:
    """Return the device on which models compute now: "cpu", or "gpu:0" and so on.

    Example:
        >>> with config.device("cpu"):
        ...     config.get_device()
        'cpu'
    """
    return resolve(_here.get() or _chosen)


def gpu_number() -> int | None:
    """Return the number of the GPU on which models compute now, or None for the processor."""
    device = get_device()
    return None if device == "cpu" else int(device.partition(":")[2])


@contextlib.contextmanager
def device(name: str) -> Iterator[None]:
    """Set the device on which models compute within a block of code, in this Python thread only.

    Args:
        name: a device, as for `set_device`.

    Raises:
        ValueError, MissingGpuError: as `set_device` does.

    Example:
        >>> with config.device("cpu"):
        ...     print(config.get_device())
        cpu
    """
    resolve(name)
    token = _here.set(name)
    try:
        yield
    finally:
        _here.reset(token)


def resolve(name: str) -> str:
    """Return the device that `name` stands for. Raises as `set_device` does."""
    if name not in _found:
        _found[name] = _find(check_name(name))
    return _found[name]


def check_name(name: str) -> str:
    """Return `name`. Raises ValueError unless it is spelled like a device."""
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
    """Return the number of usable GPUs, at least one. Raises MissingGpuError if there is none."""
    runtime = cupy().cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except Exception as error:  # a missing or outdated driver raises various errors
        raise MissingGpuError(f"CuPy finds no GPU that it can use: {error}") from error
    if count == 0:
        raise MissingGpuError("CuPy finds no GPU in this machine")
    return count


def cupy() -> Any:
    """Return the module. Raises MissingGpuError if it is not installed or does not load."""
    try:
        return importlib.import_module("cupy")
    except Exception as error:  # a broken installation must not break work on the processor
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            raise MissingGpuError(
                "A GPU is used through CuPy, which is not installed: `pip install fastconv[cuda12]`, or "
                "fastconv[cuda13] for drivers of CUDA 13"
            ) from error
        raise MissingGpuError(f"CuPy is installed but does not load: {error}") from error


def is_cupy_loaded() -> bool:
    """Return True if arrays may be on a GPU."""
    return "cupy" in sys.modules


def any_on_gpu(arrays: Iterable[Any]) -> bool:
    """Return True if `arrays` has a CuPy array."""
    return is_cupy_loaded() and any(map(is_on_gpu, arrays))


def is_on_gpu(x: Any) -> bool:
    """Return True if `x` is a CuPy array."""
    module = sys.modules.get("cupy")
    return module is not None and isinstance(x, module.ndarray)


_chosen = check_name(os.environ.get("FASTCONV_DEVICE") or "auto")
