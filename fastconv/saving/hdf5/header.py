"""Object headers: messages that describe a group or an array and the positions of its parts."""

from __future__ import annotations

from collections.abc import Iterator

from fastconv.saving.hdf5.storage import Cursor, Storage

SPACE, LINK_INFO, TYPE, LINK, EXTERNAL, LAYOUT, FILTERS, ATTRIBUTE = 0x01, 0x02, 0x03, 0x06, 0x07, 0x08, 0x0B, 0x0C
CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0x10, 0x11, 0x15
SHARED = 0x02  # a flag: the message is stored elsewhere

Messages = dict[int, list[Cursor]]


def read_header(storage: Storage, address: int) -> Messages:
    """Return the messages of the object at an address, by kind. Raises ValueError if there is no header."""
    old = storage.at(address).expect(b"\1", b"O") == b"\1"
    block, prefix = _old_block(storage.at(address)) if old else _new_block(storage.at(address))
    blocks, found = [block], Messages()
    while blocks:
        for kind, body in _messages(blocks.pop(), old, prefix):
            found.setdefault(kind, []).append(body)
            if kind == CONTINUATION:
                more = storage.at(body.uint(8), body.uint(8))
                blocks.append(more if old else _continued(more))
    return found


def _old_block(cursor: Cursor) -> tuple[Cursor, int]:
    """Return (messages, number of bytes before each message)."""
    size = cursor.skip(8).uint(4)
    return cursor.skip(4).part(size), 8


def _new_block(cursor: Cursor) -> tuple[Cursor, int]:
    cursor.expect(b"OHDR\2")
    flags = cursor.uint(1)
    times, limits, order = (bool(flags & bit) for bit in (0x20, 0x10, 0x04))
    size = cursor.skip(16 * times + 4 * limits).uint(1 << (flags & 3))
    return cursor.part(size), 6 if order else 4


def _continued(block: Cursor) -> Cursor:
    block.expect(b"OCHK")
    return block.part(max(block.left - 4, 0))  # without the checksum


def _messages(block: Cursor, old: bool, prefix: int) -> Iterator[tuple[int, Cursor]]:
    """Yield (kind, body) of each message of a block."""
    while block.left >= prefix:
        start = block.copy()
        kind, size, flags = start.uint(2 if old else 1), start.uint(2), start.uint(1)
        body = block.skip(prefix).part(size)
        if flags & SHARED:
            raise ValueError(f"an HDF5 file of a model must share no messages. Received: one of kind {kind}")
        yield kind, body


def only(messages: Messages, kind: int) -> Cursor:
    """Return the only message of a kind. Raises ValueError if there are none or several."""
    found = messages.get(kind, [])
    if len(found) != 1:
        raise ValueError(f"an HDF5 object must have one message of kind {kind}. Received: {len(found)}")
    return found[0].copy()
