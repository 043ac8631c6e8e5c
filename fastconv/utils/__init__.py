"""Utilities for data, files, labels, seeds, filters of images and pictures of models."""

from fastconv.serialization import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from fastconv.utils import bounding_boxes as bounding_boxes
from fastconv.utils.checked_gradient import check_gradient
from fastconv.utils.convolution_matrix import convolution_matrix
from fastconv.utils.dataset import Dataset, split_dataset
from fastconv.utils.download import get_file
from fastconv.utils.explained_gradient import explain_gradient
from fastconv.utils.filters import FILTERS, filter_image
from fastconv.utils.gradient_graph import GradientGraph, GradientNode
from fastconv.utils.image import array_to_img, image_dataset_from_directory, img_to_array, load_img, save_img
from fastconv.utils.layer_counts import LayerCounts
from fastconv.utils.model_graph import get_source_inputs
from fastconv.utils.model_plot import model_to_dot, plot_model
from fastconv.utils.naming import clear_session
from fastconv.utils.numerical import normalize, to_categorical
from fastconv.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from fastconv.utils.profile import Profile
from fastconv.utils.profiled_step import ProfiledStep
from fastconv.utils.progbar import Progbar
from fastconv.utils.pydataset import PyDataset
from fastconv.utils.random import set_random_seed
from fastconv.utils.sequences import pad_sequences, timeseries_dataset_from_array

CustomObjectScope = custom_object_scope
Sequence = PyDataset  # its name in Keras 2

__all__ = [
    "FILTERS",
    "CustomObjectScope",
    "Dataset",
    "GradientGraph",
    "GradientNode",
    "LayerCounts",
    "Profile",
    "ProfiledStep",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "bounding_boxes",
    "check_gradient",
    "clear_session",
    "convolution_matrix",
    "custom_object_scope",
    "explain_gradient",
    "filter_image",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "set_random_seed",
    "split_dataset",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
