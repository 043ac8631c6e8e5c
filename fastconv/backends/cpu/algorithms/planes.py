"""Few channels on both sides: lanes hold neighbouring pixels, which are adjacent in planes of one channel each."""

from __future__ import annotations

from math import prod

import fastconv._planes as _planes
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits
from fastconv.geometry import Convolution

# Channels of the result whose sums fit into registers.
MOST_CHANNELS = 8
# Planes: copying a row into more of them takes longer than the vectors save.
MOST_PLANES = 6
# Gradients of kernels: with more channels, folded pixels fill the vectors, and copying shorter rows takes longer.
MOST_GRADIENT_CHANNELS = 6
LEAST_GRADIENT_ROW = 14
# Part of the lanes that the pixels of a row must fill.
FILLED_LANES = 0.8
# Longest rows for which folding pixels into 16 lanes is slower, by channels: 2 or 3 are copied number by number.
LONGEST_ROWS = {2: 32, 3: 32, 4: 128, 5: 128, 6: 128}
# Vectors of sums of a kernel's gradient that stay in a cache.
MOST_SUMS = 1024
# From 6 x 6 taps on, Fourier transforms of a single channel are faster.
MOST_TAPS_OF_ONE_CHANNEL = 25


def fills_vectors_with_pixels(c: Convolution, limits: Limits) -> str:
    ci, co = c.kernel_shape[-2:]
    if c.groups > 1 or len(c.size) > 2 or c.sparse or co > MOST_CHANNELS or ci * c.strides[-1] > MOST_PLANES:
        return ""
    if 2 * c.outputs[-1] < limits.lanes or (ci == co == 1 and prod(c.size) > MOST_TAPS_OF_ONE_CHANNEL):
        return ""
    return f"{co} channels fill no vector, but {c.outputs[-1]} pixels of a row do"


def sums_vectors_of_pixels(c: Convolution, limits: Limits) -> str:
    ci, co, row = *c.kernel_shape[-2:], c.outputs[-1]
    if co > MOST_GRADIENT_CHANNELS or max(c.strides) > 1 or prod(c.kernel_shape) > MOST_SUMS:
        return ""
    if row < LEAST_GRADIENT_ROW or row < FILLED_LANES * -(-row // limits.lanes) * limits.lanes:
        return ""
    if (limits.lanes == 16 and row > LONGEST_ROWS.get(co, row)) or (len(c.size) == 1 and ci > 1):
        return ""
    return fills_vectors_with_pixels(c, limits)


def tile(c: Convolution, direction: str, lanes: int) -> str:
    co = c.kernel_shape[-1]
    if direction == "backward_kernel":
        return f"{co} x {lanes} sums for each tap"
    return f"{co} x {lanes * (2 if co * 2 < lanes else 1)} sums"


PLANES = Algorithm(
    "planes",
    tile,
    forward=Direction(fills_vectors_with_pixels, _planes.conv),
    backward_kernel=Direction(sums_vectors_of_pixels, _planes.conv_backward_kernel),
)
