"""What belongs to `cupy.cuda` here: devices, streams that record graphs, events, pools of memory.

Work runs at once, whatever its stream, but for streams that are being captured: these run nothing and note down what a
graph does at each launch. What CUDA refuses in a capture is refused here too.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.standin import memory


class CudaError(RuntimeError):
    """What CuPy raises as CUDARuntimeError."""


class State:
    """What tests look at and set.

    Attributes:
        devices: how many GPUs there are.
        synchronizations: how often the host has waited for a GPU, or fetched values from it.
        launches: how many kernels have run, or been captured.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.devices = 2
        self.synchronizations = 0
        self.launches = 0
        self.entered = [0]  # numbers of devices, the current one last
        self.streams: list[Stream] = []  # those entered, the current one last
        self.pools: list[MemoryPool] = []


state = State()


class Device:
    """One GPU, the current one within `with device:`."""

    def __init__(self, device: Any = None) -> None:
        self.id = state.entered[-1] if device is None else int(device)
        if not 0 <= self.id < state.devices:
            raise CudaError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self) -> Device:
        state.entered.append(self.id)
        return self

    def __exit__(self, *_: Any) -> None:
        state.entered.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return self.id

    def __int__(self) -> int:
        return self.id

    def use(self) -> None:
        state.entered[-1] = self.id

    def synchronize(self) -> None:
        synchronize()

    @property
    def compute_capability(self) -> str:
        return "90"

    @property
    def attributes(self) -> dict[str, int]:
        return {
            "MultiProcessorCount": 4,
            "MaxSharedMemoryPerBlock": 49152,
            "MaxSharedMemoryPerBlockOptin": 101376,
            "ComputeCapabilityMajor": 9,
            "ComputeCapabilityMinor": 0,
        }


class Recording:
    """What is captured: actions in order, and the fresh arrays among their results."""

    def __init__(self) -> None:
        self.actions: list[Callable[[], Any]] = []
        self.fresh: list[np.ndarray] = []


class Graph:
    """What a capture gives."""

    def __init__(self, recording: Recording) -> None:
        self._actions = recording.actions

    def launch(self, stream: Stream | None = None) -> None:
        with stream or contextlib.nullcontext():
            if current().recording is not None:
                current().recording.actions.extend(self._actions)
                return
            with np.errstate(all="ignore"):
                for action in self._actions:
                    action()

    def upload(self, stream: Stream | None = None) -> None:
        pass


class Stream:
    """A queue of a device; the current one within `with stream:`."""

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: Any = None):
        self._null = null
        self.device_id = -1 if null else state.entered[-1]
        self.ptr = 0 if null else id(self)
        self.recording: Recording | None = None

    def __enter__(self) -> Stream:
        state.streams.append(self)
        return self

    def __exit__(self, *_: Any) -> None:
        state.streams.pop()

    def begin_capture(self, mode: Any = None) -> None:
        if self._null:
            raise CudaError("cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing")
        if self.recording is not None:
            raise CudaError("cudaErrorIllegalState: the operation cannot be performed in the present state")
        self.recording = Recording()

    def end_capture(self) -> Graph:
        """The graph. What arrays made in the capture hold is garbage until it has run."""
        recording, self.recording = self.recording, None
        if recording is None:
            raise CudaError("cudaErrorIllegalState: the operation cannot be performed in the present state")
        for array in recording.fresh:
            spoil(array)
        return Graph(recording)

    def is_capturing(self) -> bool:
        return self.recording is not None

    def synchronize(self) -> None:
        forbid_in_capture(self)
        state.synchronizations += 1

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """A stream that waits for one that is captured joins its capture."""
        if event._recording is not None and event._recording is not self.recording:
            if self.recording is not None:
                raise CudaError("cudaErrorStreamCaptureMerge: two captures would be merged")
            self.recording = event._recording

    @property
    def done(self) -> bool:
        forbid_in_capture(self)
        return True


null_stream = Stream(null=True)


def current() -> Stream:
    return state.streams[-1] if state.streams else null_stream


def get_current_stream(device_id: int | None = None) -> Stream:
    return current()


class Event:
    """A point in a stream."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self._recording: Recording | None = None
        self._time = 0.0
        self._timed = not disable_timing

    def record(self, stream: Stream | None = None) -> None:
        self._recording = (stream or current()).recording
        self._time = time.perf_counter()

    def synchronize(self) -> None:
        if self._recording is not None:
            raise CudaError("cudaErrorCapturedEvent: the event was last recorded in a capture")
        state.synchronizations += 1

    @property
    def done(self) -> bool:
        return True


def get_elapsed_time(start: Event, end: Event) -> float:
    """Milliseconds."""
    if not (start._timed and end._timed):
        raise CudaError("cudaErrorInvalidResourceHandle: an event without timing")
    return 1e3 * (end._time - start._time)


# ---- work ------------------------------------------------------------------------------------------------------------


def launch(action: Callable[[], Any]) -> None:
    """Run a kernel on the current stream: now, or at each launch of the graph that is being captured."""
    state.launches += 1
    recording = current().recording
    if recording is not None:
        recording.actions.append(action)
        return
    with np.errstate(all="ignore"):
        action()


def forbid_in_capture(stream: Stream | None = None) -> None:
    """What would wait for the GPU is an error where nothing runs."""
    if (stream or current()).recording is not None:
        raise CudaError("cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing")


def synchronize() -> None:
    """The host waits."""
    forbid_in_capture()
    state.synchronizations += 1


# ---- memory ----------------------------------------------------------------------------------------------------------


def spoil(array: np.ndarray) -> None:
    """Fill memory as nobody expects it: NaN, -1, the largest number."""
    array[...] = {"f": np.nan, "c": np.nan, "b": True, "u": np.array(-1).astype(array.dtype)}.get(array.dtype.kind, -1)


def allocated(array: np.ndarray) -> np.ndarray:
    """A copy of `array`, its axes in the same order, in memory of the GPU.

    In a capture it must come from a pool of the graph's own: other memory is given to others afterwards.
    """
    axes = sorted(range(array.ndim), key=lambda k: -abs(array.strides[k]))
    copy = memory.empty([array.shape[k] for k in axes], array.dtype).transpose(np.argsort(axes))
    copy[...] = array
    recording = current().recording
    if recording is not None:
        if not state.pools:
            raise CudaError("cudaErrorStreamCaptureInvalidated: memory for a graph must come from a pool of its own")
        recording.fresh.append(copy)
    if state.pools:
        state.pools[-1]._bytes += copy.nbytes
    return copy


class MemoryPool:
    """Memory that is kept for those who allocate from it."""

    def __init__(self, allocator: Any = None) -> None:
        self._bytes = 0

    def malloc(self, size: int) -> Any:
        raise NotImplementedError("pass this method to `using_allocator`")

    def free_all_blocks(self, stream: Any = None) -> None:
        self._bytes = 0

    def used_bytes(self) -> int:
        return self._bytes

    def total_bytes(self) -> int:
        return self._bytes


@contextlib.contextmanager
def using_allocator(allocator: Any = None) -> Iterator[None]:
    state.pools.append(allocator.__self__)
    try:
        yield
    finally:
        state.pools.pop()


class PinnedMemoryPointer(bytearray):
    """Memory of the host that the GPU reads and writes by itself: an object with a buffer."""


def alloc_pinned_memory(size: int) -> PinnedMemoryPointer:
    """At least `size` bytes, as pools round."""
    return PinnedMemoryPointer(b"\xff" * max(512, 1 << (size - 1).bit_length()))
