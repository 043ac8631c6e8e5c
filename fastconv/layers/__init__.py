"""Layers, with Keras 3's names, arguments and defaults."""

from fastconv.layers.activation import ELU, LeakyReLU, ReLU, Softmax
from fastconv.layers.base import Layer
from fastconv.layers.conv import Conv2D
from fastconv.layers.core import Activation, Dense, Input, InputLayer
from fastconv.layers.merge import Add, Concatenate, add, concatenate
from fastconv.layers.norm import BatchNormalization
from fastconv.layers.pool import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    MinPooling2D,
)
from fastconv.layers.regularization import Dropout
from fastconv.layers.reshape import Flatten, Reshape, ZeroPadding2D

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "MaxPooling2D",
    "MinPooling2D",
    "ReLU",
    "Reshape",
    "Softmax",
    "ZeroPadding2D",
    "add",
    "concatenate",
]
