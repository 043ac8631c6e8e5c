"""Aliases of modules under their names in Keras 2, for example `layers.convolutional`."""

from __future__ import annotations

import sys

import fastconv.layers as layers
import fastconv.optimizers as optimizers
import fastconv.saving as saving
import fastconv.utils as utils
from fastconv.layers import core

# The packages, and the names of former modules within them.
PARTS = {
    layers: ("advanced_activations", "convolutional", "normalization", "pooling"),
    optimizers: ("legacy",),
    utils: ("data_utils", "generic_utils", "np_utils", "vis_utils"),
}
IN_CORE = (
    "Activation", "ActivityRegularization", "Dropout", "Flatten", "Permute", "RepeatVector", "Reshape",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
)  # fmt: skip

for _package, _names in PARTS.items():
    for _name in _names:
        sys.modules[f"{_package.__name__}.{_name}"] = _package
        setattr(_package, _name, _package)
for _name in IN_CORE:  # `layers.core` still exists, with fewer names
    setattr(core, _name, getattr(layers, _name))
for _name in (
    "deserialize_keras_object",
    "serialize_keras_object",
):  # they are above `utils`
    setattr(utils, _name, getattr(saving, _name))
