"""Between the user's layout of images and the kernels' own, channels last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv import config
from fastconv.ops.shape import transpose

FLOATS = (np.dtype("float32"), np.dtype("float64"))


def images(op: str, x: Any, data_format: str | None, ranks: Sequence[int] = (2,)) -> tuple[Any, Callable[[Any], Any]]:
    """x as (N, .., C), and the function that brings a result back into the user's layout.

    Channels-first input is seen through a transposed view; the kernel copies it once.

    Args:
        ranks: how many spatial axes x may have.

    Raises:
        ValueError: x has more or fewer, or the layout is unknown.
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


def unchanged(y: Any) -> Any:
    """y."""
    return y


def floats(op: str, *arrays: Any) -> None:
    """Check that all arrays are float32, or all float64.

    Raises:
        TypeError: they are not; nothing is converted silently.
    """
    first = arrays[0].dtype
    if first not in FLOATS or any(a.dtype != first for a in arrays[1:]):
        raise TypeError(
            f"{op}: arrays must all be float32 or all float64; cast them first. "
            f"Received: dtypes={[str(a.dtype) for a in arrays]}"
        )
