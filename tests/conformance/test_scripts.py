"""The scripts in examples/keras with the imports of either library: the same losses, step by step.

Random and large parts are replaced from outside: data sets and weights are generated here, nothing is dropped or
flipped, samples keep their order, and `fit` runs a few steps of a small batch.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "keras"
SCRIPTS = sorted(set(FOLDER.glob("*.py")) - {FOLDER / "offline.py"})
STEPS, BATCH = 10, 16
TRAIN, TEST = STEPS * BATCH * 5 // 4, 20  # samples: up to a fifth may be used for validation
CHANGE = {"theta": 5, "tx": 2, "ty": -1.5, "shear": 0, "zx": 1.05, "zy": 0.9, "flip_horizontal": True}  # pixels
DATA = {"mnist": (28, 28), "cifar10": (32, 32, 3)}

pytestmark = [  # from Keras's variables
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning"),
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning"),
]


def drawn_data(shape):
    """Return images whose brightness depends on their labels."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(2 * TRAIN + TEST) % 10).astype("uint8")
    x = (rng.integers(0, 120, (len(y), *shape)) + 13 * y.reshape(-1, *[1] * len(shape))).astype("uint8")
    y = y if len(shape) == 2 else y[:, None]
    return (x[TEST:], y[TEST:]), (x[:TEST], y[:TEST])


def few(data):
    """Return the first samples of an array, or of nested arrays."""
    if isinstance(data, dict):
        return {key: few(value) for key, value in data.items()}
    return type(data)(map(few, data)) if isinstance(data, (list, tuple)) else data[:TRAIN]


def calm(layer, known):
    """Set the kernels that are not `known`, and disable dropout."""
    for inner in getattr(layer, "layers", ()):
        calm(inner, known)
    if "Dropout" in type(layer).__name__:
        layer.rate = 0.0
    rng = np.random.default_rng(len(known))
    for variable in layer.weights:
        if len(variable.shape) > 1 and id(variable) not in known:
            fan_in = np.prod(variable.shape[:-1])
            variable.assign(rng.normal(0, fan_in**-0.5, tuple(variable.shape)).astype("float32"))
        known[id(variable)] = variable


def calm_fit(library, losses):
    """Run `fit` for an epoch without randomness, and append a list of its first losses to `losses`."""
    original, known = library.Model.fit, {}

    class Recorder(library.callbacks.Callback):
        def on_train_begin(self, logs=None):
            losses.append([])

        def on_train_batch_end(self, batch, logs=None):
            if len(losses[-1]) < STEPS:
                losses[-1].append(float(logs["loss"]))

    def fit(model, *args, **kwargs):
        given = dict(inspect.signature(original).bind(model, *args, **kwargs).arguments)
        del given["self"]
        given.update({key: few(value) for key, value in given.items() if isinstance(value, (np.ndarray, dict, tuple))})
        given["callbacks"] = [*(given.get("callbacks") or ()), Recorder()]
        if isinstance(given["x"], (np.ndarray, dict)):
            given["batch_size"] = BATCH
        else:
            given["x"].shuffle = False
        if not model.built:
            model(given["x"][:1])
        calm(model, known)
        return original(model, **{**given, "epochs": 1, "shuffle": False})

    return fit


def losses_of(script, name, monkeypatch):
    """Return the losses of the first steps of each `fit` when `script` runs with the library `name`."""
    library, losses = importlib.import_module(name), []
    text = with_keras(script.read_text()) if name == "keras" else script.read_text()
    with monkeypatch.context() as patched:
        if name == "keras":
            from keras.src.legacy.preprocessing.image import ImageDataGenerator  # Keras 3 has no other way to get it

            patched.setattr("keras.preprocessing.image.ImageDataGenerator", ImageDataGenerator, raising=False)
        generator = library.preprocessing.image.ImageDataGenerator
        patched.setattr(generator, "get_random_transform" if name == "keras" else "draw", lambda *_: CHANGE)
        patched.setattr(library.Model, "fit", calm_fit(library, losses))
        patched.setattr(library.layers.RandomFlip, "call", lambda self, data, training=True: data)
        for data, shape in DATA.items():
            patched.setattr(getattr(library.datasets, data), "load_data", lambda shape=shape: drawn_data(shape))
        exec(compile(text, str(script), "exec"), {"__name__": "__main__"})
    return losses


def with_keras(text):
    """Return the script with its imports changed, and without a tape, which Keras lacks on JAX."""
    text = text.replace("import fastconv as keras", "import keras").replace("def train_step(", "def with_tape(")
    return re.sub(r"^from fastconv\b", "from keras", text, flags=re.MULTILINE)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_trains_as_with_keras(script, reference, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(sys, "argv", [str(script)])
    found = losses_of(script, "fastconv", monkeypatch)
    assert found
    for ours, theirs in zip(found, reference(lambda: losses_of(script, "keras", monkeypatch)), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_scripts_keep_to_the_imports_that_are_changed():
    for script in SCRIPTS:
        lines = [line for line in script.read_text().splitlines() if "fastconv" in line]
        assert all(re.match(r"import fastconv as keras$|from fastconv\b", line) for line in lines), script
