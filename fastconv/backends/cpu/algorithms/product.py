"""A single matrix product: windows as large as the inputs; for the kernel's gradient, windows of one pixel too."""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np

from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits, product_tile, result_channels
from fastconv.backends.cpu.algorithms.matmul import fused_kernel, is_swapped, matmul_transposed, transposed_kernel
from fastconv.backends.reference import Array
from fastconv.geometry import Convolution


def covers_inputs(c: Convolution, limits: Limits) -> str:
    """The window covers the inputs: an image is a row of a matrix, and so is its output pixel."""
    if c.groups > 1 or c.images == 0 or c.size != c.inputs or any(map(any, c.padding)):
        return ""
    return "a window as large as the inputs: one matrix product"


def is_pointwise(c: Convolution) -> bool:
    """Return True if every pixel is a row of a matrix, and the kernel is another matrix."""
    return c.groups == 1 and max((*c.size, *c.strides)) == 1 and not any(map(any, c.padding)) and c.pixels > 0


def suits_kernel_gradient(c: Convolution, limits: Limits) -> str:
    if is_pointwise(c) and is_swapped(c.pixels, c.kernel_shape[-2], c.kernel_shape[-1], limits.lanes):
        return f"{c.kernel_shape[-2]} channels fill vectors better than {c.kernel_shape[-1]}: the kernel is transposed"
    return covers_inputs(c, limits)


def forward(c: Convolution, x: Array, w: Array, bias: Array | None, y: Array, activation: int, alpha: float) -> None:
    x, w = x.reshape(c.pixels, -1), w.reshape(-1, w.shape[-1])
    fused_kernel(x, w, False)(x, w, bias, y.reshape(c.pixels, -1), False, activation, alpha)


def forward_kernel(
    c: Convolution, x: Array, w: Array, bias: Array | None, y: Array, activation: int, alpha: float
) -> partial[None]:
    """Return the compiled kernel that `forward` calls, with its arguments."""
    x, w = x.reshape(c.pixels, -1), w.reshape(-1, w.shape[-1])
    return partial(fused_kernel(x, w, False), x, w, bias, y.reshape(c.pixels, -1), False, activation, alpha)


def backward_input(
    c: Convolution, dy: Array, w: Array, bias: Array | None, dx: Array, activation: int, alpha: float
) -> None:
    bias = bias if bias is None else np.tile(bias, dx.size // (c.images * bias.size))
    dy, w = dy.reshape(c.images, -1), w.reshape(-1, w.shape[-1])
    fused_kernel(dy, w, True)(dy, w, bias, dx.reshape(c.images, -1), True, activation, alpha)


def backward_input_kernel(
    c: Convolution, dy: Array, w: Array, bias: Array | None, dx: Array, activation: int, alpha: float
) -> partial[None] | None:
    """Return the compiled kernel that `backward_input` calls, with its arguments; None if it repeats the bias."""
    if bias is not None:
        return None
    dy, w = dy.reshape(c.images, -1), w.reshape(-1, w.shape[-1])
    return partial(fused_kernel(dy, w, True), dy, w, None, dx.reshape(c.images, -1), True, activation, alpha)


def backward_kernel(c: Convolution, x: Array, dy: Array, dw: Array) -> None:
    matmul_transposed(x.reshape(c.pixels, -1), dy.reshape(c.pixels, -1), dw.reshape(-1, dw.shape[-1]))


def kernel_gradient_kernel(c: Convolution, x: Array, dy: Array, dw: Array) -> partial[None] | None:
    """Return the compiled kernel that `backward_kernel` calls, with its arguments; None if it does more."""
    return transposed_kernel(x.reshape(c.pixels, -1), dy.reshape(c.pixels, -1), dw.reshape(-1, dw.shape[-1]))


PRODUCT = Algorithm(
    "product",
    lambda c, direction, lanes: product_tile(
        result_channels(c, direction) * (prod(c.inputs) if direction == "backward_input" else 1)
    ),
    Direction(covers_inputs, forward),
    Direction(covers_inputs, backward_input),
    Direction(suits_kernel_gradient, backward_kernel),
)
