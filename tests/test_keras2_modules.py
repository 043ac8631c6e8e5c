"""Names at the import paths of Keras 2."""

from __future__ import annotations

import importlib

import pytest

from fastconv import layers, optimizers, utils

PLACES = [
    ("layers.advanced_activations", "LeakyReLU PReLU ELU", layers),
    ("layers.convolutional", "Conv2D Convolution2D MaxPooling2D UpSampling2D ZeroPadding2D", layers),
    ("layers.core", "Dense Dropout Activation Flatten Reshape Lambda Permute", layers),
    ("layers.merge", "add concatenate Add", layers),
    ("layers.normalization", "BatchNormalization", layers),
    ("layers.pooling", "MaxPooling2D GlobalAveragePooling2D", layers),
    ("optimizers.legacy", "Adam SGD RMSprop", optimizers),
    ("utils.data_utils", "get_file Sequence", utils),
    ("utils.generic_utils", "Progbar", utils),
    ("utils.np_utils", "to_categorical normalize", utils),
    ("utils.vis_utils", "plot_model model_to_dot", utils),
]


@pytest.mark.parametrize(("place", "names", "home"), PLACES, ids=[place for place, *_ in PLACES])
def test_names_at_old_paths(place, names, home):
    module = importlib.import_module(f"fastconv.{place}")
    assert all(getattr(module, name) is getattr(home, name) for name in names.split())
    package, _, last = place.rpartition(".")
    assert getattr(importlib.import_module(f"fastconv.{package}"), last) is module


def test_imports_of_scripts():
    namespace: dict = {}
    exec(
        "import fastconv.layers.normalization\n"
        "from fastconv.layers.advanced_activations import LeakyReLU\n"
        "from fastconv.utils.np_utils import to_categorical\n"
        "from fastconv.utils import np_utils",
        namespace,
    )
    assert namespace["LeakyReLU"] is layers.LeakyReLU
    assert namespace["np_utils"].to_categorical is namespace["to_categorical"] is utils.to_categorical
