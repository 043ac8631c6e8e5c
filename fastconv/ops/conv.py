"""Convolution (cross-correlation, as usual in deep learning), its two gradients, and functions composed of them."""

from __future__ import annotations

from collections.abc import Sequence

import fastconv.config as config
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive
from fastconv.engine.primitive import Gradients
from fastconv.geometry import ClippedConvolution, Convolution
from fastconv.ops.broadcast import reshape, sizes
from fastconv.ops.convert import convert_to_tensor
from fastconv.ops.layout import images, numbers
from fastconv.ops.pad import pad
from fastconv.ops.shape import part
from fastconv.typing import Array, ArrayLike, IntOrInts, PaddingLike
from fastconv.window import (
    CONV_PADDINGS,
    RANKS,
    Shape,
    Sides,
    as_tuple,
    cached,
    resolve_padding,
    resolve_transposed,
    shape_mismatch,
)


def _conv_gradient(dy: Array, y: Array, x: Array, w: Array, *, convolution: Convolution) -> Gradients:
    return (
        _conv_backward_input(dy, w, convolution=convolution),
        _conv_backward_kernel(x, dy, convolution=convolution),
    )


def _backward_input_gradient(ddx: Array, dx: Array, dy: Array, w: Array, *, convolution: Convolution) -> Gradients:
    return _conv(ddx, w, convolution=convolution), _conv_backward_kernel(ddx, dy, convolution=convolution)


def _backward_kernel_gradient(ddw: Array, dw: Array, x: Array, dy: Array, *, convolution: Convolution) -> Gradients:
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


def _cut(x: Array, ranges: Sides | None, first_axis: int) -> Array:
    """Return x restricted to (first, end) along each axis from `first_axis` on; all of x if `ranges` is None."""
    return x if ranges is None else part(x, (slice(None),) * first_axis + tuple(slice(*r) for r in ranges))


def _embed(x: Array, ranges: Sides | None, first_axis: int, sizes: Sequence[int]) -> Array:
    """Return the adjoint of `_cut`: x between zeros, in axes of these sizes."""
    if ranges is None:
        return x
    sides = [(first, n - end) for (first, end), n in zip(ranges, sizes)]
    return pad(x, ((0, 0),) * first_axis + tuple(sides) + ((0, 0),) * (x.ndim - first_axis - len(sides)))


def _clipped_backward_input(dy: Array, w: Array, spatial: Sequence[int], geometry: ClippedConvolution) -> Array:
    """Return dx, whose spatial sizes are `spatial`."""
    convolution, taps, pixels = geometry
    return _embed(_conv_backward_input(dy, _cut(w, taps, 0), convolution=convolution), pixels, 1, spatial)


def _clipped_backward_kernel(x: Array, dy: Array, window: Sequence[int], geometry: ClippedConvolution) -> Array:
    """Return dw, whose window has the size `window`."""
    convolution, taps, pixels = geometry
    return _embed(_conv_backward_kernel(_cut(x, pixels, 1), dy, convolution=convolution), taps, 0, window)


# ---- the functions ---------------------------------------------------------------------------------------------------


def conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: IntOrInts = 1,
) -> Array:
    """y[n, oh, ow, co] = sum over kh, kw, ci of x[n, oh SH + kh DH - top, ow SW + kw DW - left, ci] w[kh, kw, ci, co].

    This is cross-correlation: the kernel is not flipped. The formula is the same over one spatial axis or three. If the
    inputs have G times as many channels as the kernel, the convolution has G groups, as in Keras: an output channel of
    group g reads only the CI channels of that group. Layers have groups only if their argument `groups` is given.

    Integers give exact integers, of at least 32 bits; integers among floats become floats.

    Some algorithms compute neighbouring outputs together, so that a NaN or infinity reaches outputs beyond its own
    window:

    - With few output channels, neighbouring pixels may be computed as one.
    - With one channel and a large kernel (5x5 and up), Fourier transforms of tiles of up to 512x512 pixels are used,
      two tiles at a time. Errors are as small as those of sums, but relative to the largest outputs of both tiles. A
      NaN or infinity fills both tiles.
    - Windows of stride 1 over planes and volumes may be computed in tiles of 4 x 4 outputs, which share a NaN.

    `config.set_conv_precision("exact")` forbids all three. Even then, a NaN or infinity of the kernel that meets only
    padding may be left out.

    Args:
        inputs: (N, H, W, G CI), or (N, G CI, H, W) with data_format="channels_first"; (N, W, G CI); (N, D, H, W, G CI).
        kernel: (KH, KW, CI, CO), CO a multiple of G; (KW, CI, CO); (KD, KH, KW, CI, CO).
        strides: int, or (SH, SW), in pixels, an int per spatial axis. Default 1.
        padding: "valid" (none, default), "same" (ceil(H/SH) outputs), or zeros as ((top, bottom), (left, right)). Over
            one axis also "causal": (KW - 1) DW zeros before, so that no output depends on later inputs.
        data_format: "channels_last", "channels_first", or None (default) for `config.image_data_format()`.
        dilation_rate: int, or (DH, DW): the distance between neighbouring taps in pixels. Default 1.

    Returns:
        (N, OH, OW, CO), or (N, CO, OH, OW), with the spatial axes of the inputs.

    Raises:
        ValueError: if shapes, strides or padding do not fit.
        TypeError: if floats are not all float32 or all float64.

    Example:
        >>> x = np.ones((8, 32, 32, 3), "float32")
        >>> w = np.ones((3, 3, 3, 16), "float32")
        >>> ops.conv(x, w, strides=2, padding="same").shape
        (8, 16, 16, 16)
    """
    x, restore = images("conv", convert_to_tensor(inputs), data_format, RANKS)
    w = convert_to_tensor(kernel)
    x, w = numbers("conv", x, w)
    convolution, taps, pixels = _geometry("conv", x.shape, w.shape, strides, padding, dilation_rate)
    return restore(_conv(_cut(x, pixels, 1), _cut(w, taps, 0), convolution=convolution))


def conv_backward_input(
    grad: ArrayLike,
    kernel: ArrayLike,
    input_shape: Sequence[int],
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: IntOrInts = 1,
) -> Array:
    """Compute dx = C^T dy, the gradient of `conv` with respect to its inputs, if C is the matrix of `conv`: y = C x.

    With few input channels, neighbouring pixels of dx may be computed as one, as in `conv`.

    Args:
        grad: dy, with the shape of conv's output.
        kernel: (KH, KW, CI, CO).
        input_shape: ints, the shape of the inputs of `conv`, batch included, in the layout of `data_format`.
        strides, padding, data_format, dilation_rate: as given to `conv`.

    Returns:
        dx, of shape `input_shape`.

    Raises:
        ValueError: if `grad` does not have the shape of conv's output.
        TypeError: if floats are not all float32 or all float64.

    Example:
        >>> dy, w = np.ones((1, 2, 2, 1), "float32"), np.ones((2, 2, 1, 1), "float32")
        >>> ops.conv_backward_input(dy, w, (1, 3, 3, 1))[0, :, :, 0].tolist()
        [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    """
    dy, restore = images("conv_backward_input", convert_to_tensor(grad), data_format, RANKS)
    w = convert_to_tensor(kernel)
    dy, w = numbers("conv_backward_input", dy, w)
    shape = _last(sizes("conv_backward_input", "input_shape", input_shape), data_format)
    geometry = _geometry("conv_backward_input", shape, w.shape, strides, padding, dilation_rate)
    _check_grad("conv_backward_input", dy, geometry.convolution)
    return restore(_clipped_backward_input(dy, w, shape[1:-1], geometry))


