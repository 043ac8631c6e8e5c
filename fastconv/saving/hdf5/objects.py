"""Groups and arrays."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from fastconv.saving.hdf5 import header, trees
from fastconv.saving.hdf5.chunks import read_chunks, read_filters
from fastconv.saving.hdf5.heaps import FractalHeap, local_heap
from fastconv.saving.hdf5.storage import NOWHERE, Cursor, Storage
from fastconv.saving.hdf5.values import BFLOAT16, read_shape, read_type, read_values, widened

COMPACT, CONTIGUOUS, CHUNKED = 0, 1, 2  # layouts
HARD = 0  # a kind of link
SOFT = 2  # in a group of the old form: the note on an entry

# For links and attributes: the message with their heap, the kind of its tree, and the length of numbers in it.
IN_HEAPS = {
    header.LINK: (header.LINK_INFO, trees.LINKS, 8),
    header.ATTRIBUTE: (header.ATTRIBUTE_INFO, trees.ATTRIBUTES, 2),
}


def opened(content: bytes) -> Group:
    """Return the root of a file. Raises ValueError if it is not an HDF5 file, or is truncated."""
    storage = Storage(content)
    cursor = storage.at(0)
    cursor.expect(b"\x89HDF\r\n\x1a\n")
    (version,) = cursor.expect(b"\0", b"\1", b"\2", b"\3")
    cursor.skip(4 if version < 2 else 0).expect(b"\10\10")  # the numbers of bytes of addresses and lengths
    cursor.skip((9, 13, 1, 1)[version]).expect(bytes(8))  # the address from which other addresses count
    end = cursor.skip(8).uint(8)
    if end > len(content):
        raise ValueError(f"an HDF5 file must be whole. Received: {len(content)} of {end} bytes")
    root = _node(storage, cursor.skip(16 if version < 2 else 0).uint(8), "/")
    if not isinstance(root, Group):
        raise ValueError("an HDF5 file must begin with a group. Received: an array")
    return root


class Attribute(NamedTuple):
    """The parts of an attribute's message."""

    type: Cursor
    space: Cursor
    data: Cursor


class Node:
    """Base class of groups and arrays.

    Attributes:
        name: the path from the root.
    """

    def __init__(self, storage: Storage, messages: header.Messages, name: str) -> None:
        self.storage = storage
        self.messages = messages
        self.name = name

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """All attributes by name."""
        return dict(_attribute(message.copy()) for message in self._all(header.ATTRIBUTE))

    def value(self, attribute: str) -> np.ndarray | None:
        """Return an attribute's value, with texts as `str`, or None if it is missing."""
        if attribute not in self.attributes:
            return None
        found = self.attributes[attribute]
        shape = read_shape(found.space.copy())
        return None if shape is None else read_values(found.data.copy(), read_type(found.type.copy()), shape)

    def _all(self, kind: int) -> list[Cursor]:
        """Return the messages of all links or attributes; large numbers of them are in a heap."""
        found = self.messages.get(kind, [])
        info, tree, width = IN_HEAPS[kind]
        if info not in self.messages:
            return found
        cursor = header.only(self.messages, info)
        cursor.expect(b"\0")
        has_order = cursor.uint(1) & 1
        heap, names = cursor.skip(width * has_order).uint(8), cursor.uint(8)
        if heap == NOWHERE:
            return found
        pieces = FractalHeap(self.storage, heap)
        hash_before = 4 if kind == header.LINK else 0
        return found + [pieces[record.skip(hash_before)] for record in trees.records(self.storage, names, tree)]


