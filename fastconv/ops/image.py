"""Images in other sizes, with the names and arguments of `keras.ops.image`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from fastconv.engine import lift
from fastconv.ops.broadcast import reshape
from fastconv.ops.convert import as_float, convert_to_tensor
from fastconv.ops.layout import images as channels_last
from fastconv.ops.matmul import matmul
from fastconv.ops.shape import take

Array = np.ndarray


def _triangle(x: Array) -> Array:
    return np.maximum(0, 1 - x)


def _cubic(x: Array) -> Array:
    """Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -1/2."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(radius: int) -> Callable[[Array], Array]:
    """sinc(x) sinc(x / radius) up to the radius; Duchon 1979."""
    return lambda x: np.where(x <= radius, np.sinc(x) * np.sinc(x / radius), 0)


# How much a pixel at a distance counts.
KERNELS = {"bilinear": _triangle, "bicubic": _cubic, "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
INTERPOLATIONS = ("nearest", *KERNELS)


@lru_cache(maxsize=64)
def weights(interpolation: str, inputs: int, outputs: int, antialias: bool, dtype: str) -> Array:
    """(outputs, inputs): how much each input pixel counts in each output pixel; rows add up to 1.

    Both rows of pixels span the same length, so that output o lies at (o + 1/2) inputs / outputs - 1/2. When an image
    is made smaller, `antialias` widens the kernel as much, so that every input counts.
    """
    scale = inputs / outputs
    centres = (np.arange(outputs) + 0.5) * scale - 0.5
    distances = np.abs(centres[:, None] - np.arange(inputs)) / (max(scale, 1.0) if antialias else 1.0)
    counts = KERNELS[interpolation](distances)
    return (counts / counts.sum(1, keepdims=True)).astype(dtype)


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    data_format: str | None = None,
) -> Any:
    """Images of another size, interpolated along one axis after the other.

    Args:
        images: (N, H, W, C), or (N, C, H, W) with data_format="channels_first".
        size: (height, width) of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: whether all pixels count when images are made smaller; not with "nearest".
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Returns:
        (N, height, width, C), or (N, C, height, width).

    Raises:
        ValueError: an unknown interpolation, or a size that is not two positive ints.
    """
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"resize: interpolation must be one of {', '.join(INTERPOLATIONS)}. Received: {interpolation!r}"
        )
    if len(size) != 2 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in size):
        raise ValueError(f"resize: size must be (height, width), positive ints. Received: size={size!r}")
    x, restore = channels_last("resize", as_float(convert_to_tensor(images)), data_format)
    for axis, outputs in enumerate(size, 1):
        x = _resize_axis(x, axis, int(outputs), interpolation, antialias)
    return restore(x)


def _resize_axis(x: Any, axis: int, outputs: int, interpolation: str, antialias: bool) -> Any:
    before, inputs, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if inputs == outputs:
        return x
    if interpolation == "nearest":
        return take(x, np.minimum((np.arange(outputs) + 0.5) * inputs // outputs, inputs - 1).astype("int64"), axis)
    rows = reshape(x, (math.prod(before), inputs, math.prod(after)))
    counts = weights(interpolation, inputs, outputs, antialias, np.dtype(x.dtype).name)
    return reshape(matmul(counts, rows), (*before, outputs, *after))


resize = lift(resize)
