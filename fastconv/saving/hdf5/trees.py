"""B-trees of both versions: lists of entries, distributed over nodes."""

from __future__ import annotations

from collections.abc import Iterator

from fastconv.saving.hdf5.storage import Cursor, Storage

GROUP, CHUNKS = 0, 1  # kinds of trees of version 1
LINKS, ATTRIBUTES = 5, 8  # and of version 2
DEEPEST = 8


def entries(
    storage: Storage, address: int, kind: int, key_size: int, level: int | None = None
) -> Iterator[tuple[Cursor, int]]:
    """Yield (key, address) of each entry of a tree of version 1."""
    node = storage.at(address)
    node.expect(b"TREE")
    node.expect(bytes([kind]))
    found = node.uint(1)
    if level not in (None, found):
        raise ValueError(f"an HDF5 file must have trees with a node at each level. Received: {found} for {level}")
    count = node.uint(2)
    node.skip(16)  # the addresses of the neighbouring nodes
    for _ in range(count):
        key, child = node.part(key_size), node.uint(8)
        if found:
            yield from entries(storage, child, kind, key_size, found - 1)
        else:
            yield key, child


def records(storage: Storage, address: int, kind: int) -> Iterator[Cursor]:
    """Yield each record of a tree of version 2."""
    head = storage.at(address)
    head.expect(b"BTHD")
    head.expect(bytes([0, kind]))
    node_size, size, depth = head.uint(4), head.uint(2), head.uint(2)
    root, count = head.skip(2).uint(8), head.uint(2)
    if depth > DEEPEST or size == 0:
        raise ValueError(f"an HDF5 file must have trees of few levels. Received: depth={depth}, size={size}")
    widths = _widths(node_size, size, depth)

    if count:
        yield from _records_of(storage, kind, size, widths, root, count, depth)


def _records_of(
    storage: Storage, kind: int, size: int, widths: list[int], address: int, count: int, depth: int
) -> Iterator[Cursor]:
    """Yield the records of a node of a tree of version 2 and of all nodes below it."""
    node = storage.at(address)
    node.expect(b"BTIN" if depth else b"BTLF")
    node.expect(bytes([0, kind]))
    yield from [node.part(size) for _ in range(count)]
    for _ in range(count + 1 if depth else 0):
        child, inner = node.uint(8), node.uint(widths[0])
        node.skip(widths[depth - 1] if depth > 1 else 0)
        yield from _records_of(storage, kind, size, widths, child, inner, depth - 1)


def width(number: int) -> int:
    """Return the number of bytes for integers up to `number`."""
    return (number.bit_length() + 7) // 8


def _widths(node_size: int, size: int, depth: int) -> list[int]:
    """Return the sizes in bytes of two counts: of a node's records at the lowest level, of all below at others."""
    capacity = node_size - 10  # without signature, version, kind and checksum
    total = capacity // size
    widths = [width(total)]
    for level in range(1, depth):
        pointer = 8 + widths[0] + (widths[-1] if level > 1 else 0)
        most = (capacity - pointer) // (size + pointer)
        total = most + (most + 1) * total
        widths.append(width(total))
    return widths
