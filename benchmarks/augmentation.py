"""Compare layers and generators that prepare and augment images with Keras on JAX.

``python -m benchmarks.augmentation [--batches 128x32x32x3] [--layers RandomFlip]`` prints milliseconds and ratios;
without keras and jax, it prints only our times. Keras's layers are compiled by `jax.jit` if possible, and their images
are already on the device. Our layers are called with an array; "step" is the time that they add to a training step. The
generators, for which Keras uses NumPy and SciPy, return batches of arrays.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.support.measure import alternate
from fastconv import layers
from fastconv.engine import Plan, Trace
from fastconv.preprocessing.image import ImageDataGenerator

os.environ.setdefault("KERAS_BACKEND", "jax")
try:
    import jax
    import keras
    from keras.src.legacy.preprocessing import image as keras_image
except ImportError:
    jax = keras = None

BATCHES = ("128x32x32x3", "32x224x224x3")
EFFORT = (5, 0.02, 2.0)  # rounds, seconds per block, seconds after which three rounds are enough

LAYERS: dict[str, dict[str, Any]] = {
    "Rescaling": {"scale": 1 / 127.5, "offset": -1.0},
    "Normalization": {"mean": [120.0, 110.0, 100.0], "variance": [900.0, 1000.0, 1100.0]},
    "Resizing": {"height": 48, "width": 40},
    "CenterCrop": {"height": 28, "width": 28},
    "RandomFlip": {},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
    "RandomRotation": {"factor": 0.1},
    "RandomZoom": {"height_factor": 0.2},
    "RandomCrop": {"height": 28, "width": 28},
    "RandomContrast": {"factor": 0.3},
    "RandomBrightness": {"factor": 0.3},
}
RANGES: dict[str, Any] = {
    "rotation_range": 15,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "zoom_range": 0.1,
    "horizontal_flip": True,
    "rescale": 1 / 255,
}

Calls = dict[str, Callable[[], Any]]


def planned(layer: layers.Layer, x: np.ndarray) -> Callable[[], Any]:
    """Return the layer's steps in a plan of training, with preallocated buffers and a fixed seed."""
    with Trace() as trace:
        inputs = trace.input(x)
        outputs = layer(inputs, training=True)
    plan = Plan([inputs], [outputs], trace.reads, trace.updates)
    plan(x)
    steps = plan._idle[0].steps

    def call() -> None:
        for step in steps:
            step()

    return call


def compiled(layer: Any, x: np.ndarray) -> Callable[[], Any]:
    """Return Keras's layer, compiled; its seed changes from call to call."""
    x = jax.device_put(x)
    takes_training = "training" in layer.call.__code__.co_varnames
    how = {"training": True} if takes_training else {}
    layer(x, **how)
    step = jax.jit(lambda state, x: layer.stateless_call([], state, x, **how))
    state = [variable.value for variable in layer.non_trainable_variables]
    try:
        step(state, x)
    except IndexError:  # JAX cannot trace the crop of RandomCrop
        return lambda: layer(x, **how).block_until_ready()

    def call() -> Any:
        nonlocal state
        y, state = step(state, x)
        return y.block_until_ready()

    return call


def layer_calls(name: str, x: np.ndarray) -> Calls:
    make = getattr(layers, name)
    layer = make(**LAYERS[name])
    calls: Calls = {"array": lambda: layer(x, training=True), "step": planned(make(**LAYERS[name]), x)}
    if keras:
        calls["Keras"] = compiled(getattr(keras.layers, name)(**LAYERS[name]), x)
    return calls


def generator_calls(x: np.ndarray) -> Calls:
    flow = ImageDataGenerator(**RANGES).flow(x, batch_size=len(x))
    calls: Calls = {"batch": lambda: next(flow)}
    if keras:
        warnings.simplefilter("ignore", DeprecationWarning)  # about an import of Keras from SciPy
        rival = keras_image.ImageDataGenerator(**RANGES).flow(x, batch_size=len(x))
        calls["Keras"] = lambda: next(rival)
    return calls


def measure(calls: Calls) -> str:
    """Return all times in milliseconds, and Keras's time as a multiple of the first."""
    times = dict(zip(calls, alternate(list(calls.values()), *EFFORT)))
    first = next(iter(times.values()))
    ratio = {name: f" ({t / first:.2f}x)" if name == "Keras" else "" for name, t in times.items()}
    return ", ".join(f"{name} {t * 1e3:.3f} ms{ratio[name]}" for name, t in times.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", nargs="+", default=BATCHES, metavar="NxHxWxC")
    parser.add_argument("--layers", nargs="+", default=[*LAYERS, "ImageDataGenerator"])
    arguments = parser.parse_args()
    for batch in arguments.batches:
        shape = tuple(map(int, batch.split("x")))
        x = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
        for name in arguments.layers:
            calls = layer_calls(name, x) if name in LAYERS else generator_calls(x)
            print(f"{batch}, {name}: {measure(calls)}", flush=True)


if __name__ == "__main__":
    main()
