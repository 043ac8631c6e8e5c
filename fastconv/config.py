"""What can be set for a whole process: device, threads, default dtype and layout, strictness."""

from __future__ import annotations

import math
import os
import re
import threading
from pathlib import Path

from fastconv.arguments import as_flag, as_integer, as_number
from fastconv.device import device as device
from fastconv.device import get_device as get_device
from fastconv.device import set_device as set_device

__all__ = [
    "conv_precision",
    "default_threads",
    "device",
    "epsilon",
    "floatx",
    "get_device",
    "get_num_threads",
    "image_data_format",
    "max_workspace",
    "set_conv_precision",
    "set_device",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_workspace",
    "set_num_threads",
    "set_strict_windows",
    "set_tf32",
    "standardize_data_format",
    "strict_windows",
    "tf32",
]

try:
    import fastconv._core as _core
except ModuleNotFoundError as error:
    raise ImportError(
        f"fastconv is not built in this folder ({Path(__file__).parents[1]}): run `pip install -e .`, "
        "or start Python elsewhere to use the installed package"
    ) from error

MOST_THREADS = 256
STACK_UNITS = {"B": 0, "": 10, "K": 10, "M": 20, "G": 30}  # powers of 2
PAGE, LEAST_STACK = 4096, 32768  # bytes, of stacks of Python's threads

_trial = threading.Lock()  # of threads, whose stacks have a size of their own

_settings: dict = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "strict": False,
    "conv_precision": "fast",
    "max_workspace": 256 << 20,
    "tf32": False,
}


def floatx() -> str:
    """The default float dtype, "float32" or "float64"."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the dtype of new variables. Raises ValueError for anything but "float32" and "float64"."""
    if value not in ("float32", "float64"):
        raise ValueError(f"floatx must be 'float32' or 'float64'. Received: {value!r}")
    _settings["floatx"] = value


def epsilon() -> float:
    """The small number that keeps logarithms and quotients finite, 1e-7 by default."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the number that `epsilon` returns. Raises ValueError unless it is between 0 and 1."""
    _settings["epsilon"] = float(as_number("set_epsilon", "value", value, above=0, below=1))


def image_data_format() -> str:
    """The default layout of images, "channels_last" (N, H, W, C) or "channels_first" (N, C, H, W)."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the layout that `data_format=None` means. Raises ValueError for unknown layouts."""
    _settings["image_data_format"] = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """`data_format`, or the default when it is None. Raises ValueError for unknown layouts."""
    if data_format is None:
        return image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first'. Received: {data_format!r}")
    return data_format


def strict_windows() -> bool:
    """Whether a window that does not divide its input evenly is an error; off by default, as in Keras."""
    return _settings["strict"]


def set_strict_windows(strict: bool) -> None:
    """Make (N - F + 2P)/S + 1 have to be a whole number for convolutions and pooling, as a textbook would."""
    _settings["strict"] = bool(strict)


def conv_precision() -> str:
    """How convolutions are computed, "fast" or "exact"."""
    return _settings["conv_precision"]


def set_conv_precision(precision: str) -> None:
    """Choose between the fastest algorithms and the plain sums of the definition.

    "fast", the default, lets algorithms run that add in another order or multiply less, such as Winograd's: errors of
    a few more units in the last place, and a NaN or infinity may reach outputs near its own. "exact" computes every
    output from its own window alone, as one sum of products in float32.

    Raises:
        ValueError: `precision` is neither.
    """
    if precision not in ("fast", "exact"):
        raise ValueError(f"conv_precision must be 'fast' or 'exact'. Received: {precision!r}")
    _settings["conv_precision"] = precision


def max_workspace() -> int:
    """The most bytes of scratch memory that the threads of one call may share, 256 MiB by default."""
    return _settings["max_workspace"]


def set_max_workspace(size: int) -> None:
    """Let algorithms that share scratch memory among threads run only where `size` bytes suffice.

    With 0, convolutions get by with what each thread needs for the block at hand, a few megabytes at most.

    Raises:
        ValueError: `size` is no integer of at least 0.
    """
    _settings["max_workspace"] = as_integer("set_max_workspace", "size", size, 0)


def tf32() -> bool:
    """Whether GPUs may multiply in TF32; off by default."""
    return _settings["tf32"]


