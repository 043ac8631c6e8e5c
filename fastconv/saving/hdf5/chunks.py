"""Arrays in chunks, which may be compressed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from fastconv.saving.hdf5 import trees
from fastconv.saving.hdf5.storage import Cursor, Storage

DEFLATE, SHUFFLE = 1, 2  # filters


def read_filters(cursor: Cursor) -> list[int]:
    """Return the filters in a message. Raises ValueError if a filter is unknown."""
    version, count = cursor.expect(b"\1", b"\2"), cursor.uint(1)
    cursor.skip(6 if version == b"\1" else 0)
    found = []
    for _ in range(count):
        kind = cursor.uint(2)
        if kind not in (DEFLATE, SHUFFLE):
            raise ValueError(f"an HDF5 file of a model is compressed by gzip and shuffling. Received: filter {kind}")
        name = cursor.uint(2) if version == b"\1" else 0
        values = cursor.skip(2).uint(2)
        cursor.skip(name + -name % 8 + 4 * values)
        cursor.skip(4 * (values % 2) if version == b"\1" else 0)
        found.append(kind)
    return found


def read_chunks(layout: Cursor, dtype: np.dtype, shape: tuple[int, ...], filters: Sequence[int]) -> np.ndarray:
    """Return the array whose chunks a layout describes. Raises ValueError unless each chunk occurs once."""
    rank, tree = layout.uint(1) - 1, layout.uint(8)
    chunk = tuple(layout.uint(4) for _ in range(rank))
    if rank != len(shape) or 0 in chunk or layout.uint(4) != dtype.itemsize:
        raise ValueError(f"chunks must fit their array, {shape} of {dtype}. Received: {chunk}")
    count = math.prod(-(-size // step) for size, step in zip(shape, chunk))
    if count * math.prod(chunk) > 16 * math.prod(shape) + (1 << 20):
        raise ValueError(f"chunks must not be much larger than arrays. Received: {chunk} for {shape}")
    found = dict(_chunks(layout.storage, tree, rank, filters)) if count else {}
    if len(found) != count or any(not _fits(corner, chunk, shape) for corner in found):
        raise ValueError(f"an array of {shape} must have all its chunks of {chunk}. Received: {len(found)} of {count}")
    array = np.empty(shape, dtype)
    for corner, (content, used) in found.items():
        place = array[tuple(slice(at, at + step) for at, step in zip(corner, chunk))]
        values = np.frombuffer(_unfiltered(content, used, math.prod(chunk), dtype.itemsize), dtype).reshape(chunk)
        place[...] = values[tuple(slice(0, size) for size in place.shape)]
    return array


def _chunks(
    storage: Storage, tree: int, rank: int, filters: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[memoryview, list[int]]]]:
    """Yield (corner, (bytes, their filters)) of each chunk."""
    for key, address in trees.entries(storage, tree, trees.CHUNKS, 16 + 8 * rank):
        size, skipped = key.uint(4), key.uint(4)
        used = [kind for i, kind in enumerate(filters) if not skipped >> i & 1]
        yield tuple(key.uint(8) for _ in range(rank)), (storage.at(address).take(size), used)


def _fits(corner: Sequence[int], chunk: Sequence[int], shape: Sequence[int]) -> bool:
    return all(at % step == 0 and at < end for at, step, end in zip(corner, chunk, shape))


def _unfiltered(content: memoryview | bytes, filters: Sequence[int], count: int, itemsize: int) -> memoryview | bytes:
    """Undo the filters of a chunk of `count` elements. Raises ValueError if the data are damaged."""
    for kind in reversed(filters):
        if kind == DEFLATE:
            try:
                content = zlib.decompressobj().decompress(content, count * itemsize)
            except zlib.error as error:
                raise ValueError(f"compressed chunks must be whole. Received: {error}") from error
        else:
            content = np.frombuffer(content, np.uint8).reshape(itemsize, -1).T.tobytes()
    return content