def conv_backward_kernel(
    inputs: ArrayLike,
    grad: ArrayLike,
    kernel_shape: Sequence[int],
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: IntOrInts = 1,
) -> Array:
    """dw[kh, kw, ci, co] = sum over n, oh, ow of x[n, oh SH + kh DH - top, ow SW + kw DW - left, ci] dy[n, oh, ow, co].

    dw is the gradient of `conv` with respect to its kernel.

    Args:
        inputs: x, as given to `conv`.
        grad: dy, with the shape of conv's output.
        kernel_shape: ints, (KH, KW, CI, CO).
        strides, padding, data_format, dilation_rate: as given to `conv`.

    Returns:
        dw, of shape `kernel_shape`.

    Raises:
        ValueError: if `grad` does not have the shape of conv's output.
        TypeError: if floats are not all float32 or all float64.

    Example:
        >>> x, dy = np.ones((1, 3, 3, 1), "float32"), np.ones((1, 2, 2, 1), "float32")
        >>> ops.conv_backward_kernel(x, dy, (2, 2, 1, 1))[:, :, 0, 0].tolist()
        [[4.0, 4.0], [4.0, 4.0]]
    """
    x, _ = images("conv_backward_kernel", convert_to_tensor(inputs), data_format, RANKS)
    dy, _ = images("conv_backward_kernel", convert_to_tensor(grad), data_format, RANKS)
    x, dy = numbers("conv_backward_kernel", x, dy)
    shape = sizes("conv_backward_kernel", "kernel_shape", kernel_shape)
    geometry = _geometry("conv_backward_kernel", x.shape, shape, strides, padding, dilation_rate)
    _check_grad("conv_backward_kernel", dy, geometry.convolution)
    return _clipped_backward_kernel(x, dy, shape[:-2], geometry)


