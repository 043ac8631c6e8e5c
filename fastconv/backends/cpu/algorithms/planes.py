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
# From 6 x 6 taps on, Fourier transforms of a single channel are faster.
MOST_TAPS_OF_ONE_CHANNEL = 25


def fills_vectors_with_pixels(c: Convolution, limits: Limits) -> str:
    ci, co = c.kernel_shape[-2:]
    if c.groups > 1 or len(c.size) > 2 or c.sparse or co > MOST_CHANNELS or ci * c.strides[-1] > MOST_PLANES:
        return ""
    if 2 * c.outputs[-1] < limits.lanes or (ci == co == 1 and prod(c.size) > MOST_TAPS_OF_ONE_CHANNEL):
        return ""
    return f"{co} channels fill no vector, but {c.outputs[-1]} pixels of a row do"


PLANES = Algorithm(
    "planes",
    lambda c, direction, lanes: f"{c.kernel_shape[-1]} x {lanes * (2 if c.kernel_shape[-1] * 2 < lanes else 1)} sums",
    forward=Direction(fills_vectors_with_pixels, _planes.conv),
)
