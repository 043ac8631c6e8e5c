"""DenseNet: Huang, Liu, van der Maaten and Weinberger 2016, "Densely connected convolutional networks"."""

from __future__ import annotations

from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import ADDRESS, Architecture, channel_axis, channels_in, normalize
from fastconv.applications.imagenet_utils import decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.engine import KerasTensor
from fastconv.typing import Array

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]


EPSILON = 1.001e-5
GROWTH = 32


class DenseNet(Architecture):
    """Blocks in which each layer receives the outputs of all previous layers; table 1.

    Args:
        name: the name of its models.
        blocks: the number of layers in each block.
        checksums: see `Architecture`.
    """

    def __init__(self, name: str, blocks: tuple[int, ...], checksums: tuple[str, str]) -> None:
        super().__init__(name, f"{ADDRESS}densenet/{name}_weights_tf_dim_ordering_tf_kernels", checksums)
        self.blocks = blocks

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = layers.ZeroPadding2D(3)(x)
        x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
        x = activated(x, "conv1_bn", "conv1_relu")
        x = layers.ZeroPadding2D(1)(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for stage, count in enumerate(self.blocks, 2):
            if stage > 2:
                x = halved(x, f"pool{stage - 1}")
            for i in range(1, count + 1):
                x = grown(x, f"conv{stage}_block{i}")
        return activated(x, "bn", "relu")


def activated(x: KerasTensor, normalization: str, activation: str) -> KerasTensor:
    """Apply normalization and ReLU, with these names."""
    return layers.Activation("relu", name=activation)(normalize(x, normalization, epsilon=EPSILON))


def grown(x: KerasTensor, name: str) -> KerasTensor:
    """Append 32 channels to x."""
    y = activated(x, f"{name}_0_bn", f"{name}_0_relu")
    y = layers.Conv2D(4 * GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(y)
    y = activated(y, f"{name}_1_bn", f"{name}_1_relu")
    y = layers.Conv2D(GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(y)
    return layers.Concatenate(channel_axis(), name=f"{name}_concat")([x, y])


def halved(x: KerasTensor, name: str) -> KerasTensor:
    """Halve the channels and the sides."""
    x = activated(x, f"{name}_bn", f"{name}_relu")
    x = layers.Conv2D(channels_in(x) // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


DenseNet121 = DenseNet(
    "densenet121", (6, 12, 24, 16), ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738")
)
DenseNet169 = DenseNet(
    "densenet169", (6, 12, 32, 32), ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b")
)
DenseNet201 = DenseNet(
    "densenet201", (6, 12, 48, 32), ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1")
)


def preprocess_input(x: Array, data_format: str | None = None) -> Array:
    """Convert images (N, H, W, 3) with values from 0 to 255 as in training: see `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "torch")
