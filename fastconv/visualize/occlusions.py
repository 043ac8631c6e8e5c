"""Occlusion: the probability of a class if a part of the image is covered."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.arguments import as_integer, as_number
from fastconv.backends.gpu.transfer import to_host
from fastconv.typing import AnyModel
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import as_class, as_image, channels_last, image_network, output_of
from fastconv.visualize.drawing import panels, show_image, show_over
from fastconv.visualize.network import Network, images_at_once
from fastconv.visualize.picture import Axes, Picture, axes_for, finish


def occlusion(
    model: AnyModel,
    image: Any,
    class_index: int | None = None,
    size: int | None = None,
    stride: int | None = None,
    value: float | None = None,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw how much the output for a class falls if a square of the image is covered (Zeiler and Fergus 2014).

    Args:
        model: a built model whose input is images and whose output is a number for each class.
        image: (H, W, C) or (1, H, W, C), or (H, W) if images have a single channel; (C, H, W) if the data format of the
            model is "channels_first".
        class_index: int or None. The class; None for the predicted class. Default: None.
        size: int >= 1 or None. The side of the square in pixels; None for a quarter of the shorter side. Default: None.
        stride: int >= 1 or None. The step from a square to the next; None for half of `size`. Default: None.
        value: float or None. The value of covered pixels; None for the mean of the image. Default: None.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "drop" (rows, columns), the fall of the output for the square that begins at row i * stride and
        column j * stride, and "output" (), the output for the whole image.

    Raises:
        ValueError: the image or the class does not fit the model, or the square does not fit the image.

    Example:
        >>> model = Sequential([Input((4, 4, 1)), layers.Flatten(), layers.Dense(1, kernel_initializer="ones")])
        >>> visualize.occlusion(model, np.ones((4, 4)), size=2, stride=2, value=0)["drop"].tolist()
        [[4.0, 4.0], [4.0, 4.0]]
    """
    ax = axes_for("occlusion", ax, path, (7, 3.5))
    network = image_network("occlusion", model)
    batch = as_image("occlusion", network, image)
    whole = _outputs(network, batch)[0]
    index = as_class("occlusion", class_index, whole)
    picture = channels_last(network, batch)[0]
    shortest = min(picture.shape[:2])
    size = as_integer("occlusion", "size", max(shortest // 4, 1) if size is None else size, 1, shortest)
    stride = as_integer("occlusion", "stride", max(size // 2, 1) if stride is None else stride, 1)
    value = float(batch.mean()) if value is None else float(as_number("occlusion", "value", value))
    rows, columns = (range(0, n - size + 1, stride) for n in picture.shape[:2])
    corners = [(top, left) for top in rows for left in columns]
    several = images_at_once(batch)
    found = [
        _outputs(network, _covered(network, batch, corners[i : i + several], size, value))[:, index]
        for i in range(0, len(corners), several)
    ]
    drop = whole[index] - np.concatenate(found).reshape(len(rows), len(columns))
    left, right = panels(ax, 2, 2)
    show_image(left, picture, "image")
    show_over(right, picture, drop, f"fall of class {index} if {size}x{size} pixels are covered")
    return finish(ax, path, {"drop": drop, "output": whole[index]})


def _outputs(network: Network, images: np.ndarray) -> np.ndarray:
    """Return the outputs for images."""
    return to_host(network.run([images])[output_of("occlusion", network)])


def _covered(
    network: Network, image: np.ndarray, corners: list[tuple[int, int]], size: int, value: float
) -> np.ndarray:
    """Return copies of an image, each with a covered square."""
    copies = np.repeat(image, len(corners), axis=0)
    for copy, (top, left) in zip(channels_last(network, copies), corners):
        copy[top : top + size, left : left + size] = value
    return copies
