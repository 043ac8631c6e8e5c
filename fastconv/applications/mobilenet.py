"""MobileNet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fastconv.applications.imagenet_utils import CLASSES, decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.applications.mobile import MobileNetV1
from fastconv.engine import KerasTensor
from fastconv.models import Model

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]


def MobileNet(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """A new model.

    Args:
        alpha: what numbers of channels are multiplied by.
        depth_multiplier: how many channels a depthwise convolution makes of each.
        dropout: the rate before the classes.
        input_shape, include_top, weights, input_tensor, pooling, classes, classifier_activation, name: as those of
            `Architecture`.
    """
    given = input_shape
    if given is None and input_tensor is not None:
        given = input_tensor.shape[1:]
    net = MobileNetV1(alpha, given, include_top, weights, depth_multiplier, dropout)
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images (N, H, W, 3) of values from 0 to 255 as the net was trained with: `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "tf")
