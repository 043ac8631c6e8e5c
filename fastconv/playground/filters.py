"""The Filters tab: kernels on pictures, and on a grid of numbers step by step."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

import fastconv.datasets.photos as photos
import fastconv.ops as ops
import fastconv.playground.fields as fields
import fastconv.utils as utils
from fastconv.playground.messages import Message
from fastconv.playground.sliding import EXAMPLES, Steps, slide
from fastconv.playground.tab import Action, Push, Tab
from fastconv.typing import Array

MAGNITUDE, CUSTOM = "sobel_magnitude", "custom"  # sqrt(Sobel x^2 + Sobel y^2), and the numbers of the page
CHOICES = (*utils.FILTERS, MAGNITUDE, CUSTOM)
MOST_TAPS, MOST_NUMBERS = 7, 12  # along an axis of a kernel, and of the grid
SIDES = (32, 320)  # least and most pixels along an axis of a picture
LARGEST = 1000  # absolute value of a number
GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # brightness of red, green and blue (ITU-R BT.601)


@cache
def _photos() -> dict[str, Array]:
    images = photos.load_data()
    last = images if images.shape[-1] == 3 else images.transpose(0, 2, 3, 1)
    return dict(zip(photos.NAMES, last))


class Filters(Tab):
    """The Filters tab of one student."""

    name = "filters"

    def __init__(self, push: Push) -> None:
        super().__init__(push)
        self._picture = _photos()[photos.NAMES[0]]
        self._filter, self._kernel = "sobel_x", _kernel("sobel_x")
        self._flip, self._color = False, True
        self._steps = Steps()
        self._numbers = np.array(EXAMPLES["unfit"].numbers, np.float32)

    def actions(self) -> Mapping[str, Action]:
        own = {"state": self.state, "settings": self.settings, "photo": self.photo, "picture": self.picture}
        return {**own, "numbers": self.numbers, "example": self.example}

    # ---- messages ----------------------------------------------------------------------------------------------------

    def state(self, message: Message) -> Message:
        """Return the whole state, which the page asks for when it opens the tab."""
        result, grid = self._result(), self._grid()
        facts = {"filter": self._filter, "flip": self._flip, "color": self._color, **self._steps._asdict()}
        lists = {"filters": CHOICES, "photos": photos.NAMES, "examples": {k: e.title for k, e in EXAMPLES.items()}}
        arrays = {"picture": self._picture, **result.arrays, **grid.arrays, "kernel": self._kernel}
        return Message({**result.fields, **grid.fields, **facts, **lists, "type": "state"}, arrays)

    def settings(self, message: Message) -> Message:
        """Choose a filter: fields "filter", "kernel" if it is custom, "flip", "color", and the fields of `Steps`."""
        values = message.fields
        name = fields.choice("filter", values.get("filter"), CHOICES)
        kernel = _numbers("kernel", values.get("kernel"), MOST_TAPS) if name == CUSTOM else _kernel(name)
        flip, color = (fields.boolean(key, values.get(key)) for key in ("flip", "color"))
        steps = Steps(
            fields.integer("stride", values.get("stride"), 1, 4),
            fields.integer("padding", values.get("padding"), 0, 3),
            fields.integer("dilation", values.get("dilation"), 1, 3),
        )
        self._filter, self._kernel, self._flip, self._color, self._steps = name, kernel, flip, color, steps
        result, grid = self._result(), self._grid()
        arrays = {**result.arrays, **grid.arrays, "kernel": kernel}
        return Message({**result.fields, **grid.fields, "filter": name, "type": "settings"}, arrays)

    def photo(self, message: Message) -> Message:
        """Show a photo of the package: field "name"."""
        self._picture = _photos()[fields.choice("name", message.fields.get("name"), photos.NAMES)]
        result = self._result()
        return Message(result.fields, {"picture": self._picture, **result.arrays})

    def picture(self, message: Message) -> Message:
        """Filter a picture of the page: array "pixels", uint8, red, green and blue on the last axis."""
        self._picture = _pixels(message.arrays.get("pixels"))
        return self._result()

    def numbers(self, message: Message) -> Message:
        """Show a grid of numbers: field "numbers"."""
        self._numbers = _numbers("numbers", message.fields.get("numbers"), MOST_NUMBERS)
        return self._grid()

    def example(self, message: Message) -> Message:
        """Show an example of the lectures: field "name"."""
        example = EXAMPLES[fields.choice("name", message.fields.get("name"), EXAMPLES)]
        self._numbers = np.array(example.numbers, np.float32)
        self._filter, self._kernel = CUSTOM, np.array(example.kernel, np.float32)
        self._steps, self._flip = example.steps, example.flip
        return self.state(message)

    # ---- results -----------------------------------------------------------------------------------------------------

    def _sliding(self, kernel: Array) -> Array:
        """Return the kernel as it slides: a convolution flips it, a cross-correlation does not."""
        return kernel[::-1, ::-1].copy() if self._flip else kernel

    def _result(self) -> Message:
        """Return the filtered picture, (OH, OW, channels), its smallest and its largest value."""
        pixels = self._picture / np.float32(255)
        planes = pixels if self._color else (pixels @ GRAY)[..., None]
        if self._filter == MAGNITUDE:
            squares = [ops.square(self._filtered(planes, _kernel(name))) for name in ("sobel_x", "sobel_y")]
            result = np.asarray(ops.sqrt(squares[0] + squares[1]))
        else:
            result = self._filtered(planes, self._kernel)
        extremes = {"least": float(result.min()), "most": float(result.max())}
        return Message({"type": "result", "signed": self._signed(), **extremes}, {"result": result})

    def _filtered(self, planes: Array, kernel: Array) -> Array:
        """Return each color filtered by itself."""
        sliding, options = self._sliding(kernel), self._steps.options()
        return np.stack([utils.filter_image(plane, sliding, **options) for plane in np.moveaxis(planes, -1, 0)], -1)

    def _signed(self) -> bool:
        """Return True if the weights sum to 0, so that a plain area becomes 0 and edges become positive or negative."""
        return self._filter != MAGNITUDE and abs(float(self._kernel.sum())) < 1e-5 < float(np.abs(self._kernel).max())

    def _grid(self) -> Message:
        return slide(self._numbers, self._sliding(self._kernel), self._steps)


def _kernel(name: str) -> Array:
    """Return a kernel of fastconv by name; Sobel x for the magnitude, which needs a second."""
    return np.asarray(utils.FILTERS["sobel_x" if name == MAGNITUDE else name], np.float32)


def _numbers(name: str, value: Any, most: int) -> Array:
    """Return lists of equal lengths as a float32 array of at most `most` x `most` numbers."""
    rows = value if isinstance(value, list) and 1 <= len(value) <= most else []
    widths = {len(row) if isinstance(row, list) else 0 for row in rows}
    if len(widths) != 1 or not 1 <= max(widths) <= most:
        raise ValueError(f"{name}: 1 to {most} rows of 1 to {most} numbers are expected. Received: {str(value)[:60]}")
    return np.array([[fields.number(name, number, -LARGEST, LARGEST) for number in row] for row in value], np.float32)


def _pixels(pixels: Array) -> Array:
    """Return a copy of an array of pixels, checked."""
    least, most = SIDES
    shape: tuple[int, ...] = getattr(pixels, "shape", ())
    if shape[2:] != (3,) or pixels.dtype != np.uint8 or not all(least <= n <= most for n in shape[:2]):
        rule = f"an uint8 array (height, width, 3) with {least} to {most} pixels along each side is expected"
        raise ValueError(f"pixels: {rule}. Received: shape={shape}")
    return np.array(pixels)
