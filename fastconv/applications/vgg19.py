"""VGG19: sixteen convolutions and three dense layers."""

from __future__ import annotations

from fastconv.applications.imagenet_utils import decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.applications.vgg import VGG
from fastconv.typing import Array

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

VGG19 = VGG("vgg19", (2, 2, 4, 4, 4), ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"))


def preprocess_input(x: Array, data_format: str | None = None) -> Array:
    """Convert images (N, H, W, 3) with values from 0 to 255 as in training: see `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "caffe")
