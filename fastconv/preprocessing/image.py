"""Images in files and arrays, and their augmentation, under the names of `tf.keras.preprocessing.image`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastconv.ops as ops
from fastconv.preprocessing.generator import ImageDataGenerator
from fastconv.preprocessing.iterators import DirectoryIterator, Iterator, NumpyArrayIterator
from fastconv.preprocessing.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)
from fastconv.typing import ArrayLike
from fastconv.utils import array_to_img, img_to_array, load_img, save_img

__all__ = [
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
]


def smart_resize(
    x: ArrayLike, size: Sequence[int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> Any:
    """Crop the centre of images to the proportions of `size`, and resize it; see `ops.image.resize`.

    Args:
        x: images (N, H, W, C) or an image (H, W, C); channels first if `data_format` says so.
        size: (height, width).
        interpolation: as for `ops.image.resize`. Default: "bilinear".
        data_format: "channels_last" (default) or "channels_first".

    Returns:
        Array like x, with the height and width of `size`.

    Example:
        >>> smart_resize(np.zeros((100, 80, 3)), (32, 32)).shape
        (32, 32, 3)
    """
    return ops.image.resize(x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)
