"""Pooling: the maximum, minimum or mean of every window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fastconv.backends.launch import Operation
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive, Tensor
from fastconv.engine.primitive import Spec
from fastconv.geometry import Pooling
from fastconv.ops.broadcast import reshape
from fastconv.ops.convert import as_float, convert_to_tensor
from fastconv.ops.layout import FLOATS, images, numbers
from fastconv.ops.shape import part
from fastconv.typing import Array, ArrayLike, IntOrInts, PaddingLike
from fastconv.window import (
    MOST_PIXELS,
    Clip,
    Shape,
    Sides,
    as_tuple,
    cached,
    clip_window,
    output_size,
    resolve_padding,
)

# A function of images x (N, H, W, C) and of `pooling`, their `Pooling`.
Pool = Callable[..., Any]


def _pool_shape(x: Array, *, pooling: Pooling, **_: Any) -> Spec:
    return pooling.output_shape, x.dtype


_extreme_pool_backward: Primitive = Primitive(
    Reference.extreme_pool_backward, lambda dy, argmax, *, pooling: (pooling.input_shape, dy.dtype)
)


def _extreme_pool(extremes: Operation, extremes_and_argmax: Operation) -> Pool:
    """Return a function of x that computes `extremes`; if the call is recorded, it computes the argmax too."""
    plain = Primitive(extremes, _pool_shape)
    recorded = Primitive(
        extremes_and_argmax,
        lambda x, *, pooling: [(pooling.output_shape, x.dtype), (pooling.output_shape, np.dtype(np.int32))],
        lambda dys, ys, x, *, pooling: (_extreme_pool_backward(dys[0], ys[1], pooling=pooling),),
    )
    return lambda x, **window: recorded(x, **window)[0] if isinstance(x, Tensor) else plain(x, **window)


_max_pool = _extreme_pool(Reference.max_pool, Reference.max_pool_argmax)
_min_pool = _extreme_pool(Reference.min_pool, Reference.min_pool_argmax)
_average_pool: Primitive = Primitive(
    Reference.average_pool,
    _pool_shape,
    lambda dy, y, x, **window: (_average_pool_backward(dy, **window),),
)
_average_pool_backward: Primitive = Primitive(
    Reference.average_pool_backward,
    lambda dy, *, pooling, **_: (pooling.input_shape, dy.dtype),
    lambda ddx, dx, dy, **window: (_average_pool(ddx, **window),),
)


class Geometry(NamedTuple):
    """A pooling over one to three spatial axes, as poolings of images.

    Attributes:
        pixels: (first, end) of each spatial axis of the inputs that windows may meet; None for all pixels.
        steps: the poolings in order. The result of a step is reshaped to the inputs of the next step.
        output_shape: (N, .., C).
        fraction: the part of the window's taps that is left after taps that meet only padding are left out.
    """

    pixels: Sides | None
    steps: tuple[Pooling, ...]
    output_shape: Shape
    fraction: float


def _pool(
    op: str,
    primitive: Pool,
    inputs: ArrayLike,
    pool_size: IntOrInts,
    strides: IntOrInts | None,
    padding: PaddingLike,
    data_format: str | None,
    dilation: IntOrInts = 1,
    **params: Any,
) -> Array:
    x, restore = images(op, convert_to_tensor(inputs), data_format, ranks=(1, 2, 3))
    if x.dtype not in FLOATS:
        x = _poolable(op, x)
    pixels, steps, output_shape, fraction = _geometry(op, x.shape, pool_size, strides, padding, dilation)
    y = x if pixels is None else part(x, (slice(None), *(slice(*p) for p in pixels)))
    for pooling in steps:
        y = primitive(_reshaped(y, pooling.input_shape), pooling=pooling, **params)
    y = _reshaped(y, output_shape)
    if fraction < 1 and params.get("count_padding"):
        y = y * fraction
    return restore(y)


def _poolable(op: str, x: Array) -> Array:
    """Return images that are not float32 or float64 in a dtype that can be pooled: means of integers are floats."""
    if op == "average_pool":
        return numbers(op, as_float(x))[0]
    return x if x.dtype.kind in "iu" else numbers(op, x)[0]


@cached
def _geometry(
    op: str,
    x_shape: Shape,
    pool_size: IntOrInts,
    strides: IntOrInts | None,
    padding: PaddingLike,
    dilation: IntOrInts,
) -> Geometry:
    """Check the arguments of a pooling, and return its geometry."""
    spatial = x_shape[1:-1]
    rank = len(spatial)
    size = as_tuple("pool_size", pool_size, rank)
    steps = size if strides is None else as_tuple("strides", strides, rank)
    distance = as_tuple("dilation_rate", dilation, rank)
    sides = resolve_padding(op, padding, spatial, size, steps, distance)
    clip = clip_window(spatial, size, steps, sides, distance)
    if op != "average_pool" and prod(clip.size[-2:]) > MOST_PIXELS:
        raise ValueError(f"{op}: windows must have less than 2**31 elements of a plane. Received: pool_size={size}")
    shape = (x_shape[0], *clip.spatial, x_shape[-1])
    outputs = output_size(clip.spatial, clip.size, clip.strides, clip.padding, clip.dilation)
    uncut = all(p == (0, n) for p, n in zip(clip.pixels, spatial))
    return Geometry(
        None if uncut else clip.pixels,
        _image_poolings(shape, clip),
        (x_shape[0], *outputs, x_shape[-1]),
        prod(clip.size) / prod(size),
    )


def _image_poolings(shape: Shape, clip: Clip) -> tuple[Pooling, ...]:
    """Return poolings of images that together pool x of this shape.

    A line is an image of height 1. A volume is pooled plane by plane, then along the depth of every pixel of a plane.
    Extremes, means and their counts separate in this way. So does the order that decides which of several equal
    extremes is the first.
    """
    images, *spatial, channels = shape
    axes = list(zip(clip.size, clip.strides, clip.padding, clip.dilation))
    unpooled = (1, 1, (0, 0), 1)  # size, stride, padding and dilation of an axis that stays as it is
    if len(spatial) == 1:
        return (_image_pooling((images, 1, *spatial, channels), [unpooled, *axes]),)
    planes = _image_pooling((prod(shape[:-3]), *shape[-3:]), axes[-2:])
    if len(spatial) == 2:
        return (planes,)
    return planes, _image_pooling((images, spatial[0], prod(planes.outputs), channels), [axes[0], unpooled])


def _image_pooling(shape: Shape, axes: Sequence[tuple[Any, ...]]) -> Pooling:
    """Return the pooling of images (N, H, W, C) from (size, stride, padding, dilation) of both axes."""
    return Pooling.of(shape, *(tuple(values) for values in zip(*axes)))


def _reshaped(x: Array, shape: Shape) -> Array:
    return x if x.shape == shape else reshape(x, shape)


def max_pool(
    inputs: ArrayLike,
    pool_size: IntOrInts,
    strides: IntOrInts | None = None,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: IntOrInts = 1,
) -> Array:
    """y[n, oh, ow, c] = the maximum of the window.

    Padding is never the maximum; if a window has a NaN, the result is NaN. The gradient goes to the first maximum of a
    window in row-major order, or to its first NaN.

    Args:
        inputs: (N, W, C), (N, H, W, C) or (N, D, H, W, C); with data_format="channels_first", channels are the second
            axis.
        pool_size: int, or an int per spatial axis, in pixels.
        strides: int, or an int per spatial axis, in pixels; None (default) for `pool_size`.
        padding: "valid" (none, default), "same" (ceil(H/SH) outputs), or (before, after) for each axis.
        data_format: "channels_last", "channels_first", or None (default) for `config.image_data_format()`.
        dilation_rate: int, or an int per spatial axis: the distance between neighbouring elements of a window. Default
            1.

    Returns:
        (N, OW, C), (N, OH, OW, C) or (N, OD, OH, OW, C), in the layout of the inputs.

    Raises:
        ValueError: if shapes, strides or padding do not fit.
        TypeError: if `inputs` are neither integers nor float32 nor float64.

    Example:
        >>> x = np.array([[1.0, 4.0, 3.0, 2.0]]).reshape(1, 2, 2, 1)
        >>> ops.max_pool(x, 2).tolist()
        [[[[4.0]]]]
    """
    return _pool("max_pool", _max_pool, inputs, pool_size, strides, padding, data_format, dilation_rate)


def min_pool(
    inputs: ArrayLike,
    pool_size: IntOrInts,
    strides: IntOrInts | None = None,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: IntOrInts = 1,
) -> Array:
    """y[n, oh, ow, c] = the minimum of the window.

    Padding is never the minimum; if a window has a NaN, the result is NaN. The gradient goes to the first minimum of a
    window in row-major order, or to its first NaN.

    Args:
        inputs, pool_size, strides, padding, data_format: as for `max_pool`.

    Returns:
        Array with the shape that `max_pool` returns.

    Raises:
        ValueError: if shapes, strides or padding do not fit.
        TypeError: if `inputs` are neither integers nor float32 nor float64.

    Example:
        >>> x = np.array([[1.0, 4.0, 3.0, 2.0]]).reshape(1, 2, 2, 1)
        >>> ops.min_pool(x, 2).tolist()
        [[[[1.0]]]]
    """
    return _pool("min_pool", _min_pool, inputs, pool_size, strides, padding, data_format, dilation_rate)


def average_pool(
    inputs: ArrayLike,
    pool_size: IntOrInts,
    strides: IntOrInts | None = None,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    count_padding: bool = False,
) -> Array:
    """y[n, oh, ow, c] = the mean of the window.

    Args:
        inputs, pool_size, strides, padding, data_format: as for `max_pool`.
        count_padding: if True, the zeros of the padding count as elements. Default False, as in Keras.

    Returns:
        Array with the shape that `max_pool` returns.

    Raises:
        ValueError: if shapes, strides or padding do not fit.
        TypeError: if `inputs` are neither integers nor float32 nor float64.

    Example:
        >>> x = np.array([[1.0, 4.0, 3.0, 2.0]]).reshape(1, 2, 2, 1)
        >>> ops.average_pool(x, 2).tolist()
        [[[[2.5]]]]
    """
    return _pool(
        "average_pool", _average_pool, inputs, pool_size, strides, padding, data_format, count_padding=count_padding
    )
