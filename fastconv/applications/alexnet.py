"""AlexNet, of Krizhevsky, Sutskever and Hinton 2012, and ZFNet, of Zeiler and Fergus 2013."""

from __future__ import annotations

import os
from typing import Any

import fastconv.layers as layers
from fastconv.applications.imagenet_utils import CLASSES
from fastconv.applications.textbook import TextbookNet, convolution
from fastconv.engine import KerasTensor
from fastconv.models import Model
from fastconv.typing import ActivationLike, ShapeLike

__all__ = ["AlexNet", "ZFNet"]


class FiveConvolutions(TextbookNet):
    """Five convolutions and three dense layers.

    Args:
        name: the name of its models.
        groups: 2 for the convolutions of AlexNet's second, fourth and fifth layer, whose halves see half of the maps.
    """

    def __init__(self, name: str, groups: int) -> None:
        super().__init__(name)
        self.groups = groups

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = convolution(self.stem(x), 384, 3, "conv3")
        x = convolution(x, 384, 3, "conv4", groups=self.groups)
        x = convolution(x, 256, 3, "conv5", groups=self.groups)
        return layers.MaxPooling2D(3, 2, name="pool5")(x)

    def stem(self, x: KerasTensor) -> KerasTensor:
        """Apply the first two convolutions with what follows them."""
        raise NotImplementedError

    def classify(self, x: KerasTensor, classes: int, activation: ActivationLike | None) -> KerasTensor:
        x = layers.Flatten(name="flatten")(x)
        for k in (6, 7):
            x = layers.Dense(4096, activation="relu", name=f"fc{k}")(x)
            x = layers.Dropout(0.5, name=f"dropout{k}")(x)
        return layers.Dense(classes, activation=activation, name="predictions")(x)


class Alex(FiveConvolutions):
    """The net of 2012; figure 2 of the paper."""

    size = 227
    least = 67  # the smallest for which three poolings leave a pixel

    def stem(self, x: KerasTensor) -> KerasTensor:
        x = convolution(x, 96, 11, "conv1", strides=4, padding="valid")
        x = layers.LocalResponseNormalization(name="norm1")(x)
        x = layers.MaxPooling2D(3, 2, name="pool1")(x)
        x = convolution(x, 256, 5, "conv2", groups=self.groups)
        x = layers.LocalResponseNormalization(name="norm2")(x)
        return layers.MaxPooling2D(3, 2, name="pool2")(x)


class ZF(FiveConvolutions):
    """The net of 2013: smaller windows and strides; figure 3 of the paper."""

    least = 53

    def stem(self, x: KerasTensor) -> KerasTensor:
        x = layers.ZeroPadding2D(1, name="conv1_pad")(x)
        x = convolution(x, 96, 7, "conv1", strides=2, padding="valid")
        x = layers.MaxPooling2D(3, 2, padding="same", name="pool1")(x)
        x = layers.LocalResponseNormalization(name="norm1")(x)
        x = convolution(x, 256, 5, "conv2", strides=2, padding="valid")
        x = layers.MaxPooling2D(3, 2, padding="same", name="pool2")(x)
        return layers.LocalResponseNormalization(name="norm2")(x)


def AlexNet(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    input_shape: ShapeLike | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: ActivationLike | None = "softmax",
    name: str | None = None,
    groups: int = 2,
) -> Model:
    """Create AlexNet (Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep CNNs", figure 2).

    It has 60,965,224 parameters. The paper computed it on two GPUs: in the second, fourth and fifth convolution, each
    half of the filters reads only the maps of its GPU, which groups=2 does here. The layers have these neurons:

    - conv1: 55 * 55 * 96 = 290,400. The paper prints 253,440.
    - conv2: 27 * 27 * 256 = 186,624, conv3 and conv4: 13 * 13 * 384 = 64,896, conv5: 13 * 13 * 256 = 43,264, and
      4,096, 4,096 and 1,000.

    The paper prints images of 224x224 pixels, from which windows of 11 pixels with stride 4 make 54x54 places. Its 55
    need 227x227, the default here.

    Args:
        include_top, weights, input_tensor, pooling, classes, classifier_activation, name: as for `ResNet18`.
        input_shape: the shape of an image, with sides from 67 on. None means (227, 227, 3) with a classifier.
            Default: None.
        groups: int. The number of groups. 1 joins the halves: 62,378,344 parameters. Default: 2.

    Returns:
        A `Model`.

    Raises:
        ValueError: as for `ResNet18`, or the filters are not a multiple of the groups.

    Example:
        >>> model = applications.AlexNet(include_top=False)
        >>> model.get_layer("conv2").groups
        2
    """
    net = Alex("alexnet", groups)
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)


def ZFNet(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    input_shape: ShapeLike | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: ActivationLike | None = "softmax",
    name: str | None = None,
) -> Model:
    """Create ZFNet (Zeiler and Fergus 2013, "Visualizing and understanding convolutional networks", figure 3).

    It is AlexNet with windows of 7 pixels and stride 2 in the first convolution, stride 2 in the second, and without
    groups: 62,357,608 parameters. Sides are 110, 55, 26, 13, 13, 13, 13 and 6.

    Args:
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name: as for
            `ResNet18`.

    Returns:
        A `Model`.

    Raises:
        ValueError: as for `ResNet18`.

    Example:
        >>> model = applications.ZFNet(include_top=False)
        >>> model.get_layer("conv1").strides
        (2, 2)
    """
    net = ZF("zfnet", 1)
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
