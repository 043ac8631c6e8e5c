"""An animation of a kernel that slides over an image."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np

from fastconv.arguments import as_number
from fastconv.typing import ArrayLike, IntOrInts, PaddingLike
from fastconv.utils.files import FilePath, write_whole
from fastconv.visualize.arguments import as_numbers
from fastconv.visualize.drawing import LINES, SIGNED, panels, without_ticks
from fastconv.visualize.picture import ANIMATED, DOTS_PER_INCH, Axes, Picture, axes_for, check_ending, ending_of
from fastconv.visualize.player import player
from fastconv.window import as_tuple, output_size, resolve_padding

MOST_FRAMES = 400
MOST_PIXELS = 1600  # of the image with its padding, since each has its number


class Slide(NamedTuple):
    """A kernel and an image, and the windows of the image that it visits.

    Attributes:
        padded: (H, W), the image with its padding.
        border: the numbers of rows and columns of padding before the image.
        size: (H, W) of the image without padding.
        kernel: (KH, KW).
        dilation: the steps between taps.
        corners: (windows, 2), the first pixel of each window in `padded`.
        products: (windows, KH, KW), pixels times taps.
        output: (OH, OW), their sums.
    """

    padded: np.ndarray
    border: tuple[int, int]
    size: tuple[int, int]
    kernel: np.ndarray
    dilation: tuple[int, int]
    corners: np.ndarray
    products: np.ndarray
    output: np.ndarray


def sliding_kernel(
    image: ArrayLike,
    kernel: ArrayLike,
    strides: IntOrInts = 1,
    padding: PaddingLike = "valid",
    dilation_rate: IntOrInts = 1,
    seconds: float = 0.7,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Animate a convolution: the kernel slides over an image, and each frame shows the products and their sum.

    `ops.conv` does not flip the kernel. The figure is the last frame. In a notebook the picture moves and has buttons.

    Args:
        image: (H, W), numbers.
        kernel: (KH, KW), numbers.
        strides: int or pair of ints. Default: 1.
        padding: "valid", "same", or sizes, as for `ops.conv`. Default: "valid".
        dilation_rate: int or pair of ints. Default: 1.
        seconds: float > 0. The time of a frame. Default: 0.7.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, which ends in .gif or .html, or None. Default: None.

    Returns:
        `Picture` with "output" (OH, OW), "products" (windows, KH, KW) and "corners" (windows, 2), the first row and
        column of each window, negative in the padding.

    Raises:
        ValueError: the kernel does not fit into the image, or there are more than 400 windows or 1,600 pixels.

    Example:
        >>> visualize.sliding_kernel([[1, 0, 2], [0, 1, 0]], [[1, 2]])["output"].tolist()
        [[1.0, 4.0], [2.0, 1.0]]
    """
    check_ending("sliding_kernel", path, ANIMATED)
    slide = _slide(image, kernel, strides, padding, dilation_rate)
    milliseconds = 1000 * as_number("sliding_kernel", "seconds", seconds, above=0, below=3600)
    ax = axes_for("sliding_kernel", ax, None, (9, 3.6))
    animation = _Animation(ax, slide, milliseconds)
    if path is not None:
        content = animation.gif() if ending_of(path) == ".gif" else animation.html().encode()
        write_whole(path, lambda file: file.write(content))
    arrays = {
        "output": slide.output,
        "products": slide.products,
        "corners": slide.corners - np.array(slide.border),
    }
    return Picture(animation.figure, arrays, animation.html)


def _slide(
    image: ArrayLike, kernel: ArrayLike, strides: IntOrInts, padding: PaddingLike, dilation_rate: IntOrInts
) -> Slide:
    """Compute all windows."""
    x, w = (as_numbers("sliding_kernel", n, a).astype(np.float64) for n, a in (("image", image), ("kernel", kernel)))
    if x.ndim != 2 or w.ndim != 2 or not x.size or not w.size:
        raise ValueError(
            "sliding_kernel: image and kernel must have two axes, (height, width). "
            f"Received: image.shape={x.shape}, kernel.shape={w.shape}"
        )
    steps, (down, right) = as_tuple("strides", strides, 2), as_tuple("dilation_rate", dilation_rate, 2)
    dilation = (down, right)
    sides = resolve_padding("sliding_kernel", padding, x.shape, w.shape, steps, dilation)
    rows, columns = output_size(x.shape, w.shape, steps, sides, dilation)
    padded_size = int(np.prod([n + sum(side) for n, side in zip(x.shape, sides)]))
    if rows * columns > MOST_FRAMES or padded_size > MOST_PIXELS:
        raise ValueError(
            f"sliding_kernel: there must be at most {MOST_FRAMES} windows, and {MOST_PIXELS} pixels with padding. "
            f"Received: {rows} x {columns} windows, {padded_size} pixels"
        )
    padded = np.pad(x, sides)
    corners = np.array([(i * steps[0], j * steps[1]) for i in range(rows) for j in range(columns)])
    taps = [np.arange(k) * d for k, d in zip(w.shape, dilation)]
    products = np.stack([padded[np.ix_(top + taps[0], left + taps[1])] * w for top, left in corners])
    output = products.sum(axis=(1, 2)).reshape(rows, columns)
    (top, _), (left, _) = sides
    return Slide(padded, (top, left), x.shape, w, dilation, corners, products, output)


