"""Tiles by Winograd's algorithms F(4x4, 3x3) and F(2x2, 3x3), for windows of stride 1 (Lavin and Gray 2016)."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, prod

import fastconv._winograd as _winograd
import fastconv._winograd_gradient as _winograd_gradient
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits, product_tile, result_channels
from fastconv.geometry import Convolution
from fastconv.window import Shape

# The most multiplications, relative to the direct kernel, which comes closer to peak speed; less so with groups.
MOST_RATIO = 0.85
MOST_GROUPED_RATIO = 0.95
# Multiply-adds in the time in which a weight that a plan keeps is read. The layers of 14 x 14 pixels of VGG-16,
# ResNet-50 and DenseNet-121 take 0.8 to 1 times as long in tiles of 2 x 2 as in tiles of 4 x 4 outputs.
READING = 16


def frequencies_of(side: int) -> int:
    """Return the products for a tile of side x side outputs and a piece of 3 x 3 taps."""
    return (side + 2) ** 2


def count_pieces(c: Convolution) -> int:
    """Return the number of pieces of 3 x 3 taps of the kernel."""
    return prod(c.size[:-2]) * ceil(c.size[-2] / 3) * ceil(c.size[-1] / 3)


def count_tiles(c: Convolution, outputs: Shape, side: int) -> int:
    """Return the number of tiles of side x side outputs, spaced like the taps, that cover the planes of all images."""
    down, across = (d * ceil(ceil(n / d) / side) for n, d in zip(outputs[-2:], c.dilation[-2:]))
    return c.images * prod(outputs[:-2]) * down * across


def workspace(tiles: int, depth: int, width: int, side: int = 4) -> int:
    """Return the bytes of the transformed kernel or inputs, whichever is smaller."""
    return 4 * frequencies_of(side) * depth * min(tiles, width)


def keeps_kernel(c: Convolution, limits: Limits, side: int, depth: int, width: int) -> bool:
    """Return True if a plan keeps the transformed kernel."""
    return limits.constant_kernel and c.groups * workspace(width, depth, width, side) <= limits.most_workspace


def cost_of_tiles(c: Convolution, limits: Limits, outputs: Shape, depth: int, width: int, side: int) -> float:
    """Return the cost of the products and transforms, in multiply-adds for each input and output channel.

    Each piece of 3 x 3 taps takes a product for each frequency of a tile. At 36 frequencies, transforms cost about 400
    for each channel of a tile; the transforms of a piece of the kernel cost about 400 in total, unless a plan keeps
    the transformed kernel: then it is only read. Groups are convolved side by side; they have `depth` and `width`
    channels each.
    """
    frequencies, pieces = frequencies_of(side), count_pieces(c)
    transform = 400 / 36 * frequencies
    tile = pieces * (frequencies + transform / width) + transform / depth
    kept = keeps_kernel(c, limits, side, pieces * depth, width)
    return count_tiles(c, outputs, side) * tile + pieces * (READING * frequencies if kept else 400)


def cost_of_sums(c: Convolution, limits: Limits, outputs: Shape) -> float:
    """Return the cost of the direct kernel in the same unit. Small images, for which a constant kernel matters, are
    multiplied together with their padding.
    """
    if not limits.constant_kernel:
        return c.products
    return prod(c.size) * (c.images * prod(outputs) + READING)


def is_possible(c: Convolution) -> bool:
    """Return True if the kernels compute a convolution; groups take a kernel of a single piece."""
    if len(c.size) < 2 or max(c.strides) > 1 or c.products == 0:
        return False
    return c.groups == 1 or (len(c.size) == 2 and count_pieces(c) == 1)


def saves_products(c: Convolution, limits: Limits, outputs: Shape, depth: int, width: int) -> str:
    """Return why the products and transforms of tiles cost less than the products that they replace."""
    if not is_possible(c):
        return ""
    most = MOST_RATIO if c.groups == 1 else MOST_GROUPED_RATIO
    ratio = cost_of_tiles(c, limits, outputs, depth, width, 4) / cost_of_sums(c, limits, outputs)
    tiles, k = count_tiles(c, outputs, 4), count_pieces(c) * depth
    if ratio > most or c.groups * workspace(tiles, k, width) > limits.most_workspace:
        return ""
    return f"{ratio:.0%} of the direct multiplications, transforms included, in tiles of 4 x 4 outputs"


def suits_outputs(c: Convolution, limits: Limits) -> str:
    return saves_products(c, limits, c.outputs, c.kernel_shape[-2], c.kernel_shape[-1] // c.groups)


def suits_input_gradient(c: Convolution, limits: Limits) -> str:
    return saves_products(c, limits, c.inputs, c.kernel_shape[-1] // c.groups, c.kernel_shape[-2])


def suits_small_tiles(c: Convolution, limits: Limits) -> str:
    """Return why tiles of 2 x 2 outputs cost less than others: a plan reads less than half of the weights for them."""
    depth, width = c.kernel_shape[-2:]
    if not is_possible(c) or c.groups > 1 or not keeps_kernel(c, limits, 2, count_pieces(c) * depth, width):
        return ""
    cost, large = (cost_of_tiles(c, limits, c.outputs, depth, width, side) for side in (2, 4))
    ratio = cost / cost_of_sums(c, limits, c.outputs)
    if ratio > MOST_RATIO or cost > large:
        return ""
    return f"{ratio:.0%} of the direct multiplications, transforms and reading included, in tiles of 2 x 2 outputs"


def describe_tile(side: int) -> Callable[[Convolution, str, int], str]:
    """Return the description of the innermost kernel; see `Algorithm`."""
    place = f"at {frequencies_of(side)} frequencies of {side} x {side} outputs"
    return lambda c, direction, lanes: f"{product_tile(result_channels(c, direction) // c.groups)} {place}"


# 12 channels and 3 x 3 taps over 32 x 32 pixels: 27 us directly, 22 in tiles. The smallest layer of the measured
# nets that this algorithm computes has 2.2 million multiply-adds. With few pairs of channels nothing is saved:
# batches of 28 x 28 pixels and 12 channels take 0.85 to 1.1 times as long directly, those of 7 x 7 pixels, 32 and
# 64 channels 1.9 times.
SMALL_PRODUCTS = 1 << 21

WINOGRAD = Algorithm(
    "winograd",
    describe_tile(4),
    Direction(suits_outputs, _winograd.conv),
    Direction(suits_input_gradient, _winograd.conv_backward_input),
    Direction(suits_outputs, _winograd_gradient.conv_backward_kernel),
    adds_residual=True,
    exact=False,
    writes_slices=True,
    small_products=SMALL_PRODUCTS,
    small_image_products=SMALL_PRODUCTS,
)

WINOGRAD_2X2 = Algorithm(
    "winograd 2x2",
    describe_tile(2),
    Direction(suits_small_tiles, _winograd.conv_2x2),
    adds_residual=True,
    exact=False,
    writes_slices=True,
    small_products=SMALL_PRODUCTS,
    small_image_products=SMALL_PRODUCTS,
)
