"""The outputs of layers: activations of any layer, and the feature maps of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv.backends.gpu.transfer import to_host
from fastconv.engine.tree import leaves, ordered
from fastconv.typing import AnyModel, Tree
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import (
    as_batch,
    as_image,
    as_numbers,
    channels_last,
    find_layer,
    has_maps,
    image_network,
    last_with_maps,
    maps_of,
)
from fastconv.visualize.drawing import columns_of, mosaic, panels, show_map, without_ticks
from fastconv.visualize.network import Network, Place, network_of
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

MOST_ROWS, MOST_TILES = 16, 16  # of images and of maps that a picture of activations shows
IN_A_ROW = 8  # maps of each layer in a picture of all layers


def activations(model: AnyModel, x: Tree, layer: Any, ax: Axes | None = None, path: FilePath | None = None) -> Picture:
    """Draw the outputs of a layer for a batch.

    Maps have a row for each image, of at most 16 images and 16 channels. Outputs with other axes are drawn as a table
    with a row for each sample.

    Args:
        model: a built model.
        x: the inputs of the model, for a batch or a single sample; a list if the model has several inputs.
        layer: the name of a layer, such as "conv1" or "encoder/conv1", or the layer.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "activations", the outputs of the layer in the model's order of axes.

    Raises:
        ValueError: the layer does not exist, or the inputs do not fit.

    Example:
        >>> model = Sequential([Input((4,)), layers.Dense(3, name="hidden"), layers.Dense(1)])
        >>> visualize.activations(model, np.zeros((5, 4)), "hidden")
        Picture(activations=(5, 3))
    """
    ax = axes_for("activations", ax, path, (7, 5))
    network = network_of("activations", model)
    place = find_layer("activations", network, layer)
    values = to_host(network.run(_inputs(network, x))[place.outputs[0]])
    draw_activations(ax, channels_last(network, values), place.name)
    return finish(ax, path, {"activations": values})


def _inputs(network: Network, x: Tree) -> list[np.ndarray]:
    """Return the inputs of a network, each with a batch axis."""
    if len(network.inputs) == 1:
        return [as_batch("activations", "x", network, x)]
    given = [as_numbers("activations", "x", leaf) for leaf in leaves(ordered(x))]
    wanted = [t.shape for t in network.inputs]
    if [a.ndim for a in given] != [len(shape) for shape in wanted] or len({len(a) for a in given}) != 1:
        raise ValueError(
            f"activations: x must hold a batch for each input of the model, of the shapes {wanted}. "
            f"Received: shapes={[a.shape for a in given]}"
        )
    return given


def draw_activations(ax: Axes, values: np.ndarray, title: str) -> None:
    """Draw the outputs of a layer (N, H, W, C), or (N, ...) as a table."""
    if values.ndim == 4:
        part = values[:MOST_ROWS, ..., :MOST_TILES]
        tiles = np.moveaxis(part, -1, 1).reshape(-1, *part.shape[1:3])  # in the order image, channel
        show_map(ax, mosaic(tiles, part.shape[-1]), title)
        ax.set(xlabel=f"channels ({part.shape[-1]} of {values.shape[-1]})", ylabel="images")
        return
    show_map(ax, values.reshape(len(values), -1), title)
    ax.set_aspect("auto")
    ax.set(xlabel="units", ylabel="samples")


def feature_maps(
    model: AnyModel,
    image: Any,
    layer: Any = None,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw the feature maps of an image: all maps of a layer, or a row of eight maps for each layer.

    Args:
        model: a built model whose input is images.
        image: (H, W, C) or (1, H, W, C), or (H, W) if images have a single channel; (C, H, W) if the data format of the
            model is "channels_first".
        layer: the name of a layer whose output has maps, or the layer; a list of these; None for all layers with maps.
            Default: None.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with an array (H, W, C) for each layer, under its name.

    Raises:
        ValueError: the image does not fit, or a layer does not exist or has no maps.

    Example:
        >>> model = Sequential([Input((8, 8, 1)), layers.Conv2D(6, 3, name="conv"), layers.MaxPooling2D(name="pool")])
        >>> visualize.feature_maps(model, np.zeros((8, 8)))
        Picture(conv=(6, 6, 6), pool=(3, 3, 6))
    """
    network = image_network("feature_maps", model)
    places = _places(network, layer)
    ax = axes_for("feature_maps", ax, path, (7, 5) if len(places) == 1 else (7, 0.95 * len(places)))
    values = network.run([as_image("feature_maps", network, image)])
    maps = {p.name: channels_last(network, to_host(values[p.outputs[0]]))[0] for p in places}
    draw_feature_maps(ax, maps)
    return finish(ax, path, maps)


def _places(network: Network, layer: Any) -> list[Place]:
    """Return the layers that were asked for."""
    if layer is None:
        found = [p for p in network.places if has_maps(p)]
        return found or [last_with_maps("feature_maps", network)]
    several = layer if isinstance(layer, Sequence) and not isinstance(layer, str) else [layer]
    return [maps_of("feature_maps", network, each) for each in several]


def draw_feature_maps(ax: Axes, maps: dict[str, np.ndarray]) -> None:
    """Draw the maps (H, W, C) of a layer as a square, or those of several layers as rows."""
    if len(maps) == 1:
        ((name, values),) = maps.items()
        show_map(ax, mosaic(np.moveaxis(values, -1, 0), columns_of(values.shape[-1])), name)
        return
    for row, (name, values) in zip(panels(ax, len(maps), 1, gap=0.15), maps.items()):
        some = np.moveaxis(values[..., :IN_A_ROW], -1, 0)
        empty = np.full((IN_A_ROW - len(some), *values.shape[:2]), np.nan)
        show_map(row, mosaic(np.concatenate([some, empty]), IN_A_ROW))
        without_ticks(row)
        row.set_frame_on(False)
        size = "x".join(map(str, values.shape))
        row.set_ylabel(f"{name}\n{size}", rotation=0, ha="right", va="center", fontsize=8)
