"""Helpers that scripts use beside models."""

from fastconv.utils.convolution_matrix import convolution_matrix
from fastconv.utils.numerical import to_categorical
from fastconv.utils.progbar import Progbar
from fastconv.utils.random import set_random_seed

__all__ = ["Progbar", "convolution_matrix", "set_random_seed", "to_categorical"]
