"""The filters of a convolutional layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.layers.conv import Windowed
from fastconv.typing import AnyModel
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import find_layer
from fastconv.visualize.drawing import columns_of, mosaic, show_colours, show_map
from fastconv.visualize.network import Network, Place, network_of
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

COLOURS = 3
MOST_FILTERS, MOST_CHANNELS = 64, 32  # that are drawn
SEQUENCE_AXES = 3  # of the kernel of a convolution over a sequence: taps, channels, filters


def filters(model: AnyModel, layer: Any = None, ax: Axes | None = None, path: FilePath | None = None) -> Picture:
    """Draw the filters of a convolutional layer.

    Filters with three input channels are drawn as colours, with grey for 0. Filters with a single input channel form a
    square. Other filters have a row each, with a tile for each input channel. Filters over sequences are drawn as
    images of taps and channels. Blue is positive and red is negative. At most 64 filters and 32 channels are drawn.

    Args:
        model: a built model.
        layer: the name of a layer with a kernel of one or two spatial axes, or the layer. None for the first such
            layer. Default: None.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "filters" (filters, KH, KW, channels), or (filters, taps, channels, 1).

    Raises:
        ValueError: the layer has no such kernel, or does not exist.

    Example:
        >>> model = Sequential([Input((8, 8, 1)), layers.Conv2D(6, 3)])
        >>> visualize.filters(model)
        Picture(filters=(6, 3, 3, 1))
    """
    kernels = _filters_of(network_of("filters", model), layer)
    ax = axes_for("filters", ax, path, (6, 5))
    draw_filters(ax, kernels)
    return finish(ax, path, {"filters": kernels})


def _filters_of(network: Network, layer: Any) -> np.ndarray:
    """Return the kernel of a layer with the axis of filters first."""
    with_kernel = [p for p in network.places if _has_kernel(p)]
    place = find_layer("filters", network, layer) if layer is not None else next(iter(with_kernel), None)
    if place is None or not _has_kernel(place):
        raise ValueError(
            "filters: the layer must have a kernel with one or two spatial axes, channels and filters. "
            f"Received: layer={layer!r}; layers with such kernels: {[p.name for p in with_kernel]}"
        )
    kernel = place.operation.kernel.numpy()
    if kernel.ndim == SEQUENCE_AXES:
        kernel = kernel[:, :, None, :]
    depthwise = hasattr(place.operation, "depth_multiplier")  # the last axis counts filters of a single channel
    kernel = kernel.reshape(*kernel.shape[:2], 1, -1) if depthwise else kernel
    return np.moveaxis(kernel, -1, 0)


def _has_kernel(place: Place) -> bool:
    kernel = getattr(place.operation, "kernel", None)
    axes = (SEQUENCE_AXES, SEQUENCE_AXES + 1)
    return kernel is not None and len(kernel.shape) in axes and isinstance(place.operation, Windowed)


def draw_filters(ax: Axes, kernels: np.ndarray) -> None:
    """Draw the first filters (filters, KH, KW, channels)."""
    total = f"{kernels.shape[-1]} input channels, {len(kernels)} filters"
    kernels = kernels[:MOST_FILTERS]
    kernels = kernels if kernels.shape[-1] == COLOURS else kernels[..., :MOST_CHANNELS]
    count, channels = len(kernels), kernels.shape[-1]
    if channels == COLOURS:
        limit = float(np.abs(kernels).max()) or 1.0
        show_colours(ax, mosaic(0.5 + kernels / (2 * limit), columns_of(count)))
        return
    tiles = np.moveaxis(kernels, -1, 1).reshape(-1, *kernels.shape[1:3])  # in the order filter, channel
    show_map(ax, mosaic(tiles, columns_of(count) if channels == 1 else channels), signed=True)
    if channels > 1:
        ax.set(xlabel=f"input channels ({channels} drawn)", ylabel=f"filters ({count} drawn)", title=total)
