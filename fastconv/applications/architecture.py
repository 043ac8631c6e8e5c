"""Base class of architectures: an input, features, a classifier or pooling, and a file of weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fastconv.config as config
import fastconv.layers as layers
from fastconv.applications.files import stored
from fastconv.applications.imagenet_utils import CLASSES
from fastconv.arguments import as_integer
from fastconv.engine import KerasTensor
from fastconv.models import Model
from fastconv.typing import ActivationLike, ShapeLike

ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"
IMAGENET = "imagenet"


class Architecture:
    """An architecture; calling it creates a model with Keras's names, order and shapes of layers and weights.

    Each family of architectures is a subclass that defines the features.

    Args:
        name: the name of its models.
        files: the address of the file of ImageNet weights, without the ending: "{}.h5" with a classifier, "{}_notop.h5"
            without.
        checksums: MD5 of these two files.

    Example:
        >>> model = applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), alpha=0.35, classes=10)
        >>> model.output_shape
        (None, 10)
    """

    size = 224  # of the images for which the classifier is made
    channels = 3  # of these images
    least = 32  # the smallest size
    pooling_names: tuple[str | None, str | None] = ("avg_pool", "max_pool")

    def __init__(self, name: str, files: str, checksums: tuple[str, str]) -> None:
        self.name = self.__name__ = name
        self.files = files
        self.checksums = checksums

    # ---- methods of a family -------------------------------------------------------------------------------------

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        """Return the features of images x; `weights` is the argument of the call."""
        raise NotImplementedError

    def classify(self, x: KerasTensor, classes: int, activation: ActivationLike | None) -> Any:
        """Return the classes of features x, or a list if the net has several outputs."""
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        return layers.Dense(classes, activation=activation, name="predictions")(x)

    def file(self, include_top: bool) -> Path:
        """Return the file of ImageNet weights."""
        url = f"{self.files}{'' if include_top else '_notop'}.h5"
        return stored(url.rpartition("/")[2], url, f"md5:{self.checksums[0 if include_top else 1]}")

    # ---- models --------------------------------------------------------------------------------------------------

    def __call__(
        self,
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = IMAGENET,
        input_tensor: KerasTensor | None = None,
        input_shape: ShapeLike | None = None,
        pooling: str | None = None,
        classes: int = CLASSES,
        classifier_activation: ActivationLike | None = "softmax",
        name: str | None = None,
    ) -> Model:
        """Create a model.

        Args:
            include_top: bool. Whether to add the classifier. Default: True.
            weights: "imagenet" (default), the path of a file of weights, or None for random weights.
            input_tensor: the symbolic tensor to apply the layers to, or None for a new `Input`. Default: None.
            input_shape: the shape of an image. None means the size of training with a classifier, otherwise any size.
                Default: None.
            pooling: without a classifier, "avg" or "max" over all positions, or None. Default: None.
            classes: int. The number of classes. Default: 1000.
            classifier_activation: the activation of the classifier; None for logits. Default: "softmax".
            name: str or None. The model's name. Default: None.

        Returns:
            A `Model`.

        Raises:
            ImportError: weights must be downloaded, and pooch is not installed.
            OSError: the download failed; the message names the place to put the file.
            ValueError: arguments contradict each other, or the images are too small.
        """
        classes = as_integer(self.name, "classes", classes, 1)
        if weights == IMAGENET:
            self.check_pretrained(include_top, input_shape, classes, classifier_activation)
        if pooling not in (None, "avg", "max"):
            raise ValueError(f"{self.name}: pooling must be None, 'avg' or 'max'. Received: pooling={pooling!r}")
        path = self.file(include_top) if weights == IMAGENET else weights
        x = layers.Input(self.shape(input_shape, include_top)) if input_tensor is None else input_tensor
        y = self.features(x, weights)
        if include_top:
            y = self.classify(y, classes, classifier_activation)
        elif pooling is not None:
            average, largest = self.pooling_names
            is_average = pooling == "avg"
            kind = layers.GlobalAveragePooling2D if is_average else layers.GlobalMaxPooling2D
            y = kind(name=average if is_average else largest)(y)
        model = Model(sources(x), y, name=name or self.name)
        if path is not None:
            model.load_weights(path)
        return model

    def check_pretrained(
        self, include_top: bool, input_shape: Any, classes: int, activation: ActivationLike | None
    ) -> None:
        """Raise ValueError if the ImageNet weights do not fit the requested model."""
        whole = with_channels(3, self.size, self.size)
        has_channels = input_shape is None or (channels_of(input_shape) == 3)
        is_whole = input_shape is None or tuple(input_shape) == whole
        if not has_channels or (
            include_top and not (is_whole and classes == CLASSES and activation in (None, "softmax"))
        ):
            raise ValueError(
                f"{self.name}: weights='imagenet' are for images of three channels, and with a classifier for "
                f"input_shape={whole}, classes={CLASSES} and the activation 'softmax' or None. "
                f"Received: {input_shape=}, {classes=}, classifier_activation={activation!r}"
            )

    def shape(self, given: ShapeLike | None, include_top: bool) -> tuple[int | None, ...]:
        """Return the shape of an image. Raises ValueError if it is too small, or unknown before a classifier."""
        size = self.size if include_top else None
        shape = with_channels(self.channels, size, size) if given is None else tuple(given)
        sides = shape[:2] if channels_are_last() else shape[1:]
        too_small = any(n is not None and n < self.least for n in sides)
        if len(shape) != 3 or too_small or (include_top and None in shape):
            raise ValueError(
                f"{self.name}: input_shape must have three sizes, sides from {self.least} on, and no None with "
                f"include_top=True. Received: input_shape={given!r}"
            )
        return shape


def channels_are_last() -> bool:
    """Return whether layers take channels last."""
    return config.image_data_format() == "channels_last"


def channel_axis() -> int:
    """Return the axis of channels in a batch."""
    return -1 if channels_are_last() else 1


def channels_of(shape: ShapeLike) -> int | None:
    """Return the number of channels of an image of `shape`."""
    return shape[-1 if channels_are_last() else 0]


def channels_in(x: KerasTensor) -> int:
    """Return the number of channels of a batch."""
    channels = x.shape[channel_axis()]
    if channels is None:
        raise ValueError(f"The number of channels must be known. Received: shape={x.shape}")
    return channels


def with_channels(channels: int, height: Any, width: Any) -> tuple[Any, ...]:
    """Return the shape of an image."""
    return (height, width, channels) if channels_are_last() else (channels, height, width)


def sources(x: KerasTensor) -> Any:
    """Return the inputs from which x is computed."""
    found: dict[KerasTensor, None] = {}
    waiting = [x]
    while waiting:
        t = waiting.pop()
        makers = t.node.inputs if t.node is not None else []
        waiting.extend(makers)
        if not makers:
            found[t] = None
    return [*found] if len(found) > 1 else next(iter(found))


def normalize(x: KerasTensor, name: str | None, **options: Any) -> KerasTensor:
    """Apply batch normalization over channels."""
    return layers.BatchNormalization(channel_axis(), name=name, **options)(x)


def corrected_padding(x: KerasTensor, kernel_size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the padding before a convolution of stride 2 whose last window ends at the border, as in TensorFlow."""
    half = kernel_size // 2
    sides = x.shape[1:3] if channels_are_last() else x.shape[2:]
    height, width = ((half - (1 if n is None else 1 - n % 2), half) for n in sides)
    return height, width
