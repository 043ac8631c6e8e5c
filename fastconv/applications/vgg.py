"""VGG: Simonyan and Zisserman 2014, "Very deep convolutional networks for large-scale image recognition"."""

from __future__ import annotations

from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import ADDRESS, Architecture
from fastconv.engine import KerasTensor
from fastconv.typing import ActivationLike


class VGG(Architecture):
    """Blocks of 3x3 convolutions, each followed by pooling; table 1, columns D and E.

    Args:
        name: the name of its models.
        convolutions: the number of convolutions in each block.
        checksums: see `Architecture`.
    """

    FILTERS = (64, 128, 256, 512, 512)
    pooling_names = (None, None)

    def __init__(self, name: str, convolutions: tuple[int, ...], checksums: tuple[str, str]) -> None:
        super().__init__(name, f"{ADDRESS}{name}/{name}_weights_tf_dim_ordering_tf_kernels", checksums)
        self.convolutions = convolutions

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        for i, (count, filters) in enumerate(zip(self.convolutions, self.FILTERS), 1):
            for k in range(1, count + 1):
                x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{i}_conv{k}")(x)
            x = layers.MaxPooling2D(2, 2, name=f"block{i}_pool")(x)
        return x

    def classify(self, x: KerasTensor, classes: int, activation: ActivationLike | None) -> KerasTensor:
        x = layers.Flatten(name="flatten")(x)
        for name in ("fc1", "fc2"):
            x = layers.Dense(4096, activation="relu", name=name)(x)
        return layers.Dense(classes, activation=activation, name="predictions")(x)
