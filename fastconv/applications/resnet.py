"""ResNet50, 101 and 152."""

from __future__ import annotations

from fastconv.applications.imagenet_utils import decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.applications.residual import ResNet
from fastconv.typing import Array

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

ResNet50 = ResNet("resnet50", (3, 4, 6, 3), ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"))
ResNet101 = ResNet("resnet101", (3, 4, 23, 3), ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"))
ResNet152 = ResNet("resnet152", (3, 8, 36, 3), ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"))


def preprocess_input(x: Array, data_format: str | None = None) -> Array:
    """Convert images (N, H, W, 3) with values from 0 to 255 as in training: see `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "caffe")
