"""Memory of the fake GPU: each array lies between protected pages.

A new array holds NaN (bytes 0xFF), so that elements that a kernel forgets are visible. The bytes between the array's
end and its last page are watched: `check` finds kernels that write there.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import weakref
from typing import Any

import numpy as np

PAGE = mmap.PAGESIZE
GUARD = 64 * PAGE  # before and after
FRESH = 0xFF
_live: dict[int, tuple[weakref.ref, int]] = {}  # address: (pages, size)


@functools.cache
def libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return library


def allocate(size: int) -> np.ndarray:
    """Return `size` new bytes at an address that is a multiple of the page size, aligned like CuPy's."""
    middle = -(-size // PAGE) * PAGE
    pages = mmap.mmap(-1, middle + 2 * GUARD)
    whole = np.frombuffer(pages, np.uint8)
    start = whole.ctypes.data
    whole[GUARD : GUARD + middle] = FRESH
    for guard in (start, start + GUARD + middle):
        if libc().mprotect(guard, GUARD, 0):
            raise OSError(ctypes.get_errno(), "mprotect failed")
    _live[start + GUARD] = (weakref.ref(pages, lambda _: _live.pop(start + GUARD, None)), size)
    return np.frombuffer(pages, np.uint8, size, GUARD)


def empty(shape: Any, dtype: Any) -> np.ndarray:
    """Return an array with memory of its own."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    return allocate(max(count * dtype.itemsize, 1))[: count * dtype.itemsize].view(dtype).reshape(shape)


def holds(address: int) -> bool:
    """Return whether `address` is inside an array of this memory."""
    return any(start <= address < start + size for start, (_, size) in _live.copy().items())


def check() -> None:
    """Raise AssertionError if a byte after an array has been overwritten."""
    for start, (reference, size) in _live.copy().items():  # arrays may be freed meanwhile
        pages = reference()
        if pages is None:
            continue
        rest = np.frombuffer(pages, np.uint8, -(-size // PAGE) * PAGE - size, GUARD + size)
        written = (rest != FRESH).any()
        rest[...] = FRESH
        assert not written, f"a kernel wrote after the end of an array of {size} bytes at {start:#x}"
