"""Colours and shapes that pictures share: images, mosaics, panels, maps over images. Nothing here computes results."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastconv.visualize.picture import Axes

SIGNED = "RdBu"  # negative red, 0 white, positive blue, as in the playground; colour-blind readers tell them apart
POSITIVE = "viridis"  # colours for numbers from 0, likewise
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito 2008
WRONG = LINES[1]
LINE = "0.7"  # the grey between the tiles of a mosaic: neither of SIGNED nor of POSITIVE
FINE = 16  # pixels of a mosaic that the longer side of a tile takes at least
GAP = 0.08  # between panels, as a fraction of a panel


def shown(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W, C) as grey (H, W) or RGB (H, W, 3) from 0 to 1.

    Values from 0 to 1 keep their brightness. Values from 0 to 255 are divided by 255, or by their largest if it is at
    most 16. Other values are scaled to their range. Channels other than three are averaged.
    """
    image = np.asarray(image, np.float64)
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    if low < 0 or high > 255:
        image = (image - low) / ((high - low) or 1.0)
    elif high > 1:
        image = image / (255 if high > 16 else high)
    return image if image.shape[-1] == 3 else image.mean(axis=-1)


def show_image(ax: Axes, image: np.ndarray, title: str = "") -> None:
    """Draw an image (H, W, C) without ticks."""
    ax.imshow(shown(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    without_ticks(ax, title)


def show_map(ax: Axes, values: np.ndarray, title: str = "", signed: bool | None = None) -> None:
    """Draw an array (H, W) with colours: diverging and centred at 0 if numbers may be negative."""
    signed = bool(np.nanmin(values) < 0) if signed is None else signed
    limit = float(np.nanmax(np.abs(values))) or 1.0
    colours = (
        {"cmap": SIGNED, "vmin": -limit, "vmax": limit} if signed else {"cmap": POSITIVE, "vmin": 0, "vmax": limit}
    )
    ax.imshow(values, interpolation="nearest", **colours)
    ax.set_facecolor(LINE)  # seen at NaN
    without_ticks(ax, title)


def show_over(ax: Axes, image: np.ndarray, values: np.ndarray, title: str = "") -> None:
    """Draw an array (h, w) with colours over a grey image (H, W, C), stretched to its size."""
    grey = shown(image)
    grey = grey.mean(axis=-1) if grey.ndim == 3 else grey
    extent = (-0.5, grey.shape[1] - 0.5, grey.shape[0] - 0.5, -0.5)
    ax.imshow(grey, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    signed = bool(values.min() < 0)
    limit = float(np.abs(values).max()) or 1.0
    alpha = 0.2 + 0.6 * np.abs(values) / limit
    colours = {"cmap": SIGNED, "vmin": -limit} if signed else {"cmap": POSITIVE, "vmin": 0}
    ax.imshow(values, extent=extent, interpolation="bilinear", alpha=alpha, vmax=limit, **colours)
    without_ticks(ax, title)


def without_ticks(ax: Axes, title: str = "") -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    if title:
        ax.set_title(title, fontsize=10)


def panels(ax: Axes, count: int, columns: int, gap: float = GAP) -> list[Axes]:
    """Return axes in rows inside `ax`, whose own frame is hidden; `gap` is a fraction of a panel's width and height."""
    ax.set_axis_off()
    rows = math.ceil(count / columns)
    width, height = (1 / (n + gap * (n - 1)) for n in (columns, rows))
    corners = [
        (column * width * (1 + gap), 1 - height - row * height * (1 + gap), width, height)
        for row, column in (divmod(i, columns) for i in range(count))
    ]
    return [ax.inset_axes(corner) for corner in corners]


def columns_of(count: int) -> int:
    """Return the number of columns of a nearly square grid."""
    return math.ceil(math.sqrt(count))


def mosaic(tiles: Sequence[np.ndarray] | np.ndarray, columns: int) -> np.ndarray:
    """Return tiles (H, W) or (H, W, 3) side by side, with NaN between them and for tiles that the last row lacks.

    Each pixel of a small tile becomes a square, so that the lines between tiles are thin.
    """
    scale = math.ceil(FINE / max(tiles[0].shape[:2]))
    height, width = (scale * n + 1 for n in tiles[0].shape[:2])
    rows = math.ceil(len(tiles) / columns)
    sheet = np.full((rows * height - 1, columns * width - 1, *tiles[0].shape[2:]), np.nan)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * height, (i % columns) * width
        sheet[top : top + height - 1, left : left + width - 1] = tile.repeat(scale, axis=0).repeat(scale, axis=1)
    return sheet


def show_colours(ax: Axes, sheet: np.ndarray, title: str = "") -> None:
    """Draw an RGB mosaic."""
    ax.imshow(np.nan_to_num(np.clip(sheet, 0, 1), nan=float(LINE)), interpolation="nearest")
    without_ticks(ax, title)
