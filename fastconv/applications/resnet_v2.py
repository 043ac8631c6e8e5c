"""ResNet50V2, 101V2 and 152V2."""

from __future__ import annotations

from fastconv.applications.imagenet_utils import decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.applications.residual import ResNetV2
from fastconv.typing import Array

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]

ResNet50V2 = ResNetV2(
    "resnet50v2", (3, 4, 6, 3), ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917")
)
ResNet101V2 = ResNetV2(
    "resnet101v2", (3, 4, 23, 3), ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5")
)
ResNet152V2 = ResNetV2(
    "resnet152v2", (3, 8, 36, 3), ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33")
)


def preprocess_input(x: Array, data_format: str | None = None) -> Array:
    """Convert images (N, H, W, 3) with values from 0 to 255 as in training: see `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "tf")
