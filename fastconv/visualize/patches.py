"""The patches of images that make filters respond most."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.arguments import as_integer, plain
from fastconv.backends.gpu.transfer import to_host
from fastconv.typing import AnyModel
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import (
    as_batch,
    as_filter,
    channels_last,
    channels_of,
    image_network,
    last_with_maps,
    maps_of,
)
from fastconv.visualize.drawing import LINE, mosaic, show_colours, shown, without_ticks
from fastconv.visualize.extents import Extents, extents_of
from fastconv.visualize.network import Network, Place, batches
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

SHOWN = 8  # filters that are drawn if none are named


def top_patches(
    model: AnyModel,
    images: Any,
    layer: Any = None,
    filters: Any = None,
    k: int = 9,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw the k patches of images for which filters have their largest activations (Zeiler and Fergus 2014).

    A patch is the receptive field of an activation. Each image gives at most one patch for a filter, at its largest
    activation. Pixels outside the image are 0.

    Args:
        model: a built model whose input is images.
        images: (N, H, W, C), or (N, H, W) if images have a single channel; (N, C, H, W) if the data format of the model
            is "channels_first".
        layer: the name of a layer whose output has spatial axes, or the layer; None for the last such layer. Default:
            None.
        filters: an int or a list of ints, channels of the layer's output; None for the first eight. Default: None.
        k: int >= 1. The number of patches of each filter, at most the number of images. Default: 9.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "patches" (filters, k, height, width, C), "activations" (filters, k) in decreasing order,
        "images" (filters, k), the indices of images, and "places" (filters, k, 2), rows and columns of the layer's
        output.

    Raises:
        ValueError: the images do not fit the model, there is no such layer or filter, or its receptive field is not
            known.

    Example:
        >>> model = Sequential([Input((8, 8, 1)), layers.Conv2D(4, 3)])
        >>> visualize.top_patches(model, np.random.rand(20, 8, 8), k=5)
        Picture(patches=(4, 5, 3, 3, 1), activations=(4, 5), images=(4, 5), places=(4, 5, 2))
    """
    ax = axes_for("top_patches", ax, path, (7, 7))
    network = image_network("top_patches", model)
    batch = as_batch("top_patches", "images", network, images)
    place = last_with_maps("top_patches", network) if layer is None else maps_of("top_patches", network, layer)
    chosen = _filters(network, place, filters)
    k = min(as_integer("top_patches", "k", k, 1), len(batch))
    extents = extents_of("top_patches", network, place.outputs[0])[place.outputs[0]]
    values, places = _largest(network, place, batch, chosen)
    best = np.argsort(-values, axis=0, kind="stable")[:k].T  # (filters, k)
    rows = np.arange(len(chosen))[:, None]
    places = places[best, rows]
    pictures = channels_last(network, batch)
    patches = np.stack([_patches(pictures, *found, extents) for found in zip(best, places)])
    _draw_patches(ax, patches, chosen, place.name)
    arrays = {"patches": patches, "activations": values[best, rows], "images": best, "places": places}
    return finish(ax, path, arrays)


def _filters(network: Network, place: Place, filters: Any) -> list[int]:
    """Return the filters that were asked for."""
    if filters is None:
        count = channels_of(network, place)
        return list(range(min(SHOWN, count)))
    given = plain(filters)
    several = given if isinstance(given, (list, tuple, range)) else [given]
    if not several:
        raise ValueError(f"top_patches: filters must name at least one filter. Received: filters={filters!r}")
    return [as_filter("top_patches", network, place, each) for each in several]


def _largest(network: Network, place: Place, batch: np.ndarray, filters: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest activation of each image and filter (N, filters), and its place (N, filters, 2)."""
    values, places = [], []
    for part in batches(batch):
        maps = channels_last(network, to_host(network.run([part])[place.outputs[0]]))[..., filters]
        flat = maps.reshape(len(maps), -1, len(filters))
        at = flat.argmax(axis=1)
        values.append(np.take_along_axis(flat, at[:, None], axis=1)[:, 0])
        places.append(np.stack(np.divmod(at, maps.shape[2]), axis=-1))
    return np.concatenate(values), np.concatenate(places)


def _patches(images: np.ndarray, indices: np.ndarray, places: np.ndarray, extents: Extents) -> np.ndarray:
    """Return the receptive fields (k, height, width, C) of activations."""
    sizes = images.shape[1:3]
    found = []
    for index, place in zip(indices, places):
        (top, bottom), (left, right) = (e.pixels(int(i), n) for e, i, n in zip(extents, place, sizes))
        patch = np.zeros((bottom - top + 1, right - left + 1, images.shape[-1]), images.dtype)
        rows = slice(max(top, 0), min(bottom + 1, sizes[0]))
        columns = slice(max(left, 0), min(right + 1, sizes[1]))
        inside = images[index, rows, columns]
        y, x = rows.start - top, columns.start - left
        patch[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
        found.append(patch)
    return np.stack(found)


def _draw_patches(ax: Axes, patches: np.ndarray, filters: list[int], name: str) -> None:
    """Draw the patches of each filter as a row."""
    count, k = patches.shape[:2]
    tiles = shown(patches).reshape(count * k, *patches.shape[2:4], *((3,) if patches.shape[-1] == 3 else ()))
    sheet = mosaic(tiles, k)
    if tiles.ndim == 4:
        show_colours(ax, sheet, f"{name}: patches of the largest activations")
    else:
        ax.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        without_ticks(ax, f"{name}: patches of the largest activations")
        ax.set_facecolor(LINE)
    height = (sheet.shape[0] + 1) / count
    ax.set_yticks([(i + 0.5) * height - 1 for i in range(count)], [f"filter {f}" for f in filters], fontsize=8)
    ax.tick_params(length=0)
