"""ZFNet's deconvolution: the pattern in an image that makes a filter respond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastconv.activations as activations
import fastconv.layers as layers
import fastconv.ops as ops
from fastconv.backends.gpu.transfer import to_current_device, to_host
from fastconv.engine import KerasTensor, value_and_grad
from fastconv.typing import AnyModel, Array
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import (
    as_filter,
    as_image,
    channels_last,
    image_network,
    in_data_format,
    last_with_maps,
    maps_of,
)
from fastconv.visualize.drawing import panels, show_image, show_map
from fastconv.visualize.network import Network, Step, Values, with_activation
from fastconv.visualize.picture import Axes, Picture, axes_for, finish


def deconvnet(
    model: AnyModel,
    image: Any,
    layer: Any = None,
    filter_index: int | None = None,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw the largest activation of a filter, projected back to the pixels of the image (Zeiler and Fergus 2014).

    All other activations of the layer are set to 0. On the way back, a convolution becomes its transpose, maximum
    pooling puts each number back to the place of the maximum, and relu is applied to the numbers that pass it, whatever
    the signs of the activations were. Other layers pass on their gradient.

    Args:
        model: a built model whose input is images.
        image: (H, W, C) or (1, H, W, C), or (H, W) if images have a single channel; (C, H, W) if the data format of the
            model is "channels_first".
        layer: the name of a layer whose output has spatial axes, or the layer; None for the last such layer. Default:
            None.
        filter_index: int or None. The filter; None for the filter with the largest activation. Default: None.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "reconstruction" (H, W, C), "activation" (), and "place" (3,), the row, column and filter of the
        activation.

    Raises:
        ValueError: the image does not fit the model, or there is no such layer or filter.

    Example:
        >>> model = Sequential([Input((6, 6, 1)), layers.Conv2D(2, 3, kernel_initializer="ones")])
        >>> picture = visualize.deconvnet(model, np.ones((6, 6)))
        >>> float(picture["activation"]), float(picture["reconstruction"].sum())
        (9.0, 81.0)
    """
    ax = axes_for("deconvnet", ax, path, (7, 3.5))
    network = image_network("deconvnet", model)
    batch = as_image("deconvnet", network, image)
    place = last_with_maps("deconvnet", network) if layer is None else maps_of("deconvnet", network, layer)
    index = None if filter_index is None else as_filter("deconvnet", network, place, filter_index)
    values = network.run([batch])
    maps = channels_last(network, to_host(values[place.outputs[0]]))
    chosen = maps if index is None else maps[..., index : index + 1]
    row, column, channel = (int(i) for i in np.unravel_index(np.argmax(chosen), chosen.shape)[1:])
    channel = channel if index is None else index
    signal = np.zeros_like(maps)
    signal[0, row, column, channel] = maps[0, row, column, channel]
    back = project(network, values, place.outputs[0], in_data_format(network, signal))
    found = channels_last(network, back)[0]
    left, right = panels(ax, 2, 2)
    show_image(left, channels_last(network, batch)[0], "image")
    title = f"filter {channel} of {place.name} at ({row}, {column})"
    _draw_reconstruction(right, found, title)
    arrays = {
        "reconstruction": found,
        "activation": maps[0, row, column, channel],
        "place": np.array([row, column, channel]),
    }
    return finish(ax, path, arrays)


def _draw_reconstruction(ax: Axes, found: np.ndarray, title: str) -> None:
    """Draw three channels as colours around grey, and others as their sum."""
    if found.shape[-1] == 3:
        limit = float(np.abs(found).max()) or 1.0
        show_image(ax, 0.5 + found / (2 * limit), title)
    else:
        show_map(ax, found.sum(axis=-1), title, signed=True)


def project(network: Network, values: Values, tensor: KerasTensor, signal: np.ndarray) -> np.ndarray:
    """Return the signal at `tensor`, projected back to the input of the network."""
    signals: dict[KerasTensor, Array] = {tensor: to_current_device(signal)}
    for step in reversed(network.steps):
        if any(t in signals for t in step.outputs):
            outgoing = [signals.get(t) for t in step.outputs]
            for t, passed in zip(step.inputs, _back(step, values, outgoing)):
                signals[t] = signals[t] + passed if t in signals else passed
    (start,) = network.inputs
    return to_host(signals[start])


def _back(step: Step, values: Values, outgoing: list[Any]) -> list[Any]:
    """Return the signals at the inputs of a step, for those at its outputs."""
    if is_relu(step.operation):
        return [_relu(outgoing[0])]
    if is_relu(getattr(step.operation, "activation", None)):
        outgoing = [_relu(outgoing[0])]
        linear = with_activation(step.operation, activations.linear)
        step = Step(step.name, linear, step.args, step.kwargs, step.outputs)

    def inner_product(given: list[Array]) -> Array:
        results = step.run(dict(zip(step.inputs, given)))
        return _sum([ops.sum(y * s) for y, s in zip(results, outgoing) if s is not None])

    return list(value_and_grad(inner_product)([values[t] for t in step.inputs])[1])


def _sum(terms: list[Array]) -> Array:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _relu(signal: Array) -> Array:
    return ops.relu(signal)


def is_relu(operation: Callable[..., Any] | None) -> bool:
    """Whether an operation is relu: the layer, the function, or a layer `Activation` of it."""
    if isinstance(operation, layers.ReLU):
        return True
    function = operation.activation if isinstance(operation, layers.Activation) else operation
    return getattr(function, "__name__", "") == "relu"
