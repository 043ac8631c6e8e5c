"""MobileNetV2."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fastconv.applications.imagenet_utils import CLASSES, decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.applications.mobile import InvertedResiduals
from fastconv.engine import KerasTensor
from fastconv.models import Model

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]


def MobileNetV2(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """A new model; `alpha` is what numbers of channels are multiplied by, the rest is as for `Architecture`."""
    given = input_shape
    if given is None and input_tensor is not None:
        given = input_tensor.shape[1:]
    net = InvertedResiduals(alpha, given, include_top, weights)
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images (N, H, W, 3) of values from 0 to 255 as the net was trained with: `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "tf")
