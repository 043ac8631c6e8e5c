"""Conversion between the user's image layout and the kernels' layout, channels last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

import fastconv.config as config
from fastconv.ops.convert import cast
from fastconv.ops.shape import transpose
from fastconv.typing import Array

FLOATS = (np.dtype("float32"), np.dtype("float64"))


def images(
    op: str, x: Array, data_format: str | None, ranks: Sequence[int] = (2,)
) -> tuple[Array, Callable[[Array], Array]]:
    """Return x as (N, .., C), and the function that restores the user's layout.

    Channels-first input becomes a transposed view; the kernel copies it once.

    Args:
        op: name of the op, for error messages.
        x: images in the layout of `data_format`.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        ranks: the numbers of spatial axes that x may have.

    Raises:
        ValueError: if x has another number of axes, or the layout is unknown.
    """
    if x.ndim - 2 not in ranks:
        axes = " or ".join(str(rank + 2) for rank in ranks)
        shape = tuple(x.shape)
        raise ValueError(f"{op}: inputs must have {axes} axes, a batch of images. Received: inputs.shape={shape}")
    if config.standardize_data_format(data_format) == "channels_last":
        return x, unchanged
    spatial = range(1, x.ndim - 1)
    last, first = (0, *(i + 1 for i in spatial), 1), (0, x.ndim - 1, *spatial)
    return transpose(x, last), lambda y: transpose(y, first)


def unchanged(y: Array) -> Array:
    """Return y."""
    return y


def numbers(op: str, *arrays: Array) -> tuple[Array, ...]:
    """Return all arrays in one dtype: float32, float64, or an integer dtype of at least 32 bits.

    Integers among floats become floats. Booleans are integers.

    Raises:
        TypeError: if floats are not all float32 or all float64.
    """
    first = arrays[0].dtype
    if first in FLOATS and all(a.dtype == first for a in arrays[1:]):
        return arrays
    found = {a.dtype for a in arrays if a.dtype.kind not in "biu"}
    if len(found) > 1 or not found <= set(FLOATS):
        raise TypeError(
            f"{op}: arrays must hold integers, or all be float32 or all float64; cast them first. "
            f"Received: dtypes={[str(a.dtype) for a in arrays]}"
        )
    dtype = found.pop() if found else _common_integer(a.dtype for a in arrays)
    return tuple(cast(a, dtype) for a in arrays)


def _common_integer(dtypes: Iterable[np.dtype]) -> np.dtype:
    """Return the integer dtype of at least 32 bits that holds all `dtypes`; int64 if there is none."""
    common = np.result_type(np.int32, *dtypes)
    return np.dtype(np.int64) if common.kind == "f" else common


def floats(op: str, *arrays: Array) -> None:
    """Check that all arrays are float32, or all float64.

    Raises:
        TypeError: if they are not; nothing is converted silently.
    """
    first = arrays[0].dtype
    if first not in FLOATS or any(a.dtype != first for a in arrays[1:]):
        raise TypeError(
            f"{op}: arrays must all be float32 or all float64; cast them first. "
            f"Received: dtypes={[str(a.dtype) for a in arrays]}"
        )
