"""A grid of images with predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import fastconv.config as config
from fastconv.arguments import as_integer
from fastconv.typing import ArrayLike
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import as_numbers
from fastconv.visualize.drawing import WRONG, columns_of, panels, shown, without_ticks
from fastconv.visualize.labels import as_labels, as_names
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

MOST = 100  # images of a grid
TILE = 1.2  # inches


def image_grid(
    images: ArrayLike,
    predictions: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    columns: int | None = None,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw images in a grid, with the predicted classes as titles.

    If true classes are given too, a wrong prediction has a frame and a title such as "3, not 5". At most a hundred
    images are drawn.

    Args:
        images: (N, H, W), (N, H, W, 1) or (N, H, W, 3), or (N, C, H, W) if `config.image_data_format()` is
            "channels_first".
        predictions: (N,) or (N, 1), classes as integers; or (N, classes), the scores that `model.predict` returns;
            None for no titles. Default: None.
        labels: the true classes, likewise, or None. Default: None.
        class_names: a name for each class, or None. Default: None.
        columns: int >= 1 or None. The number of images in a row; None for a nearly square grid. Default: None.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "images" (N, H, W) or (N, H, W, 3) as drawn, from 0 to 1, and "predictions" and "labels" (N,) if
        they were given.

    Raises:
        ValueError: the images are no images, or the lengths differ.

    Example:
        >>> visualize.image_grid(np.zeros((4, 8, 8)), predictions=[3, 5, 0, 1], labels=[3, 3, 0, 1])
        Picture(images=(4, 8, 8), predictions=(4,), labels=(4,))
    """
    tiles = _tiles(images)
    columns = as_integer("image_grid", "columns", columns_of(len(tiles)) if columns is None else columns, 1)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    ax = axes_for("image_grid", ax, path, (TILE * columns, TILE * rows * 1.05))
    classes = {
        name: as_labels("image_grid", name, values)
        for name, values in (("predictions", predictions), ("labels", labels))
        if values is not None
    }
    if any(len(values) < len(tiles) for values in classes.values()):
        lengths = {name: len(values) for name, values in classes.items()}
        raise ValueError(f"image_grid: each image needs a class. Received: {len(tiles)} images, {lengths}")
    classes = {name: values[: len(tiles)] for name, values in classes.items()}
    count = max((int(values.max()) + 1 for values in classes.values()), default=0)
    draw_grid(ax, tiles, columns, as_names("image_grid", class_names, count), **classes)
    return finish(ax, path, {"images": tiles, **classes})


def _tiles(images: ArrayLike) -> np.ndarray:
    """Return the first images as they are drawn."""
    array = as_numbers("image_grid", "images", images)
    if array.ndim == 4 and config.image_data_format() == "channels_first":
        array = np.moveaxis(array, 1, -1)
    array = array[..., None] if array.ndim == 3 else array
    if array.ndim != 4 or not array.size or array.shape[-1] not in (1, 3):
        raise ValueError(
            "image_grid: images must have the shape (N, H, W), (N, H, W, 1) or (N, H, W, 3). "
            f"Received: images.shape={array.shape}"
        )
    return shown(array[:MOST])


def draw_grid(
    ax: Axes,
    tiles: np.ndarray,
    columns: int,
    names: Sequence[str],
    predictions: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> None:
    """Draw images (N, H, W) or (N, H, W, 3) with titles."""
    titles = labels if predictions is None else predictions
    for i, panel in enumerate(panels(ax, len(tiles), columns, gap=0.05 if titles is None else 0.2)):
        panel.imshow(tiles[i], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        without_ticks(panel)
        if titles is None:
            continue
        wrong = predictions is not None and labels is not None and predictions[i] != labels[i]
        title = names[titles[i]] + (f", not {names[labels[i]]}" if wrong else "")  # type: ignore[index]
        panel.set_title(title, fontsize=8, pad=2, color=WRONG if wrong else "black")
        if wrong:
            panel.spines[:].set(color=WRONG, linewidth=3)
