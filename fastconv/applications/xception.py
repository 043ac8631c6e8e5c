"""Xception: Chollet 2016, "Xception: deep learning with depthwise separable convolutions"."""

from __future__ import annotations

from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import ADDRESS, Architecture, normalize
from fastconv.applications.imagenet_utils import decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.engine import KerasTensor
from fastconv.typing import Array

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


class XceptionNet(Architecture):
    """Depthwise separable convolutions with shortcuts around two or three of them; figure 5."""

    size = 299
    least = 71
    pooling_names = (None, None)

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        for i, (filters, stride) in enumerate(((32, 2), (64, 1)), 1):
            name = f"block1_conv{i}"
            x = layers.Conv2D(filters, 3, stride, use_bias=False, name=name)(x)
            x = layers.Activation("relu", name=f"{name}_act")(normalize(x, f"{name}_bn"))
        for i, filters in enumerate((128, 256, 728), 2):
            x = halved(x, (filters, filters), i)
        for i in range(5, 13):
            x = layers.add([separable(x, (728, 728, 728), i), x])
        x = halved(x, (728, 1024), 13)
        for i, filters in enumerate((1536, 2048), 1):
            name = f"block14_sepconv{i}"
            x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
            x = layers.Activation("relu", name=f"{name}_act")(normalize(x, f"{name}_bn"))
        return x


def separable(x: KerasTensor, filters: tuple[int, ...], block: int) -> KerasTensor:
    """Apply ReLU (except at the beginning of the model) and a separable convolution, per number of filters."""
    for i, count in enumerate(filters, 1):
        name = f"block{block}_sepconv{i}"
        if (block, i) != (2, 1):
            x = layers.Activation("relu", name=f"{name}_act")(x)
        x = normalize(layers.SeparableConv2D(count, 3, padding="same", use_bias=False, name=name)(x), f"{name}_bn")
    return x


def halved(x: KerasTensor, filters: tuple[int, int], block: int) -> KerasTensor:
    """Apply two convolutions and a pooling, with a 1x1 convolution as shortcut, to halve the sides."""
    shortcut = normalize(layers.Conv2D(filters[-1], 1, 2, padding="same", use_bias=False)(x), None)
    x = layers.MaxPooling2D(3, 2, padding="same", name=f"block{block}_pool")(separable(x, filters, block))
    return layers.add([x, shortcut])


Xception = XceptionNet(
    "xception",
    f"{ADDRESS}xception/xception_weights_tf_dim_ordering_tf_kernels",
    ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
)


def preprocess_input(x: Array, data_format: str | None = None) -> Array:
    """Convert images (N, H, W, 3) with values from 0 to 255 as in training: see `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "tf")