class Group(Node):
    """A group: arrays and groups by name."""

    def __init__(self, storage: Storage, messages: header.Messages, name: str) -> None:
        super().__init__(storage, messages, name)
        self._children: dict[str, Node] = {}

    @cached_property
    def links(self) -> dict[str, int | None]:
        """Addresses by name; None for soft and external links."""
        if header.SYMBOL_TABLE in self.messages:
            return self._symbols()
        return dict(_link(message.copy()) for message in self._all(header.LINK))

    def __getitem__(self, name: str) -> Node:
        """Return the linked object. Raises ValueError for a soft or external link."""
        if name not in self._children:
            address, path = self.links[name], f"{self.name.rstrip('/')}/{name}"
            if address is None:
                raise ValueError(f"an HDF5 file of a model must have no soft or external links. Received: {path}")
            self._children[name] = _node(self.storage, address, path)
        return self._children[name]

    def _symbols(self) -> dict[str, int | None]:
        """Return the links of the old form."""
        table = header.only(self.messages, header.SYMBOL_TABLE)
        tree, names = table.uint(8), local_heap(self.storage, table.uint(8))
        found: dict[str, int | None] = {}
        for _, leaf in trees.entries(self.storage, tree, trees.GROUP, 8):
            node = self.storage.at(leaf)
            node.expect(b"SNOD\1")
            for _ in range(node.skip(1).uint(2)):
                name, address, kind = node.uint(8), node.uint(8), node.uint(4)
                node.skip(20)
                found[names.copy().skip(name).text()] = None if kind == SOFT else address
        return found


class Dataset(Node):
    """An array in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape. Raises ValueError if the array has no values."""
        shape = read_shape(header.only(self.messages, header.SPACE))
        if shape is None:
            raise ValueError(f"an array must have values. Received: {self.name}, which has none")
        return shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of its elements: numbers, bytes, or objects for texts; float32 for bfloat16."""
        return np.dtype("float32") if self._stored == BFLOAT16 else self._stored

    @property
    def _stored(self) -> np.dtype:
        return read_type(header.only(self.messages, header.TYPE))

    def array(self) -> np.ndarray:
        """Return the values. Raises ValueError if they are not stored in the file itself."""
        return widened(self._stored_array())

    def _stored_array(self) -> np.ndarray:
        """Return the values in their stored dtype. Raises ValueError if they are not stored in the file itself."""
        if header.EXTERNAL in self.messages:
            raise ValueError(f"arrays must be in the file itself. Received: {self.name}, which is in others")
        layout = header.only(self.messages, header.LAYOUT)
        (version,), kind = layout.expect(b"\3", b"\4", b"\5"), layout.uint(1)
        if kind == COMPACT:
            return read_values(layout.part(layout.uint(2)), self._stored, self.shape)
        if kind == CONTIGUOUS:
            address, size = layout.uint(8), layout.uint(8)
            return read_values(self.storage.at(address if size else 0, size), self._stored, self.shape)
        if kind != CHUNKED or version > 3:
            raise ValueError(
                "arrays must be in one piece, or in chunks as HDF5 1.8 has them. "
                f"Received: {self.name}, layout {kind} of version {version}"
            )
        filters = read_filters(header.only(self.messages, header.FILTERS)) if header.FILTERS in self.messages else []
        return read_chunks(layout, self._stored, self.shape, filters)


def _node(storage: Storage, address: int, name: str) -> Node:
    """Return the group or array at an address."""
    messages = header.read_header(storage, address)
    if header.LAYOUT in messages:
        return Dataset(storage, messages, name)
    if header.SYMBOL_TABLE in messages or header.LINK_INFO in messages:
        return Group(storage, messages, name)
    raise ValueError(f"an HDF5 file of a model must hold groups and arrays. Received: {name}, which is neither")


def _link(message: Cursor) -> tuple[str, int | None]:
    """Return (name, address) of a link; the address is None for soft and external links."""
    message.expect(b"\1")
    flags = message.uint(1)
    kind = message.uint(1) if flags & 8 else HARD
    message.skip(8 * bool(flags & 4) + bool(flags & 16))  # its number, and the encoding of its name
    name = message.text(message.uint(1 << (flags & 3)))
    return name, message.uint(8) if kind == HARD else None


def _attribute(message: Cursor) -> tuple[str, Attribute]:
    """Return (name, parts) of an attribute."""
    (version,) = message.expect(b"\1", b"\2", b"\3")
    if version > 1 and message.copy().uint(1):
        raise ValueError("attributes must have types of their own. Received: one of a type that is elsewhere")
    sizes = [message.skip(1 if i == 0 else 0).uint(2) for i in range(3)]
    message.skip(1 if version == 3 else 0)  # the encoding of its name
    name, dtype, space = (_part(message, size, padded=version == 1) for size in sizes)
    return name.text(), Attribute(dtype, space, message)


def _part(message: Cursor, size: int, padded: bool) -> Cursor:
    part = message.part(size)
    message.skip(-size % 8 if padded else 0)
    return part
