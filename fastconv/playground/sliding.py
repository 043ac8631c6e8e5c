"""A kernel that slides over a grid of numbers: each window, its products and its sum, and whether the windows fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import fastconv.ops as ops
import fastconv.utils as utils
from fastconv.playground.messages import Message
from fastconv.typing import Array
from fastconv.window import reach

Rows = Sequence[Sequence[float]]


class Steps(NamedTuple):
    """How a kernel slides: by `stride` pixels, over an image with `padding` zeros, its taps `dilation` pixels apart."""

    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def options(self) -> dict[str, Any]:
        """Return the arguments of fastconv's functions."""
        sides = ((self.padding, self.padding),) * 2
        return {"strides": self.stride, "padding": sides, "dilation_rate": self.dilation}


class Example(NamedTuple):
    """An example of the lectures: a grid of numbers, a kernel, and how it slides."""

    title: str
    numbers: Rows
    kernel: Rows
    steps: Steps = Steps()
    flip: bool = False


def _counted(height: int, width: int) -> Rows:
    return [[(3 * row + 5 * column + row * column) % 10 for column in range(width)] for row in range(height)]


_SMALL: Rows = [[1, 0.5, 1, 0], [0, 0.25, 0.5, 1], [1, 0.25, 0, 1], [0.5, 0, 1, 1]]
_DOT: Rows = [[float(row == column == 3) for column in range(7)] for row in range(7)]
_NINE: Rows = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
_SHARP: Rows = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]

EXAMPLES = {
    "small": Example("4×4 numbers and 2×2 weights", _SMALL, [[1, 0], [0, 2]]),
    "stride": Example("The same with stride 2: 2×2 results", _SMALL, [[1, 0], [0, 2]], Steps(2)),
    "window": Example("A 3×3 window on 4×4 numbers", _SMALL, [[1, 5, 1], [0, 1, 2], [1, 1, 0]]),
    "padding": Example("Zeros around: the size stays", _SMALL, [[1, 0, 1], [0, 1, 1], [1, 0.5, 2]], Steps(1, 1)),
    "unfit": Example("7×7 with stride 3: does not fit", _counted(7, 7), _SHARP, Steps(3)),
    "correlation": Example("A dot, cross-correlation: the kernel appears flipped", _DOT, _NINE),
    "convolution": Example("A dot, convolution: the kernel appears as it is", _DOT, _NINE, Steps(), True),
    "dilation": Example("Dilation 2: 3×3 weights see 5×5 numbers", _counted(7, 7), _SHARP, Steps(1, 0, 2)),
}


def formula(size: int, window: int, steps: Steps) -> dict[str, Any]:
    """Return the number of windows along an axis: (N + 2P - F)/S + 1 with the dilated window F, and whether it fits."""
    extent = reach(window, steps.dilation)
    places = size + 2 * steps.padding - extent
    value = places / steps.stride + 1
    return {
        "size": size,
        "window": extent,
        **steps._asdict(),
        "value": value,
        "fits": places >= 0 and places % steps.stride == 0,
        "count": max(int(value // 1), 0) if places >= 0 else 0,
    }


def slide(numbers: Array, kernel: Array, steps: Steps) -> Message:
    """Return the padded numbers, the products (OH, OW, KH, KW) of all windows and the results (OH, OW).

    Args:
        numbers: float32 (H, W).
        kernel: float32 (KH, KW), as it slides: flipped for a convolution.
        steps: stride, padding and dilation.
    """
    axes = [formula(n, k, steps) for n, k in zip(numbers.shape, kernel.shape)]
    arrays = {"numbers": np.pad(numbers, steps.padding)}
    if all(axis["count"] for axis in axes):
        arrays["results"] = np.asarray(utils.filter_image(numbers, kernel, **steps.options()))
        patches = ops.image.extract_patches(
            arrays["numbers"][None, :, :, None], kernel.shape, steps.stride, steps.dilation, data_format="channels_last"
        )
        arrays["products"] = np.asarray(ops.reshape(patches, (*arrays["results"].shape, *kernel.shape)) * kernel)
    return Message({"type": "grid", "axes": axes}, arrays)
