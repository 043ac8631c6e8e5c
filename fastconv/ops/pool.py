"""Pooling: the maximum, minimum or mean of every window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv.engine import Primitive
from fastconv.ops.convert import convert_to_tensor
from fastconv.ops.layout import floats, images
from fastconv.window import output_size, resolve_padding, spread

Padding = str | int | Sequence[int | Sequence[int]]


def _pool_shape(x: Any, *, size: Any, strides: Any, padding: Any, dilation: Any = (1, 1), **_: Any) -> tuple:
    padded = [n + sum(p) for n, p in zip(x.shape[1:3], padding)]
    return (x.shape[0], *output_size(padded, size, strides, dilation), x.shape[3]), x.dtype


def _extreme_pool(name: str) -> Primitive:
    """The primitive `name`, max_pool or min_pool."""
    backward = Primitive(name + "_backward", lambda dy, x, y, **_: (x.shape, x.dtype))
    return Primitive(name, _pool_shape, lambda dy, y, x, **window: (backward(dy, x, y, **window),))


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


def _pool(
    op: str,
    primitive: Primitive,
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    padding: Padding,
    data_format: str | None,
    dilation: int | Sequence[int] = 1,
    **params: Any,
) -> Any:
    x, restore = images(op, convert_to_tensor(inputs), data_format)
    floats(op, x)
    size = spread("pool_size", pool_size, 2)
    steps = size if strides is None else spread("strides", strides, 2)
    distance = spread("dilation_rate", dilation, 2)
    sides = resolve_padding(op, padding, x.shape[1:3], size, steps, distance)
    if primitive is not _average_pool:
        params["dilation"] = distance
    return restore(primitive(x, size=size, strides=steps, padding=sides, **params))


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
        inputs: (N, H, W, C), or (N, C, H, W) with data_format="channels_first".
        pool_size: an int, or (KH, KW), in pixels.
        strides: an int, or (SH, SW); `pool_size` when None.
        padding: "valid" (none), "same" (ceil(H/SH) outputs), or ((top, bottom), (left, right)).
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        dilation_rate: an int, or (DH, DW), the distance of neighbouring elements of a window.

    Returns:
        (N, OH, OW, C), or (N, C, OH, OW).

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
        (N, OH, OW, C), or (N, C, OH, OW).

    Raises:
        ValueError: shapes, strides or padding that do not fit.
        TypeError: `inputs` is neither float32 nor float64.
    """
    return _pool(
        "average_pool", _average_pool, inputs, pool_size, strides, padding, data_format, count_padding=count_padding
    )
