"""Few channels of the result: neighbouring pixels are computed as one pixel with more channels."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

import fastconv._conv as _conv
import fastconv._conv_gradient as _conv_gradient
import fastconv._core as _core
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits, product_tile, result_channels
from fastconv.backends.reference import Array
from fastconv.geometry import Convolution
from fastconv.window import Shape

# With fewer output pixels, rearranging the kernel costs more than it saves.
FOLDED_PIXELS = 4096


# ---- when it is used -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def choose_fold(pixels: int, outputs: int, channels: int, taps: int, stride: int, lanes: int) -> int:
    """Return the number of neighbours in a row of `outputs` that are computed as one pixel with n times the `channels`.

    Channels that do not fill a vector waste its lanes; a window that serves several outputs multiplies with the zeros
    between them. The number with the largest useful part is chosen, if it is better by a quarter. A NaN or infinity in
    x reaches the neighbours too, since its product with 0 is NaN.
    """

    def useful(neighbours: int) -> float:
        columns, window = neighbours * channels, taps + (neighbours - 1) * stride
        return columns / (-(-columns // lanes) * lanes) * taps / window

    if pixels < FOLDED_PIXELS or channels >= lanes:
        return 1
    best = max((n for n in range(1, lanes + 1) if outputs % n == 0), key=useful)
    return best if useful(best) >= 1.25 * useful(1) else 1


def neighbours(c: Convolution, lanes: int) -> int:
    """Return the number of pixels of a row of y that are folded into one."""
    if c.dilation[-1] > 1 or c.groups > 1:
        return 1
    return choose_fold(c.pixels, c.outputs[-1], c.kernel_shape[-1], c.size[-1], c.strides[-1], lanes)


def suits_outputs(c: Convolution, limits: Limits) -> str:
    return _reason(neighbours(c, limits.lanes), c.kernel_shape[-1])


def span(neighbours: int, taps: int, stride: int, before: int) -> tuple[int, int]:
    """Return the first and last pixel of dy that neighbours of dx read, counted from the beginning of window 0."""
    return -((taps - 1 - before) // stride), (neighbours - 1 + before) // stride


@lru_cache(maxsize=256)
def choose_fold_backward(
    pixels: int, inputs: int, channels: int, taps: int, stride: int, before: int, lanes: int
) -> int:
    """Return the same for dx, in rows of `inputs`. Neighbours span whole strides: all phases are computed at once."""

    def useful(neighbours: int) -> float:
        columns = neighbours * channels
        first, last = span(neighbours, taps, stride, before)
        return columns / (-(-columns // lanes) * lanes) * taps / (stride * (last + 1 - first))

    if pixels < FOLDED_PIXELS or channels >= lanes:
        return 1
    best = max((n for n in range(stride, 4 * lanes + 1, stride) if inputs % n == 0), key=useful, default=1)
    return best if best > 1 and useful(best) >= 1.25 * channels / lanes else 1


def neighbours_backward(c: Convolution, lanes: int) -> int:
    """Return the number of pixels of a row of dx that are folded into one."""
    if c.dilation[-1] > 1 or c.groups > 1:
        return 1
    pixels, before = c.images * prod(c.inputs), c.padding[-1][0]
    return choose_fold_backward(pixels, c.inputs[-1], c.channels, c.size[-1], c.strides[-1], before, lanes)


def suits_input_gradient(c: Convolution, limits: Limits) -> str:
    return _reason(neighbours_backward(c, limits.lanes), c.channels)


def _reason(count: int, channels: int) -> str:
    return f"{count} neighbours of {channels} channels each fill vectors better than one" if count > 1 else ""


# ---- how it computes -------------------------------------------------------------------------------------------------


def fold_pixels(y: Array, n: int) -> Array:
    """Return (.., OW, CO) as (.., OW/n, n CO): a view."""
    return y.reshape(*y.shape[:-2], y.shape[-2] // n, n * y.shape[-1])


def fold_kernel(w: Array, n: int, stride: int) -> Array:
    """Return (.., KW + (n - 1) SW, CI, n CO): n copies of w between zeros, each a stride to the right of the last."""
    kw, ci, co = w.shape[-3:]
    folded = np.zeros((*w.shape[:-3], kw + (n - 1) * stride, ci, n, co), np.float32)
    for i in range(n):
        folded[..., i * stride : i * stride + kw, :, i, :] = w
    return folded.reshape(*folded.shape[:-2], n * co)


def unfold_kernel(dw: Array, shape: Shape, n: int, stride: int, out: Array) -> Array:
    """Write the adjoint of `fold_kernel`, the sum of the n copies, to `out`."""
    copies = dw.reshape(*dw.shape[:-1], n, shape[-1])
    return np.sum([copies[..., i * stride : i * stride + shape[-3], :, i, :] for i in range(n)], axis=0, out=out)


def fold_convolution(c: Convolution, n: int) -> Convolution:
    """Return the convolution in which n neighbours of `c` are a single output pixel."""
    *window, taps, ci, co = c.kernel_shape
    return c._replace(
        outputs=(*c.outputs[:-1], c.outputs[-1] // n),
        kernel_shape=(*window, taps + (n - 1) * c.strides[-1], ci, n * co),
        strides=(*c.strides[:-1], n * c.strides[-1]),
    )


def forward(c: Convolution, x: Array, w: Array, bias: Array | None, y: Array, activation: int, alpha: float) -> None:
    n = neighbours(c, _core.vector_floats())
    bias = bias if bias is None else np.tile(bias, n)
    kernel = fold_kernel(w, n, c.strides[-1])
    _conv.conv(fold_convolution(c, n), x, kernel, bias, fold_pixels(y, n), activation, alpha)


def backward_kernel(c: Convolution, x: Array, dy: Array, dw: Array) -> None:
    n = neighbours(c, _core.vector_floats())
    folded = fold_convolution(c, n)
    copies = np.empty(folded.kernel_shape, np.float32)
    _conv_gradient.conv_backward_kernel(folded, x, fold_pixels(dy, n), copies)
    unfold_kernel(copies, c.kernel_shape, n, c.strides[-1], dw)


def fold_kernel_backward(w: Array, n: int, stride: int, before: int) -> tuple[Array, int]:
    """Return the kernel (.., T, n CI, CO) with which n neighbours of dx read dy, and the beginning of their window.

    Neighbour p reads dy at q through the tap p + before - q SW of w.
    """
    kw, ci, co = w.shape[-3:]
    first, last = span(n, kw, stride, before)
    folded = np.zeros((*w.shape[:-3], last + 1 - first, n, ci, co), np.float32)
    for q in range(first, last + 1):
        tap = max(before - q * stride, 0)
        p = tap + q * stride - before
        taps = w[..., tap : tap + n - p, :, :]
        folded[..., q - first, p : p + taps.shape[-3], :, :] = taps
    return folded.reshape(*folded.shape[:-3], n * ci, co), first


def backward_input(
    c: Convolution, dy: Array, w: Array, bias: Array | None, dx: Array, activation: int, alpha: float
) -> None:
    n, stride = neighbours_backward(c, _core.vector_floats()), c.strides[-1]
    bias = bias if bias is None else np.tile(bias, n)
    kernel, first = fold_kernel_backward(w, n, stride, c.padding[-1][0])
    folded = c._replace(strides=(*c.strides[:-1], n // stride), padding=(*c.padding[:-1], (-first, 0)))
    _conv.conv_backward_input(folded, dy, kernel, bias, fold_pixels(dx, n), activation, alpha, folded=True)


def _folded_tile(c: Convolution, direction: str, lanes: int) -> str:
    count = (neighbours_backward if direction == "backward_input" else neighbours)(c, lanes)
    return product_tile(result_channels(c, direction) * count)


FOLD = Algorithm(
    "fold",
    _folded_tile,
    Direction(suits_outputs, forward),
    Direction(suits_input_gradient, backward_input),
    Direction(suits_outputs, backward_kernel),
    exact=False,
)
