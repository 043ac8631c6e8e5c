"""Images that maximise the score of a class or the activation of a filter, by gradient ascent."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import fastconv.ops as ops
from fastconv.arguments import as_integer, as_number, as_seed
from fastconv.engine import KerasTensor
from fastconv.typing import AnyModel, Array
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import (
    as_filter,
    as_image,
    channels_last,
    find_layer,
    image_network,
    in_data_format,
    output_of,
)
from fastconv.visualize.drawing import panels, show_image
from fastconv.visualize.network import Network, Values, without_last_activation
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

NOISE = 0.1  # standard deviation of the first image around the middle grey, as a fraction of the range
UNKNOWN = 64  # pixels of an axis whose size the model leaves open


class Goal(NamedTuple):
    """The number to maximise: the mean of a channel of a tensor.

    Attributes:
        network: the network that computes it.
        tensor: the output of a layer, or the scores of classes.
        index: of the channel or class.
        title: of the picture.
    """

    network: Network
    tensor: KerasTensor
    channel: int
    title: str

    def value(self, values: Values) -> Array:
        """Return the number for the values of all tensors."""
        found = values[self.tensor]
        maps = found.ndim == 4 and self.network.channels_first
        return ops.mean(found[:, self.channel] if maps else found[..., self.channel])


def maximize(
    model: AnyModel,
    class_index: int | None = None,
    layer: Any = None,
    filter_index: int | None = None,
    steps: int = 100,
    step_size: float = 0.02,
    image: Any = None,
    low: float = 0.0,
    high: float = 1.0,
    seed: int = 0,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw an image for which the score of a class, or the mean activation of a filter, is large (Erhan et al. 2009).

    The image follows the gradient in steps of equal length, and stays between `low` and `high`. The score of a class is
    the model's output, before a softmax or sigmoid at its end.

    Args:
        model: a built model whose input is images.
        class_index: int or None. The class; None if a layer and a filter are given. Default: None.
        layer: the name of a layer, or the layer, or None. Default: None.
        filter_index: int or None. The filter, a channel of the layer's output. Default: None.
        steps: int >= 0. The number of steps. Default: 100.
        step_size: float > 0. The mean change of a pixel in a step, as a fraction of the range. Default: 0.02.
        image: the first image, or None for the middle grey with some noise. Default: None.
        low, high: floats. The range of pixels. Default: 0 and 1.
        seed: int. The seed of the noise. Default: 0.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "image" (H, W, C), the image of the largest number, and "scores" (steps + 1,), the numbers before
        the first step and after each step.

    Raises:
        ValueError: there is no such class, layer or filter, neither or both are given, or a number is out of its range.

    Example:
        >>> model = Sequential([Input((4, 4, 1)), layers.Flatten(), layers.Dense(2)])
        >>> scores = visualize.maximize(model, class_index=1, steps=5)["scores"]
        >>> bool(scores.max() > scores[0])
        True
    """
    ax = axes_for("maximize", ax, path, (7, 3.5))
    goal = _goal(image_network("maximize", model), class_index, layer, filter_index)
    steps = as_integer("maximize", "steps", steps, 0)
    low = as_number("maximize", "low", low, below=math.inf)
    high = as_number("maximize", "high", high, above=low, below=math.inf)
    length = as_number("maximize", "step_size", step_size, above=0, below=math.inf) * (high - low)
    start = _start(goal.network, image, low, high, np.random.default_rng(as_seed("maximize", seed)))
    found, scores = _climb(goal, start, steps, length, (low, high))
    picture = channels_last(goal.network, found)[0]
    left, right = panels(ax, 2, 2, gap=0.4)
    show_image(left, picture, goal.title)
    right.plot(scores)
    right.set_xlabel("step")
    right.set_title("score" if layer is None else "mean activation", fontsize=10)
    return finish(ax, path, {"image": picture, "scores": scores})


def _goal(network: Network, class_index: int | None, layer: Any, filter_index: int | None) -> Goal:
    """Return the number that the arguments of a user name."""
    if (class_index is None) == (layer is None) or (layer is None) != (filter_index is None):
        raise ValueError(
            "maximize: give class_index, or layer and filter_index. "
            f"Received: {class_index=}, layer={layer!r}, {filter_index=}"
        )
    if layer is None:
        network = without_last_activation(network)
        tensor = output_of("maximize", network)
        index = as_integer("maximize", "class_index", class_index, 0, int(tensor.shape[-1] or 1) - 1)
        return Goal(network, tensor, index, f"class {index}")
    place = find_layer("maximize", network, layer)
    index = as_filter("maximize", network, place, filter_index)
    return Goal(network, place.outputs[0], index, f"filter {index} of {place.name}")


def _start(network: Network, image: Any, low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    """Return the first image as a batch of one."""
    if image is not None:
        return np.clip(as_image("maximize", network, image), low, high)
    shape = [UNKNOWN if n is None else n for n in network.inputs[0].shape[1:]]
    last = (1, *shape[1:], shape[0]) if network.channels_first else (1, *shape)
    noise = in_data_format(network, rng.standard_normal(last))
    start = np.clip((low + high) / 2 + NOISE * (high - low) * noise, low, high)
    return as_image("maximize", network, start)


def _climb(
    goal: Goal, image: np.ndarray, steps: int, length: float, limits: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best image of gradient ascent, and all scores."""
    (start,) = goal.network.inputs
    best = image
    scores: list[float] = []
    for _ in range(steps + 1):
        score, gradient = goal.network.value_and_gradient(goal.value, goal.network.given([image]), start)
        if not scores or score > max(scores):
            best = image
        scores.append(score)
        image = np.clip(image + length * gradient / (np.abs(gradient).mean() + 1e-12), *limits).astype(image.dtype)
    return best, np.array(scores)
