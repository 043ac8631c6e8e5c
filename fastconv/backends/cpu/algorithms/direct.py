"""Windows times packed columns of the kernel, a register tile at a time. Every convolution can be computed so."""

from __future__ import annotations

import fastconv._conv as _conv
import fastconv._conv_gradient as _conv_gradient
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits, product_tile, result_channels
from fastconv.geometry import Convolution


def always(c: Convolution, limits: Limits) -> str:
    return "nothing beats windows times packed columns here"


DIRECT = Algorithm(
    "direct",
    lambda c, direction, lanes: product_tile(result_channels(c, direction) // c.groups),
    Direction(always, _conv.conv),
    Direction(always, _conv.conv_backward_input),
    Direction(always, _conv_gradient.conv_backward_kernel),
    adds_residual=True,
    writes_slices=True,
)
