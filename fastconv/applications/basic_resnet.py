"""ResNet18 and ResNet34: blocks of two 3x3 convolutions, of He, Zhang, Ren and Sun 2015."""

from __future__ import annotations

import os
from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import channels_in, normalize
from fastconv.applications.imagenet_utils import CLASSES
from fastconv.applications.residual import FILTERS
from fastconv.applications.textbook import TextbookNet
from fastconv.engine import KerasTensor
from fastconv.models import Model
from fastconv.typing import ActivationLike, ShapeLike

__all__ = ["ResNet18", "ResNet34"]


class BasicResNet(TextbookNet):
    """Stages of blocks of two 3x3 convolutions after a stem; table 1 of the paper.

    Args:
        name: the name of its models.
        blocks: the number of blocks in each stage.
    """

    filters: tuple[int, ...] = FILTERS  # of each stage

    def __init__(self, name: str, blocks: tuple[int, ...]) -> None:
        super().__init__(name)
        self.blocks = blocks

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = self.stem(x)
        for stage, (filters, count) in enumerate(zip(self.filters, self.blocks), 2):
            for i in range(1, count + 1):
                x = self.block(x, filters, 2 if i == 1 and stage > 2 else 1, f"conv{stage}_block{i}")
        return x

    def stem(self, x: KerasTensor) -> KerasTensor:
        """Apply the first convolution, with what follows it."""
        x = layers.Activation("relu", name="conv1_relu")(convolution(x, 64, 7, 2, "conv1"))
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        return layers.MaxPooling2D(3, 2, name="pool1_pool")(x)

    def block(self, x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor:
        """Return ReLU(shortcut + two 3x3 convolutions of x), or without a shortcut in a plain net."""
        shortcut = self.shortcut(x, filters, stride, name)
        y = layers.Activation("relu", name=f"{name}_1_relu")(convolution(x, filters, 3, stride, f"{name}_1"))
        y = convolution(y, filters, 3, 1, f"{name}_2")
        if shortcut is not None:
            y = layers.Add(name=f"{name}_add")([shortcut, y])
        return layers.Activation("relu", name=f"{name}_out")(y)

    def shortcut(self, x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor | None:
        """Return x, or a 1x1 convolution of x if the shapes differ; None in a plain net."""
        is_same = stride == 1 and channels_in(x) == filters
        return x if is_same else convolution(x, filters, 1, stride, f"{name}_0")


def convolution(x: KerasTensor, filters: int, size: int, stride: int, name: str) -> KerasTensor:
    """Apply a convolution that is padded alike on all sides, and normalization.

    The convolution has no bias, because normalization subtracts it.
    """
    if size > 1 and stride > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.Conv2D(
        filters, size, stride, padding=padding, use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    return normalize(x, f"{name}_bn", epsilon=1e-5, momentum=0.9)


def ResNet18(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    input_shape: ShapeLike | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: ActivationLike | None = "softmax",
    name: str | None = None,
) -> Model:
    """Create a ResNet of 18 layers (He, Zhang, Ren and Sun 2015, "Deep residual learning", table 1).

    It has 11,689,512 trainable parameters, as in torchvision: the convolutions have no biases. `ResNet50` follows
    Keras, where they have.

    Args:
        include_top: bool. Whether to add the classifier. Default: True.
        weights: the path of a file of weights, or None for random weights. Default: None.
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
        ValueError: arguments contradict each other, the images are too small, or weights="imagenet".

    Example:
        >>> model = applications.ResNet18(input_shape=(32, 32, 3), classes=10)
        >>> model.output_shape
        (None, 10)
    """
    net = BasicResNet("resnet18", (2, 2, 2, 2))
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)


def ResNet34(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    input_shape: ShapeLike | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: ActivationLike | None = "softmax",
    name: str | None = None,
) -> Model:
    """Create a ResNet of 34 layers (He, Zhang, Ren and Sun 2015, "Deep residual learning", table 1 and figure 3).

    It has 21,797,672 trainable parameters, as in torchvision.

    Args:
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name: as for
            `ResNet18`.

    Returns:
        A `Model`.

    Raises:
        ValueError: as for `ResNet18`.

    Example:
        >>> model = applications.ResNet34(include_top=False, input_shape=(32, 32, 3), pooling="avg")
        >>> model.output_shape
        (None, 512)
    """
    net = BasicResNet("resnet34", (3, 4, 6, 3))
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
