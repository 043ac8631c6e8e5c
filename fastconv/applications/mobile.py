"""MobileNet: Howard et al. 2017, "MobileNets", and Sandler et al. 2018, "Inverted residuals"."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import (
    ADDRESS,
    Architecture,
    channels_are_last,
    channels_in,
    corrected_padding,
    normalize,
)
from fastconv.applications.files import stored
from fastconv.arguments import as_number
from fastconv.engine import KerasTensor
from fastconv.typing import ActivationLike, ShapeLike


class Mobile(Architecture):
    """An architecture whose numbers of channels are multiplied by `alpha`, with weights for several image sizes.

    Args:
        alpha: the factor.
        input_shape: the shape of the images, or None.
        include_top, weights: as for `Architecture`.
    """

    SIZES: tuple[int, ...]
    ALPHAS: tuple[float, ...]
    prefix: str

    def __init__(self, alpha: float, input_shape: ShapeLike | None, include_top: bool, weights: Any) -> None:
        sides = None if input_shape is None else input_shape[:2] if channels_are_last() else input_shape[1:]
        rows, columns = (None, None) if sides is None else sides
        alpha = as_number(self.prefix, "alpha", alpha, above=0, below=math.inf)
        if rows == columns and rows in self.SIZES:
            self.size = rows
        if weights == "imagenet":
            if alpha not in self.ALPHAS:
                raise ValueError(
                    f"{self.prefix}: with weights='imagenet' alpha must be one of {self.ALPHAS}. Received: {alpha=}"
                )
            rows = self.size
        elif sides is None and include_top:
            rows = self.size
        super().__init__(f"{self.prefix}_{alpha:0.2f}_{rows}", "", ("", ""))
        self.alpha = alpha


class MobileNetV1(Mobile):
    """Alternating depthwise and 1x1 convolutions; table 1 of the paper of 2017."""

    SIZES = (128, 160, 192, 224)
    ALPHAS = (0.25, 0.50, 0.75, 1.0)
    prefix = "mobilenet"
    pooling_names = (None, None)
    BLOCKS = (
        (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1),
    )  # fmt: skip

    def __init__(
        self,
        alpha: float,
        input_shape: ShapeLike | None,
        include_top: bool,
        weights: Any,
        depth_multiplier: int,
        dropout: float,
    ) -> None:
        super().__init__(alpha, input_shape, include_top, weights)
        if weights == "imagenet" and depth_multiplier != 1:
            raise ValueError(
                f"mobilenet: with weights='imagenet' depth_multiplier must be 1. Received: {depth_multiplier=}"
            )
        self.depth_multiplier = depth_multiplier
        self.dropout = dropout

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = layers.Conv2D(int(32 * self.alpha), 3, 2, padding="same", use_bias=False, name="conv1")(x)
        x = layers.ReLU(6.0, name="conv1_relu")(normalize(x, "conv1_bn"))
        for i, (filters, stride) in enumerate(self.BLOCKS, 1):
            x = self._block(x, filters, stride, i)
        return x

    def _block(self, x: KerasTensor, filters: int, stride: int, i: int) -> KerasTensor:
        if stride > 1:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        padding = "same" if stride == 1 else "valid"
        x = layers.DepthwiseConv2D(
            3, stride, padding, self.depth_multiplier, use_bias=False, name=f"conv_dw_{i}"
        )(x)  # fmt: skip
        x = layers.ReLU(6.0, name=f"conv_dw_{i}_relu")(normalize(x, f"conv_dw_{i}_bn"))
        x = layers.Conv2D(int(filters * self.alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{i}")(x)
        return layers.ReLU(6.0, name=f"conv_pw_{i}_relu")(normalize(x, f"conv_pw_{i}_bn"))

    def classify(self, x: KerasTensor, classes: int, activation: ActivationLike | None) -> KerasTensor:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(self.dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        return layers.Activation(activation, name="predictions")(x)

    def file(self, include_top: bool) -> Path:
        share = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}[self.alpha]
        name = f"mobilenet_{share}_{self.size}_tf{'' if include_top else '_no_top'}.h5"
        return stored(name, f"{ADDRESS}mobilenet/{name}")


class InvertedResiduals(Mobile):
    """Blocks that are wide inside and narrow at their ends; table 2 of the paper of 2018."""

    SIZES = (96, 128, 160, 192, 224)
    ALPHAS = (0.35, 0.50, 0.75, 1.0, 1.3, 1.4)
    prefix = "mobilenetv2"
    pooling_names = (None, None)
    STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = layers.Conv2D(divisible(32 * self.alpha), 3, 2, padding="same", use_bias=False, name="Conv1")(x)
        x = activated(x, "bn_Conv1", "Conv1_relu")
        i = 0
        for filters, count, stride in self.STAGES:
            for k in range(count):
                x = self._block(x, filters, stride if k == 0 else 1, i)
                i += 1
        last = divisible(1280 * self.alpha) if self.alpha > 1 else 1280
        return activated(layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x), "Conv_1_bn", "out_relu")

    def _block(self, inputs: KerasTensor, filters: int, stride: int, i: int) -> KerasTensor:
        prefix = f"block_{i}_" if i else "expanded_conv_"
        channels, outputs = channels_in(inputs), divisible(int(filters * self.alpha))
        x = inputs
        if i:
            x = layers.Conv2D(6 * channels, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
            x = activated(x, f"{prefix}expand_BN", f"{prefix}expand_relu")
        if stride == 2:
            x = layers.ZeroPadding2D(corrected_padding(x, 3), name=f"{prefix}pad")(x)
        padding = "same" if stride == 1 else "valid"
        x = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{prefix}depthwise")(x)
        x = activated(x, f"{prefix}depthwise_BN", f"{prefix}depthwise_relu")
        x = layers.Conv2D(outputs, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
        x = normalize(x, f"{prefix}project_BN", momentum=0.999)
        is_residual = channels == outputs and stride == 1
        return layers.Add(name=f"{prefix}add")([inputs, x]) if is_residual else x

    def classify(self, x: KerasTensor, classes: int, activation: ActivationLike | None) -> KerasTensor:
        x = layers.GlobalAveragePooling2D()(x)
        return layers.Dense(classes, activation=activation, name="predictions")(x)

    def file(self, include_top: bool) -> Path:
        ending = "" if include_top else "_no_top"
        name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(self.alpha)}_{self.size}{ending}.h5"
        return stored(name, f"{ADDRESS}mobilenet_v2/{name}")


def activated(x: KerasTensor, normalization: str, activation: str) -> KerasTensor:
    """Apply normalization and ReLU6, with these names."""
    return layers.ReLU(6.0, name=activation)(normalize(x, normalization, momentum=0.999))


def divisible(channels: float, divisor: int = 8) -> int:
    """Return the multiple of `divisor` nearest to `channels`, but at least nine tenths of it."""
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest
