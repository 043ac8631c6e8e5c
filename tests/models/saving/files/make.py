"""Makes the files beside it, with the Keras that is installed: `python make.py`, once with Keras 3, once with Keras 2.

Each is packed by gzip, since HDF5 files are mostly empty where arrays are small. Its .npz has inputs x0, x1, ..., the
outputs y0, ... that Keras gives for them, and the losses of going on training.
The files here are of Keras 3.15.1 on JAX 0.10 and of Keras 2.15.0 on TensorFlow 2.15.
"""

import gzip
from pathlib import Path

import keras
import numpy as np

HERE = Path(__file__).parent
L = keras.layers


def sequential(**first):
    return keras.Sequential(
        [
            L.Conv2D(2, 3, activation="relu", kernel_regularizer="l2", name="conv", **first),
            L.BatchNormalization(name="norm"),
            L.LeakyReLU(0.2, name="leaky"),
            L.Dropout(0.0, name="drop"),
            L.Flatten(name="flat"),
            L.Dense(2, activation="tanh", name="dense"),
        ],
        name="sequential",
    )


def functional():
    a, b = keras.Input((4, 4, 2), name="a"), keras.Input((3,), name="b")
    inner = keras.Sequential([keras.Input((4, 4, 2)), L.Conv2D(2, 1, name="one")], name="inner")
    shared = L.Dense(3, name="shared")
    x = L.Flatten(name="flat")(inner(inner(a)))
    y = L.Concatenate(name="joined")([shared(b), shared(L.Dense(3, name="first")(x))])
    return keras.Model([a, b], [L.Dense(1, name="left")(y), L.Dense(2, name="right")(x)], name="functional")


def with_operations():
    a = keras.Input((4, 3), name="a")
    x = keras.ops.mean(keras.ops.relu(a * 2.0 - 1.0)[:, 1:, ..., :2], axis=1, keepdims=True)
    return keras.Model(a, {"out": L.Dense(2, name="dense")(L.Reshape((2,), name="flat")(x))}, name="operations")


def flat(arrays):
    return [arrays[key] for key in sorted(arrays)] if isinstance(arrays, dict) else list(arrays)


def keep(name, model, optimizer, weights=None):
    """Train for a while, save, and note what comes next."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(4, *t.shape[1:])).astype("float32") for t in model.inputs]
    several = len(x) > 1
    y = model.predict(x if several else x[0], verbose=0)
    y = flat(y) if isinstance(y, (list, dict)) else [y]
    targets = [np.ones_like(one) for one in y]
    targets = {"out": targets[0]} if name == "operations.keras" else targets if several else targets[0]
    model.compile(optimizer, "mse")
    how = {"epochs": 3, "shuffle": False, "verbose": 0}
    model.fit(x if several else x[0], targets, **how)
    (model.save_weights if weights else model.save)(HERE / name)
    (HERE / (name + ".gz")).write_bytes(gzip.compress((HERE / name).read_bytes(), mtime=0))
    (HERE / name).unlink()
    y = model.predict(x if several else x[0], verbose=0)
    y = flat(y) if isinstance(y, (list, dict)) else [y]
    losses = model.fit(x if several else x[0], targets, **how).history["loss"]
    arrays = {f"x{i}": one for i, one in enumerate(x)} | {f"y{i}": one for i, one in enumerate(y)}
    np.savez_compressed(HERE / (name + ".npz"), losses=losses, **arrays)


keras.utils.set_random_seed(1)
if keras.__version__.startswith("2"):
    keep("keras2.h5", sequential(input_shape=(5, 5, 1)), keras.optimizers.SGD(0.1, momentum=0.9))
    keep("keras2_functional.h5", functional(), "sgd")
else:
    model = sequential()
    model.build((None, 5, 5, 1))
    keep("sequential.keras", model, keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.9)))
    keep("functional.keras", functional(), keras.optimizers.RMSprop(0.01, momentum=0.5))
    keep("operations.keras", with_operations(), "sgd")
    keep("keras3.h5", functional(), "sgd")
    keep("sequential.weights.h5", model, "sgd", weights=True)
