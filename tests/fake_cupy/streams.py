"""The contents of `cupy.cuda`: devices, streams that record graphs, events, memory pools.

Work runs at once in any stream; if `state.chance` is set, it runs at a random time before the host, or other work,
waits for it, so that a missing event between two streams is visible. Streams that are being captured run nothing and
record the work of each launch. Operations that CUDA refuses in a capture are refused here too.
"""

from __future__ import annotations

import contextlib
import random
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.fake_cupy import memory


class CudaError(RuntimeError):
    """Mirrors CuPy's CUDARuntimeError."""


class State:
    """Settings and counters for tests.

    Attributes:
        devices: number of GPUs.
        synchronizations: number of times that the host has waited for a GPU or fetched values from it.
        launches: number of kernels that have run or been captured.
        chance: if set, the random generator that decides when work runs for which nobody waits.
        memories: allocations that are still referenced.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.devices = 2
        self.synchronizations = 0
        self.launches = 0
        self.chance: random.Random | None = None
        self.all_streams = [null_stream]
        null_stream.queue.clear()
        self.entered = [0]  # numbers of devices, the current device last
        self.streams: list[tuple[int, Stream]] = []  # streams entered with their devices, the current stream last
        self.pools: list[MemoryPool] = []
        self.memories: weakref.WeakSet[Memory] = weakref.WeakSet()


class Device:
    """A GPU; the current GPU within `with device:`."""

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
    """A capture: actions in order, and the new arrays among their results."""

    def __init__(self) -> None:
        self.actions: list[Callable[[], Any]] = []
        self.fresh: list[np.ndarray] = []


class Graph:
    """The result of a capture."""

    def __init__(self, recording: Recording) -> None:
        self._actions = recording.actions

    def launch(self, stream: Stream | None = None) -> None:
        with stream or contextlib.nullcontext():
            for action in self._actions:
                submit(action)

    def upload(self, stream: Stream | None = None) -> None:
        pass


class Stream:
    """A queue of a device; the current stream within `with stream:`."""

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: Any = None):
        self._null = null
        self.device_id = -1 if null else state.entered[-1]
        self.ptr = 0 if null else id(self)
        self.recording: Recording | None = None
        self.queue: deque[Callable[[], Any]] = deque()  # deferred work
        if not null:
            state.all_streams.append(self)

    @property
    def _where(self) -> int:
        """Return the device that runs its work: the null stream belongs to the current device."""
        return state.entered[-1] if self._null else self.device_id

    def __enter__(self) -> Stream:
        if self._where != state.entered[-1]:
            raise RuntimeError(
                f"The device that the stream is created on ({self._where}) does not match with the current device "
                f"({state.entered[-1]})"
            )
        state.streams.append((self._where, self))
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
        """Return the graph. Arrays created in the capture hold garbage until the graph has run."""
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
        self._catch_up()

    def _catch_up(self, point: Point | None = None) -> None:
        """Run the deferred work up to `point`."""
        while self.queue and not (point and point.passed):
            run(self.queue.popleft())

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """A stream that waits for a captured stream joins its capture."""
        if event._recording is not None and event._recording is not self.recording:
            if self.recording is not None:
                raise CudaError("cudaErrorStreamCaptureMerge: two captures would be merged")
            self.recording = event._recording
        elif self.recording is None and event._point is not None:
            submit(event._point.wait, self)

    @property
    def done(self) -> bool:
        forbid_in_capture(self)
        return True


class Point:
    """A position in the deferred work of a stream."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.passed = False

    def reach(self) -> None:
        self.passed = True

    def wait(self) -> None:
        self.stream._catch_up(self)


null_stream = Stream(null=True)
state = State()


def current() -> Stream:
    """Return the current stream; each device has its own."""
    return next((stream for device, stream in reversed(state.streams) if device == state.entered[-1]), null_stream)


def get_current_stream() -> Stream:
    return current()


