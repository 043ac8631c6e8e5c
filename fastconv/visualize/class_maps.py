"""Grad-CAM: the places of the feature maps that speak for a class."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.backends.gpu.transfer import to_host
from fastconv.typing import AnyModel
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import channels_last, last_with_maps, maps_of
from fastconv.visualize.drawing import panels, show_image, show_over
from fastconv.visualize.gradients import target_of
from fastconv.visualize.picture import Axes, Picture, axes_for, finish


def grad_cam(
    model: AnyModel,
    image: Any,
    class_index: int | None = None,
    layer: Any = None,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw relu(sum_k w_k A_k) over the image; A_k are maps of a layer (Selvaraju et al. 2017).

    w_k is the mean of d score / d A_k over the places of the map. The score of a class is the model's output, before a
    softmax or sigmoid at its end. If only global average pooling and a dense layer follow the maps, w_k is the weight
    of the dense layer divided by the number of places, as in CAM.

    Args:
        model: a built model whose input is images and whose output is a number for each class.
        image: (H, W, C) or (1, H, W, C), or (H, W) if images have a single channel; (C, H, W) if the data format of the
            model is "channels_first".
        class_index: int or None. The class; None for the predicted class. Default: None.
        layer: the name of a layer whose output has spatial axes, or the layer; None for the last such layer. Default:
            None.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "heatmap" (h, w) of the size of the layer's maps, and "weights" (C,).

    Raises:
        ValueError: the image or the class does not fit the model, or the layer has no spatial axes.

    Example:
        >>> model = Sequential([Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
        >>> visualize.grad_cam(model, np.zeros((8, 8)))
        Picture(heatmap=(6, 6), weights=(4,))
    """
    ax = axes_for("grad_cam", ax, path, (7, 3.5))
    target = target_of("grad_cam", model, image, class_index)
    network = target.network
    place = last_with_maps("grad_cam", network) if layer is None else maps_of("grad_cam", network, layer)
    values = network.run([target.image])
    gradient = network.gradient(target.score, values, place.outputs[0])
    maps = channels_last(network, to_host(values[place.outputs[0]]))[0]
    weights = channels_last(network, gradient)[0].mean(axis=(0, 1))
    heatmap = np.maximum(maps @ weights, 0)
    left, right = panels(ax, 2, 2)
    picture = channels_last(network, target.image)[0]
    show_image(left, picture, "image")
    show_over(right, picture, heatmap, f"Grad-CAM of {place.name}, class {target.class_index}")
    return finish(ax, path, {"heatmap": heatmap, "weights": weights})
