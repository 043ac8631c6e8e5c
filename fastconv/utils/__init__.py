"""Helpers that scripts use beside models."""

from fastconv.utils.convolution_matrix import convolution_matrix
from fastconv.utils.dataset import Dataset
from fastconv.utils.image import array_to_img, image_dataset_from_directory, img_to_array, load_img, save_img
from fastconv.utils.numerical import normalize, to_categorical
from fastconv.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from fastconv.utils.progbar import Progbar
from fastconv.utils.pydataset import PyDataset
from fastconv.utils.random import set_random_seed

__all__ = [
    "Dataset",
    "Progbar",
    "PyDataset",
    "array_to_img",
    "convolution_matrix",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "save_img",
    "set_random_seed",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
