"""Conversion of kernels that Keras has quantized to floats.

Keras quantizes dense layers. In their files, more arrays follow the kernel and the bias. With 8 bits, there is a scale
per column. With 4 bits, two values are packed into a byte, and there is a scale per column, or scales and zeros of
groups of rows. With 8-bit floats, the kernel is kept in float32, and the arrays hold statistics of the values seen in
training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv.layers.base import Layer
from fastconv.layers.core import Dense
from fastconv.saving.hdf5 import Dataset
from fastconv.saving.matching import Pairs, check_fit

BY_COLUMN, BY_GROUP, FLOAT8 = 1, 3, 6  # numbers of arrays that follow the kernel and the bias
ORDER = ("kernel", "bias", "kernel_scale", "kernel_zero", "g_idx")


def is_quantized(layer: Layer, arrays: Sequence[Dataset]) -> bool:
    """Return whether a file's arrays for a layer contain a quantized kernel."""
    extra = len(arrays) - len(layer.weights) if isinstance(layer, Dense) else 0
    has_bytes = any(array.dtype.kind in "iu" and array.dtype.itemsize == 1 for array in arrays)
    return extra == FLOAT8 or (extra in (BY_COLUMN, BY_GROUP) and has_bytes)


def in_order(names: Sequence[str]) -> list[str]:
    """Return the names of a quantized layer's arrays, as .h5 stores them, in the order of .keras."""
    known = {name.rpartition("/")[2].partition(":")[0]: name for name in names}
    return [known.pop(name) for name in ORDER if name in known] + list(known.values())


def read_quantized(layer: Any, arrays: Sequence[Dataset]) -> Pairs:
    """Return the variables of a dense layer with the floats that the arrays represent.

    Raises:
        ValueError: the arrays do not fit each other or the layer.
    """
    weights = [layer.kernel, *([layer.bias] if layer.use_bias else [])]
    kernel, extra = arrays[0], arrays[len(weights) :]
    pairs = [(v, _checked(layer, array, v)) for v, array in zip(weights[1:], arrays[1:])]
    if len(extra) == FLOAT8:
        return [(layer.kernel, _checked(layer, kernel, layer.kernel)), *pairs]
    rows, columns = layer.kernel.shape
    is_packed = len(extra) == BY_GROUP or kernel.shape != (rows, columns)
    groups = extra[0].shape[:-1] if len(extra) == BY_GROUP else ()
    wanted = [(rows, (columns + 1) // 2 if is_packed else columns), (*groups, columns)]
    wanted += [(*groups, columns), (rows,)] if len(extra) == BY_GROUP else []
    found = [tuple(array.shape) for array in (kernel, *extra)]
    if found != wanted or kernel.dtype.kind not in "iu" or kernel.dtype.itemsize != 1:
        raise ValueError(
            f"the quantised kernel of {layer.name} must be bytes of shape {wanted[0]} with scales of shape "
            f"{wanted[1]}. Received: shapes={found}, {kernel.dtype}"
        )
    integers = kernel.array().astype("int8")
    if is_packed or _is_packed_column(integers):
        integers = _unpacked(integers, columns)
    return [(layer.kernel, _floats(integers, [array.array() for array in extra])), *pairs]


def _floats(integers: np.ndarray, extra: Sequence[np.ndarray]) -> np.ndarray:
    """Return integers / scale of the column; for groups of rows, return (integers - zero) scale of the row's group."""
    if len(extra) == BY_COLUMN:
        return (integers / extra[0].astype("float32")).astype("float32")
    scale, zero, group = extra
    rows = group.astype("int64")
    return ((integers - zero[rows].astype("float32")) * scale[rows]).astype("float32")


def _unpacked(packed: np.ndarray, columns: int) -> np.ndarray:
    """Return the integers from -8 to 7 in packed bytes, each of which holds two, the lower bits first."""
    both = np.stack([packed & 15, (packed >> 4) & 15], axis=-1).reshape(len(packed), -1)[:, :columns]
    return np.where(both > 7, both - 16, both)


def _is_packed_column(integers: np.ndarray) -> bool:
    """Return whether a single column, whose size is the same in both forms, is packed: 8 bits would reach 127."""
    return integers.shape[1] == 1 and integers.size > 0 and integers.min() >= 0 and integers.max() < 16


def _checked(layer: Any, array: Dataset, variable: Any) -> np.ndarray:
    check_fit(f"the array {array.name} of {layer.name}", variable, array.shape, array.dtype)
    return array.array()
