"""Settings of the process: device, threads, default dtype and layout, precision, strictness."""

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
PAGE, LEAST_STACK = 4096, 32768  # bytes, for the stacks of Python's threads

_trial = threading.Lock()  # held while the process-wide stack size of threads is changed

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
    """Return the default float dtype, "float32" or "float64".

    Example:
        >>> config.floatx()
        'float32'
    """
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float dtype of new variables and converted numbers.

    Args:
        value: "float32" or "float64".

    Raises:
        ValueError: if `value` is another dtype.

    Example:
        >>> config.set_floatx("float64")
        >>> ops.convert_to_tensor([1.0]).dtype.name
        'float64'
    """
    if value not in ("float32", "float64"):
        raise ValueError(f"floatx must be 'float32' or 'float64'. Received: {value!r}")
    _settings["floatx"] = value


def epsilon() -> float:
    """Return the small number that keeps logarithms and quotients finite, 1e-7 by default.

    Example:
        >>> config.epsilon()
        1e-07
    """
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the number that `epsilon` returns.

    Args:
        value: float between 0 and 1.

    Raises:
        ValueError: if `value` is not between 0 and 1.

    Example:
        >>> config.set_epsilon(1e-5)
        >>> config.epsilon()
        1e-05
    """
    _settings["epsilon"] = float(as_number("set_epsilon", "value", value, above=0, below=1))


