"""Tiles of 4 x 4 outputs by Winograd's algorithm F(4x4, 3x3), for windows of stride 1 (Lavin and Gray 2016)."""

from __future__ import annotations

from math import ceil, prod

import fastconv._winograd as _winograd
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits, product_tile, result_channels
from fastconv.geometry import Convolution
from fastconv.window import Shape

# The most multiplications, relative to the direct kernel, which comes closer to peak speed; less so with groups.
MOST_RATIO = 0.85
MOST_GROUPED_RATIO = 0.95


def count_tiles(c: Convolution, outputs: Shape) -> int:
    """Return the number of tiles of 4 x 4 outputs, spaced like the taps, that cover the planes of all images."""
    down, across = (d * ceil(ceil(n / d) / 4) for n, d in zip(outputs[-2:], c.dilation[-2:]))
    return c.images * prod(outputs[:-2]) * down * across


def workspace(tiles: int, depth: int, width: int) -> int:
    """Return the bytes of the transformed kernel or inputs, whichever is smaller, at 36 frequencies."""
    return 4 * 36 * depth * min(tiles, width)


def saves_products(c: Convolution, limits: Limits, outputs: Shape, depth: int, width: int) -> str:
    """Return why the products and transforms of a tile cost less than the products of the 16 outputs that they replace.

    The unit is a multiply-add for each input and output channel. Each piece of 3 x 3 taps takes 36 of them. Transforms
    cost about 400 for each channel of a tile; the transforms of a piece of the kernel cost about 400 in total. Groups
    are convolved side by side; they have `depth` and `width` channels each, and a kernel of a single piece.
    """
    if len(c.size) < 2 or max(c.strides) > 1 or c.products == 0:
        return ""
    tiles = count_tiles(c, outputs)
    pieces = prod(c.size[:-2]) * ceil(c.size[-2] / 3) * ceil(c.size[-1] / 3)
    if c.groups > 1 and (len(c.size) > 2 or pieces > 1):
        return ""
    most = MOST_RATIO if c.groups == 1 else MOST_GROUPED_RATIO
    cost = tiles * (pieces * (36 + 400 / width) + 400 / depth) + 400 * pieces
    ratio = cost / c.products
    if ratio > most or c.groups * workspace(tiles, pieces * depth, width) > limits.most_workspace:
        return ""
    return f"{ratio:.0%} of the direct multiplications, transforms included, in tiles of 4 x 4 outputs"


def suits_outputs(c: Convolution, limits: Limits) -> str:
    return saves_products(c, limits, c.outputs, c.kernel_shape[-2], c.kernel_shape[-1] // c.groups)


def suits_input_gradient(c: Convolution, limits: Limits) -> str:
    return saves_products(c, limits, c.inputs, c.kernel_shape[-1] // c.groups, c.kernel_shape[-2])


WINOGRAD = Algorithm(
    "winograd",
    lambda c, direction, lanes: (
        f"{product_tile(result_channels(c, direction) // c.groups)} at 36 frequencies of 4 x 4 outputs"
    ),
    Direction(suits_outputs, _winograd.conv),
    Direction(suits_input_gradient, _winograd.conv_backward_input),
    Direction(suits_outputs, _winograd.conv_backward_kernel),
    adds_residual=True,
    exact=False,
    writes_slices=True,
    # 12 channels and 3 x 3 taps over 32 x 32 pixels: 27 us directly, 22 in tiles. The smallest layer of the measured
    # nets that this algorithm computes has 2.2 million multiply-adds. With few pairs of channels nothing is saved:
    # batches of 28 x 28 pixels and 12 channels take 0.85 to 1.1 times as long directly, those of 7 x 7 pixels, 32 and
    # 64 channels 1.9 times.
    small_products=1 << 21,
    small_image_products=1 << 21,
)
