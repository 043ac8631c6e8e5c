"""Data on its way into models, as older scripts prepare it."""

from fastconv.preprocessing import image
from fastconv.utils import image_dataset_from_directory

__all__ = ["image", "image_dataset_from_directory"]
