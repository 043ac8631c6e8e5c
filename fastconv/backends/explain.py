"""What a user may ask of the choice of algorithms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

from fastconv import _conv, _core
from fastconv.backends import algorithms
from fastconv.backends.algorithms import Choice, Convolution
from fastconv.window import CONV_PADDINGS, Clip, Padding, broken_rule, clip_window, resolve_padding, spread


class Explanation(NamedTuple):
    """How one direction of a convolution is computed."""

    algorithm: str  # a name in `algorithms.RULES`
    tile: str  # what its innermost kernel holds
    threads: int  # at most this many run it
    reason: str  # why this algorithm


def _product(columns: int) -> str:
    """The register tile under a product with so many columns."""
    height, width = _conv.tile_shape(columns)
    return f"{height} x {width} sums"


def _columns(c: Convolution, direction: str) -> int:
    """Channels of what a direction computes, or along which it does."""
    return c.channels if direction == "backward_input" else c.kernel_shape[-1]


def _folded(c: Convolution, direction: str) -> str:
    count = algorithms.neighbours_backward if direction == "backward_input" else algorithms.neighbours
    return _product(_columns(c, direction) * count(c, _core.vector_floats()))


# What the innermost kernel of an algorithm holds, given (convolution, direction).
TILES: dict[str, Callable[[Convolution, str], str]] = {
    "product": lambda c, direction: _product(
        _columns(c, direction) * (prod(c.inputs) if direction == "backward_input" else 1)
    ),
    "grouped": lambda c, direction: f"vectors of {_core.vector_floats()} channels",
    "direct": lambda c, direction: _product(_columns(c, direction) // c.groups),
    "dots": lambda c, direction: f"dot products with {min(_columns(c, direction), algorithms.DOT_CHANNELS)} channels",
    "fold": _folded,
    "spread": lambda c, direction: _product(_columns(c, direction) * c.window[-1]),
    "winograd": lambda c, direction: (
        f"{_product(_columns(c, direction) // c.groups)} at 36 frequencies of 4 x 4 outputs"
    ),
    "fourier": lambda c, direction: "spectra of whole tiles",
}


def explain_conv(
    input_shape: Sequence[int],
    kernel_shape: Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation_rate: int | Sequence[int] = 1,
) -> dict[str, Explanation]:
    """Which algorithm, register tile and threads a float32 convolution of this shape gets, and why.

    The answer holds for the instruction set, the precision and the workspace in force (`config.set_conv_precision`,
    `config.set_max_workspace`). The choice depends on shapes alone, never on the number of threads.

    Args:
        input_shape: (N, *spatial, C), one to three spatial axes.
        kernel_shape: (*window, CI, CO).
        strides, padding, dilation_rate: as for `ops.conv`.

    Returns:
        "forward", "backward_input" and "backward_kernel", each with its `Explanation`.

    Raises:
        ValueError: shapes, strides or padding that do not fit.

    >>> explain_conv((8, 56, 56, 64), (3, 3, 64, 64), padding="same")["forward"].algorithm
    'winograd'
    """
    x, w = tuple(map(int, input_shape)), tuple(map(int, kernel_shape))
    if broken_rule(x, w):
        raise ValueError(
            "input_shape must be (N, *spatial, C) and kernel_shape (*window, CI, CO), C a multiple of CI and CO one of "
            f"C / CI. Received: input_shape={x}, kernel_shape={w}"
        )
    rank = len(x) - 2
    steps, distance = spread("strides", strides, rank), spread("dilation_rate", dilation_rate, rank)
    sides = resolve_padding("explain_conv", padding, x[1:-1], w[:-2], steps, distance, CONV_PADDINGS)
    clip = clip_window(x[1:-1], w[:-2], steps, sides, distance)
    x, w = (x[0], *clip.spatial, x[-1]), (*clip.size, *w[-2:])
    choices = {direction: algorithms.conv(direction, x, w, **clip.moves) for direction in algorithms.RULES}
    return {direction: _explain(direction, choice, clip) for direction, choice in choices.items()}


def _explain(direction: str, choice: Choice, clip: Clip) -> Explanation:
    c, algorithm, reason = choice
    if not clip.whole:
        reason += f"; {' x '.join(map(str, clip.size))} taps, as the others meet only padding"
    work = c.pixels * prod(c.kernel_shape) / (4 if algorithm == "winograd" else 1)
    return Explanation(algorithm, TILES[algorithm](c, direction), _core.threads_worth(work), reason)
