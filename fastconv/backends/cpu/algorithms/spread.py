"""The gradient with respect to inputs of few channels: every pixel of dy is spread over the rows of its window."""

from __future__ import annotations

import fastconv._conv_spread as _conv_spread
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits, product_tile, result_channels
from fastconv.geometry import Convolution

# With more channels, the vectors of the phases are full enough.
MOST_CHANNELS = 8
# Smaller batches do not occupy all threads. Up to this number of pixels there is work for only one thread.
MOST_PIXELS = 1024


def fills_vectors_with_rows(c: Convolution, limits: Limits) -> str:
    """dx as sums of kernel rows times pixels."""
    dense = len(c.size) == 2 and c.groups == 1 and c.dilation[1] == 1 and not c.sparse
    few = (c.images >= 8 or c.pixels <= MOST_PIXELS) and c.kernel_shape[-2] <= MOST_CHANNELS
    return f"{c.kernel_shape[-2]} channels fill no vector, but whole rows of the kernel do" if dense and few else ""


SPREAD = Algorithm(
    "spread",
    lambda c, direction, lanes: product_tile(result_channels(c, direction) * c.size[-1]),
    backward_input=Direction(fills_vectors_with_rows, _conv_spread.conv_backward_input),
)
