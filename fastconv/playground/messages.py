"""Messages between the page and the server: a dictionary, and arrays that travel as bytes.

A message consists of bytes: the length of the header in four bytes (little-endian), the header as JSON, filled up
with spaces to a multiple of four bytes, and each array, filled up with zeros to a multiple of four. The entry
"arrays" of the header lists name, dtype and shape of each array. The page may send messages without arrays as text.
`static/wire.js` does the same in JavaScript.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastconv.typing import Array

LARGEST = 4 << 20  # bytes of a message: a photo of 1024 x 1024 pixels with 4 channels
DTYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1")}


@dataclass
class Message:
    """A message: its fields, and arrays of float32 or uint8 by name."""

    fields: dict[str, Any]
    arrays: dict[str, Array] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return str(self.fields.get("type", ""))


def encode(message: Message) -> bytes:
    """Return the bytes of a message."""
    arrays = {name: np.ascontiguousarray(array) for name, array in message.arrays.items()}
    listed = [{"name": name, "dtype": a.dtype.name, "shape": a.shape} for name, a in arrays.items()]
    header = json.dumps({**message.fields, "arrays": listed}, allow_nan=False).encode()
    header += b" " * (-len(header) % 4)
    return b"".join([len(header).to_bytes(4, "little"), header, *(_filled(a.tobytes()) for a in arrays.values())])


def _filled(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def decode(data: str | bytes) -> Message:
    """Return the message in a text or in bytes. Raises ValueError if it is not well formed."""
    if len(data) > LARGEST:
        raise ValueError(f"message: at most {LARGEST} bytes are read. Received: {len(data)}")
    if isinstance(data, str):
        return Message(_fields(data))
    end = 4 + int.from_bytes(data[:4], "little")
    if len(data) < end:
        raise ValueError(f"message: the header ends before byte {end}. Received: {len(data)} bytes")
    fields = _fields(data[4:end].decode(errors="replace"))
    return Message(fields, _arrays(fields.pop("arrays", []), data, end))


def _fields(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"message: JSON is expected ({error})") from None
    if not isinstance(fields, dict):
        raise ValueError(f"message: a JSON object is expected. Received: {text[:80]}")
    return fields


def _arrays(listed: Any, data: bytes, start: int) -> dict[str, Array]:
    arrays = {}
    for name, dtype, shape in map(_entry, listed if isinstance(listed, list) else [listed]):
        count = math.prod(shape)
        if start + count * dtype.itemsize > len(data):
            raise ValueError(f"message: array {name!r} of shape {shape} ends after the message, of {len(data)} bytes")
        arrays[name] = np.frombuffer(data, dtype, count, start).reshape(shape)
        start += -(-count * dtype.itemsize // 4) * 4
    return arrays


def _entry(entry: Any) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    """Return name, dtype and shape of an entry of "arrays"."""
    try:
        shape = tuple(entry["shape"])
        valid = 0 < len(shape) <= 4 and all(type(size) is int and 0 <= size <= LARGEST for size in shape)
        name, dtype = str(entry["name"]), DTYPES[entry["dtype"]]
    except (TypeError, KeyError):
        valid = False
    if valid:
        return name, dtype, shape
    raise ValueError(f"message: arrays have name, dtype (uint8, float32) and shape. Received: {str(entry)[:80]}")
