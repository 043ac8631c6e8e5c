"""Photos: a temple and a flower in color, to show filters and feature maps on."""

from __future__ import annotations

import numpy as np

import fastconv.config as config
from fastconv.datasets.packaged import read

__all__ = ["NAMES", "load_data"]

NAMES = ("china", "flower")


def load_data() -> np.ndarray:
    """Load two photos: a temple in China by danielbuechele, and a flower by vultilion.

    The photos are part of fastconv, so that no other package and no network is needed. Both are licensed under CC BY
    2.0. They are those of scikit-learn's `load_sample_images`, scaled by 0.3.

    Returns:
        A batch of two images, uint8, (2, 128, 192, 3), or (2, 3, 128, 192) if `config.image_data_format()` is
        "channels_first", with values from 0 to 255. `NAMES` has their names in the same order.

    Example:
        >>> china, flower = datasets.photos.load_data()
        >>> flower.shape
        (128, 192, 3)
    """
    (images,) = read("photos", "images")
    channels_last = config.image_data_format() == "channels_last"
    return images if channels_last else np.ascontiguousarray(images.transpose(0, 3, 1, 2))
