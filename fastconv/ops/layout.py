"""Between the user's layout of images and the kernels' own, channels last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv import config
from fastconv.ops.shape import transpose

FLOATS = (np.dtype("float32"), np.dtype("float64"))


def images(op: str, x: Any, data_format: str | None) -> tuple[Any, Callable[[Any], Any]]:
    """x as (N, H, W, C), and the function that brings a result back into the user's layout.

    Channels-first input is seen through a transposed view; the kernel copies it once.

    Raises:
        ValueError: x does not have 4 axes, or the layout is unknown.
    """
    if x.ndim != 4:
        raise ValueError(f"{op}: inputs must have 4 axes, a batch of images. Received: inputs.shape={tuple(x.shape)}")
    if config.standardize_data_format(data_format) == "channels_last":
        return x, lambda y: y
    return transpose(x, (0, 2, 3, 1)), lambda y: transpose(y, (0, 3, 1, 2))


def floats(op: str, *arrays: Any) -> None:
    """Check that all arrays are float32, or all float64.

    Raises:
        TypeError: they are not; nothing is converted silently.
    """
    first = arrays[0].dtype
    if first not in FLOATS or any(a.dtype != first for a in arrays):
        raise TypeError(
            f"{op}: arrays must all be float32 or all float64; cast them first. "
            f"Received: dtypes={[str(a.dtype) for a in arrays]}"
        )
