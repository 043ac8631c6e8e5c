"""The matrix of a convolution as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastconv.typing import ArrayLike, IntOrInts, PaddingLike
from fastconv.utils.convolution_matrix import convolution_matrix as matrix_of
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import as_numbers
from fastconv.visualize.drawing import show_map
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

WIDTH = 7  # inches
MOST_NUMBERS = 400  # entries up to which they have their numbers


def convolution_matrix(
    kernel: ArrayLike,
    input_shape: Sequence[int],
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    dilation_rate: IntOrInts = 1,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw the matrix C of a convolution: `ops.conv` of an image x is C x, and its gradient is C^T dy.

    Each row is an output, and each column is an input. The kernel is repeated along the diagonals, and most entries
    are 0. Blue is positive and red is negative. Small matrices have their numbers.

    Args:
        kernel: (KH, KW), or (KH, KW, CI, CO).
        input_shape: (H, W), or (H, W, channels).
        strides: int or pair of ints. Default: 1.
        padding: "valid", "same", or sizes, as for `ops.conv`. Default: "valid".
        dilation_rate: int or pair of ints. Default: 1.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "matrix" (outputs, inputs), as `utils.convolution_matrix` returns it.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> visualize.convolution_matrix([[1, 2]], (1, 3))["matrix"].tolist()
        [[1.0, 2.0, 0.0], [0.0, 1.0, 2.0]]
    """
    array = as_numbers("convolution_matrix", "kernel", kernel)
    array = array[:, :, None, None] if array.ndim == 2 else array
    shape = (*input_shape, 1) if len(tuple(input_shape)) == 2 else tuple(input_shape)
    matrix = matrix_of(array, shape, strides, padding, dilation_rate, data_format="channels_last")
    height = min(max(WIDTH * matrix.shape[0] / matrix.shape[1], 1.0), WIDTH)
    ax = axes_for("convolution_matrix", ax, path, (WIDTH, height + 0.6))
    draw_matrix(ax, matrix)
    return finish(ax, path, {"matrix": matrix})


def draw_matrix(ax: Axes, matrix: np.ndarray) -> None:
    """Draw a matrix with colours, and with numbers if it is small."""
    show_map(ax, matrix, f"{matrix.shape[0]} x {matrix.shape[1]}, {np.count_nonzero(matrix)} not 0", signed=True)
    ax.set(xlabel="inputs", ylabel="outputs")
    if matrix.size > MOST_NUMBERS:
        return
    limit = np.abs(matrix).max()
    for (i, j), value in np.ndenumerate(matrix):
        if value:
            colour = "white" if abs(value) > 0.6 * limit else "black"
            ax.text(j, i, f"{value:.3g}", ha="center", va="center", fontsize=7, color=colour)
