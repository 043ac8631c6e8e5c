"""ResNet: He, Zhang, Ren and Sun, 2015, "Deep residual learning", and 2016, "Identity mappings"."""

from __future__ import annotations

from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import ADDRESS, Architecture, normalize
from fastconv.engine import KerasTensor

FILTERS = (64, 128, 256, 512)
EPSILON = 1.001e-5


class ResNet(Architecture):
    """Four stages of bottleneck blocks after a 7x7 convolution; table 1 of the paper of 2015.

    Args:
        name: the name of its models.
        blocks: the number of blocks in each stage.
        checksums: see `Architecture`.
    """

    def __init__(self, name: str, blocks: tuple[int, ...], checksums: tuple[str, str]) -> None:
        super().__init__(name, f"{ADDRESS}resnet/{name}_weights_tf_dim_ordering_tf_kernels", checksums)
        self.blocks = blocks

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
        x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
        x = self.after_stem(x)
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        return self.stages(x)

    def after_stem(self, x: KerasTensor) -> KerasTensor:
        return activated(x, "conv1")

    def stages(self, x: KerasTensor) -> KerasTensor:
        """Apply the stages; the first block of each stage except the first halves the sides."""
        for stage, (filters, count) in enumerate(zip(FILTERS, self.blocks), 2):
            for i in range(1, count + 1):
                x = block(x, filters, 2 if i == 1 and stage > 2 else 1, i == 1, f"conv{stage}_block{i}")
        return x


class ResNetV2(ResNet):
    """ResNet with normalization and activation before each convolution; figure 1b of the paper of 2016."""

    def after_stem(self, x: KerasTensor) -> KerasTensor:
        return x

    def stages(self, x: KerasTensor) -> KerasTensor:
        """Apply the stages; the last block of each stage except the last halves the sides."""
        for stage, (filters, count) in enumerate(zip(FILTERS, self.blocks), 2):
            for i in range(1, count + 1):
                x = block_v2(x, filters, 2 if i == count and stage < 5 else 1, i == 1, f"conv{stage}_block{i}")
        return activated(x, "post")


def activated(x: KerasTensor, name: str) -> KerasTensor:
    """Apply normalization and ReLU."""
    x = normalize(x, f"{name}_bn", epsilon=EPSILON)
    return layers.Activation("relu", name=f"{name}_relu")(x)


def block(x: KerasTensor, filters: int, stride: int, is_first: bool, name: str) -> KerasTensor:
    """Return ReLU(shortcut + 1x1, 3x3 and 1x1 convolutions); the shortcut is x, or a convolution in a first block."""
    shortcut = x
    if is_first:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = normalize(shortcut, f"{name}_0_bn", epsilon=EPSILON)
    x = activated(layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x), f"{name}_1")
    x = activated(layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x), f"{name}_2")
    x = normalize(layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x), f"{name}_3_bn", epsilon=EPSILON)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def block_v2(x: KerasTensor, filters: int, stride: int, is_first: bool, name: str) -> KerasTensor:
    """Return shortcut + 1x1, 3x3 and 1x1 convolutions of the activated x; a first block's shortcut is a convolution."""
    before = activated(x, f"{name}_preact")
    if is_first:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(before)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = activated(layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(before), f"{name}_1")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(activated(x, f"{name}_2"))
    return layers.Add(name=f"{name}_out")([shortcut, x])