def image_data_format() -> str:
    """Return the default layout of images: "channels_last" (N, H, W, C) or "channels_first" (N, C, H, W).

    Example:
        >>> config.image_data_format()
        'channels_last'
    """
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the layout that `data_format=None` stands for.

    Args:
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: if the layout is unknown.

    Example:
        >>> config.set_image_data_format("channels_first")
        >>> config.image_data_format()
        'channels_first'
    """
    _settings["image_data_format"] = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """Return `data_format`, or the default if it is None.

    Raises:
        ValueError: if the layout is unknown.

    Example:
        >>> config.standardize_data_format(None)
        'channels_last'
    """
    if data_format is None:
        return image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first'. Received: {data_format!r}")
    return data_format


def strict_windows() -> bool:
    """Return True if a window that does not divide its input evenly is an error. False by default, as in Keras.

    Example:
        >>> config.strict_windows()
        False
    """
    return _settings["strict"]


def set_strict_windows(strict: bool) -> None:
    """Require that (N - F + 2P)/S is an integer in convolutions and pooling, as in a textbook.

    Args:
        strict: bool. If False, windows may leave part of the input unread.

    Example:
        >>> config.set_strict_windows(True)
        >>> ops.max_pool(np.ones((1, 5, 5, 1), "float32"), 2)
        Traceback (most recent call last):
        ValueError: max_pool: (N - F + 2P)/S must be an integer under strict windows. ...
    """
    _settings["strict"] = bool(strict)


def conv_precision() -> str:
    """Return the precision of convolutions, "fast" or "exact".

    Example:
        >>> config.conv_precision()
        'fast'
    """
    return _settings["conv_precision"]


def set_conv_precision(precision: str) -> None:
    """Choose between the fastest algorithms and the plain sums of the definition.

    With "fast", the default, algorithms such as Winograd's may add in another order or multiply less. Errors grow by a
    few units in the last place, and a NaN or infinity may reach outputs near its own. With "exact", every output is
    computed only from its own window, as a single sum of products in float32.

    Args:
        precision: "fast" or "exact".

    Raises:
        ValueError: if `precision` is another value.

    Example:
        >>> config.set_conv_precision("exact")
        >>> config.conv_precision()
        'exact'
    """
    if precision not in ("fast", "exact"):
        raise ValueError(f"conv_precision must be 'fast' or 'exact'. Received: {precision!r}")
    _change("conv_precision", precision)


def max_workspace() -> int:
    """Return the limit of scratch memory that the threads of a call share, in bytes. 256 MiB by default.

    Example:
        >>> config.max_workspace() // 2**20
        256
    """
    return _settings["max_workspace"]


def set_max_workspace(size: int) -> None:
    """Limit the scratch memory that the threads of a call share. Algorithms that need more do not run.

    With 0, convolutions use only the scratch memory of each thread for its current block, a few megabytes at most.

    Args:
        size: int >= 0, in bytes.

    Raises:
        ValueError: if `size` is not an integer >= 0.

    Example:
        >>> config.set_max_workspace(0)
        >>> config.max_workspace()
        0
    """
    _change("max_workspace", as_integer("set_max_workspace", "size", size, 0))


def tf32() -> bool:
    """Return True if GPUs may multiply in TF32. False by default.

    Example:
        >>> config.tf32()
        False
    """
    return _settings["tf32"]


def set_tf32(allowed: bool) -> None:
    """Let GPUs round the factors of products to 10 bits, which tensor cores multiply several times faster.

    This affects matrix products (cuBLAS) and the convolutions that cuDNN computes. Sums stay float32.

    Args:
        allowed: bool.

    Raises:
        ValueError: if `allowed` is neither True nor False.

    Example:
        >>> config.set_tf32(True)
        >>> config.tf32()
        True
    """
    _change("tf32", as_flag("set_tf32", "allowed", allowed))


def _change(name: str, value: object) -> None:
    """Change a setting on which kernels depend, so that plans choose their kernels again."""
    if _settings[name] != value:
        _settings[name] = value
        _core.settings_have_changed()


# ---- threads ---------------------------------------------------------------------------------------------------------


def set_num_threads(n: int) -> None:
    """Run kernels on at most `n` threads. Results have the same bits for every n.

    Args:
        n: int from 1 to 256.

    Raises:
        ValueError: if `n` is not an integer from 1 to 256.
        RuntimeError: if the system cannot start n threads with stacks of the size OMP_STACKSIZE, for lack of memory or
            because of a limit. (OpenMP would end the process.)

    Example:
        >>> n = config.get_num_threads()
        >>> config.set_num_threads(1)
        >>> config.get_num_threads()
        1
        >>> config.set_num_threads(n)
    """
    n = as_integer("set_num_threads", "n", n, 1, MOST_THREADS)
    _start_threads(n)
    _core.set_num_threads(n)


def _start_threads(n: int) -> None:
    """Start and end n - 1 threads, as a trial before OpenMP starts its own. Raises RuntimeError if that fails."""
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
    """Return the stack size of OpenMP's threads from the environment, in bytes; 0 if it is not set."""
    for name in ("OMP_STACKSIZE", "GOMP_STACKSIZE"):
        size = re.fullmatch(r"\s*(\d+)\s*([BKMG]?)\s*", os.environ.get(name, ""), re.ASCII | re.IGNORECASE)
        if size is not None:
            bytes_asked = int(size[1]) << STACK_UNITS[size[2].upper()]
            return max(-(-bytes_asked // PAGE) * PAGE, LEAST_STACK)
    return 0


def get_num_threads() -> int:
    """Return the most threads on which a kernel started now would run.

    Example:
        >>> 1 <= config.get_num_threads() <= 256
        True
    """
    return _core.get_num_threads()


def default_threads() -> int:
    """Return min(processors this process may use, CPU quota of its control group, physical cores).

    Example:
        >>> config.default_threads() >= 1
        True
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _cgroup_quota() or allowed, _physical_cores() or allowed))


def _cgroup_quota() -> int | None:
    """Return the processors granted by the control group (version 2, then 1), rounded up; None if there is no limit."""
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
    """Return the number of cores, not hyper-threads, that Linux lists; None if it lists none."""
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
    if _core.get_num_threads() < 1:  # OMP_NUM_THREADS overflows OpenMP's int
        _core.set_num_threads(default_threads())
    wanted = os.environ.get("FASTCONV_NUM_THREADS")
    if not wanted:
        if _stack_size():  # may be too large even for the default number of threads
            _start_threads(_core.get_num_threads())
        return
    if not wanted.isascii() or not wanted.isdecimal() or not 1 <= int(wanted) <= MOST_THREADS:
        raise ValueError(f"FASTCONV_NUM_THREADS must be an integer from 1 to {MOST_THREADS}. Received: {wanted!r}")
    set_num_threads(int(wanted))


_threads_from_environment()
