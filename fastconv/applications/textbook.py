"""Base class of the nets of the textbooks, for which no trained weights are published."""

from __future__ import annotations

from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import Architecture
from fastconv.engine import KerasTensor
from fastconv.typing import ActivationLike, IntOrInts


class TextbookNet(Architecture):
    """An architecture without a file of ImageNet weights.

    Args:
        name: the name of its models.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "", ("", ""))

    def check_pretrained(
        self, include_top: bool, input_shape: Any, classes: int, activation: ActivationLike | None
    ) -> None:
        """Raise ValueError: there are no weights."""
        raise ValueError(
            f"{self.name}: weights must be None or the path of a file, because Keras publishes no ImageNet weights of "
            "this net. ResNet50 and VGG16 have some. Received: weights='imagenet'"
        )


def convolution(
    x: KerasTensor, filters: int, size: IntOrInts, name: str, strides: int = 1, padding: str = "same", groups: int = 1
) -> KerasTensor:
    """Apply a convolution and ReLU."""
    return layers.Conv2D(filters, size, strides, padding, groups=groups, activation="relu", name=name)(x)
