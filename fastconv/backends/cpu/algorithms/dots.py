"""Few channels of the result: each is a dot product of a window."""

from __future__ import annotations

from functools import partial

import fastconv._conv as _conv
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits, result_channels
from fastconv.geometry import Convolution

# Up to this number of channels, dot products read a window once.
DOT_CHANNELS = 4
# Vectors that neighbouring taps must fill, so that adding up their lanes costs less than dot products save: if a
# window is read once, and if it is read twice.
DOT_VECTORS = 2
DOT_VECTORS_TWICE = 5


def fills_runs(c: Convolution, limits: Limits, channels: int, run: int) -> str:
    """Each of few channels is a dot product of a window, of which `run` numbers are adjacent."""
    vectors = DOT_VECTORS if channels <= DOT_CHANNELS else DOT_VECTORS_TWICE
    if c.groups > 1 or channels > max(limits.lanes // 2, DOT_CHANNELS) or run < vectors * limits.lanes:
        return ""
    return f"{channels} channels fill no vector: dot products of runs of {run} numbers"


def suits_outputs(c: Convolution, limits: Limits) -> str:
    run = c.kernel_shape[-2] * (c.size[-1] if c.dilation[-1] == 1 else 1)
    return fills_runs(c, limits, c.kernel_shape[-1], run)


def suits_input_gradient(c: Convolution, limits: Limits) -> str:
    """If strides leave few taps per phase, other algorithms that fill vectors are faster, except for one channel."""
    stride, most = c.strides[-1], {1: DOT_CHANNELS, 2: 1}.get(max(c.strides), 0)
    run = c.kernel_shape[-1] * (c.size[-1] // stride if c.dilation[-1] == 1 else 1)
    return fills_runs(c, limits, c.channels, run) if c.channels <= most else ""


DOTS = Algorithm(
    "dots",
    lambda c, direction, lanes: f"dot products with {min(result_channels(c, direction), DOT_CHANNELS)} channels",
    Direction(suits_outputs, partial(_conv.conv, dots=True)),
    Direction(suits_input_gradient, partial(_conv.conv_backward_input, dots=True)),
)