class Event:
    """A point in the work of a stream."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self._device = state.entered[-1]
        self._recording: Recording | None = None
        self._time = 0.0
        self._timed = not disable_timing
        self._point: Point | None = None

    def record(self, stream: Stream | None = None) -> None:
        stream = stream or current()
        if stream._where != self._device:
            raise CudaError("cudaErrorInvalidResourceHandle: the event is of another device than the stream")
        self._recording = stream.recording
        self._time = time.perf_counter()
        if stream.recording is None:
            self._point = Point(stream)
            submit(self._point.reach, stream)

    def synchronize(self) -> None:
        if self._recording is not None:
            raise CudaError("cudaErrorCapturedEvent: the event was last recorded in a capture")
        state.synchronizations += 1
        if self._point is not None:
            self._point.wait()

    @property
    def done(self) -> bool:
        return self._point is None or self._point.passed


def get_elapsed_time(start: Event, end: Event) -> float:
    """Return milliseconds."""
    if not (start._timed and end._timed):
        raise CudaError("cudaErrorInvalidResourceHandle: an event without timing")
    return 1e3 * (end._time - start._time)


# ---- work ------------------------------------------------------------------------------------------------------------


def launch(action: Callable[[], Any]) -> None:
    """Run a kernel on the current stream: now, deferred, or at each launch of the graph that is being captured."""
    state.launches += 1
    submit(action)


def submit(action: Callable[[], Any], stream: Stream | None = None) -> None:
    """Add to the work of a stream, by default the current stream."""
    stream = stream or current()
    if stream.recording is not None:
        stream.recording.actions.append(action)
    elif state.chance:
        stream.queue.append(action)
        while state.chance.random() < 0.02:
            some = state.chance.choice(state.all_streams)
            for _ in range(state.chance.randrange(20)):
                if some.queue:
                    run(some.queue.popleft())
    else:
        run(action)


def run(action: Callable[[], Any]) -> None:
    with np.errstate(all="ignore"):
        action()


def is_put_off() -> bool:
    """Return whether work on the current stream is deferred."""
    return state.chance is not None or current().recording is not None


def forbid_in_capture(stream: Stream | None = None) -> None:
    """Raise if the current stream is being captured: waiting for the GPU is an error there."""
    if (stream or current()).recording is not None:
        raise CudaError("cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing")


def synchronize() -> None:
    """Wait for the current stream."""
    forbid_in_capture()
    state.synchronizations += 1
    current()._catch_up()


# ---- memory ----------------------------------------------------------------------------------------------------------


def spoil(array: np.ndarray) -> None:
    """Fill memory with unexpected values: NaN, -1, the largest number."""
    array[...] = {"f": np.nan, "c": np.nan, "b": True, "u": np.array(-1).astype(array.dtype)}.get(array.dtype.kind, -1)


def allocated(array: np.ndarray) -> np.ndarray:
    """Return a copy of `array`, with its axes in the same order, in memory of the GPU.

    In a capture, the memory must come from the graph's own pool: other memory may be reused later.
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
        state.pools[-1]._allocate(copy.nbytes)
    return copy


class Memory:
    """Memory from the driver; `state.memories` holds the live allocations."""

    def __init__(self, size: int) -> None:
        self.size = size
        state.memories.add(self)


class MemoryPointer:
    """The result of an allocator."""

    def __init__(self, mem: Memory, offset: int) -> None:
        self.mem = mem


class MemoryPool:
    """Memory from an allocator. It only counts, and so keeps as little as CuPy's pool when memory is short."""

    def __init__(self, allocator: Any = None) -> None:
        self._bytes = 0
        self._allocator = allocator or (lambda size: MemoryPointer(Memory(size), 0))

    def _allocate(self, size: int) -> None:
        self._bytes += size
        assert self._allocator(size).mem.size == size

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
    """Pinned memory of the host, which the GPU reads and writes directly: an object with a buffer."""


def is_pinned(array: Any) -> bool:
    """Return whether a NumPy array is in pinned memory."""
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array.obj if isinstance(array, memoryview) else array, PinnedMemoryPointer)


def alloc_pinned_memory(size: int) -> PinnedMemoryPointer:
    """Allocate at least `size` bytes, rounded up as pools do."""
    return PinnedMemoryPointer(b"\xff" * max(512, 1 << (size - 1).bit_length()))
