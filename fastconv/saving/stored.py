"""Arrays in the entries of a zip archive, which are read when they are needed."""

from __future__ import annotations

import math
import zipfile
from typing import IO, Any

import numpy as np

from fastconv.utils.files import DAMAGE

BLOCK = 1 << 20  # bytes that are read at a time


class StoredArray:
    """An .npy file in an archive, of which only the head has been read.

    Args:
        archive: the archive, which stays open as long as the array is read.
        name: the name of the entry.

    Raises:
        ValueError: if the entry has no head of NumPy's, or another length than its head says.

    Attributes:
        shape, dtype: those of the array.
    """

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive, self._name = archive, name
        with archive.open(name) as file:
            self.shape, self._is_fortran, self.dtype = self._head(file)
            rest = archive.getinfo(name).file_size - file.tell()
        if self.dtype.hasobject or math.prod(self.shape) * self.dtype.itemsize != rest:
            raise ValueError(
                f"{name}: an array must be as long as its shape says. Received: shape={self.shape} of {self.dtype}"
            )

    def _head(self, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        """Read and return the shape, whether the array is in column-major order, and the dtype."""
        try:
            version = np.lib.format.read_magic(file)
            head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            return head(file)
        except (ValueError, *DAMAGE) as error:  # the header is an expression of Python
            reason = f"{type(error).__name__}: {error}"
            raise ValueError(
                f"{self._name}: an array must begin with a head as NumPy writes it. Received: {reason}"
            ) from error

    def is_like(self, array: Any) -> bool:
        """Return True if the bytes of the entry are those of `array`, an array or variable in row-major order."""
        return not self._is_fortran and (self.shape, self.dtype) == (tuple(array.shape), array.dtype)

    def read_into(self, array: np.ndarray) -> None:
        """Fill `array`, for which `is_like` is True. Raises an error of `DAMAGE` if the entry is damaged."""
        memory = array.reshape(-1).view(np.uint8).data
        with self._archive.open(self._name) as file:
            self._head(file)
            first = 0
            while block := file.read(BLOCK):  # the end of the file checks the sum of all bytes
                memory[first : first + len(block)] = block
                first += len(block)
        if first != len(memory):
            raise EOFError(f"{self._name} ends after {first} of {len(memory)} bytes")

    def read(self) -> np.ndarray:
        """Return the array."""
        array = np.empty(math.prod(self.shape), self.dtype)
        self.read_into(array)
        return array.reshape(self.shape, order="F" if self._is_fortran else "C")
