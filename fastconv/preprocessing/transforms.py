"""Transformations of an image, with given parameters or with random numbers from NumPy's global state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.config as config
from fastconv.arguments import as_integer, as_number, as_pair, as_seed
from fastconv.ops.image import AFFINE
from fastconv.typing import ArrayLike

Array = np.ndarray
GLOBAL: Any = np.random  # the state that scripts seed by np.random.seed
FILL_MODES = ("nearest", "constant", "reflect", "wrap", "mirror", "grid-constant", "grid-wrap")


def apply_affine_transform(
    x: ArrayLike,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> Array:
    """Rotate, shift, shear and zoom an image, with the results that Keras obtains by `scipy.ndimage`.

    With R the rotation, S the shift, A the shear and Z the zoom, all around the centre c, y at (column, row) is x at
    R S A Z (column, row). The centre is c = ((height - 1) / 2, (width - 1) / 2), as in Keras: the middle of a square
    image.

    Args:
        x: an image, array with 3 axes.
        theta: float. The rotation, in degrees. Default: 0.
        tx, ty: float. Shifts along columns and rows, in pixels. Default: 0.
        shear: float. The shear, in degrees. Default: 0.
        zx, zy: float. The visible parts of the sides of x. Default: 1.
        row_axis, col_axis, channel_axis: the axes 0, 1 and 2 in some order; channels are first or last. Default: 1, 2,
            0.
        fill_mode: the values outside the image, as in SciPy: "nearest" (default), "constant", "reflect", "wrap",
            "mirror", "grid-constant" or "grid-wrap".
        cval: float. The constant of "constant" and "grid-constant". Default: 0.
        order: 1 to interpolate between the four nearest pixels (default), 0 to take the nearest.

    Returns:
        Array like x; integer values are rounded.

    Raises:
        ValueError: x has another number of axes, order is neither 0 nor 1, or fill_mode is unknown.

    Example:
        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])[None]
        >>> apply_affine_transform(x, theta=90)[0].round()
        array([[2., 4.],
               [1., 3.]])
    """
    x = np.asarray(x)
    if x.ndim != 3 or sorted((row_axis, col_axis, channel_axis)) != [0, 1, 2] or channel_axis == 1:
        raise ValueError(
            "apply_affine_transform: x must have 3 axes, the channels first or last. "
            f"Received: x.shape={x.shape}, {row_axis=}, {col_axis=}, {channel_axis=}"
        )
    check_sampling(fill_mode, order)
    for name, number in {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}.items():
        as_number("apply_affine_transform", name, number, below=math.inf)
    cval = as_number("apply_affine_transform", "cval", cval)
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    transform = affine_matrix(theta, tx, ty, shear, zx, zy, x.shape[row_axis], x.shape[col_axis])
    axes = (channel_axis, row_axis, col_axis) if channel_axis == 0 else (row_axis, col_axis, channel_axis)
    images = x.transpose(axes)[..., None] if channel_axis == 0 else x.transpose(axes)[None]
    images = images.astype(x.dtype if x.dtype.kind == "f" else config.floatx(), copy=False)
    y = AFFINE(images, transform.repeat(len(images), 0), nearest=order == 0, fill=fill_mode, value=float(cval))
    return as_dtype(y.reshape([x.shape[a] for a in axes]).transpose(np.argsort(axes)), x.dtype)


def check_sampling(fill_mode: str, order: int) -> None:
    """Raise ValueError if the fill mode is unknown, or the order of interpolation is above 1."""
    if fill_mode not in FILL_MODES:
        raise ValueError(f"fill_mode must be one of {', '.join(FILL_MODES)}. Received: fill_mode={fill_mode!r}")
    as_integer("interpolation", "interpolation_order", order, 0, 1)


def affine_matrix(
    theta: float, tx: float, ty: float, shear: float, zx: float, zy: float, height: int, width: int
) -> Array:
    """Return (1, 8), for `AFFINE`: ((cos, -sin), (sin, cos)) ((1, -sin'), (0, cos')) diag(zx, zy), and its shift."""
    cos, sin = math.cos(math.radians(theta)), math.sin(math.radians(theta))
    shear_cos, shear_sin = math.cos(math.radians(shear)), math.sin(math.radians(shear))
    a0, a1 = cos * zx, (-cos * shear_sin - sin * shear_cos) * zy
    b0, b1 = sin * zx, (-sin * shear_sin + cos * shear_cos) * zy
    x, y = height / 2 - 0.5, width / 2 - 0.5
    a2 = x + cos * tx - sin * ty - a0 * x - a1 * y
    b2 = y + sin * tx + cos * ty - b0 * x - b1 * y
    return np.array([[a0, a1, a2, b0, b1, b2, 0, 0]])


def as_dtype(y: Array, dtype: np.dtype) -> Array:
    """Convert y to a dtype; for integers, round it and clip it to their range."""
    if dtype.kind not in "iu":
        return y.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.rint(y).clip(limits.min, limits.max).astype(dtype)


def apply_channel_shift(x: ArrayLike, intensity: float, channel_axis: int = 0) -> Array:
    """Return x + intensity, clipped to the range of the values in x.

    Args:
        x: an image.
        intensity: float. The number to add to all channels.
        channel_axis: accepted as in Keras; all channels are shifted equally. Default: 0.

    Returns:
        Array like x.

    Example:
        >>> apply_channel_shift(np.array([0.0, 1.0, 4.0]), 2.0)
        array([2., 3., 4.])
    """
    x = np.asarray(x)
    intensity = as_number("apply_channel_shift", "intensity", intensity, below=math.inf)
    return np.clip(x + intensity, x.min(), x.max()).astype(x.dtype, copy=False)


def apply_brightness_shift(
    x: ArrayLike, brightness: float, scale: bool = True, channel_axis: int | None = None
) -> Array:
    """Multiply the pixels of an image, as bytes, by `brightness`; a fourth channel is not changed.

    Args:
        x: an image.
        brightness: float. 0 gives a black image, 1 the image itself.
        scale: bool. Whether to scale the values to the range from 0 to 255 first. If False, values outside that range
            are also scaled, and scaled back afterwards. Default: True.
        channel_axis: int, or None for the axis of `config.image_data_format()`. Default: None.

    Returns:
        Array of dtype `config.floatx()`.

    Example:
        >>> apply_brightness_shift(np.full((1, 1, 3), 100.0), 0.5, scale=False)
        array([[[50., 50., 50.]]], dtype=float32)
    """
    x = np.asarray(x, config.floatx())
    brightness = as_number("apply_brightness_shift", "brightness", brightness, below=math.inf)
    low, high = x.min(), x.max()
    exceeds = low < 0 or high > 255
    if scale or exceeds:
        x = x - low
        x = x / x.max() * 255 if x.max() else x
    pixels = x.astype("uint8").astype(config.floatx())
    y = np.trunc(np.clip(pixels * np.float32(brightness), 0, 255))
    axis = channel_axis if channel_axis is not None else -3 if config.image_data_format() == "channels_first" else -1
    if x.shape[axis] == 4:
        np.moveaxis(y, axis, 0)[3] = np.moveaxis(pixels, axis, 0)[3]
    return y / 255 * (high - low) + low if exceeds and not scale else y


def source_of(seed: int | None) -> Any:
    """Return a `RandomState`, or the module `np.random`, whose functions have the same names."""
    return GLOBAL if seed is None else np.random.RandomState(as_seed("ImageDataGenerator", seed, 2**32 - 1))


# ---- random transformations ------------------------------------------------------------------------------------------


# Their further arguments are those of `apply_affine_transform` from row_axis on; `interpolation_order` is `order`.


def _affine(x: ArrayLike, numbers: dict[str, Any], args: tuple, order: int, kwargs: dict[str, Any]) -> Array:
    named = dict(zip(("row_axis", "col_axis", "channel_axis", "fill_mode", "cval", "order"), args))
    return apply_affine_transform(x, **numbers, **{"order": order, **named, **kwargs})


def _within(name: str, size: Any) -> float:
    """Draw a random number between -size and size."""
    size = as_number("random transform", name, size, below=math.inf)
    return GLOBAL.uniform(-size, size)


def random_rotation(x: ArrayLike, rg: float, *args: Any, interpolation_order: int = 1, **kwargs: Any) -> Array:
    """Rotate an image by a random angle of at most `rg` degrees.

    Args:
        x: an image, array with 3 axes.
        rg: float. The largest angle, in degrees.
        args, kwargs: arguments of `apply_affine_transform` from row_axis on.
        interpolation_order: its `order`. Default: 1.

    Returns:
        Array like x.

    Example:
        >>> random_rotation(np.zeros((3, 8, 8)), 20).shape
        (3, 8, 8)
    """
    return _affine(x, {"theta": _within("rg", rg)}, args, interpolation_order, kwargs)


def random_shift(
    x: Array,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    *args: Any,
    interpolation_order: int = 1,
    **kwargs: Any,
) -> Array:
    """Shift an image by random fractions of at most `hrg` of its height (tx) and `wrg` of its width (ty).

    Args:
        x: an image, array with 3 axes.
        wrg, hrg: float. The largest fractions of the width and the height.
        row_axis, col_axis: int. Default: 1 and 2.
        args, kwargs: arguments of `apply_affine_transform` from channel_axis on.
        interpolation_order: its `order`. Default: 1.

    Returns:
        Array like x.

    Example:
        >>> random_shift(np.zeros((3, 8, 8)), 0.1, 0.1).shape
        (3, 8, 8)
    """
    tx = _within("hrg", hrg) * x.shape[row_axis]
    ty = _within("wrg", wrg) * x.shape[col_axis]
    return _affine(x, {"tx": tx, "ty": ty}, (row_axis, col_axis, *args), interpolation_order, kwargs)


def random_shear(x: ArrayLike, intensity: float, *args: Any, interpolation_order: int = 1, **kwargs: Any) -> Array:
    """Shear an image by a random angle of at most `intensity` degrees.

    Args:
        x: an image, array with 3 axes.
        intensity: float. The largest angle, in degrees.
        args, kwargs: arguments of `apply_affine_transform` from row_axis on.
        interpolation_order: its `order`. Default: 1.

    Returns:
        Array like x.

    Example:
        >>> random_shear(np.zeros((3, 8, 8)), 10).shape
        (3, 8, 8)
    """
    return _affine(x, {"shear": _within("intensity", intensity)}, args, interpolation_order, kwargs)


def random_zoom(
    x: ArrayLike, zoom_range: Sequence[float], *args: Any, interpolation_order: int = 1, **kwargs: Any
) -> Array:
    """Zoom an image by two random factors between the numbers of `zoom_range`.

    Args:
        x: an image, array with 3 axes.
        zoom_range: (lowest, highest) visible part of the sides.
        args, kwargs: arguments of `apply_affine_transform` from row_axis on.
        interpolation_order: its `order`. Default: 1.

    Returns:
        Array like x.

    Raises:
        ValueError: zoom_range does not have two numbers.

    Example:
        >>> random_zoom(np.zeros((3, 8, 8)), (0.8, 1.2)).shape
        (3, 8, 8)
    """
    zooms = as_pair("random_zoom", "zoom_range", zoom_range)
    zx, zy = (1, 1) if zooms == [1, 1] else GLOBAL.uniform(*zooms, 2)
    return _affine(x, {"zx": zx, "zy": zy}, args, interpolation_order, kwargs)


def random_channel_shift(x: ArrayLike, intensity_range: float, channel_axis: int = 0) -> Array:
    """Add a random number of at most `intensity_range` to all channels; see `apply_channel_shift`.

    Args:
        x: an image.
        intensity_range: float. The largest number.
        channel_axis: accepted as in Keras. Default: 0.

    Returns:
        Array like x.

    Example:
        >>> random_channel_shift(np.zeros((3, 8, 8)), 10).shape
        (3, 8, 8)
    """
    return apply_channel_shift(x, _within("intensity_range", intensity_range), channel_axis)


def random_brightness(x: ArrayLike, brightness_range: Sequence[float], scale: bool = True) -> Array:
    """Multiply the brightness of an image by a random factor; see `apply_brightness_shift`.

    Args:
        x: an image.
        brightness_range: (lowest, highest) factor.
        scale: bool, as for `apply_brightness_shift`. Default: True.

    Returns:
        Array of dtype `config.floatx()`.

    Raises:
        ValueError: brightness_range does not have two numbers.

    Example:
        >>> random_brightness(np.zeros((8, 8, 3)), (0.5, 1.5)).shape
        (8, 8, 3)
    """
    return apply_brightness_shift(
        x, GLOBAL.uniform(*as_pair("random_brightness", "brightness_range", brightness_range)), scale
    )