def conv_transpose(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    output_padding: IntOrInts | None = None,
    data_format: str | None = None,
    dilation_rate: IntOrInts = 1,
) -> Array:
    """Compute y = C^T x, with the matrix C of a `conv` with the same kernel.

    Every pixel of x is spread over a window of y:
    y[n, ih SH + kh DH - top, iw SW + kw DW - left, co] is the sum of the products x[n, ih, iw, ci] w[kh, kw, co, ci]. A
    dilated window has F = (K - 1) D + 1 pixels, and y has (N - 1) S + F pixels before any side is cut off. The formula
    is the same over one spatial axis or three.

    Args:
        inputs: (N, H, W, CI), or (N, CI, H, W) with data_format="channels_first".
        kernel: (KH, KW, CO, CI).
        strides: int, or (SH, SW): the distance in y between the windows of neighbouring pixels of x. Default 1.
        padding: "valid" (nothing is cut off, default), "same" (the result has H SH rows), or the pixels that are cut
            off, ((top, bottom), (left, right)). An odd pixel is cut off at the end.
        output_padding: int below the stride, or an int per axis: pixels added at the end. With "same" the result then
            has (H - 1) SH + F mod 2 rows plus these. None (default) adds pixels up to windows without gaps if "valid",
            and up to H SH rows if "same".
        data_format: "channels_last", "channels_first", or None (default) for `config.image_data_format()`.
        dilation_rate: int, or (DH, DW): the distance between neighbouring taps in pixels of y. Default 1.

    Returns:
        (N, OH, OW, CO), or (N, CO, OH, OW).

    Raises:
        ValueError: if shapes, strides or padding do not fit.
        TypeError: if floats are not all float32 or all float64.

    Example:
        >>> x, w = np.ones((1, 4, 4, 8), "float32"), np.ones((3, 3, 2, 8), "float32")
        >>> ops.conv_transpose(x, w, strides=2, padding="same").shape
        (1, 8, 8, 2)
    """
    x, restore = images("conv_transpose", convert_to_tensor(inputs), data_format, RANKS)
    w = convert_to_tensor(kernel)
    x, w = numbers("conv_transpose", x, w)
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
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: IntOrInts = 1,
) -> Array:
    """y[n, oh, ow, c M + m] = sum over kh, kw of x[n, oh SH + kh DH - top, ow SW + kw DW - left, c] w[kh, kw, c, m].

    Every channel has M kernels of its own: this is a `conv` with C groups. The formula is the same over one spatial
    axis or three.

    Args:
        inputs: (N, H, W, C), or (N, C, H, W) with data_format="channels_first".
        kernel: (KH, KW, C, M).
        strides, padding, data_format, dilation_rate: as in `conv`.

    Returns:
        (N, OH, OW, C M), or (N, C M, OH, OW).

    Raises:
        ValueError: if shapes, strides or padding do not fit.
        TypeError: if floats are not all float32 or all float64.

    Example:
        >>> x, w = np.ones((1, 8, 8, 4), "float32"), np.ones((3, 3, 4, 2), "float32")
        >>> ops.depthwise_conv(x, w).shape
        (1, 6, 6, 8)
    """
    return _depthwise("depthwise_conv", inputs, kernel, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: IntOrInts = 1,
) -> Array:
    """Compute a `depthwise_conv`, followed by a convolution with windows of one pixel that mixes the channels.

    Args:
        inputs: (N, H, W, C), or (N, C, H, W) with data_format="channels_first".
        depthwise_kernel: (KH, KW, C, M).
        pointwise_kernel: (1, 1, C M, CO).
        strides, padding, data_format, dilation_rate: arguments of the depthwise convolution, as in `conv`.

    Returns:
        (N, OH, OW, CO), or (N, CO, OH, OW).

    Raises:
        ValueError: if shapes, strides or padding do not fit.
        TypeError: if floats are not all float32 or all float64.

    Example:
        >>> x = np.ones((1, 8, 8, 4), "float32")
        >>> depthwise, pointwise = np.ones((3, 3, 4, 2), "float32"), np.ones((1, 1, 8, 16), "float32")
        >>> ops.separable_conv(x, depthwise, pointwise).shape
        (1, 6, 6, 16)
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


def _depthwise(
    op: str,
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: IntOrInts,
    padding: PaddingLike,
    data_format: str | None,
    dilation: IntOrInts,
) -> Array:
    x, restore = images(op, convert_to_tensor(inputs), data_format, RANKS)
    w = convert_to_tensor(kernel)
    x, w = numbers(op, x, w)
    if w.ndim != x.ndim or w.shape[-2] != x.shape[-1]:
        raise ValueError(
            f"{op}: kernel must have the axes of inputs, and their channels in the next-to-last axis. "
            f"Received: inputs.shape={tuple(x.shape)}, kernel.shape={tuple(w.shape)}"
        )
    grouped = reshape(w, (*w.shape[:-2], 1, w.shape[-2] * w.shape[-1]))
    convolution, taps, pixels = _geometry(op, x.shape, grouped.shape, strides, padding, dilation)
    return restore(_conv(_cut(x, pixels, 1), _cut(grouped, taps, 0), convolution=convolution))


def _last(shape: tuple[int, ...], data_format: str | None) -> tuple[int, ...]:
    """Return `shape`, in the layout of `data_format`, as (N, .., C)."""
    if config.standardize_data_format(data_format) == "channels_last":
        return shape
    return (*shape[:1], *shape[2:], *shape[1:2])


@cached
def _geometry(
    op: str,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    strides: IntOrInts,
    padding: PaddingLike,
    dilation_rate: IntOrInts,
) -> ClippedConvolution:
    """Check that the shapes fit together, and return the geometry of their convolution."""
    broken = shape_mismatch(x_shape, w_shape)
    if broken:
        axes = "DHW"[5 - len(w_shape) :]
        received = f"inputs.shape={tuple(x_shape)}, kernel.shape={tuple(w_shape)} (N{axes}C, {axes}IO)"
        raise ValueError(f"{op}: {broken}. Received: {received}")
    rank = len(w_shape) - 2
    strides, dilation = as_tuple("strides", strides, rank), as_tuple("dilation_rate", dilation_rate, rank)
    sides = resolve_padding(op, padding, x_shape[1:-1], w_shape[:-2], strides, dilation, CONV_PADDINGS)
    return ClippedConvolution.of(x_shape, w_shape, strides, sides, dilation)


@cached
def _transposed_geometry(
    padding: PaddingLike,
    output_padding: IntOrInts | None,
    x_shape: Shape,
    w_shape: Shape,
    strides: Shape,
    dilation: Shape,
) -> tuple[Shape, ClippedConvolution]:
    """Return the spatial sizes of a transposed convolution's result, and the geometry of the convolution back."""
    spatial, sides = resolve_transposed(
        "conv_transpose", padding, output_padding, x_shape[1:-1], w_shape[:-2], strides, dilation
    )
    back = (x_shape[0], *spatial, w_shape[-2])
    return spatial, ClippedConvolution.of(back, w_shape, strides, sides, dilation)


def _check_grad(op: str, dy: Array, convolution: Convolution) -> None:
    expected = convolution.output_shape
    if tuple(dy.shape) != expected:
        raise ValueError(
            f"{op}: grad must have the shape of conv's output, {expected} (channels last). "
            f"Received: grad.shape={tuple(dy.shape)}"
        )
