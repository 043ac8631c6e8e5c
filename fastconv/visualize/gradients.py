"""Pixels to which the score of a class is sensitive: saliency, SmoothGrad, integrated gradients."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import fastconv.ops as ops
from fastconv.arguments import as_integer, as_number, as_seed
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import KerasTensor
from fastconv.typing import AnyModel, Array
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import as_class, as_image, channels_last, image_network, in_data_format, output_of
from fastconv.visualize.drawing import panels, show_image, show_map
from fastconv.visualize.network import Network, Values, batches, without_last_activation
from fastconv.visualize.picture import Axes, Picture, axes_for, finish


class Target(NamedTuple):
    """The score of a class, as a function of an image.

    Attributes:
        network: the network without its last softmax or sigmoid.
        image: a batch of one.
        output: the tensor of scores.
        class_index: the class.
    """

    network: Network
    image: np.ndarray
    output: KerasTensor
    class_index: int

    def score(self, values: Values) -> Array:
        """Return the sum of the scores of a batch."""
        return ops.sum(values[self.output][:, self.class_index])

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Return the score of each image."""
        return to_host(self.network.run([images])[self.output])[:, self.class_index]

    def gradients(self, images: np.ndarray) -> np.ndarray:
        """Return the gradient of the score for each image."""
        (start,) = self.network.inputs
        return np.concatenate(
            [self.network.gradient(self.score, self.network.given([part]), start) for part in batches(images)]
        )


def target_of(owner: str, model: AnyModel, image: Any, class_index: int | None) -> Target:
    """Return the target for arguments of users.

    Raises:
        TypeError, ValueError: an argument is invalid.
    """
    network = image_network(owner, model)
    batch = as_image(owner, network, image)
    network = without_last_activation(network)
    output = output_of(owner, network)
    scores = to_host(network.run([batch])[output])[0]
    return Target(network, batch, output, as_class(owner, class_index, scores))


def saliency(
    model: AnyModel,
    image: Any,
    class_index: int | None = None,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw max_c |d score / d image[h, w, c]|: how strongly each pixel changes the score (Simonyan et al. 2014).

    The score of a class is the model's output, before a softmax or sigmoid at its end.

    Args:
        model: a built model whose input is images and whose output is a number for each class.
        image: (H, W, C) or (1, H, W, C), or (H, W) if images have a single channel; (C, H, W) if the data format of the
            model is "channels_first".
        class_index: int or None. The class; None for the predicted class. Default: None.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "saliency" (H, W) and "gradient" (H, W, C).

    Raises:
        ValueError: the image or the class does not fit the model.

    Example:
        >>> model = Sequential([Input((2, 2, 1)), layers.Flatten(), layers.Dense(3, kernel_initializer="ones")])
        >>> visualize.saliency(model, np.zeros((2, 2)), class_index=1)["saliency"].tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    ax = axes_for("saliency", ax, path, (7, 3.5))
    target = target_of("saliency", model, image, class_index)
    gradient = channels_last(target.network, target.gradients(target.image))[0]
    found = np.abs(gradient).max(axis=-1)
    _draw(ax, target, found, "saliency")
    return finish(ax, path, {"saliency": found, "gradient": gradient})


def smooth_grad(
    model: AnyModel,
    image: Any,
    class_index: int | None = None,
    samples: int = 32,
    noise: float = 0.15,
    seed: int = 0,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw the saliency of the mean gradient over noisy copies of the image (Smilkov et al. 2017).

    Args:
        model, image, class_index: as in `saliency`.
        samples: int >= 1. The number of copies. Default: 32.
        noise: float >= 0. The standard deviation of the noise, as a fraction of the image's range. Default: 0.15.
        seed: int. The seed of the noise, which has its own generator. Default: 0.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "saliency" (H, W) and "gradient" (H, W, C), the mean gradient.

    Raises:
        ValueError: the image or the class does not fit the model, or a number is out of its range.

    Example:
        >>> model = Sequential([Input((2, 2, 1)), layers.Flatten(), layers.Dense(3, kernel_initializer="ones")])
        >>> visualize.smooth_grad(model, np.eye(2), class_index=1)["saliency"].tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    ax = axes_for("smooth_grad", ax, path, (7, 3.5))
    samples = as_integer("smooth_grad", "samples", samples, 1)
    noise = as_number("smooth_grad", "noise", noise, 0, below=math.inf)
    rng = np.random.default_rng(as_seed("smooth_grad", seed))
    target = target_of("smooth_grad", model, image, class_index)
    scale = noise * np.ptp(target.image)
    total = np.zeros(target.image.shape, np.float64)
    for _ in range(samples):
        noise_last = rng.standard_normal(channels_last(target.network, target.image).shape)
        noisy = target.image + scale * in_data_format(target.network, noise_last)
        total += target.gradients(noisy.astype(target.image.dtype))
    gradient = channels_last(target.network, total / samples)[0]
    found = np.abs(gradient).max(axis=-1)
    _draw(ax, target, found, "SmoothGrad")
    return finish(ax, path, {"saliency": found, "gradient": gradient})


def integrated_gradients(
    model: AnyModel,
    image: Any,
    class_index: int | None = None,
    baseline: Any = None,
    steps: int = 64,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw (image - baseline) times the mean gradient between the two (Sundararajan et al. 2017).

    The attributions of all pixels add up to score(image) - score(baseline), up to the error of the midpoint rule. Red
    pixels raise the score, and blue pixels lower it.

    Args:
        model, image, class_index: as in `saliency`.
        baseline: an image without information; a number for all pixels; None for 0. Default: None.
        steps: int >= 1. The number of points between baseline and image. Default: 64.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "attributions" (H, W, C) and "scores" (2,), those of the baseline and of the image.

    Raises:
        ValueError: the image, the baseline or the class does not fit the model, or steps is not at least 1.

    Example:
        >>> model = Sequential([Input((2, 2, 1)), layers.Flatten(), layers.Dense(3, kernel_initializer="ones")])
        >>> visualize.integrated_gradients(model, np.eye(2), class_index=1)["attributions"][..., 0].tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    ax = axes_for("integrated_gradients", ax, path, (7, 3.5))
    steps = as_integer("integrated_gradients", "steps", steps, 1)
    target = target_of("integrated_gradients", model, image, class_index)
    start = _baseline(target, baseline)
    difference = target.image - start
    points = ((np.arange(steps) + 0.5) / steps).reshape(-1, 1, 1, 1)
    gradients = target.gradients((start + points * difference).astype(target.image.dtype))
    found = channels_last(target.network, difference * gradients.mean(axis=0, dtype=np.float64))[0]
    scores = target.scores(np.concatenate([start, target.image]))
    _draw(ax, target, found.sum(axis=-1), "integrated gradients", signed=True)
    return finish(ax, path, {"attributions": found, "scores": scores})


def _baseline(target: Target, baseline: Any) -> np.ndarray:
    """Return the baseline as a batch of one."""
    if baseline is None or np.ndim(baseline) == 0:
        value = 0.0 if baseline is None else as_number("integrated_gradients", "baseline", baseline, below=math.inf)
        return np.full_like(target.image, value)
    return as_image("integrated_gradients", target.network, baseline)


def _draw(ax: Axes, target: Target, values: np.ndarray, title: str, signed: bool = False) -> None:
    """Draw the image and the map of its pixels side by side."""
    left, right = panels(ax, 2, 2)
    show_image(left, channels_last(target.network, target.image)[0], "image")
    show_map(right, values, f"{title}, class {target.class_index}", signed)
