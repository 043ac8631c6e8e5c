"""Files written by fastconv have the structure of files that Keras has read.

With Keras, it reads each file and outputs are compared; `reference` then stores the structure of the file. Without
Keras, the structure must equal the stored structure.
"""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

import fastconv

from .nets import INPUTS, data_of, losses_of, numbers, outputs_of, subclassed
from .stored import rounded

h5py = pytest.importorskip("h5py")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # from Keras's variables
]
trained_or_not = pytest.mark.parametrize("is_trained", [False, True], ids=["untrained", "trained"])
JSON_ATTRIBUTES = ("model_config", "training_config")


def structure(path):
    """Return the configurations, and the names, shapes, dtypes and attributes of everything in a file."""
    content = path.read_bytes()
    if path.suffix != ".keras":
        return hdf5_structure(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = {"names": sorted(archive.namelist()), "metadata": sorted(json.loads(archive.read("metadata.json")))}
        config = json.loads(archive.read("config.json"), parse_float=rounded)
        return {**found, "config": config, "weights": hdf5_structure(archive.read("model.weights.h5"))}


def hdf5_structure(content):
    with h5py.File(io.BytesIO(content)) as root:
        found = {"": attributes(root)}

        def note(name, thing):
            array = [list(thing.shape), thing.dtype.name] if isinstance(thing, h5py.Dataset) else []
            found[name] = [*array, attributes(thing)]

        root.visititems(note)
        return found


def attributes(thing):
    return {key: attribute(key, value) for key, value in thing.attrs.items()}


def attribute(key, value):
    if key in JSON_ATTRIBUTES:
        return json.loads(value, parse_float=rounded)
    return [str(item) for item in value] if isinstance(value, np.ndarray) else str(value)


def check(reference, path, save, read, outputs):
    """Compare the structure of a file with the structure of the file from which Keras computed the same outputs."""
    save(path)

    def accepted():
        for a, b in zip(outputs_of(read(), outputs[0]), outputs[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        return structure(path)

    assert structure(path) == reference(accepted)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
@trained_or_not
@pytest.mark.parametrize("make", INPUTS, ids=lambda f: f.__name__)
def test_models(reference, tmp_path, make, is_trained, suffix):
    fastconv.utils.clear_session()
    model = make(fastconv)
    several = len(model.outputs) > 1
    model.compile("adam", ["mse", "mae"] if several else "mse", metrics=None if several else ["mae"])
    x, y = data_of(make, model)
    if is_trained:
        losses_of(model, x, y)

    def read():
        import keras

        if suffix != ".weights.h5":
            return keras.models.load_model(tmp_path / f"m{suffix}")
        other = make(keras)
        other.load_weights(tmp_path / f"m{suffix}")
        return other

    save = model.save_weights if suffix == ".weights.h5" else model.save
    check(reference, tmp_path / f"m{suffix}", save, read, (x, outputs_of(model, x)))


@trained_or_not
def test_subclasses(reference, tmp_path, is_trained):
    fastconv.utils.clear_session()
    model = subclassed(fastconv)()
    model.compile("rmsprop", "mse")
    x, y = numbers(8, 6, 6, 2), numbers(8, 2)
    model(x)
    if is_trained:
        losses_of(model, x, y)

    def read():
        import keras

        return keras.models.load_model(tmp_path / "m.keras", custom_objects={"Net": subclassed(keras)})

    check(reference, tmp_path / "m.keras", model.save, read, (x, outputs_of(model, x)))
