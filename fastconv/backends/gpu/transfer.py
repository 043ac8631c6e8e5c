"""Copies of arrays between host memory and GPUs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv.backends.gpu.backend import Gpu, gpu_backend
from fastconv.device import cupy, gpu_number, is_on_gpu

ON_CUDA = 2  # kDLCUDA: DLPack's number for the memory of NVIDIA's GPUs


def as_array(x: Any) -> Any:
    """Return `x` as a NumPy array, or as a CuPy array if it is on a GPU. GPU arrays of other libraries are not copied.

    Raises:
        MissingGpuError: if x is on a GPU and CuPy is missing.
        ValueError: if x is lists of different lengths, or an array with masked elements.
    """
    if type(x) is np.ndarray or is_on_gpu(x):
        return x
    if np.ma.is_masked(x):
        raise ValueError(
            "Arrays must not be masked: give x.filled(value), or weights of samples. "
            f"Received: a masked array of shape={x.shape}"
        )
    if hasattr(x, "__cuda_array_interface__"):
        return cupy().asarray(x)
    if hasattr(x, "__dlpack_device__") and x.__dlpack_device__()[0] == ON_CUDA:
        return cupy().from_dlpack(x)
    return np.asarray(x)


def native(x: np.ndarray) -> np.ndarray:
    """Return x, or a copy whose numbers have their bytes in the order of this machine."""
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def to_host(x: Any) -> np.ndarray:
    """Return `x` as a NumPy array, after the GPU's current work."""
    return x.get() if is_on_gpu(x) else np.asarray(x)


def index_on_device_of(x: Any, index: Any) -> Any:
    """Return `index`, a slice or an array, in the memory of `x`."""
    return gpu_backend(x.device.id).array(index) if is_on_gpu(x) and isinstance(index, np.ndarray) else index


def to_current_device(x: Any) -> Any:
    """Return the array `x` on the device on which models compute."""
    number = gpu_number()
    return to_host(x) if number is None else gpu_backend(number).array(x)


def write(target: Any, value: np.ndarray) -> None:
    """Fill `target`, on a GPU or not, with `value` from the host."""
    if is_on_gpu(target):
        target.set(np.asarray(value, target.dtype, order="C"), stream=gpu_backend(target.device.id).current_stream())
    else:
        target[...] = value


# ---- without waiting -------------------------------------------------------------------------------------------------


class Upload:
    """Copies of batches to a GPU; a batch is copied while the step before it computes.

    Args:
        gpu: the GPU.
        target: the array that the steps read.
    """

    def __init__(self, gpu: Gpu, target: Any) -> None:
        self.target = target
        self.slots = itertools.cycle([Slot(gpu, target.nbytes) for _ in range(2)])

    def __call__(self, batch: np.ndarray) -> None:
        """Copy the elements of `batch` to `target`. The batch may be changed as soon as this returns.

        Raises:
            TypeError: if the dtype cannot be cast implicitly to the dtype of `target`.
        """
        if not np.can_cast(batch.dtype, self.target.dtype, "same_kind"):
            raise TypeError(f"Arrays of {self.target.dtype} do not take {batch.dtype} without a cast")
        narrow = min(batch.dtype, self.target.dtype, key=lambda dtype: dtype.itemsize)
        slot = next(self.slots)
        self.target[...] = slot.send(batch, narrow)
        slot.taken.record(slot.gpu.stream)


class Slot:
    """Pinned memory, from which the GPU copies asynchronously, and GPU memory of the same size."""

    def __init__(self, gpu: Gpu, size: int) -> None:
        self.gpu = gpu
        self.pinned = pinned_empty(gpu, (size,), np.dtype("uint8"))
        self.staged = gpu.xp.empty(size, "uint8")
        self.arrived = gpu.event()  # at `staged`, so that `pinned` is free again
        self.taken = gpu.event()  # from `staged`
        self.taken.record(gpu.stream)  # earlier work may still use the memory of `staged`

    def send(self, batch: np.ndarray, dtype: np.dtype) -> Any:
        """Return `batch` on the GPU as `dtype`. The GPU's stream waits until it has arrived."""
        size = batch.size * dtype.itemsize
        if not self.arrived.done:
            self.arrived.synchronize()
        pinned = self.pinned[:size].view(dtype).reshape(batch.shape)
        np.copyto(pinned, batch, casting="same_kind")
        staged = self.staged[:size].view(dtype).reshape(batch.shape)
        self.gpu.uploads.wait_event(self.taken)
        staged.set(pinned, stream=self.gpu.uploads)
        self.arrived.record(self.gpu.uploads)
        self.gpu.stream.wait_event(self.arrived)
        return staged


def download(arrays: Sequence[Any]) -> Callable[[], list[np.ndarray]]:
    """Start to copy GPU arrays to the host. The returned function waits for them and returns them."""
    gpu = gpu_backend(arrays[0].device.id)
    arrived = gpu.event()
    gpu.downloads.wait_event(gpu.reached())
    pinned = [pinned_empty(gpu, x.shape, x.dtype) for x in arrays]
    for x, copy in zip(arrays, pinned):
        x.get(stream=gpu.downloads, out=copy, blocking=False)
    arrived.record(gpu.downloads)

    def when_arrived() -> list[np.ndarray]:
        arrived.synchronize()
        return [np.array(copy) for copy in pinned[: len(arrays)]]  # this reference keeps `arrays` alive until then

    return when_arrived


def pinned_empty(gpu: Gpu, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Return an array in page-locked memory, which asynchronous copies require."""
    size = int(np.prod(shape))
    memory = gpu.xp.cuda.alloc_pinned_memory(max(size * dtype.itemsize, 1))
    return np.frombuffer(memory, dtype, size).reshape(shape)
