"""Images resized, transformed and recoloured. Public functions have the arguments of `keras.ops.image`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

import fastconv.config as config
from fastconv.arguments import as_choice, as_number, as_size
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive, lift
from fastconv.engine.primitive import Gradients
from fastconv.memory import check_fits
from fastconv.ops.broadcast import broadcast_to, reshape
from fastconv.ops.broadcast import sum as sum_
from fastconv.ops.convert import as_float, cast, convert_to_tensor
from fastconv.ops.crops import crop_images, extract_patches, pad_images
from fastconv.ops.elementwise import Unary, logical_and, where
from fastconv.ops.layout import images as channels_last
from fastconv.ops.layout import unchanged
from fastconv.ops.pad import pad
from fastconv.ops.shape import expand_dims, squeeze, take
from fastconv.typing import Array, ArrayLike

__all__ = ["affine_transform", "crop_images", "extract_patches", "pad_images", "resize", "rgb_to_grayscale"]


def _triangle(x: np.ndarray) -> Array:
    return np.maximum(0, 1 - x)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -1/2."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return sinc(x) sinc(x / radius) for x <= radius, else 0; Duchon 1979."""
    return lambda x: np.where(x <= radius, np.sinc(x) * np.sinc(x / radius), 0)


# The weight of a pixel as a function of its distance.
KERNELS = {"bilinear": _triangle, "bicubic": _cubic, "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
INTERPOLATIONS = ("nearest", *KERNELS)
ROUNDING = 1e-15  # weights below this are rounding errors


def weights(interpolation: str, inputs: int, outputs: int, antialias: bool, dtype: str) -> Array:
    """Return the weights (outputs, inputs) of input pixels in output pixels. Rows sum to 1.

    Both rows of pixels span the same length, so that output o lies at (o + 1/2) inputs / outputs - 1/2. When an image
    is made smaller, `antialias` widens the kernel by the same factor, so that every input pixel has a weight.
    """
    scale = inputs / outputs
    centres = (np.arange(outputs) + 0.5) * scale - 0.5
    distances = np.abs(centres[:, None] - np.arange(inputs)) / (max(scale, 1.0) if antialias else 1.0)
    counts = KERNELS[interpolation](distances)
    counts[np.abs(counts) < ROUNDING] = 0  # else a NaN spreads to pixels at zeros of sinc
    return (counts / counts.sum(1, keepdims=True)).astype(dtype)


@lru_cache(maxsize=64)
def taps(interpolation: str, inputs: int, outputs: int, antialias: bool, dtype: str) -> tuple[np.ndarray, ...]:
    """Return (w, back_w, first, back_first), the arguments of `resample`, from `weights` and its transpose."""
    counts = weights(interpolation, inputs, outputs, antialias, dtype)
    (w, first), (back_w, back_first) = band(counts), band(counts.T)
    return w, back_w, first, back_first


def band(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (w, first): row o of the matrix is w[o] from column first[o] on, and zero elsewhere."""
    columns = matrix.shape[1]
    first = (matrix != 0).argmax(1)
    widest = (columns - (matrix[:, ::-1] != 0).argmax(1) - first).clip(1)[matrix.any(1)].max(initial=1)
    first = np.minimum(first, columns - widest).astype("int64")
    return np.take_along_axis(matrix, first[:, None] + np.arange(widest), 1), first


def batch_of(op: str, images: ArrayLike) -> tuple[Array, Unary]:
    """Return images as a batch of floats with 4 axes, and the function that undoes this.

    Raises:
        ValueError: if the images do not have 3 or 4 axes.
    """
    x = as_float(convert_to_tensor(images))
    if x.ndim not in (3, 4):
        raise ValueError(f"{op}: images must have 3 axes, or 4 in a batch. Received: images.shape={tuple(x.shape)}")
    return (expand_dims(x, 0), lambda y: squeeze(y, 0)) if x.ndim == 3 else (x, unchanged)


def planes(x: Array, data_format: str | None) -> tuple[Array, Unary, Unary]:
    """Return a batch as (M, H, W, K) without a copy, with functions that convert to and from M.

    If channels are last, M = N and K = C. If channels are first, every channel is an image of its own: M = N C and K =
    1.

    Returns:
        The batch; a function that repeats arrays (N, ..) to (M, ..); and a function that restores the layout.
    """
    if config.standardize_data_format(data_format) == "channels_last":
        return x, unchanged, unchanged
    n, channels, h, w = x.shape

    def for_each(a: Array) -> Array:
        rest = tuple(a.shape[1:])
        return reshape(broadcast_to(expand_dims(a, 1), (n, channels, *rest)), (n * channels, *rest))

    return reshape(x, (n * channels, h, w, 1)), for_each, lambda y: reshape(y, (n, channels, h, w))


# ---- other sizes -----------------------------------------------------------------------------------------------------


def resize(
    images: ArrayLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Return images of another size, interpolated along each axis in turn.

    Args:
        images: (N, H, W, C), or (N, C, H, W) with data_format="channels_first"; or a single image without N.
        size: (height, width) of the result, ints in pixels.
        interpolation: "nearest", "bilinear" (default), "bicubic", "lanczos3" or "lanczos5".
        antialias: if True, all pixels count when images are made smaller. Not with "nearest". Default False.
        crop_to_aspect_ratio: if True, crop the largest central part with the aspect ratio of `size` first. Default
            False.
        pad_to_aspect_ratio: if True, pad the images to the aspect ratio of `size` first. Default False.
        fill_mode: "constant", the only mode of padding.
        fill_value: float, the value of padding. Default 0.
        data_format: "channels_last", "channels_first", or None (default) for `config.image_data_format()`.

    Returns:
        (N, height, width, C), or (N, C, height, width), of floats; without N for a single image.

    Raises:
        ValueError: if interpolation or fill_mode is unknown, if `size` is not two positive ints, or if both cropping
            and padding are requested.

    Example:
        >>> ops.image.resize(np.ones((8, 8, 3)), (4, 6)).shape
        (4, 6, 3)
    """
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"resize: interpolation must be one of {', '.join(INTERPOLATIONS)}. Received: {interpolation!r}"
        )
    size = as_size("resize", "size", size)
    if fill_mode != "constant":
        raise ValueError(f"resize: fill_mode must be 'constant'. Received: fill_mode={fill_mode!r}")
    fill_value = as_number("resize", "fill_value", fill_value)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other. Received: both")
    batch, unbatch = batch_of("resize", images)
    x, restore = channels_last("resize", batch, data_format)
    check_fits("resize", (x.shape[0], *size, x.shape[-1]), x.dtype)
    check_fits("resize", (max(size),), "int64", 4)
    if crop_to_aspect_ratio:
        x = _middle(x, size)
    if pad_to_aspect_ratio:
        sides = [(more // 2, more // 2) for more in _missing(x.shape[1:3], size)]
        x = pad(x, [(0, 0), *sides, (0, 0)], constant_values=fill_value)
    for axis, outputs in enumerate(size, 1):
        x = _resize_axis(x, axis, outputs, interpolation, antialias)
    return unbatch(restore(x))


def _middle(x: Array, size: Sequence[int]) -> Array:
    """Return the largest central part of x (N, H, W, C) that has the aspect ratio of `size`."""
    (h, w), (height, width) = x.shape[1:3], size
    rows, columns = max(1, min(h, w * height // width)), max(1, min(w, h * width // height))
    top, left = (h - rows) // 2, (w - columns) // 2
    return x[:, top : top + rows, left : left + columns]


def _missing(sides: Sequence[int], size: Sequence[int]) -> tuple[int, int]:
    """Return the rows and columns that an image with sides `sides` lacks to have the aspect ratio of `size`."""
    (h, w), (height, width) = sides, size
    return max(0, w * height // width - h), max(0, h * width // height - w)


def _resize_axis(x: Array, axis: int, outputs: int, interpolation: str, antialias: bool) -> Array:
    before, inputs, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if inputs == outputs:
        return x
    if not inputs:
        raise ValueError(f"resize: images must have pixels. Received: shape={tuple(x.shape)}")
    if interpolation == "nearest":
        return take(x, np.minimum((np.arange(outputs) + 0.5) * inputs // outputs, inputs - 1).astype("int64"), axis)
    rows = reshape(x, (math.prod(before), inputs, math.prod(after)))
    y = _resample(rows, *taps(interpolation, inputs, outputs, antialias, np.dtype(x.dtype).name))
    return reshape(y, (*before, outputs, *after))


# x (M, inputs, K), and `taps`; its gradient resamples by the transposed matrix.
_resample: Primitive = Primitive(
    Reference.resample,
    lambda x, w, back_w, first, back_first: ((x.shape[0], len(first), x.shape[2]), x.dtype),
    lambda dy, y, x, w, back_w, first, back_first: (
        _resample(dy, back_w, w, back_first, first),
        None,
        None,
        None,
        None,
    ),
)


# ---- other places ----------------------------------------------------------------------------------------------------


def _no_gradient(op: str) -> Callable[..., Gradients]:
    def gradient(*_: Array, **__: Any) -> Gradients:
        raise NotImplementedError(
            f"{op}: no gradient passes through it; trainable layers must come after it, not before"
        )

    return gradient


# x (N, H, W, C) and transforms (N, 8); fill modes have SciPy's names.
AFFINE = Primitive(
    Reference.affine_transform, lambda x, transform, **_: (x.shape, x.dtype), _no_gradient("affine_transform")
)

FILLS = {
    "constant": "grid-constant",
    "nearest": "nearest",
    "wrap": "grid-wrap",
    "mirror": "mirror",
    "reflect": "reflect",
}


def check_sampling(op: str, interpolation: str, fill_mode: str) -> None:
    """Raise ValueError if the interpolation between pixels, or the fill mode beyond the border, is unknown."""
    as_choice(op, "interpolation", interpolation, ("nearest", "bilinear"))
    as_choice(op, "fill_mode", fill_mode, tuple(FILLS))


def affine_transform(
    images: ArrayLike,
    transform: ArrayLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """y[n, h, w] = images[n] at column a0 w + a1 h + a2 and row b0 w + b1 h + b2.

    Gradients do not pass through it.

    Args:
        images: (N, H, W, C), or (N, C, H, W) with data_format="channels_first"; or a single image without N.
        transform: (a0, a1, a2, b0, b1, b2, 0, 0) for all images, or (N, 8) with a row for each image.
        interpolation: "bilinear" (default) or "nearest".
        fill_mode: values beyond the border: "constant" (default) for `fill_value`; "nearest" for the outermost pixel;
            "reflect" for the image mirrored with the outermost pixel; "mirror" for the image mirrored without it;
            "wrap" for the image repeated.
        fill_value: float, default 0.
        data_format: "channels_last", "channels_first", or None (default) for `config.image_data_format()`.

    Returns:
        Float array with the shape of the images.

    Raises:
        ValueError: if interpolation or fill_mode is unknown, if shapes do not fit, or if a transform is not affine.

    Example:
        >>> image = np.array([[1.0, 2.0, 3.0]]).reshape(1, 3, 1)
        >>> ops.image.affine_transform(image, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])[0, :, 0].tolist()
        [2.0, 3.0, 0.0]
    """
    check_sampling("affine_transform", interpolation, fill_mode)
    batch, unbatch = batch_of("affine_transform", images)
    t = convert_to_tensor(transform)
    if tuple(t.shape) not in ((8,), (1, 8), (batch.shape[0], 8)):
        raise ValueError(
            "affine_transform: transform must have 8 numbers, or 8 numbers for each image. "
            f"Received: transform.shape={tuple(t.shape)}, images.shape={tuple(unbatch(batch).shape)}"
        )
    if isinstance(t, np.ndarray) and t[..., 6:].any():
        raise ValueError("affine_transform: the last two numbers of a transform must be 0, since it is affine")
    x, for_each, restore = planes(batch, data_format)
    t = for_each(broadcast_to(t, (batch.shape[0], 8)))
    how = {
        "nearest": interpolation == "nearest",
        "fill": FILLS[fill_mode],
        "value": float(as_number("affine_transform", "fill_value", fill_value)),
    }
    return unbatch(restore(AFFINE(x, t, **how)))


_flip_some: Primitive = Primitive(
    Reference.flip_some,
    lambda x, flips, *, axes: (x.shape, x.dtype),
    lambda dy, y, x, flips, *, axes: (_flip_some(dy, flips, axes=axes), None),
)


def flip_some(images: Array, flips: Array, horizontal: bool, vertical: bool, data_format: str | None = None) -> Array:
    """Return images, some of them flipped.

    Args:
        images: (N, H, W, C), or (N, C, H, W) with data_format="channels_first".
        flips: (N,) bool, True for images to flip.
        horizontal, vertical: if True, reverse the order of columns, and of rows.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
    """
    x, for_each, restore = planes(images, data_format)
    axes = (1,) * vertical + (2,) * horizontal
    return restore(_flip_some(x, for_each(flips), axes=axes))


_crop_at: Primitive = Primitive(
    Reference.crop_at,
    lambda x, starts, *, size: ((x.shape[0], *size, x.shape[3]), x.dtype),
    _no_gradient("crop_at"),
)


def crop_at(images: Array, starts: Array, size: Sequence[int], data_format: str | None = None) -> Array:
    """Return the part of all images that begins at a row and a column. Both may be tensors, unlike in `ops.slice`.

    Args:
        images: (N, H, W, C), or (N, C, H, W) with data_format="channels_first".
        starts: (2,), row and column. The part must lie within the images.
        size: (height, width) of the part.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
    """
    x, restore = channels_last("crop_at", images, data_format)
    return restore(_crop_at(x, starts, size=tuple(size)))


# ---- other values ----------------------------------------------------------------------------------------------------


def _stretch_gradient(
    dy: Array, y: Array, x: Array, scale: Array, shift: Array, *, low: float, high: float
) -> Gradients:
    d = where(logical_and(y > low, y < high), dy, 0.0)
    return d * reshape(scale, (-1, 1, 1)), sum_(d * x, (1, 2)), sum_(d, 1)


_stretch = Primitive(Reference.stretch, lambda x, scale, shift, **_: (x.shape, x.dtype), _stretch_gradient)


def stretch(
    images: Array, scale: Array, shift: Array, value_range: Sequence[float], data_format: str | None = None
) -> Array:
    """y[n] = images[n] scale[n] + shift[n], clipped to a range.

    Args:
        images: (N, H, W, C), or (N, C, H, W) with data_format="channels_first".
        scale: (N,).
        shift: (N, C), for each channel.
        value_range: (minimum, maximum) of the result.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
    """
    x, for_each, restore = planes(images, data_format)
    m, h, w, k = x.shape
    low, high = map(float, value_range)
    y = _stretch(reshape(x, (m, h * w, k)), for_each(scale), reshape(shift, (m, k)), low=low, high=high)
    return restore(reshape(y, (m, h, w, k)))


# The weights of red, green and blue in luma, ITU-R BT.601.
RED_GREEN_BLUE = (0.2989, 0.5870, 0.1140)


def rgb_to_grayscale(images: ArrayLike, data_format: str | None = None) -> Array:
    """Return 0.2989 red + 0.587 green + 0.114 blue. Images with a single channel are returned unchanged.

    Args:
        images: (N, H, W, 3), or (N, 3, H, W) with data_format="channels_first"; or a single image without N.
        data_format: "channels_last", "channels_first", or None (default) for `config.image_data_format()`.

    Returns:
        Images with one channel, in the dtype of `images`.

    Raises:
        ValueError: if the images have another number of axes or channels.

    Example:
        >>> ops.image.rgb_to_grayscale(np.ones((4, 4, 3))).shape
        (4, 4, 1)
    """
    x = convert_to_tensor(images)
    axis = -1 if config.standardize_data_format(data_format) == "channels_last" else -3
    if x.ndim not in (3, 4) or x.shape[axis] not in (1, 3):
        raise ValueError(
            "rgb_to_grayscale: images must have 3 axes, or 4 in a batch, and 1 or 3 channels. "
            f"Received: images.shape={tuple(x.shape)}"
        )
    if x.shape[axis] == 1:
        return x
    floats = as_float(x)
    luma = np.array(RED_GREEN_BLUE, floats.dtype).reshape(3, *(1,) * (-1 - axis))
    return cast(sum_(floats * luma, axis, keepdims=True), x.dtype)


resize = lift(resize)
rgb_to_grayscale = lift(rgb_to_grayscale)
affine_transform = lift(affine_transform)
