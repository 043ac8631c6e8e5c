"""The bytes of a file, and positions in them."""

from __future__ import annotations

TIMES = 4  # average number of reads of each byte; files of h5py are read once or twice
MOST_READS = 1 << 21  # an array takes about 40
NOWHERE = (1 << 64) - 1  # the address of data that were never written


class Storage:
    """The bytes of a file, with a limit on the number of reads, which ends circular references."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.bytes_left = TIMES * len(content)
        self.reads_left = MOST_READS
        self.texts: dict[int, dict[int, Cursor]] = {}  # collections of texts that were read, by address

    def at(self, address: int, size: int | None = None) -> Cursor:
        """Return a cursor from an address, to the end of the file if no size is given."""
        if address == NOWHERE:
            raise ValueError("an HDF5 file must have values for its arrays. Received: one that was never written")
        return Cursor(self, 0, len(self.content)).skip(address).part(size)

    def read(self, start: int, stop: int) -> memoryview:
        """Return bytes of the file. Raises ValueError if the limit of reads is exceeded."""
        self.bytes_left -= stop - start
        self.reads_left -= 1
        if self.bytes_left < 0 or self.reads_left < 0:
            raise ValueError(
                f"an HDF5 file of a model must have at most {MOST_READS} parts, without circular references. "
                f"Received: {len(self.content)} bytes that are read too often"
            )
        return memoryview(self.content)[start:stop]


class Cursor:
    """A part of a file, read from beginning to end. Each method raises ValueError after the end."""

    __slots__ = ("start", "stop", "storage")

    def __init__(self, storage: Storage, start: int, stop: int) -> None:
        self.storage = storage
        self.start = start
        self.stop = stop

    @property
    def left(self) -> int:
        """The number of bytes to the end."""
        return self.stop - self.start

    def copy(self) -> Cursor:
        """Return another cursor at the same position."""
        return Cursor(self.storage, self.start, self.stop)

    def skip(self, size: int) -> Cursor:
        """Advance by `size` bytes, and return this cursor."""
        if size > self.left:
            raise ValueError(f"an HDF5 file must be whole. Received: {size} bytes at {self.start} of {self.stop}")
        self.start += size
        return self

    def take(self, size: int) -> memoryview:
        """Return the next `size` bytes."""
        start = self.start
        return self.storage.read(start, self.skip(size).start)

    def uint(self, size: int) -> int:
        """Return the next unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def part(self, size: int | None = None) -> Cursor:
        """Return a cursor for the next `size` bytes, or for all bytes to the end."""
        start = self.start
        return Cursor(self.storage, start, self.skip(self.left if size is None else size).start)

    def expect(self, *values: bytes) -> bytes:
        """Return the next bytes, which must be in `values`, all of equal length: a signature or a version."""
        start, found = self.start, bytes(self.take(len(values[0])))
        if found not in values:
            wanted = " or ".join(map(repr, values))
            raise ValueError(f"an HDF5 file of a model must have {wanted} at {start}. Received: {found!r}")
        return found

    def text(self, size: int | None = None) -> str:
        """Return the text in the next `size` bytes, or up to a zero byte."""
        if size is None:
            end = self.storage.content.find(b"\0", self.start, self.stop)
            size = end - self.start if end >= 0 else self.left + 1
        content = bytes(self.take(size))
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"an HDF5 file must have text in UTF-8. Received: {content[:40]!r}") from error