class _Animation:
    """The frames of a slide, drawn in three panels: image, kernel with products, output.

    Args:
        ax: the axes to draw in.
        slide: what to draw.
        milliseconds: the time of a frame.
    """

    def __init__(self, ax: Axes, slide: Slide, milliseconds: float) -> None:
        self.figure = ax.figure.canvas.figure
        self.slide = slide
        self.milliseconds = milliseconds
        self.image, self.kernel, self.output = panels(ax, 3, 3)
        _table(self.image, slide.padded, f"image {slide.size[0]} x {slide.size[1]}")
        self._frame_of_image()
        self.limit = float(np.abs(slide.output).max()) or 1.0
        self.draw(len(slide.corners) - 1)

    def _frame_of_image(self) -> None:
        """Draw a dashed line between the image and its padding."""
        (top, left), (height, width) = self.slide.border, self.slide.size
        if self.slide.padded.shape != self.slide.size:
            _box(self.image, (top, left), (height, width), edgecolor="0.4", linestyle="--", linewidth=1)

    def draw(self, frame: int) -> None:
        """Draw the window with a number, and the outputs up to it."""
        slide = self.slide
        for patch in [p for p in self.image.patches if p.get_gid() == "window"]:
            patch.remove()
        top, left = slide.corners[frame]
        for i, j in np.ndindex(slide.kernel.shape):
            place = (top + i * slide.dilation[0], left + j * slide.dilation[1])
            _box(self.image, place, (1, 1), edgecolor=LINES[1], linewidth=2.5, gid="window")
        self.kernel.clear()
        texts = np.vectorize("{:.3g}\u00b7{:.3g}".format)(self._window(frame), slide.kernel)
        _table(self.kernel, slide.products[frame], f"pixel \u00b7 tap, sum {slide.output.flat[frame]:.4g}", texts)
        self.output.clear()
        done = np.where(np.arange(slide.output.size) <= frame, slide.output.ravel(), np.nan)
        rows, columns = slide.output.shape
        _table(self.output, done.reshape(rows, columns), f"output {rows} x {columns}", limit=self.limit)
        _box(self.output, divmod(frame, columns), (1, 1), edgecolor=LINES[1], linewidth=2.5)

    def _window(self, frame: int) -> np.ndarray:
        """Return the pixels of a window."""
        slide = self.slide
        rows, columns = (
            start + np.arange(k) * d for start, k, d in zip(slide.corners[frame], slide.kernel.shape, slide.dilation)
        )
        return slide.padded[np.ix_(rows, columns)]

    def frames(self) -> list[bytes]:
        """Return the frames as PNG files."""
        found = []
        for frame in range(len(self.slide.corners)):
            self.draw(frame)
            file = io.BytesIO()
            self.figure.savefig(file, format="png", dpi=DOTS_PER_INCH * 2 // 3)
            found.append(file.getvalue())
        return found

    def gif(self) -> bytes:
        """Return a GIF."""
        from PIL import Image

        first, *others = (
            Image.open(io.BytesIO(png)).convert("P", palette=Image.Palette.ADAPTIVE) for png in self.frames()
        )
        file = io.BytesIO()
        first.save(file, "GIF", save_all=True, append_images=others, duration=round(self.milliseconds), loop=0)
        return file.getvalue()

    def html(self) -> str:
        """Return an element of HTML with buttons, which needs no other file."""
        return player(self.frames(), self.milliseconds)


def _table(ax: Axes, values: np.ndarray, title: str, texts: Any = None, limit: float | None = None) -> None:
    """Draw numbers as a table with colours."""
    limit = limit or float(np.nanmax(np.abs(values))) or 1.0
    ax.imshow(values, cmap=SIGNED, vmin=-limit, vmax=limit, alpha=0.6)
    without_ticks(ax, title)
    size = 10 if max(values.shape) <= 8 else 6
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value):
            text = f"{value:.3g}" if texts is None else texts[i, j]
            ax.text(j, i, text, ha="center", va="center", fontsize=size)


def _box(ax: Axes, place: tuple[int, int], size: tuple[int, int], **look: Any) -> None:
    """Draw the outline of cells of a table, of (height, width) cells from (row, column) on."""
    from matplotlib.patches import Rectangle

    (row, column), (height, width) = place, size
    ax.add_patch(Rectangle((column - 0.5, row - 0.5), width, height, facecolor="none", **look))
