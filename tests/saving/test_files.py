"""Files written by Keras: outputs, and losses of further training, equal those of Keras. See files/make.py."""

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

from fastconv import Sequential, layers, models

from .samples import flat

FILES = Path(__file__).parent / "files"
MODELS = [
    *(
        f"{version}{rest}"
        for version in ("keras30", "keras36")
        for rest in (
            ".h5",
            ".keras",
            "_functional.keras",
            "_operations.keras",
            "_untrained.keras",
        )
    ),
    *(
        f"{backend}{rest}"
        for backend in ("tensorflow", "torch")
        for rest in ("_adam.keras", "_rmsprop.keras", "_untrained.keras", ".h5")
    ),
    "accumulating_adam.keras",
    "accumulating_sgd.keras",
    "functional.keras",
    "keras2.h5",
    "keras2_functional.h5",
    "keras3.h5",
    "operations.keras",
    "scaled.h5",
    "scaled.keras",
    "scaled_untrained.keras",
    "sequential.keras",
    "untrained_adam.keras",
    "untrained_ftrl.keras",
    "untrained_sgd.keras",
]
# Keras rounds in these dtypes; the largest error of outputs, and the relative error of losses if training continues.
ROUNDED = {
    "bfloat16.keras": (2e-2, None),
    "float8.keras": (0.2, None),
    "int4.keras": (1e-5, None),
    "int8.keras": (3e-2, None),
    "mixed_float16.keras": (2e-3, 1e-2),
}


@pytest.fixture
def unpacked(tmp_path):
    """Return `unpacked(name)`: the path of a file, its inputs as a model takes them, its outputs and its losses."""

    def unpack(name):
        path = tmp_path / name
        path.write_bytes(gzip.decompress((FILES / f"{name}.gz").read_bytes()))
        with np.load(FILES / f"{name}.npz") as arrays:
            x, y = ([arrays[key] for key in sorted(arrays) if key[0] == letter] for letter in "xy")
            return path, x if len(x) > 1 else x[0], y, arrays["losses"]

    return unpack


def assert_near(outputs, expected):
    for a, b in zip(flat(outputs), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_outputs_and_training(unpacked, name):
    path, x, y, losses = unpacked(name)
    model = models.load_model(path)
    outputs = model.predict(x, verbose=0)
    assert_near(outputs, y)
    np.testing.assert_allclose(losses_of(model, x, y, outputs), losses, rtol=1e-4)


def losses_of(model, x, y, outputs):
    targets = [np.ones_like(array) for array in y]
    if isinstance(outputs, dict):
        targets = dict(zip(sorted(outputs), targets))
    elif len(y) == 1:
        (targets,) = targets
    return model.fit(x, targets, epochs=3, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize("name", ROUNDED)
def test_dtypes_in_which_keras_rounds(unpacked, name):
    path, x, y, losses = unpacked(name)
    tolerance, of_losses = ROUNDED[name]
    model = models.load_model(path)
    outputs = model.predict(x, verbose=0)
    assert outputs.dtype == "float32"
    np.testing.assert_allclose(outputs, y[0].astype("float32"), atol=tolerance)
    if of_losses:
        np.testing.assert_allclose(losses_of(model, x, y, outputs), losses, rtol=of_losses)


def test_an_optimizer_that_only_keras_has(unpacked):
    path, x, y, _ = unpacked("lamb.keras")
    with pytest.warns(UserWarning, match=r"lamb.keras: the model was compiled with Lamb, .*: call compile"):
        model = models.load_model(path)
    assert model.optimizer is None
    assert_near(model.predict(x, verbose=0), y)
    assert_near(models.load_model(path, compile=False).predict(x, verbose=0), y)


def test_reading_needs_only_numpy(unpacked, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    for name in ("sequential.keras", "keras2.h5"):
        path, x, y, _ = unpacked(name)
        assert_near(models.load_model(path).predict(x, verbose=0), y)


def sequential():
    return Sequential(
        [
            layers.Conv2D(2, 3, activation="relu", input_shape=(5, 5, 1)),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.Flatten(),
            layers.Dense(2, activation="tanh"),
        ]
    )


@pytest.mark.parametrize(
    "name",
    [
        "sequential.weights.h5",
        "sequential.keras",
        "keras2.h5",
        "keras30.weights.h5",
        "keras36.weights.h5",
        "tensorflow.weights.h5",
        "torch.weights.h5",
    ],
)
def test_weights(unpacked, name):
    path, x, y, _ = unpacked(name)
    model = sequential()
    model.load_weights(path)
    assert_near(model.predict(x, verbose=0), y)


def test_weights_of_another_model(unpacked):
    path, *_ = unpacked("functional.keras")
    model = sequential()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"functional.keras: .*Received"):
        model.load_weights(path)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
