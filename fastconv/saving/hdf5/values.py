"""Types, shapes, and conversion of bytes to values."""

from __future__ import annotations

import math

import numpy as np

from fastconv.saving.hdf5.heaps import global_heap
from fastconv.saving.hdf5.storage import Cursor

NUMBER, FLOAT, TEXT, OPAQUE, VARIABLE_LENGTH = 0, 1, 3, 5, 9  # classes of types
BFLOAT16 = np.dtype("V2")  # h5py has no type for it: Keras writes the upper half of a float32 as two opaque bytes
TEXT_OF_ANY_LENGTH = np.dtype(object)
NULL = 2  # a kind of space

# IEEE floats by size: position of the sign; first bit and number of bits in total, of exponent and mantissa; bias.
FLOATS = {
    2: (15, 0, 16, 10, 5, 0, 10, 15),
    4: (31, 0, 32, 23, 8, 0, 23, 127),
    8: (63, 0, 64, 52, 11, 0, 52, 1023),
}


def read_type(cursor: Cursor) -> np.dtype:
    """Return the type in a message. Raises ValueError unless it is a number or text."""
    kind, bits, size = cursor.uint(1) & 15, cursor.uint(3), cursor.uint(4)
    order = ">" if bits & 1 else "<"
    if kind == NUMBER and size in (1, 2, 4, 8) and (cursor.uint(2), cursor.uint(2)) == (0, 8 * size):
        return np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}")
    if kind == FLOAT and FLOATS.get(size) == (bits >> 8, *(cursor.uint(n) for n in (2, 2, 1, 1, 1, 1, 4))):
        return np.dtype(f"{order}f{size}")
    if kind == OPAQUE and size == BFLOAT16.itemsize:
        return BFLOAT16
    if kind == TEXT and 0 < size < 1 << 31:
        return np.dtype(f"S{size}")
    if kind == VARIABLE_LENGTH and bits & 15 == 1:
        return TEXT_OF_ANY_LENGTH
    raise ValueError(f"an HDF5 file of a model must hold numbers and text. Received: class {kind} of {size} bytes")


def read_shape(cursor: Cursor) -> tuple[int, ...] | None:
    """Return the shape in a message, or None if there is no value."""
    version, rank = cursor.expect(b"\1", b"\2"), cursor.uint(1)
    kind = cursor.skip(1).uint(1)
    if version == b"\2" and kind == NULL:
        return None
    cursor.skip(4 if version == b"\1" else 0)
    return tuple(cursor.uint(8) for _ in range(rank))


def read_values(data: Cursor, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of numbers, or of `str`."""
    count = math.prod(shape)
    if dtype == TEXT_OF_ANY_LENGTH:
        texts = [_text(data) for _ in range(count)]
    elif dtype.kind == "S":
        texts = [data.text(dtype.itemsize).rstrip("\0") for _ in range(count)]
    else:
        return np.ndarray(shape, dtype, data.take(count * dtype.itemsize))
    return np.array(texts, object).reshape(shape)


def widened(array: np.ndarray) -> np.ndarray:
    """Convert bfloat16 to float32, since NumPy cannot compute with it."""
    if array.dtype != BFLOAT16:
        return array
    return (np.ascontiguousarray(array).view("<u2").astype("<u4") << 16).view("<f4")


def _text(data: Cursor) -> str:
    size, address, number = data.uint(4), data.uint(8), data.uint(4)
    if size == 0:
        return ""
    texts = data.storage.texts
    if address not in texts:
        texts[address] = global_heap(data.storage, address)
    if number not in texts[address]:
        raise ValueError(f"an HDF5 file must have the texts that it refers to. Received: {number} at {address}")
    return texts[address][number].copy().text(size)
