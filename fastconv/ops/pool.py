"""Pooling: the maximum, minimum or mean of every window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fastconv.engine import Primitive, Tensor
from fastconv.ops.broadcast import reshape
from fastconv.ops.convert import convert_to_tensor
from fastconv.ops.layout import floats, images
from fastconv.ops.shape import part
from fastconv.window import MOST_PIXELS, Padding, Sides, clip_window, output_size, remembered, resolve_padding, spread

# Of images x (N, H, W, C), with the windows of two axes.
Pool = Callable[..., Any]


def _pool_shape(x: Any, *, size: Any, strides: Any, padding: Any, dilation: Any = (1, 1), **_: Any) -> tuple:
    padded = [n + sum(p) for n, p in zip(x.shape[1:3], padding)]
    return (x.shape[0], *output_size(padded, size, strides, dilation), x.shape[3]), x.dtype


_extreme_pool_backward: Primitive = Primitive(
    "extreme_pool_backward", lambda dy, winners, *, input_shape, **_: (input_shape, dy.dtype)
)


def _extreme_pool(name: str) -> Pool:
    """The function of x that is called `name`, max_pool or min_pool: where it is recorded, so are its winners."""
    plain = Primitive(name, _pool_shape)
    recorded = Primitive(
        name + "_winners",
        lambda x, **window: [_pool_shape(x, **window), (_pool_shape(x, **window)[0], np.dtype(np.int32))],
        lambda dys, ys, x, **window: (_extreme_pool_backward(dys[0], ys[1], input_shape=tuple(x.shape), **window),),
    )
    return lambda x, **window: recorded(x, **window)[0] if isinstance(x, Tensor) else plain(x, **window)


_max_pool = _extreme_pool("max_pool")
_min_pool = _extreme_pool("min_pool")
_average_pool: Primitive = Primitive(
    "average_pool",
    _pool_shape,
    lambda dy, y, x, **window: (_average_pool_backward(dy, input_shape=tuple(x.shape), **window),),
)
_average_pool_backward: Primitive = Primitive(
    "average_pool_backward",
    lambda dy, *, input_shape, **_: (input_shape, dy.dtype),
    lambda ddx, dx, dy, *, input_shape, **window: (_average_pool(ddx, **window),),
)


# The windows of several axes, by the names that the primitives know, and those of an axis that is left as it is.
Windows = dict[str, tuple]
WHOLE: dict[str, Any] = {"size": 1, "strides": 1, "padding": (0, 0), "dilation": 1}


class Pooling(NamedTuple):
    """How windows move without their outer taps that meet nothing but padding."""

    windows: Windows
    pixels: Sides | None  # (first, end) of each axis of the inputs that windows may meet; None for all
    share: float  # of the taps of the whole window that are left


def _pool(
    op: str,
    primitive: Pool,
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    padding: Padding,
    data_format: str | None,
    dilation: int | Sequence[int] = 1,
    **params: Any,
) -> Any:
    x, restore = images(op, convert_to_tensor(inputs), data_format, ranks=(1, 2, 3))
    floats(op, x)
    windows, pixels, share = _windows(op, x.shape[1:-1], pool_size, strides, padding, dilation)
    if pixels is not None:
        x = part(x, (slice(None), *(slice(*p) for p in pixels)))
    if x.ndim == 4:
        y = primitive(x, **windows, **params)
    else:
        y = (_pool_lines if x.ndim == 3 else _pool_volumes)(partial(primitive, **params), x, windows)
    if share < 1 and params.get("count_padding"):
        y = y * share
    return restore(y)


@remembered
def _windows(
    op: str,
    spatial: tuple[int, ...],
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    padding: Padding,
    dilation: int | Sequence[int],
) -> Pooling:
    """The arguments of an operation as the kernels want them; averages know no dilation."""
    rank = len(spatial)
    size = spread("pool_size", pool_size, rank)
    steps = size if strides is None else spread("strides", strides, rank)
    distance = spread("dilation_rate", dilation, rank)
    sides = resolve_padding(op, padding, spatial, size, steps, distance)
    clip = clip_window(spatial, size, steps, sides, distance)
    windows: Windows = {"size": clip.size, **clip.moves}
    if op == "average_pool":
        del windows["dilation"]
    elif prod(clip.size[-2:]) > MOST_PIXELS:
        raise ValueError(f"{op}: windows must have less than 2**31 elements of a plane. Received: pool_size={size}")
    uncut = all(p == (0, n) for p, n in zip(clip.pixels, spatial))
    return Pooling(windows, None if uncut else clip.pixels, prod(clip.size) / prod(size))


def _pool_lines(pool: Pool, x: Any, windows: Windows) -> Any:
    """x (N, W, C) to y (N, OW, C): an image of height 1."""
    n, w, c = x.shape
    y = pool(reshape(x, (n, 1, w, c)), **{name: (WHOLE[name], *values) for name, values in windows.items()})
    return reshape(y, (n, y.shape[2], c))


def _pool_volumes(pool: Pool, x: Any, windows: Windows) -> Any:
    """x (N, D, H, W, C) to y (N, OD, OH, OW, C): every plane, then the depths of every pixel of a plane.

    Extremes and means, and the counts of these, separate; so does the order in which the first extreme is the first.
    """
    n, d, h, w, c = x.shape
    planes = pool(reshape(x, (n * d, h, w, c)), **{name: values[1:] for name, values in windows.items()})
    _, oh, ow, _ = planes.shape
    depths = {name: (values[0], WHOLE[name]) for name, values in windows.items()}
    y = pool(reshape(planes, (n, d, oh * ow, c)), **depths)
    return reshape(y, (n, y.shape[1], oh, ow, c))


def max_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """y[n, oh, ow, c] = the largest element of the window; padding never wins, NaN always does.

    The gradient goes to the first maximum of a window in row-major order, or to its first NaN.

    Args:
        inputs: (N, W, C), (N, H, W, C) or (N, D, H, W, C); the channels second with data_format="channels_first".
        pool_size: an int, or one for each spatial axis, in pixels.
        strides: an int, or one for each spatial axis; `pool_size` when None.
        padding: "valid" (none), "same" (ceil(H/SH) outputs), or (before, after) for each axis.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        dilation_rate: an int, or one for each spatial axis, the distance of neighbouring elements of a window.

    Returns:
        (N, OW, C), (N, OH, OW, C) or (N, OD, OH, OW, C); the channels second as in `inputs`.

    Raises:
        ValueError: shapes, strides or padding that do not fit.
        TypeError: `inputs` is neither float32 nor float64.
    """
    return _pool("max_pool", _max_pool, inputs, pool_size, strides, padding, data_format, dilation_rate)


def min_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """y[n, oh, ow, c] = the smallest element of the window: `max_pool` with the order reversed, else the same."""
    return _pool("min_pool", _min_pool, inputs, pool_size, strides, padding, data_format, dilation_rate)


def average_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: str | None = None,
    count_padding: bool = False,
) -> Any:
    """y[n, oh, ow, c] = the mean of the window.

    Args:
        inputs, pool_size, strides, padding, data_format: as for `max_pool`.
        count_padding: whether the zeros of the padding are averaged too; Keras leaves them out.

    Returns:
        as `max_pool`.

    Raises:
        ValueError: shapes, strides or padding that do not fit.
        TypeError: `inputs` is neither float32 nor float64.
    """
    return _pool(
        "average_pool", _average_pool, inputs, pool_size, strides, padding, data_format, count_padding=count_padding
    )
