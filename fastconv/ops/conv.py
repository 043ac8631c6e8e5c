"""Convolution, which in this field means cross-correlation, its two gradients, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastconv import config
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.geometry import Convolution
from fastconv.ops.broadcast import reshape, sizes
from fastconv.ops.convert import convert_to_tensor
from fastconv.ops.layout import floats, images
from fastconv.ops.pad import pad
from fastconv.ops.shape import part
from fastconv.window import (
    CONV_PADDINGS,
    RANKS,
    Padding,
    Shape,
    Sides,
    as_tuple,
    cached,
    clip_window,
    resolve_padding,
    resolve_transposed,
    shape_mismatch,
)


def _conv_gradient(dy: Any, y: Any, x: Any, w: Any, *, convolution: Convolution) -> tuple:
    return (
        _conv_backward_input(dy, w, convolution=convolution),
        _conv_backward_kernel(x, dy, convolution=convolution),
    )


def _backward_input_gradient(ddx: Any, dx: Any, dy: Any, w: Any, *, convolution: Convolution) -> tuple:
    return _conv(ddx, w, convolution=convolution), _conv_backward_kernel(ddx, dy, convolution=convolution)


def _backward_kernel_gradient(ddw: Any, dw: Any, x: Any, dy: Any, *, convolution: Convolution) -> tuple:
    return _conv_backward_input(dy, ddw, convolution=convolution), _conv(x, ddw, convolution=convolution)


_conv: Primitive = Primitive(
    Reference.conv, lambda x, *_, convolution, **__: (convolution.output_shape, x.dtype), _conv_gradient
)
_conv_backward_input: Primitive = Primitive(
    Reference.conv_backward_input,
    lambda dy, *_, convolution, **__: (convolution.input_shape, dy.dtype),
    _backward_input_gradient,
)
_conv_backward_kernel: Primitive = Primitive(
    Reference.conv_backward_kernel,
    lambda x, dy, *, convolution: (convolution.kernel_shape, x.dtype),
    _backward_kernel_gradient,
)


# ---- without the taps that meet only padding -------------------------------------------------------------------------


class Geometry(NamedTuple):
    """A convolution, and the parts of larger arrays that it takes.

    Attributes:
        convolution: the convolution of the parts.
        taps: (first, end) of each axis of the kernel; None for the whole kernel.
        pixels: (first, end) of each spatial axis of the inputs; None together with `taps`.
    """

    convolution: Convolution
    taps: Sides | None
    pixels: Sides | None


def _clipped_geometry(
    x_shape: Sequence[int], w_shape: Sequence[int], strides: Shape, padding: Sides, dilation: Shape
) -> Geometry:
    """Return the convolution of these shapes without the outer taps that meet only padding."""
    clip = clip_window(tuple(x_shape[1:-1]), tuple(w_shape[:-2]), strides, padding, dilation)
    parts = (x_shape[0], *clip.spatial, x_shape[-1]), (*clip.size, *w_shape[-2:])
    convolution = Convolution.of(*parts, clip.strides, clip.padding, clip.dilation)
    return Geometry(convolution, *((None, None) if clip.whole else (clip.taps, clip.pixels)))


def _cut(x: Any, ranges: Sides | None, first_axis: int) -> Any:
    """Return x restricted to (first, end) along each axis from `first_axis` on; all of x if `ranges` is None."""
    return x if ranges is None else part(x, (slice(None),) * first_axis + tuple(slice(*r) for r in ranges))


def _embed(x: Any, ranges: Sides | None, first_axis: int, sizes: Sequence[int]) -> Any:
    """Return the adjoint of `_cut`: x between zeros, in axes of these sizes."""
    if ranges is None:
        return x
    sides = [(first, n - end) for (first, end), n in zip(ranges, sizes)]
    return pad(x, ((0, 0),) * first_axis + tuple(sides) + ((0, 0),) * (x.ndim - first_axis - len(sides)))


def _clipped_backward_input(dy: Any, w: Any, spatial: Sequence[int], geometry: Geometry) -> Any:
    """Return dx, whose spatial sizes are `spatial`."""
    convolution, taps, pixels = geometry
    return _embed(_conv_backward_input(dy, _cut(w, taps, 0), convolution=convolution), pixels, 1, spatial)


def _clipped_backward_kernel(x: Any, dy: Any, window: Sequence[int], geometry: Geometry) -> Any:
    """Return dw, whose window has the size `window`."""
    convolution, taps, pixels = geometry
    return _embed(_conv_backward_kernel(_cut(x, pixels, 1), dy, convolution=convolution), taps, 0, window)


# ---- the functions ---------------------------------------------------------------------------------------------------


def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """y[n, oh, ow, co] = sum over kh, kw, ci of x[n, oh SH + kh DH - top, ow SW + kw DW - left, ci] w[kh, kw, ci, co].

    The same over one spatial axis or three. The kernel is not flipped: this is cross-correlation. Groups follow from
    the channel counts: with x of G CI channels, output channel co of group g reads the CI channels of that group alone.
    With few output channels, neighbouring pixels may be computed as one: a NaN or infinity then reaches the neighbours
    of the outputs it belongs to. One channel and a large kernel (5x5 and up) meet through Fourier transforms of tiles,
    up to 512x512 pixels each and two at a time: errors are as small as those of sums, but relative to the largest
    outputs of both tiles, and a NaN or infinity fills both. Windows of stride 1 over planes and volumes may be computed
    in tiles of 4 x 4 outputs, which share a NaN. `config.set_conv_precision("exact")` forbids all three; even then a
    NaN or infinity of the kernel that meets nothing but padding may be left out.

    Args:
        inputs: (N, H, W, G CI), or (N, G CI, H, W) with data_format="channels_first"; (N, W, G CI); (N, D, H, W, G CI).
        kernel: (KH, KW, CI, CO), CO a multiple of G; (KW, CI, CO); (KD, KH, KW, CI, CO).
        strides: an int, or (SH, SW), in pixels: one for each spatial axis.
        padding: "valid" (none), "same" (ceil(H/SH) outputs), or zeros as ((top, bottom), (left, right)); over one axis
            also "causal", (KW - 1) DW zeros before, with which no output depends on what comes after it.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        dilation_rate: an int, or (DH, DW), the distance of neighbouring taps in pixels.

    Returns:
        (N, OH, OW, CO), or (N, CO, OH, OW), with as many spatial axes as the inputs.

    Raises:
        ValueError: shapes, strides or padding that do not fit.
        TypeError: dtypes other than all float32 or all float64.
    """
    x, restore = images("conv", convert_to_tensor(inputs), data_format, RANKS)
    w = convert_to_tensor(kernel)
    floats("conv", x, w)
    convolution, taps, pixels = _geometry("conv", x.shape, w.shape, strides, padding, dilation_rate)
    return restore(_conv(_cut(x, pixels, 1), _cut(w, taps, 0), convolution=convolution))


def conv_backward_input(
    grad: Any,
    kernel: Any,
    input_shape: Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """dx = C^T dy, where C is the matrix for which `conv` is y = C x: the gradient of `conv` by its inputs.

    With few input channels, neighbouring pixels of dx may be computed as one, as in `conv`.

    Args:
        grad: dy, of the shape that `conv` returns.
        kernel: (KH, KW, CI, CO).
        input_shape: the shape of the inputs of `conv`, batch included, in the layout of `data_format`.
        strides, padding, data_format, dilation_rate: as given to `conv`.

    Returns:
        dx, of shape `input_shape`.

    Raises:
        ValueError: `grad` does not have the shape of conv's output.
        TypeError: dtypes other than all float32 or all float64.
    """
    dy, restore = images("conv_backward_input", convert_to_tensor(grad), data_format, RANKS)
    w = convert_to_tensor(kernel)
    floats("conv_backward_input", dy, w)
    shape = _last(sizes("conv_backward_input", "input_shape", input_shape), data_format)
    geometry = _geometry("conv_backward_input", shape, w.shape, strides, padding, dilation_rate)
    _check_grad("conv_backward_input", dy, geometry.convolution)
    return restore(_clipped_backward_input(dy, w, shape[1:-1], geometry))


def conv_backward_kernel(
    inputs: Any,
    grad: Any,
    kernel_shape: Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """dw[kh, kw, ci, co] = sum over n, oh, ow of x[n, oh SH + kh DH - top, ow SW + kw DW - left, ci] dy[n, oh, ow, co].

    Args:
        inputs: x, as given to `conv`.
        grad: dy, of the shape that `conv` returns.
        kernel_shape: (KH, KW, CI, CO).
        strides, padding, data_format, dilation_rate: as given to `conv`.

    Returns:
        dw, of shape `kernel_shape`.

    Raises:
        ValueError: `grad` does not have the shape of conv's output.
        TypeError: dtypes other than all float32 or all float64.
    """
    x, _ = images("conv_backward_kernel", convert_to_tensor(inputs), data_format, RANKS)
    dy, _ = images("conv_backward_kernel", convert_to_tensor(grad), data_format, RANKS)
    floats("conv_backward_kernel", x, dy)
    shape = sizes("conv_backward_kernel", "kernel_shape", kernel_shape)
    geometry = _geometry("conv_backward_kernel", x.shape, shape, strides, padding, dilation_rate)
    _check_grad("conv_backward_kernel", dy, geometry.convolution)
    return _clipped_backward_kernel(x, dy, shape[:-2], geometry)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """y = C^T x, where C is the matrix of a `conv` with the same kernel: every pixel of x spreads over a window of y.

    y[n, ih SH + kh DH - top, iw SW + kw DW - left, co] gathers x[n, ih, iw, ci] w[kh, kw, co, ci]; with dilated windows
    of F = (K - 1) D + 1 pixels, (N - 1) S + F of them before any side is cut off. The same over one or three axes.

    Args:
        inputs: (N, H, W, CI), or (N, CI, H, W) with data_format="channels_first".
        kernel: (KH, KW, CO, CI).
        strides: an int, or (SH, SW): how far apart in y the windows of neighbouring pixels of x begin.
        padding: "valid" (nothing is cut off), "same" (the result has H SH rows), or what is cut off, ((top, bottom),
            (left, right)). An odd pixel is cut off behind.
        output_padding: an int below the stride, or one for each axis: pixels that are added behind, or None. With
            "same" there are (H - 1) SH + F mod 2 rows and these; None adds up to windows that leave no gaps with
            "valid", and to H SH rows with "same".
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        dilation_rate: an int, or (DH, DW), the distance of neighbouring taps in pixels of y.

    Returns:
        (N, OH, OW, CO), or (N, CO, OH, OW).

    Raises:
        ValueError: shapes, strides or padding that do not fit.
        TypeError: dtypes other than all float32 or all float64.
    """
    x, restore = images("conv_transpose", convert_to_tensor(inputs), data_format, RANKS)
    w = convert_to_tensor(kernel)
    floats("conv_transpose", x, w)
    if w.ndim != x.ndim or min(w.shape) < 1 or x.shape[-1] != w.shape[-1] or 0 in x.shape[1:]:
        axes = "DHW"[5 - x.ndim :]
        raise ValueError(
            f"conv_transpose: kernel must have the axes of inputs and their channels last, no size may be 0. "
            f"Received: inputs.shape={tuple(x.shape)}, kernel.shape={tuple(w.shape)} (N{axes}C, {axes}OI)"
        )
    rank = x.ndim - 2
    steps, dilation = as_tuple("strides", strides, rank), as_tuple("dilation_rate", dilation_rate, rank)
    spatial, geometry = _transposed_geometry(padding, output_padding, x.shape, w.shape, steps, dilation)
    return restore(_clipped_backward_input(x, w, spatial, geometry))


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """y[n, oh, ow, c M + m] = sum over kh, kw of x[n, oh SH + kh DH - top, ow SW + kw DW - left, c] w[kh, kw, c, m].

    Every channel has M kernels of its own: a `conv` of C groups. The same over one spatial axis or three.

    Args:
        inputs: (N, H, W, C), or (N, C, H, W) with data_format="channels_first".
        kernel: (KH, KW, C, M).
        strides, padding, data_format, dilation_rate: as in `conv`.

    Returns:
        (N, OH, OW, C M), or (N, C M, OH, OW).

    Raises:
        ValueError: shapes, strides or padding that do not fit.
        TypeError: dtypes other than all float32 or all float64.
    """
    return _depthwise("depthwise_conv", inputs, kernel, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """A `depthwise_conv`, whose channels a convolution with windows of one pixel then mixes.

    Args:
        inputs: (N, H, W, C), or (N, C, H, W) with data_format="channels_first".
        depthwise_kernel: (KH, KW, C, M).
        pointwise_kernel: (1, 1, C M, CO).
        strides, padding, data_format, dilation_rate: of the first, as in `conv`.

    Returns:
        (N, OH, OW, CO), or (N, CO, OH, OW).

    Raises:
        ValueError: shapes, strides or padding that do not fit.
        TypeError: dtypes other than all float32 or all float64.
    """
    w = convert_to_tensor(pointwise_kernel)
    channels = convert_to_tensor(depthwise_kernel).shape[-2:]
    if set(w.shape[:-2]) != {1} or w.shape[-2] != channels[0] * channels[1]:
        raise ValueError(
            f"separable_conv: pointwise_kernel must have windows of one pixel and the depthwise kernel's channels. "
            f"Received: pointwise_kernel.shape={tuple(w.shape)}, channels={tuple(channels)}"
        )
    x = _depthwise("separable_conv", inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, w, data_format=data_format)


def _depthwise(op: str, inputs: Any, kernel: Any, strides: Any, padding: Any, data_format: Any, dilation: Any) -> Any:
    x, restore = images(op, convert_to_tensor(inputs), data_format, RANKS)
    w = convert_to_tensor(kernel)
    floats(op, x, w)
    if w.ndim != x.ndim or w.shape[-2] != x.shape[-1]:
        raise ValueError(
            f"{op}: kernel must have the axes of inputs and their channels last but one. "
            f"Received: inputs.shape={tuple(x.shape)}, kernel.shape={tuple(w.shape)}"
        )
    grouped = reshape(w, (*w.shape[:-2], 1, w.shape[-2] * w.shape[-1]))
    convolution, taps, pixels = _geometry(op, x.shape, grouped.shape, strides, padding, dilation)
    return restore(_conv(_cut(x, pixels, 1), _cut(grouped, taps, 0), convolution=convolution))


def _last(shape: tuple[int, ...], data_format: str | None) -> tuple[int, ...]:
    """A shape in the layout of `data_format` as (N, .., C)."""
    if config.standardize_data_format(data_format) == "channels_last":
        return shape
    return (*shape[:1], *shape[2:], *shape[1:2])


@cached
def _geometry(
    op: str,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    strides: int | Sequence[int],
    padding: Padding,
    dilation_rate: int | Sequence[int],
) -> Geometry:
    """Check that the shapes fit together, and return the geometry of their convolution."""
    broken = shape_mismatch(x_shape, w_shape)
    if broken:
        axes = "DHW"[5 - len(w_shape) :]
        received = f"inputs.shape={tuple(x_shape)}, kernel.shape={tuple(w_shape)} (N{axes}C, {axes}IO)"
        raise ValueError(f"{op}: {broken}. Received: {received}")
    rank = len(w_shape) - 2
    strides, dilation = as_tuple("strides", strides, rank), as_tuple("dilation_rate", dilation_rate, rank)
    sides = resolve_padding(op, padding, x_shape[1:-1], w_shape[:-2], strides, dilation, CONV_PADDINGS)
    return _clipped_geometry(x_shape, w_shape, strides, sides, dilation)


@cached
def _transposed_geometry(
    padding: Padding,
    output_padding: int | Sequence[int] | None,
    x_shape: Shape,
    w_shape: Shape,
    strides: Shape,
    dilation: Shape,
) -> tuple[Shape, Geometry]:
    """Return the spatial sizes of a transposed convolution's result, and the geometry of the convolution back."""
    spatial, sides = resolve_transposed(
        "conv_transpose", padding, output_padding, x_shape[1:-1], w_shape[:-2], strides, dilation
    )
    back = (x_shape[0], *spatial, w_shape[-2])
    return spatial, _clipped_geometry(back, w_shape, strides, sides, dilation)


def _check_grad(op: str, dy: Any, convolution: Convolution) -> None:
    expected = convolution.output_shape
    if tuple(dy.shape) != expected:
        raise ValueError(
            f"{op}: grad must have the shape of conv's output, {expected} (channels last). "
            f"Received: grad.shape={tuple(dy.shape)}"
        )
