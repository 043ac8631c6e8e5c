"""Heaps: pieces of different lengths, for names, texts, and large numbers of links and attributes."""

from __future__ import annotations

from fastconv.saving.hdf5.storage import Cursor, Storage
from fastconv.saving.hdf5.trees import width


def local_heap(storage: Storage, address: int) -> Cursor:
    """Return all names of a group, as consecutive texts."""
    head = storage.at(address)
    head.expect(b"HEAP")
    head.expect(b"\0")
    size = head.skip(3).uint(8)
    return storage.at(head.skip(8).uint(8), size)


def global_heap(storage: Storage, address: int) -> dict[int, Cursor]:
    """Return the entries of a collection of texts, by number."""
    head = storage.at(address)
    head.expect(b"GCOL")
    head.expect(b"\1")
    body = storage.at(address, head.skip(3).uint(8)).skip(16)
    found: dict[int, Cursor] = {}
    while body.left >= 16:
        number, size = body.uint(2), body.skip(6).uint(8)
        if number == 0:
            break  # free space, which is last
        found[number] = body.part(size)
        body.skip(min(-size % 8, body.left))
    return found


class FractalHeap:
    """Blocks in a table of rows, whose sizes double from row to row; the first two rows have the smallest size.

    After the rows of blocks that hold data, there are rows of blocks that are tables of the same form.
    """

    def __init__(self, storage: Storage, address: int) -> None:
        head = storage.at(address)
        head.expect(b"FRHP")
        head.expect(b"\0")
        filters = head.skip(2).uint(2)
        largest_piece = head.skip(1).uint(4)
        self.storage = storage
        self.columns = head.skip(96).uint(2)  # after the fields on free space and on huge and tiny pieces
        self.smallest, self.largest, bits = head.uint(8), head.uint(8), head.uint(2)
        self.root, self.rows = head.skip(2).uint(8), head.uint(2)
        if filters or self.columns * self.smallest == 0 or self.smallest > self.largest:
            raise ValueError("an HDF5 file must have heaps of plain blocks. Received: filters, or blocks of no size")
        self.offset_width = (bits + 7) // 8
        self.size_width = min(width(self.largest - 1), width(largest_piece))

    def __getitem__(self, identifier: Cursor) -> Cursor:
        """Return the piece for an identifier; it must be in a block, neither huge nor tiny."""
        identifier.expect(b"\0")
        offset, size = identifier.uint(self.offset_width), identifier.uint(self.size_width)
        block, inner = self._block(self.root, self.rows, offset)
        return self.storage.at(block).skip(inner).part(size)

    def _block(self, address: int, rows: int, offset: int) -> tuple[int, int]:
        """Return (address, offset within) of the data block at an offset in a table of `rows` rows; 0 means a block."""
        if rows == 0:
            return address, offset
        row = (offset // (self.smallest * self.columns)).bit_length()
        size = self.smallest << max(row - 1, 0)
        column, inner = divmod(offset - (size * self.columns if row else 0), size)
        if row >= rows:
            raise ValueError(f"an HDF5 heap must have what is looked up in it. Received: row {row} of {rows}")
        table = self.storage.at(address)
        table.expect(b"FHIB")
        child = table.skip(9 + self.offset_width + 8 * (row * self.columns + column)).uint(8)
        holds_data = size <= self.largest
        return self._block(child, 0 if holds_data else (size // (self.smallest * self.columns)).bit_length(), inner)
