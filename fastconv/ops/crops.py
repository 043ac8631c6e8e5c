"""Padding, cropping and patches of images, with the names and arguments of `keras.ops.image`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import fastconv.config as config
from fastconv.arguments import as_integer, as_integers, is_integer, optional, plain
from fastconv.engine import lift
from fastconv.ops.broadcast import reshape
from fastconv.ops.convert import convert_to_tensor
from fastconv.ops.layout import images as channels_last
from fastconv.ops.pad import pad
from fastconv.ops.shape import expand_dims, squeeze, take, transpose
from fastconv.typing import Array, ArrayLike, IntOrInts
from fastconv.window import as_tuple, output_size, resolve_padding


def pad_images(
    images: ArrayLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Return images with zeros around them.

    Args:
        images: (N, H, W, C), or (N, C, H, W) with data_format="channels_first"; or a single image without N.
        top_padding, bottom_padding, target_height: ints in pixels; give exactly two of the three.
        left_padding, right_padding, target_width: ints in pixels; give exactly two of the three.
        data_format: "channels_last", "channels_first", or None (default) for `config.image_data_format()`.

    Returns:
        Images of the new height and width.

    Raises:
        ValueError: if not exactly two of three are given, or if a padding is negative.

    Example:
        >>> ops.image.pad_images(np.ones((4, 4, 3)), 1, 2, target_height=8, target_width=8).shape
        (8, 8, 3)
    """
    x, at = _with_sides("pad_images", images, data_format)
    sides = [(0, 0)] * x.ndim
    rows = _integers("pad_images", top_padding=top_padding, bottom_padding=bottom_padding, target_height=target_height)
    columns = _integers("pad_images", left_padding=left_padding, right_padding=right_padding, target_width=target_width)
    for axis, (before, after, target) in ((at, rows), (at + 1, columns)):
        total = None if target is None else target - x.shape[axis]
        sides[axis] = _margins("pad_images", before, after, total)
    return pad(x, sides)


def crop_images(
    images: ArrayLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Return images without their borders.

    Args:
        images: (N, H, W, C), or (N, C, H, W) with data_format="channels_first"; or a single image without N.
        top_cropping, bottom_cropping, target_height: ints in pixels; give exactly two of the three.
        left_cropping, right_cropping, target_width: ints in pixels; give exactly two of the three.
        data_format: "channels_last", "channels_first", or None (default) for `config.image_data_format()`.

    Returns:
        Images of the new height and width.

    Raises:
        ValueError: if not exactly two of three are given, if a cropping is negative, or if it exceeds the image.

    Example:
        >>> ops.image.crop_images(np.ones((8, 8, 3)), 1, 2, target_height=4, target_width=5).shape
        (4, 5, 3)
    """
    x, at = _with_sides("crop_images", images, data_format)
    parts = [slice(None)] * x.ndim
    op = "crop_images"
    rows = _integers(op, top_cropping=top_cropping, bottom_cropping=bottom_cropping, target_height=target_height)
    columns = _integers(op, left_cropping=left_cropping, right_cropping=right_cropping, target_width=target_width)
    for axis, (before, after, target) in ((at, rows), (at + 1, columns)):
        size = x.shape[axis]
        first, last = _margins(op, before, after, None if target is None else size - target)
        if first + last > size:
            raise ValueError(f"crop_images: there must be {first + last} pixels to cut off. Received: {size}")
        parts[axis] = slice(first, size - last)
    return x[tuple(parts)]


def _integers(op: str, **given: object) -> list[int | None]:
    """Return the values of `given` as ints or None. Raises ValueError if a value is neither."""
    return [optional(as_integer, op, name, value) for name, value in given.items()]


def _with_sides(op: str, images: ArrayLike, data_format: str | None) -> tuple[Array, int]:
    """Return the images as an array, and the axis of their height; the axis of their width follows."""
    x = convert_to_tensor(images)
    if x.ndim not in (3, 4):
        raise ValueError(f"{op}: images must have 3 axes, or 4 in a batch. Received: images.shape={tuple(x.shape)}")
    return x, x.ndim - (3 if config.standardize_data_format(data_format) == "channels_last" else 2)


def _margins(op: str, before: Any, after: Any, total: int | None) -> tuple[int, int]:
    """Return (before, after), whose sum is `total`, from exactly two of the three."""
    before, after = (optional(as_integer, op, "a margin", n) for n in (before, after))
    given = (before, after, total)
    if given.count(None) == 1 and total is not None:
        before, after = (total - after, after) if before is None else (before, total - before)
    if given.count(None) != 1 or before < 0 or after < 0:
        raise ValueError(
            f"{op}: exactly two of the margin before, the margin after and the size must be given, and fit. "
            f"Received: before={given[0]}, after={given[1]}, total for both={given[2]}"
        )
    return before, after


def extract_patches(
    images: ArrayLike,
    size: IntOrInts,
    strides: IntOrInts | None = None,
    dilation_rate: IntOrInts = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Return all windows of images: y[n, oh, ow] holds the pixels of a window, row by row, each with its channels.

    Args:
        images: (N, H, W, C), or (N, C, H, W) with data_format="channels_first"; volumes if `size` has three numbers; or
            a single image without N.
        size: int for squares, (height, width), or (depth, height, width), in pixels.
        strides: int or ints, the distance between windows in pixels; None (default) for `size`.
        dilation_rate: int or ints, the distance between pixels of a window. Default 1.
        padding: "valid" (default), or "same" for ceil(N / S) windows, with zeros around the images.
        data_format: "channels_last", "channels_first", or None (default) for `config.image_data_format()`.

    Returns:
        (N, OH, OW, KH KW C), or (N, KH KW C, OH, OW); without N for a single image.

    Raises:
        ValueError: if the sizes do not fit.

    Example:
        >>> ops.image.extract_patches(np.ones((1, 8, 8, 3)), size=4).shape
        (1, 2, 2, 48)
    """
    x = convert_to_tensor(images)
    given = plain(size)
    rank = 2 if is_integer(given) else len(as_integers("extract_patches", "size", given, 1))
    sizes = as_tuple("size", given, rank)
    if x.ndim == rank + 1:
        return squeeze(extract_patches(expand_dims(x, 0), sizes, strides, dilation_rate, padding, data_format), 0)
    x, restore = channels_last("extract_patches", x, data_format, (rank,))
    steps = sizes if strides is None else as_tuple("strides", strides, rank)
    dilation = as_tuple("dilation_rate", dilation_rate, rank)
    n, channels, spatial = x.shape[0], x.shape[-1], x.shape[1:-1]
    sides = resolve_padding("extract_patches", padding, spatial, sizes, steps, dilation)
    outputs = output_size(spatial, sizes, steps, sides, dilation)
    x = pad(x, [(0, 0), *[(0, 1)] * rank, (0, 0)])  # one pixel for all padding
    for i, (pixels, count, taps, step, gap, (before, _)) in enumerate(
        zip(spatial, outputs, sizes, steps, dilation, sides)
    ):
        at = np.arange(count)[:, None] * step + np.arange(taps) * gap - before
        x = take(x, np.where((at >= 0) & (at < pixels), at, pixels), 1 + 2 * i)
    x = transpose(x, [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1])  # (N, OH, OW, KH, KW, C)
    return restore(reshape(x, (n, *outputs, channels * math.prod(sizes))))


pad_images = lift(pad_images)
crop_images = lift(crop_images)
extract_patches = lift(extract_patches)
