"""What a layer costs in Python, in each step: ``python -m benchmarks.surface``.

Models of 10 and of 110 layers of a kind, on one sample of a few numbers, where kernels have next to nothing to do: the
difference of the times of a step, by the layers in between. It is an upper bound, since kernels are in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from fastconv import Sequential, layers

FEW, MANY = 10, 110
ROUNDS, CALLS = 7, 200

KINDS: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {  # the shape of a sample, and what makes a layer
    "Dense": ((4,), lambda: layers.Dense(4)),
    "Dense, relu": ((4,), lambda: layers.Dense(4, activation="relu")),
    "Conv2D": ((2, 2, 4), lambda: layers.Conv2D(4, 1)),
    "Conv2D, BatchNormalization, ReLU": (
        (2, 2, 4),
        lambda: Sequential([layers.Conv2D(4, 1), layers.BatchNormalization(), layers.ReLU()]),
    ),
    "MaxPooling2D": ((2, 2, 4), lambda: layers.MaxPooling2D(1)),
    "Activation": ((4,), lambda: layers.Activation("tanh")),
    "Dropout": ((4,), lambda: layers.Dropout(0.1)),
    "Flatten": ((4,), lambda: layers.Flatten()),
}


def steps_of(shape: tuple[int, ...], make: Callable[[], Any], depth: int) -> dict[str, Callable[[], Any]]:
    """A step of inference and one of training of a model with `depth` layers."""
    model = Sequential([layers.Input(shape), *(make() for _ in range(depth))])
    model.add(layers.Dense(1))  # something to train
    model.compile("sgd", "mse")
    x = np.ones((1, *shape), np.float32)
    y = np.zeros(model.output_shape[1:], np.float32)[None]
    return {"inference": lambda: model.predict_on_batch(x), "training": lambda: model.train_on_batch(x, y)}


def seconds(step: Callable[[], Any]) -> float:
    """The median over blocks of the mean of a step."""
    blocks = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(CALLS):
            step()
        blocks.append((time.perf_counter() - started) / CALLS)
    return median(blocks)


def main() -> None:
    print("| layer | us in inference | us in training |\n|---|---|---|")
    for name, (shape, make) in KINDS.items():
        few, many = steps_of(shape, make, FEW), steps_of(shape, make, MANY)
        cells = []
        for mode in few:
            for step in (few[mode], many[mode]):
                step()
            cells.append(f"{1e6 * (seconds(many[mode]) - seconds(few[mode])) / (MANY - FEW):.2f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
