"""MobileNetV2."""

from __future__ import annotations

import os

from fastconv.applications.imagenet_utils import CLASSES, decode_predictions
from fastconv.applications.imagenet_utils import preprocess_input as preprocess
from fastconv.applications.mobile import InvertedResiduals
from fastconv.engine import KerasTensor
from fastconv.models import Model
from fastconv.typing import ActivationLike, Array, ShapeLike

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]


def MobileNetV2(
    input_shape: ShapeLike | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: ActivationLike | None = "softmax",
    name: str | None = None,
) -> Model:
    """Create a MobileNetV2.

    Args:
        input_shape: the shape of an image, as for `Architecture`. Default: None.
        alpha: float. The factor of the numbers of channels. Default: 1.
        include_top, weights, input_tensor, pooling, classes, classifier_activation, name: as for `Architecture`.

    Returns:
        A `Model`.

    Raises:
        ImportError, OSError, ValueError: as for `Architecture`.

    Example:
        >>> model = applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=10)
        >>> model.output_shape
        (None, 10)
    """
    given = input_shape
    if given is None and input_tensor is not None:
        given = input_tensor.shape[1:]
    net = InvertedResiduals(alpha, given, include_top, weights)
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)


def preprocess_input(x: Array, data_format: str | None = None) -> Array:
    """Convert images (N, H, W, 3) with values from 0 to 255 as in training: see `imagenet_utils.preprocess_input`."""
    return preprocess(x, data_format, "tf")
