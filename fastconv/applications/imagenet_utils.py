"""Preparation of images for models trained on ImageNet, and names of their predictions."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.applications.files import stored
from fastconv.typing import Array, ArrayLike

__all__ = [
    "decode_predictions",
    "preprocess_input",
]

CLASSES = 1000
INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
INDEX_CHECKSUM = "md5:c2c37ea517e94d9795004a39431a14cb"

# Mode: (divisor of pixels; then the mean and the standard deviation of each channel).
MODES = {
    "tf": (127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "torch": (255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": (1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),  # of blue, green and red
}


def preprocess_input(x: Array, data_format: str | None = None, mode: str = "caffe") -> Array:
    """Convert images to the values with which a model was trained.

    Args:
        x: images (N, H, W, 3), or (N, 3, H, W), or an image without N, with values from 0 to 255. x is not modified.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`. Default: None.
        mode: "tf" for values from -1 to 1; "torch" for values from 0 to 1, minus ImageNet's mean and divided by its
            standard deviation per channel; "caffe" (default) for blue, green and red, minus ImageNet's mean.

    Returns:
        Floating-point images.

    Raises:
        ValueError: the mode or data_format is unknown.

    Example:
        >>> x = np.full((1, 2, 2, 3), 255.0)
        >>> bool(applications.imagenet_utils.preprocess_input(x, mode="tf").max() == 1)
        True
    """
    if mode not in MODES:
        raise ValueError(f"preprocess_input: mode must be one of {', '.join(MODES)}. Received: mode={mode!r}")
    axis = -1 if config.standardize_data_format(data_format) == "channels_last" else -3
    whole, means, deviations = MODES[mode]
    x = x if np.dtype(x.dtype).kind == "f" else ops.cast(x, config.floatx())
    mean, deviation = (np.array(n, x.dtype).reshape(3, *(1,) * (-1 - axis)) for n in (means, deviations))
    x = ops.flip(x, axis) if mode == "caffe" else x
    return (x / whole - mean) / deviation


def decode_predictions(preds: ArrayLike, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Return the most probable ImageNet classes.

    Args:
        preds: array (N, 1000), the output of a model.
        top: int. The number of classes. Default: 5.

    Returns:
        For each image, a list of (WordNet ID, name, score) of the `top` classes, the most probable first.

    Raises:
        ImportError: the list of classes must be downloaded, and pooch is not installed.
        OSError: the download failed.
        ValueError: preds has another shape.

    Example:
        >>> applications.imagenet_utils.decode_predictions(model.predict(x), top=3)  # doctest: +SKIP
    """
    scores = np.asarray(preds)
    if scores.ndim != 2 or scores.shape[1] != CLASSES:
        raise ValueError(f"decode_predictions: preds must have the shape (N, 1000). Received: shape={scores.shape}")
    names = class_names()
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [[(*names[k], row[k]) for k in ks] for ks, row in zip(best, scores)]


@lru_cache(maxsize=1)
def class_names() -> list[tuple[str, str]]:
    """Return the WordNet ID and the name of each class."""
    index = json.loads(stored("imagenet_class_index.json", INDEX, INDEX_CHECKSUM).read_text())
    return [tuple(index[str(k)]) for k in range(CLASSES)]
