"""VGG16: thirteen convolutions and three dense layers."""

from __future__ import annotations

from fastconv.applications.imagenet_utils import decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.applications.vgg import VGG
from fastconv.typing import Array

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

VGG16 = VGG("vgg16", (2, 2, 3, 3, 3), ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"))


def preprocess_input(x: Array, data_format: str | None = None) -> Array:
    """Convert images (N, H, W, 3) with values from 0 to 255 as in training: see `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "caffe")
