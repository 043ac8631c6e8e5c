"""EfficientNet: Tan and Le 2019, "EfficientNet: rethinking model scaling for convolutional neural networks"."""

from __future__ import annotations

import math
from typing import Any

import fastconv.initializers as initializers
import fastconv.layers as layers
from fastconv.applications.architecture import Architecture, channel_axis, corrected_padding, normalize, with_channels
from fastconv.applications.imagenet_utils import decode_predictions
from fastconv.applications.mobile import divisible
from fastconv.engine import KerasTensor
from fastconv.typing import ActivationLike, Array

ADDRESS = "https://storage.googleapis.com/keras-applications/"
DEVIATIONS = (0.229, 0.224, 0.225)  # of red, green and blue in ImageNet
DROP = 0.2  # the rate at which the last block is dropped in training; earlier blocks have smaller rates

# Table 1: (kernel size, blocks, filters, expansion, stride).
STAGES = (
    (3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 3, 80, 6, 2), (5, 3, 112, 6, 1), (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)  # fmt: skip

__all__ = [
    "EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3", "EfficientNetB4", "EfficientNetB5",
    "EfficientNetB6", "EfficientNetB7", "decode_predictions", "preprocess_input",
]  # fmt: skip


class EfficientNet(Architecture):
    """Inverted residuals with squeeze and excitation, with increasing width, depth and image size from B0 to B7.

    The inputs are images with values from 0 to 255: the model itself rescales them.

    Args:
        number: 0 to 7.
        width, depth: factors of the numbers of channels and of blocks.
        size: the size of the images.
        dropout: the rate before the classifier.
        checksums: see `Architecture`.
    """

    def __init__(
        self, number: int, width: float, depth: float, size: int, dropout: float, checksums: tuple[str, str]
    ) -> None:
        super().__init__(f"efficientnetb{number}", f"{ADDRESS}efficientnetb{number}", checksums)
        self.width = width
        self.depth = depth
        self.size = size
        self.dropout = dropout

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = layers.Rescaling(1 / 255)(x)
        x = layers.Normalization(axis=3 if channel_axis() == -1 else 1)(x)
        if weights == "imagenet":  # whose file has deviations instead of variances: this completes the division
            x = layers.Rescaling([1 / math.sqrt(deviation) for deviation in DEVIATIONS])(x)
        x = layers.ZeroPadding2D(corrected_padding(x, 3), name="stem_conv_pad")(x)
        x = convolution(x, self._channels(32), 3, "stem_conv", strides=2)
        x = activated(x, "stem_bn", "stem_activation")
        total, done, channels = sum(self._repeats(n) for _, n, *_ in STAGES), 0, self._channels(32)
        for i, (size, count, filters, expansion, stride) in enumerate(STAGES, 1):
            for k in range(self._repeats(count)):
                name = f"block{i}{chr(ord('a') + k)}_"
                inner, first = channels * expansion, stride if k == 0 else 1
                y = expanded(x, inner, name) if expansion > 1 else x
                y = squeezed(depthwise(y, size, first, name), inner, max(1, int(channels * 0.25)), name)
                outputs = self._channels(filters)
                y = normalize(convolution(y, outputs, 1, f"{name}project_conv", padding="same"), f"{name}project_bn")
                x = shortcut(x, y, DROP * done / total, name) if first == 1 and channels == outputs else y
                done, channels = done + 1, outputs
        x = convolution(x, self._channels(1280), 1, "top_conv", padding="same")
        return activated(x, "top_bn", "top_activation")

    def classify(self, x: KerasTensor, classes: int, activation: ActivationLike | None) -> KerasTensor:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(self.dropout, name="top_dropout")(x)
        start = initializers.VarianceScaling(1 / 3, "fan_out", "uniform")
        return layers.Dense(classes, activation=activation, kernel_initializer=start, name="predictions")(x)

    def _channels(self, count: int) -> int:
        return divisible(count * self.width)

    def _repeats(self, count: int) -> int:
        return math.ceil(count * self.depth)


def beginning() -> Any:
    """Return the initializer of convolutions (He et al. 2015, by outputs)."""
    return initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def convolution(x: KerasTensor, filters: int, size: int, name: str, use_bias: bool = False, **how: Any) -> KerasTensor:
    return layers.Conv2D(filters, size, use_bias=use_bias, kernel_initializer=beginning(), name=name, **how)(x)


def activated(x: KerasTensor, normalization: str, activation: str) -> KerasTensor:
    """Apply normalization and x sigmoid(x), with these names."""
    return layers.Activation("swish", name=activation)(normalize(x, normalization))


def expanded(x: KerasTensor, channels: int, name: str) -> KerasTensor:
    """Expand the channels by a 1x1 convolution."""
    x = convolution(x, channels, 1, f"{name}expand_conv", padding="same")
    return activated(x, f"{name}expand_bn", f"{name}expand_activation")


def depthwise(x: KerasTensor, size: int, stride: int, name: str) -> KerasTensor:
    """Apply a depthwise convolution."""
    if stride == 2:
        x = layers.ZeroPadding2D(corrected_padding(x, size), name=f"{name}dwconv_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.DepthwiseConv2D(
        size, stride, padding, use_bias=False, depthwise_initializer=beginning(), name=f"{name}dwconv"
    )(x)  # fmt: skip
    return activated(x, f"{name}bn", f"{name}activation")


def squeezed(x: KerasTensor, channels: int, inner: int, name: str) -> KerasTensor:
    """Multiply each channel of x by a factor that depends on all positions (Hu et al. 2017)."""
    y = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    y = layers.Reshape(with_channels(channels, 1, 1), name=f"{name}se_reshape")(y)
    y = convolution(y, inner, 1, f"{name}se_reduce", use_bias=True, padding="same", activation="swish")
    y = convolution(y, channels, 1, f"{name}se_expand", use_bias=True, padding="same", activation="sigmoid")
    return layers.multiply([x, y], name=f"{name}se_excite")


def shortcut(x: KerasTensor, y: KerasTensor, rate: float, name: str) -> KerasTensor:
    """Return x + y; in training, y is dropped for some samples."""
    if rate > 0:
        y = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(y)
    return layers.add([y, x], name=f"{name}add")


EfficientNetB0 = EfficientNet(
    0, 1.0, 1.0, 224, 0.2, ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d")
)
EfficientNetB1 = EfficientNet(
    1, 1.0, 1.1, 240, 0.2, ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432")
)
EfficientNetB2 = EfficientNet(
    2, 1.1, 1.2, 260, 0.3, ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39")
)
EfficientNetB3 = EfficientNet(
    3, 1.2, 1.4, 300, 0.3, ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226")
)
EfficientNetB4 = EfficientNet(
    4, 1.4, 1.8, 380, 0.4, ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba")
)
EfficientNetB5 = EfficientNet(
    5, 1.6, 2.2, 456, 0.4, ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f")
)
EfficientNetB6 = EfficientNet(
    6, 1.8, 2.6, 528, 0.5, ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743")
)
EfficientNetB7 = EfficientNet(
    7, 2.0, 3.1, 600, 0.5, ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a")
)


def preprocess_input(x: Array, data_format: str | None = None) -> Array:
    """Return x: the model itself rescales images with values from 0 to 255."""
    return x
