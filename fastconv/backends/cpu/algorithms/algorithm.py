"""The record of an algorithm of convolutions: a name, the register tile, and a rule and a kernel for each direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import fastconv._geometry as _geometry
from fastconv.geometry import Convolution


class Limits(NamedTuple):
    """The conditions on which a choice depends, besides shapes."""

    lanes: int  # floats of a vector
    most_workspace: int  # bytes that the threads of a call may share
    constant_kernel: bool = False  # True if a plan transforms the kernel once and keeps it


class Direction(NamedTuple):
    """A direction of an algorithm.

    Attributes:
        reason: returns why the algorithm is the best for a convolution, or an empty text if it is not.
        run: fills the result. Forward: ``(convolution, x, w, bias or None, y, activation number, alpha)``. Backward
            with respect to the input: the same with dy and dx in place of x and y. Backward with respect to the kernel:
            ``(convolution, x, dy, dw)``. Arrays are float32 in C order; y may be a slice of the channels of such an
            array if the algorithm writes slices.
    """

    reason: Callable[[Convolution, Limits], str]
    run: Callable[..., None]


class Algorithm(NamedTuple):
    """An algorithm of convolutions.

    Attributes:
        name: the name that `explain_conv` returns.
        tile: ``(convolution, direction, lanes)`` to a description of the innermost kernel.
        forward, backward_input, backward_kernel: the directions; None if the algorithm does not have one.
        adds_residual: True if `forward.run` takes another argument, the array that is added before the activation.
        exact: True if an output depends only on the pixels of its own window, and is their sum in plain float32.
        writes_slices: True if forward may write y into a slice of the channels of a larger array.
        small_products: up to this number of multiply-adds an inexact algorithm is not used, so that small examples,
            which are checked by hand, are exact.
        small_image_products: the same for each image of a batch, if there are few channels. The outputs of an image
            then do not depend on its batch.
    """

    name: str
    tile: Callable[[Convolution, str, int], str]
    forward: Direction | None = None
    backward_input: Direction | None = None
    backward_kernel: Direction | None = None
    adds_residual: bool = False
    exact: bool = True
    writes_slices: bool = False
    small_products: int = 0
    small_image_products: int = 0

    def is_too_small(self, c: Convolution) -> bool:
        """Return True if a convolution is so small that it must be exact, and this algorithm is not."""
        products = c.products * c.kernel_shape[-2] * c.kernel_shape[-1]
        pairs = c.kernel_shape[-2] * c.kernel_shape[-1] // c.groups
        of_images = c.images * self.small_image_products if pairs < FEW_PAIRS else 0
        return products <= max(self.small_products, of_images)


# Pairs of an input and an output channel: with fewer, computing batches of small images directly costs little.
FEW_PAIRS = 16 * 16

DIRECTIONS = ("forward", "backward_input", "backward_kernel")


def result_channels(c: Convolution, direction: str) -> int:
    """Return the channels of the result; for dw, its output channels."""
    return c.channels if direction == "backward_input" else c.kernel_shape[-1]


def product_tile(columns: int) -> str:
    """Return the register tile of a matrix product with this number of columns."""
    height, width = _geometry.tile_shape(columns)
    return f"{height} x {width} sums"
