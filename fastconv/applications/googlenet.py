"""GoogLeNet: Szegedy et al. 2014, "Going deeper with convolutions"."""

from __future__ import annotations

import os
from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import channel_axis
from fastconv.applications.imagenet_utils import CLASSES
from fastconv.applications.textbook import TextbookNet, convolution
from fastconv.arguments import as_flag
from fastconv.engine import KerasTensor
from fastconv.models import Model
from fastconv.typing import ActivationLike, ShapeLike

__all__ = ["GoogLeNet"]

# Filters of a module: 1x1; 3x3 and the 1x1 before it; 5x5 and the 1x1 before it; 1x1 after pooling. Table 1.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
POOLED = ("3b", "4e")  # modules followed by pooling
WITH_OUTPUT = ("4a", "4d")  # modules followed by an auxiliary output


class InceptionV1(TextbookNet):
    """Nine modules of four branches; table 1 and figure 3.

    Args:
        auxiliary: whether two modules in the middle have outputs of their own.
    """

    def __init__(self, auxiliary: bool) -> None:
        super().__init__("googlenet")
        self.auxiliary = as_flag("GoogLeNet", "auxiliary", auxiliary)
        self.least = 65 if self.auxiliary else 32  # the smallest for which windows of 5x5 fit into the modules
        self.middle: list[KerasTensor] = []

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = pooled(convolution(x, 64, 7, "conv1", strides=2), "pool1")
        x = layers.LocalResponseNormalization(name="norm1")(x)
        x = convolution(x, 64, 1, "conv2_reduce")
        x = layers.LocalResponseNormalization(name="norm2")(convolution(x, 192, 3, "conv2"))
        x = pooled(x, "pool2")
        for name, filters in MODULES.items():
            x = module(x, filters, f"inception_{name}")
            if name in POOLED:
                x = pooled(x, f"pool{name[0]}")
            if name in WITH_OUTPUT:
                self.middle.append(x)
        return x

    def classify(self, x: KerasTensor, classes: int, activation: ActivationLike | None) -> Any:
        x = layers.Dropout(0.4, name="dropout")(layers.GlobalAveragePooling2D(name="avg_pool")(x))
        y = layers.Dense(classes, activation=activation, name="predictions")(x)
        if not self.auxiliary:
            return y
        return [y, *(auxiliary_output(x, classes, activation, f"auxiliary{i}") for i, x in enumerate(self.middle, 1))]


def pooled(x: KerasTensor, name: str) -> KerasTensor:
    """Halve the sides."""
    return layers.MaxPooling2D(3, 2, padding="same", name=name)(x)


def module(x: KerasTensor, filters: tuple[int, ...], name: str) -> KerasTensor:
    """Join four branches; figure 2b."""
    ones, reduced_threes, threes, reduced_fives, fives, after_pooling = filters
    branches = [
        convolution(x, ones, 1, f"{name}_1x1"),
        convolution(convolution(x, reduced_threes, 1, f"{name}_3x3_reduce"), threes, 3, f"{name}_3x3"),
        convolution(convolution(x, reduced_fives, 1, f"{name}_5x5_reduce"), fives, 5, f"{name}_5x5"),
        convolution(
            layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_pool")(x), after_pooling, 1, f"{name}_pool_1x1"
        ),
    ]
    return layers.Concatenate(channel_axis(), name=f"{name}_join")(branches)


def auxiliary_output(x: KerasTensor, classes: int, activation: ActivationLike | None, name: str) -> KerasTensor:
    """Return the classes as seen from a module in the middle; section 5."""
    x = layers.AveragePooling2D(5, 3, name=f"{name}_pool")(x)
    x = layers.Flatten(name=f"{name}_flatten")(convolution(x, 128, 1, f"{name}_conv"))
    x = layers.Dense(1024, activation="relu", name=f"{name}_fc")(x)
    x = layers.Dropout(0.7, name=f"{name}_dropout")(x)
    return layers.Dense(classes, activation=activation, name=name)(x)


def GoogLeNet(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    input_shape: ShapeLike | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: ActivationLike | None = "softmax",
    name: str | None = None,
    auxiliary: bool = True,
) -> Model:
    """Create a GoogLeNet (Szegedy et al. 2014, "Going deeper with convolutions", table 1).

    It has 6,998,552 parameters, and with its two auxiliary outputs 13,378,280. These outputs bring gradients to the
    middle of the net in training. The paper weights their losses by 0.3, as `loss_weights=[1, 0.3, 0.3]` does. All
    three take the same labels: `model.fit(x, [y, y, y])`.

    Args:
        include_top, weights, input_tensor, pooling, classes, classifier_activation, name: as for `ResNet18`.
        input_shape: the shape of an image, with sides from 65 on, or from 32 on without auxiliary outputs. None means
            (224, 224, 3) with a classifier. Default: None.
        auxiliary: bool. Whether the model returns [main, first, second] and not only the main output. Default: True.

    Returns:
        A `Model`.

    Raises:
        ValueError: as for `ResNet18`.

    Example:
        >>> model = applications.GoogLeNet(input_shape=(96, 96, 3), classes=10)
        >>> model.compile("sgd", "sparse_categorical_crossentropy", loss_weights=[1, 0.3, 0.3])
        >>> model.output_shape
        [(None, 10), (None, 10), (None, 10)]
    """
    net = InceptionV1(include_top and auxiliary)
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
