"""Preparation of data, under the names of older versions of Keras."""

from fastconv.preprocessing import image, sequence
from fastconv.utils import image_dataset_from_directory, timeseries_dataset_from_array

__all__ = ["image", "image_dataset_from_directory", "sequence", "timeseries_dataset_from_array"]
