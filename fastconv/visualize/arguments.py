"""Checks of arguments that several functions share: images, batches, layers, classes."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastconv.layers as layers
from fastconv.arguments import as_integer
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import KerasTensor
from fastconv.typing import AnyModel
from fastconv.visualize.network import Network, Place, network_of

IMAGE_AXES = 4  # batch, height, width, channel


def image_network(owner: str, model: AnyModel) -> Network:
    """Return the network of a model with a single input, which is a batch of images.

    Raises:
        TypeError, ValueError: as for `network_of`, or the model has other inputs.
    """
    network = network_of(owner, model)
    shapes = [t.shape for t in network.inputs]
    if len(shapes) != 1 or len(shapes[0]) != IMAGE_AXES:
        raise ValueError(
            f"{owner}: the model must have a single input, a batch of images with 4 axes. "
            f"Received: {network.name}, input shapes={shapes}"
        )
    return network


def as_image(owner: str, network: Network, image: Any) -> np.ndarray:
    """Return an image, (H, W, C) or (1, H, W, C), or (H, W) if it has one channel, as a batch of one.

    Raises:
        ValueError: it has another shape, or is not a number everywhere.
    """
    batch = as_batch(owner, "image", network, image)
    if len(batch) != 1:
        raise ValueError(f"{owner}: image must be a single image. Received: image.shape={np.shape(image)}")
    return batch


def as_batch(owner: str, name: str, network: Network, images: Any) -> np.ndarray:
    """Return images (N, H, W, C), or a single image without the batch axis, in the dtype that the model computes with.

    Raises:
        ValueError: they have another shape, there are none, or a value is not finite.
    """
    wanted = network.inputs[0].shape[1:]
    array = as_numbers(owner, name, images)
    batch = _with_axes(array, wanted, network.channels_first)
    if batch is None or not len(batch):
        raise ValueError(
            f"{owner}: {name} must have the shape of the model's input, {wanted}, with or without a batch axis. "
            f"Received: {name}.shape={array.shape}"
        )
    dtype = network.inputs[0].dtype
    return batch.astype(dtype if dtype.kind == "f" else np.float32)  # gradients need floats


def as_numbers(owner: str, name: str, values: Any) -> np.ndarray:
    """Return numbers as an array of floats.

    Raises:
        ValueError: a value is not a finite number.
    """
    try:
        array = np.asarray(to_host(values))
        array = array if array.dtype == np.float64 else array.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{owner}: {name} must be an array of numbers. Received: {type(values).__name__}") from error
    if not np.isfinite(array).all():
        raise ValueError(f"{owner}: {name} must be finite. Received: {name} with NaN or infinity")
    return array


def _with_axes(array: np.ndarray, wanted: tuple[int | None, ...], channels_first: bool) -> np.ndarray | None:
    """Return the array with batch and channel axes, or None if it does not fit."""
    channel = 1 if channels_first else -1
    grey = len(wanted) > 1 and wanted[0 if channels_first else -1] == 1
    candidates = [array, array[None]]
    if grey:
        candidates += [np.expand_dims(array, channel)] * (array.ndim > 1) + [np.expand_dims(array[None], channel)]
    fits = (x for x in candidates if x.ndim == len(wanted) + 1 and _fit(x.shape[1:], wanted))
    return next(fits, None)


def _fit(sizes: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return all(m is None or n == m for n, m in zip(sizes, wanted)) and 0 not in sizes


def channels_last(network: Network, images: np.ndarray) -> np.ndarray:
    """Return images or maps (N, H, W, C); a batch of other arrays is unchanged."""
    moved = network.channels_first and images.ndim == IMAGE_AXES
    return np.moveaxis(images, 1, -1) if moved else images


def in_data_format(network: Network, images: np.ndarray) -> np.ndarray:
    """Return images (N, H, W, C) with the axes of the network's data format."""
    return np.moveaxis(images, -1, 1) if network.channels_first else images


def find_layer(owner: str, network: Network, layer: Any) -> Place:
    """Return the place of a layer, given as its name or as the layer itself; the first if it is called several times.

    Raises:
        ValueError: there is no such layer, or several layers have the name.
    """
    found = [p for p in network.places if layer is p.operation or (isinstance(layer, str) and layer == p.name)]
    if not found and isinstance(layer, str):
        found = [p for p in network.places if p.name.rpartition("/")[2] == layer]
    if not found or any(p.operation is not found[0].operation for p in found):
        rule = "layer must be the name of a layer, or a layer of the model"
        names = list(dict.fromkeys(p.name for p in network.places))
        raise ValueError(f"{owner}: {rule}. Received: layer={layer!r}; layers: {names}")
    return found[0]


def last_with_maps(owner: str, network: Network) -> Place:
    """Return the last layer whose output has maps of more than a single place.

    Raises:
        ValueError: there is none.
    """
    spatial = slice(2, 4) if network.channels_first else slice(1, 3)
    found = [p for p in network.places if has_maps(p) and p.outputs[0].shape[spatial] != (1, 1)]
    if not found:
        raise ValueError(
            f"{owner}: the model must have a layer with spatial axes, such as Conv2D. "
            f"Received: {network.name}, layers {[p.name for p in network.places]}"
        )
    return found[-1]


def has_maps(place: Place) -> bool:
    """Whether the output of a layer is a batch of maps (N, H, W, C) or (N, C, H, W)."""
    return isinstance(place.operation, layers.Layer) and [len(t.shape) for t in place.outputs] == [IMAGE_AXES]


def maps_of(owner: str, network: Network, layer: Any) -> Place:
    """Return the place of a layer whose output has spatial axes.

    Raises:
        ValueError: there is no such layer, or its output has no spatial axes.
    """
    place = find_layer(owner, network, layer)
    if not has_maps(place):
        usable = list(dict.fromkeys(p.name for p in network.places if has_maps(p)))
        shapes = [t.shape for t in place.outputs]
        raise ValueError(
            f"{owner}: the output of the layer must have spatial axes, (batch, height, width, channel). "
            f"Received: layer={place.name!r} with output shapes={shapes}; layers with spatial axes: {usable}"
        )
    return place


def channels_of(network: Network, place: Place) -> int:
    """Return the number of channels, or of units, of a layer's output."""
    shape = place.outputs[0].shape
    return int(shape[1 if network.channels_first and len(shape) == IMAGE_AXES else -1] or 0)


def as_filter(owner: str, network: Network, place: Place, index: Any) -> int:
    """Return the index of a filter. Raises ValueError if the layer's output has no such channel."""
    return as_integer(owner, f"filter of {place.name}", index, 0, channels_of(network, place) - 1)


def output_of(owner: str, network: Network) -> KerasTensor:
    """Return the output of a network that has a score for each class.

    Raises:
        ValueError: the model has several outputs, or the output has other axes.
    """
    shapes = [t.shape for t in network.outputs]
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise ValueError(
            f"{owner}: the model must have a single output with the axes (batch, class). "
            f"Received: {network.name}, output shapes={shapes}"
        )
    return network.outputs[0]


def as_class(owner: str, class_index: int | None, scores: np.ndarray) -> int:
    """Return the index of a class; that of the largest of the scores if it is None.

    Raises:
        ValueError: there is no such class.
    """
    if class_index is None:
        return int(np.argmax(scores))
    return as_integer(owner, "class_index", class_index, 0, len(scores) - 1)
