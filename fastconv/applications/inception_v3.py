"""Inception v3: Szegedy et al. 2015, "Rethinking the Inception architecture for computer vision"."""

from __future__ import annotations

from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import ADDRESS, Architecture, channel_axis, normalize
from fastconv.applications.imagenet_utils import decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.engine import KerasTensor
from fastconv.typing import Array

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]


class Inception(Architecture):
    """Blocks of branches with factorized convolutions; table 1 and figures 5 to 7."""

    size = 299
    least = 75
    pooling_names = (None, None)

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        x = chain(x, (32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3))
        x = layers.MaxPooling2D(3, 2)(x)
        x = chain(x, (80, 1, 1, "valid"), (192, 3, 1, "valid"))
        x = layers.MaxPooling2D(3, 2)(x)
        for i, pooled in enumerate((32, 64, 64)):
            x = small(x, pooled, f"mixed{i}")
        x = joined([*branches(x, [(384, 3, 2, "valid")], [(64, 1), (96, 3), (96, 3, 2, "valid")]), halved(x)], "mixed3")
        for i, inner in enumerate((128, 160, 160, 192), 4):
            x = asymmetric(x, inner, f"mixed{i}")
        to_half = (
            [(192, 1), (320, 3, 2, "valid")],
            [(192, 1), (192, ROW), (192, COLUMN), (192, 3, 2, "valid")],
        )
        x = joined([*branches(x, *to_half), halved(x)], "mixed8")
        for i in range(2):
            x = wide(x, i)
        return x


ROW, COLUMN = (1, 7), (7, 1)


def chain(x: KerasTensor, *convolutions: Any) -> KerasTensor:
    """Apply convolutions (filters, size, stride, padding) with normalization and ReLU, in sequence."""
    for filters, size, *how in convolutions:
        stride, padding = how or (1, "same")
        x = layers.Conv2D(filters, size, stride, padding=padding, use_bias=False)(x)
        x = layers.Activation("relu")(normalize(x, None, scale=False))
    return x


def branches(x: KerasTensor, *chains: Any) -> list[KerasTensor]:
    """Apply several chains in parallel."""
    return [chain(x, *convolutions) for convolutions in chains]


def joined(parts: list[KerasTensor], name: str | None = None) -> KerasTensor:
    """Concatenate the channels of all parts."""
    return layers.concatenate(parts, axis=channel_axis(), name=name)


def pooled_chain(x: KerasTensor, filters: int) -> KerasTensor:
    """Apply average pooling over 3x3 positions and a 1x1 convolution."""
    return chain(layers.AveragePooling2D(3, 1, padding="same")(x), (filters, 1))


def halved(x: KerasTensor) -> KerasTensor:
    """Apply max pooling over 3x3 positions with stride 2."""
    return layers.MaxPooling2D(3, 2)(x)


def small(x: KerasTensor, pooled: int, name: str) -> KerasTensor:
    """Figure 5: a 5x5 convolution as two 3x3 convolutions."""
    parts = branches(x, [(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)])
    return joined([*parts, pooled_chain(x, pooled)], name)


def asymmetric(x: KerasTensor, inner: int, name: str) -> KerasTensor:
    """Figure 6: 7x7 convolutions as 1x7 and 7x1 convolutions."""
    once = [(inner, 1), (inner, ROW), (192, COLUMN)]
    twice = [(inner, 1), (inner, COLUMN), (inner, ROW), (inner, COLUMN), (192, ROW)]
    return joined([*branches(x, [(192, 1)], once, twice), pooled_chain(x, 192)], name)


def wide(x: KerasTensor, i: int) -> KerasTensor:
    """Figure 7: 1x3 and 3x1 convolutions in parallel."""
    first = chain(x, (320, 1))
    both = [(384, (1, 3))], [(384, (3, 1))]
    once = joined(branches(chain(x, (384, 1)), *both), f"mixed9_{i}")
    twice = joined(branches(chain(x, (448, 1), (384, 3)), *both))
    return joined([first, once, twice, pooled_chain(x, 192)], f"mixed{9 + i}")


InceptionV3 = Inception(
    "inception_v3",
    f"{ADDRESS}inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels",
    ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
)


def preprocess_input(x: Array, data_format: str | None = None) -> Array:
    """Convert images (N, H, W, 3) with values from 0 to 255 as in training: see `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "tf")
