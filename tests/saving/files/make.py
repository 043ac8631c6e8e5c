"""Create the files of this folder with the installed Keras: `python make.py`, once with each version and backend.

`python make.py NAME ...` creates only these files.

Each file is packed by gzip, because HDF5 files of small arrays are mostly empty. Its .npz has inputs x0, x1, ..., the
outputs y0, ... of Keras, and the losses of further training. The files here come from Keras 3.15.1 on JAX 0.10 (torch_*
on PyTorch, tensorflow_* on TensorFlow), 3.6.0 on JAX 0.4.35, 3.0.5 on JAX 0.4.23, and 2.15.0 on TensorFlow 2.15.
"""

import gzip
import sys
from pathlib import Path

import keras
import numpy as np

HERE = Path(__file__).parent
L = keras.layers
PENALTY = None if keras.__version__.startswith("3.0.") else "l2"  # Keras 3.0 adds it twice to the loss


def sequential(**first):
    return keras.Sequential(
        [
            L.Conv2D(2, 3, activation="relu", kernel_regularizer=PENALTY, name="conv", **first),
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
    parts = (slice(None), slice(1, None), *([] if keras.__version__.startswith("3.0.") else [...]), slice(2))
    x = keras.ops.mean(keras.ops.relu(a * 2.0 - 1.0)[parts], axis=1, keepdims=True)  # Keras 3.0 saves no ellipsis
    out = L.Dense(2, name="dense")(L.Reshape((2,), name="flat")(x))
    is_old = keras.__version__.startswith("3.0.")  # does not find the loss of an output in a dict
    return keras.Model(a, out if is_old else {"out": out}, name="operations")


def flat(arrays):
    return [arrays[key] for key in sorted(arrays)] if isinstance(arrays, dict) else list(arrays)


def keep(name, model, optimizer, weights=None, is_trained=True):
    """Train for a few steps, save, and store the results of further training."""
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(4, *t.shape[1:])).astype("float32") for t in model.inputs]
    several = len(x) > 1
    y = model.predict(x if several else x[0], verbose=0)
    y = flat(y) if isinstance(y, (list, dict)) else [y]
    targets = [np.ones_like(array) for array in y]
    targets = {"out": targets[0]} if name == "operations.keras" else targets if several else targets[0]
    model.compile(optimizer, "mean_squared_error")
    how = {"epochs": 3, "shuffle": False, "verbose": 0}
    if is_trained:
        model.fit(x if several else x[0], targets, **how)
    (model.save_weights if weights else model.save)(HERE / name)
    (HERE / (name + ".gz")).write_bytes(gzip.compress((HERE / name).read_bytes(), mtime=0))
    (HERE / name).unlink()
    y = model.predict(x if several else x[0], verbose=0)
    y = flat(y) if isinstance(y, (list, dict)) else [y]
    losses = model.fit(x if several else x[0], targets, **how).history["loss"]
    arrays = {f"x{i}": array for i, array in enumerate(x)} | {
        f"y{i}": array.astype("float32") for i, array in enumerate(y)
    }
    np.savez_compressed(HERE / (name + ".npz"), losses=losses, **arrays)


def dense(quantization):
    model = keras.Sequential([keras.Input((6,)), L.Dense(5, name="one"), L.Dense(3, use_bias=False, name="two")])
    if quantization:
        model.quantize(quantization)
    return model


def with_policy(policy):
    keras.config.set_dtype_policy(policy)
    model = sequential()
    model.build((None, 5, 5, 1))
    keras.config.set_dtype_policy("float32")
    return model


keras.utils.set_random_seed(1)
if keras.__version__.startswith("2"):
    keep("keras2.h5", sequential(input_shape=(5, 5, 1)), keras.optimizers.SGD(0.1, momentum=0.9))
    keep("keras2_functional.h5", functional(), "sgd")
elif keras.__version__.startswith(("3.0.", "3.6.")):
    version = "keras" + "".join(keras.__version__.split(".")[:2])
    model = sequential()
    model.build((None, 5, 5, 1))
    keep(f"{version}.keras", model, keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 20)))
    keep(f"{version}_functional.keras", functional(), keras.optimizers.RMSprop(0.01, momentum=0.5))
    keep(f"{version}_operations.keras", with_operations(), "nadam")
    keep(f"{version}_untrained.keras", functional(), "adam", is_trained=False)
    keep(f"{version}.h5", functional(), keras.optimizers.SGD(0.1, momentum=0.9))
    keep(f"{version}.weights.h5", model, "sgd", weights=True)
elif keras.backend.backend() != "jax":
    backend = keras.backend.backend()
    for name in ("Adam", "RMSprop"):
        how = {"gradient_accumulation_steps": 2} if name == "Adam" else {"momentum": 0.5}
        keep(f"{backend}_{name.lower()}.keras", functional(), getattr(keras.optimizers, name)(0.01, **how))
    keep(f"{backend}_untrained.keras", functional(), "adam", is_trained=False)
    keep(f"{backend}.h5", functional(), keras.optimizers.SGD(0.01, momentum=0.9))
    model = sequential()
    model.build((None, 5, 5, 1))
    keep(f"{backend}.weights.h5", model, "sgd", weights=True)
else:
    for name in ("Adam", "SGD", "Ftrl"):
        keep(f"untrained_{name.lower()}.keras", functional(), getattr(keras.optimizers, name)(0.01), is_trained=False)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))
    keep("scaled_untrained.keras", functional(), scaled, is_trained=False)
    keep("scaled.keras", functional(), keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)))
    keep("scaled.h5", functional(), keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)))
    keep("lamb.keras", functional(), keras.optimizers.Lamb(0.01))
    for name in ("Adam", "SGD"):
        accumulating = getattr(keras.optimizers, name)(0.01, gradient_accumulation_steps=2)
        keep(f"accumulating_{name.lower()}.keras", functional(), accumulating)
    keep("mixed_float16.keras", with_policy("mixed_float16"), "adam")
    keep("bfloat16.keras", with_policy("bfloat16"), "adam")
    for mode in ("int8", "int4", "float8"):
        keep(f"{mode}.keras", dense(mode), "sgd", is_trained=False)
    model = sequential()
    model.build((None, 5, 5, 1))
    keep("sequential.keras", model, keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.9)))
    keep("functional.keras", functional(), keras.optimizers.RMSprop(0.01, momentum=0.5))
    keep("operations.keras", with_operations(), "sgd")
    keep("keras3.h5", functional(), "sgd")
    keep("sequential.weights.h5", model, "sgd", weights=True)
