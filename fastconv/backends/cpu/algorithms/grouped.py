"""Groups of few channels, side by side in the lanes of vectors; depthwise convolutions are the extreme case."""

from __future__ import annotations

import fastconv._grouped as _grouped
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits
from fastconv.geometry import Convolution

# Groups of more channels fill the tiles of matrix products. For the gradient of a kernel the limit is lower.
MOST_CHANNELS = 16
MOST_KERNEL_CHANNELS = 8


def fills_vectors(c: Convolution, limits: Limits, most: int = MOST_CHANNELS) -> str:
    """Output channels are adjacent in the lanes of vectors: several groups in a vector, or a group in several."""
    depth, width = c.kernel_shape[-2], c.kernel_shape[-1] // c.groups
    fits = limits.lanes % width == 0 or width % limits.lanes == 0
    if c.groups == 1 or depth != width or width > most or not fits or c.sparse:
        return ""
    return f"{c.groups} groups of {width}: output channels side by side in vectors"


def suits_kernel_gradient(c: Convolution, limits: Limits) -> str:
    return fills_vectors(c, limits, MOST_KERNEL_CHANNELS)


GROUPED = Algorithm(
    "grouped",
    lambda c, direction, lanes: f"vectors of {lanes} channels",
    Direction(fills_vectors, _grouped.conv),
    Direction(fills_vectors, _grouped.conv_backward_input),
    Direction(suits_kernel_gradient, _grouped.conv_backward_kernel),
)