def set_tf32(allowed: bool) -> None:
    """Let products on GPUs round their factors to 10 bits, which tensor cores multiply several times as fast.

    It bears on matrix products (cuBLAS) and on convolutions that cuDNN computes; sums stay float32.

    Raises:
        ValueError: `allowed` is neither True nor False.
    """
    _settings["tf32"] = as_flag("set_tf32", "allowed", allowed)


# ---- threads ---------------------------------------------------------------------------------------------------------


def set_num_threads(n: int) -> None:
    """Run kernels on at most `n` threads; results have the same bits whatever `n` is.

    Raises:
        ValueError: `n` is no integer from 1 to 256.
        RuntimeError: the system does not start that many threads, for want of memory or by a limit, with the stacks
            that OMP_STACKSIZE asks for. OpenMP would end the process.
    """
    n = as_integer("set_num_threads", "n", n, 1, MOST_THREADS)
    _start_threads(n)
    _core.set_num_threads(n)


def _start_threads(n: int) -> None:
    """Let as many threads live at once as OpenMP is going to start. Raises RuntimeError if the system refuses."""
    if n == 1:
        return
    end = threading.Event()
    started: list[threading.Thread] = []
    size = _stack_size()
    with _trial:
        former = threading.stack_size()
        try:
            threading.stack_size(size)
            _start_until(end, n - 1, started)
        except (RuntimeError, MemoryError, ValueError, OverflowError) as error:
            stacks = f", with stacks of {size} bytes (OMP_STACKSIZE)" if size else ""
            raise RuntimeError(
                f"{n} threads must fit into the memory and the limits of this process{stacks}; "
                f"{len(started) + 1} did. Received: {error}"
            ) from error
        finally:
            threading.stack_size(former)
            end.set()
            for thread in started:
                thread.join()


def _start_until(end: threading.Event, n: int, started: list[threading.Thread]) -> None:
    """Append to `started` n threads that wait for `end`."""
    for _ in range(n):
        thread = threading.Thread(target=end.wait, daemon=True)
        thread.start()
        started.append(thread)


def _stack_size() -> int:
    """Bytes of the stack of each of OpenMP's threads, as the environment asks for; 0 if it does not."""
    for name in ("OMP_STACKSIZE", "GOMP_STACKSIZE"):
        size = re.fullmatch(r"\s*(\d+)\s*([BKMG]?)\s*", os.environ.get(name, ""), re.ASCII | re.IGNORECASE)
        if size is not None:
            bytes_asked = int(size[1]) << STACK_UNITS[size[2].upper()]
            return max(-(-bytes_asked // PAGE) * PAGE, LEAST_STACK)
    return 0


def get_num_threads() -> int:
    """The most threads a kernel started now would run on."""
    return _core.get_num_threads()


def default_threads() -> int:
    """min(processors this process may use, CPU quota of its control group, physical cores)."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _cgroup_quota() or allowed, _physical_cores() or allowed))


def _cgroup_quota() -> int | None:
    """Processors granted by the control group (version 2, then 1), rounded up; None where there is no limit."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
    except (OSError, ValueError):
        try:
            with open("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") as file:
                quota = file.read().strip()
            with open("/sys/fs/cgroup/cpu/cpu.cfs_period_us") as file:
                period = file.read().strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    return max(1, math.ceil(int(quota) / int(period)))


def _physical_cores() -> int | None:
    """Cores, not hyper-threads, as Linux lists them; None where it does not say."""
    siblings = set()
    for cpu in range(os.cpu_count() or 1):
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
                siblings.add(file.read().strip())
        except OSError:
            return None
    return len(siblings)


def _threads_from_environment() -> None:
    _core.set_default_threads(default_threads())
    if _core.get_num_threads() < 1:  # OpenMP has read a number from OMP_NUM_THREADS that its int does not hold
        _core.set_num_threads(default_threads())
    wanted = os.environ.get("FASTCONV_NUM_THREADS")
    if not wanted:
        if _stack_size():  # which may be too large even for the number of threads that is the default
            _start_threads(_core.get_num_threads())
        return
    if not wanted.isascii() or not wanted.isdecimal() or not 1 <= int(wanted) <= MOST_THREADS:
        raise ValueError(f"FASTCONV_NUM_THREADS must be an integer from 1 to {MOST_THREADS}. Received: {wanted!r}")
    set_num_threads(int(wanted))


_threads_from_environment()
