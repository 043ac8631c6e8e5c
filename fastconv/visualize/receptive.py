"""A picture of receptive fields."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.arguments import as_integer, plain
from fastconv.typing import AnyModel
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import as_image, channels_last, image_network, last_with_maps, maps_of
from fastconv.visualize.drawing import LINES, show_image
from fastconv.visualize.extents import Extents, extents_of
from fastconv.visualize.network import Network, Place
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

INSET = 0.06  # pixels between the outlines of layers


def receptive_field(
    model: AnyModel,
    layer: Any = None,
    position: Any = None,
    image: Any = None,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw the pixels of the input that an element of a layer's output depends on.

    A window of k taps, stride s and dilation d, after layers with a field of n pixels and a stride of j pixels, gives a
    field of n + (k - 1) d j pixels and a stride of j s pixels. Unless a position is given, the fields of the layers
    before it are drawn too, each of the element in the middle.

    Args:
        model: a built model whose input is images of a known size.
        layer: the name of a layer whose output has spatial axes, or the layer; None for the last such layer. Default:
            None.
        position: (row, column) of the element in the layer's output; None for the element in the middle. Default: None.
        image: an image to draw, or None. Default: None.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "size" (2,), "stride" (2,), and "box" (2, 2): the first and the last row, and the first and the
        last column. Rows and columns of padding are negative, or beyond the image.

    Raises:
        ValueError: there is no such layer or position, or the field of a layer is not known.

    Example:
        >>> model = Sequential([Input((11, 11, 1)), layers.Conv2D(2, 3), layers.MaxPooling2D(), layers.Conv2D(2, 3)])
        >>> picture = visualize.receptive_field(model, position=(0, 0))
        >>> picture["size"].tolist(), picture["stride"].tolist(), picture["box"].tolist()
        ([8, 8], [2, 2], [[0, 7], [0, 7]])
    """
    ax = axes_for("receptive_field", ax, path, (5, 5))
    network = image_network("receptive_field", model)
    place = last_with_maps("receptive_field", network) if layer is None else maps_of("receptive_field", network, layer)
    extents = extents_of("receptive_field", network, place.outputs[0])
    sizes = spatial_sizes(network, network.inputs[0].shape)
    if None in sizes:
        raise ValueError(
            "receptive_field: the model must know the size of its images. "
            f"Received: input shape={network.inputs[0].shape}"
        )
    at = _position(network, place, position)
    own = extents[place.outputs[0]]
    box = np.array([e.pixels(i, n) for e, i, n in zip(own, at, sizes)])
    background = np.ones((*sizes, 1)) if image is None else as_image("receptive_field", network, image)[0]
    if image is not None:
        background = channels_last(network, background[None])[0]
    _draw_background(ax, background, grid=image is None)
    shown = [p for p in network.places if p.outputs[0] in extents and len(p.outputs[0].shape) == 4]
    boxes = {p.name: _middle_box(network, p, extents[p.outputs[0]], sizes) for p in shown if position is None}
    _draw_boxes(ax, {**boxes, place.name: box})
    size = np.array([min(e.size, n) for e, n in zip(own, sizes)], int)
    return finish(ax, path, {"size": size, "stride": np.array([e.stride for e in own]), "box": box})


def spatial_sizes(network: Network, shape: Any) -> tuple[int, ...]:
    """Return the height and width of a batch of images."""
    return tuple(shape[2:] if network.channels_first else shape[1:-1])


def _position(network: Network, place: Place, position: Any) -> tuple[int, int]:
    """Return the row and column of an element of the layer's output."""
    height, width = spatial_sizes(network, place.outputs[0].shape)
    if position is None:
        return height // 2, width // 2
    given = plain(position)
    if not isinstance(given, (list, tuple)) or len(given) != 2:
        raise ValueError(f"receptive_field: position must be (row, column). Received: position={position!r}")
    row = as_integer("receptive_field", "the row of position", given[0], 0, height - 1)
    return row, as_integer("receptive_field", "the column of position", given[1], 0, width - 1)


def _middle_box(network: Network, place: Place, extents: Extents, sizes: tuple[int, ...]) -> np.ndarray:
    """Return the field of the element in the middle of a layer's output."""
    middle = [n // 2 for n in spatial_sizes(network, place.outputs[0].shape)]
    return np.array([e.pixels(i, n) for e, i, n in zip(extents, middle, sizes)])


def _draw_background(ax: Axes, image: np.ndarray, grid: bool) -> None:
    """Draw the image, or a grid of its pixels."""
    show_image(ax, image)
    if grid:
        height, width = image.shape[:2]
        ax.hlines(np.arange(height + 1) - 0.5, -0.5, width - 0.5, color="0.85", linewidth=0.5)
        ax.vlines(np.arange(width + 1) - 0.5, -0.5, height - 0.5, color="0.85", linewidth=0.5)


def _draw_boxes(ax: Axes, boxes: dict[str, np.ndarray]) -> None:
    """Draw the outlines of fields, with a legend."""
    from matplotlib.patches import Rectangle

    for i, (name, ((top, bottom), (left, right))) in enumerate(boxes.items()):
        last = i == len(boxes) - 1
        inset = INSET * (len(boxes) - 1 - i)
        corner = (left - 0.5 + inset, top - 0.5 + inset)
        size = (right - left + 1 - 2 * inset, bottom - top + 1 - 2 * inset)
        label = f"{name}: {bottom - top + 1} x {right - left + 1}"
        look: dict[str, Any] = {
            "edgecolor": LINES[i % len(LINES)],
            "facecolor": "none",
            "linewidth": 3.0 if last else 1.6,
        }
        ax.add_patch(Rectangle(corner, *size, label=label, clip_on=False, **look))
    ax.autoscale_view()
    ax.set_frame_on(False)
    ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=2, frameon=False)
