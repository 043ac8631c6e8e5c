"""fastconv itself, through the functions and models that a user calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cases import Case, Conv, Dense, Model, Pad, Pool
from fastconv import config, layers, models, ops
from fastconv.backends import backend_of


class Fastconv:
    name = "fastconv"
    package = "fastconv"
    layout = "channels_last"

    def available(self) -> bool:
        return True

    def set_num_threads(self, n: int) -> None:
        config.set_num_threads(n)

    def prepare(self, case: Case) -> Callable[[], Any]:
        return PREPARE[case.op](case)

    def as_numpy(self, case: Case, result: Any) -> np.ndarray:
        return np.asarray(result)


def conv(case: Conv) -> Callable[[], Any]:
    x, w, dy = case.arrays().values()
    how = {"strides": case.strides, "padding": case.sides, "dilation_rate": case.dilation}
    if case.direction == "forward":
        return partial(ops.conv, x, w, **how)
    if case.direction == "backward_input":
        return partial(ops.conv_backward_input, dy, w, x.shape, **how)
    return partial(ops.conv_backward_kernel, x, dy, w.shape, **how)


def pool(case: Pool) -> Callable[[], Any]:
    x, dy = case.arrays().values()
    if case.direction == "forward":
        return partial(getattr(ops, case.op), x, case.window, case.strides, case.sides)
    how = {"size": case.window, "strides": case.strides, "padding": case.sides}
    backend = backend_of(x)
    if case.op == "average_pool":
        return partial(backend.average_pool_backward, dy, input_shape=x.shape, **how)
    return partial(backend.max_pool_backward, dy, x, backend.max_pool(x, **how), **how)


def pad(case: Pad) -> Callable[[], Any]:
    (rows, columns) = case.padding
    return partial(ops.pad, case.arrays()["x"], ((0, 0), (rows, rows), (columns, columns), (0, 0)), case.mode)


def dense(case: Dense) -> Callable[[], Any]:
    x, w, dy = case.arrays().values()
    if case.direction == "forward":
        return partial(ops.matmul, x, w)
    if case.direction == "backward_input":
        return partial(backend_of(dy).matmul, dy, w, transpose_b=True)
    return partial(backend_of(x).matmul, x, dy, transpose_a=True)


def lenet5() -> list[Any]:
    return [
        layers.Conv2D(6, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(16, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(120, activation="relu"),
        layers.Dense(84, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def mnist_convnet() -> list[Any]:
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]


def model(case: Model) -> Callable[[], Any]:
    x, labels = case.arrays().values()
    net = models.Sequential([layers.Input(case.image), *MODELS[case.name]()])
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    if case.direction == "inference":
        return partial(net.predict_on_batch, x)
    return partial(net.train_on_batch, x, labels)


MODELS = {"lenet5": lenet5, "mnist_convnet": mnist_convnet}
PREPARE: dict[str, Callable[..., Callable[[], Any]]] = {
    "conv": conv,
    "max_pool": pool,
    "average_pool": pool,
    "pad": pad,
    "dense": dense,
    "model": model,
}
