"""Measure the cost of each layer in Python per step: ``python -m benchmarks.surface``.

Models of 10 and of 110 layers of a kind run on a sample of a few numbers, for which kernels have almost no work: the
difference of their step times, divided by the additional layers. The cost in Python is this time minus the kernels: all
compiled functions of a step, including NumPy's, called again with the same arguments and nothing in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from statistics import median
from types import FunctionType, MethodType
from typing import Any
from unittest.mock import patch

import numpy as np

from fastconv import (
    Sequential,
    _conv,
    _conv_gradient,
    _elementwise,
    _grouped,
    _matmul,
    _normalization,
    _pool,
    _winograd,
    layers,
)
from fastconv.engine import executable

FEW, MANY = 10, 110
ROUNDS, CALLS = 7, 200

KINDS: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {  # the shape of a sample, and a layer factory
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


Step = Callable[[], Any]


def steps_of(shape: tuple[int, ...], make: Callable[[], Any], depth: int) -> dict[str, Step]:
    """Return a step of inference and a training step of a model with `depth` layers."""
    model = Sequential([layers.Input(shape), *(make() for _ in range(depth))])
    model.add(layers.Dense(1))  # weights to train
    model.compile("sgd", "mse")
    x = np.ones((1, *shape), np.float32)
    y = np.zeros(model.output_shape[1:], np.float32)[None]
    return {"inference": lambda: model.predict_on_batch(x), "training": lambda: model.train_on_batch(x, y)}


def kernels_of(step: Step) -> Step:
    """Return a call of the compiled functions that a step calls, with their arguments."""
    planned: list[partial] = []
    run = executable.Executable.run

    def noted(ready: Any, arrays: Any) -> Any:
        planned[:] = ready.steps
        return run(ready, arrays)

    with patch.object(executable.Executable, "run", noted):
        step()
    kernels = [kernel for planned_step in planned for kernel in compiled(planned_step)]

    def call() -> None:
        for kernel in kernels:
            kernel()

    return call


def compiled(planned: partial) -> list[partial]:
    """Return a step of a plan itself if it is compiled, else the kernels that it calls."""
    if not isinstance(planned.func, (FunctionType, MethodType)):
        return [planned]
    calls: list[partial] = []

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            calls.append(partial(function, *arguments, **options))
            return function(*arguments, **options)

        return call

    with ExitStack() as stack:
        for module in (_conv, _conv_gradient, _elementwise, _grouped, _matmul, _normalization, _pool, _winograd):
            kernels = {name: noting(f) for name, f in vars(module).items() if callable(f) and name[0] != "_"}
            stack.enter_context(patch.multiple(module, **kernels))
        planned()
    return calls


def seconds(call: Step) -> float:
    """Return the median over blocks of the mean time of a call."""
    blocks = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(CALLS):
            call()
        blocks.append((time.perf_counter() - started) / CALLS)
    return median(blocks)


def main() -> None:
    print("| layer | us in inference | of these Python | us in training | of these Python |\n|---|---|---|---|---|")
    for name, (shape, make) in KINDS.items():
        few, many = steps_of(shape, make, FEW), steps_of(shape, make, MANY)
        cells = []
        for mode in few:
            short, long = kernels_of(few[mode]), kernels_of(many[mode])
            whole, kernels = (
                1e6 * (seconds(more) - seconds(less)) / (MANY - FEW)
                for more, less in ((many[mode], few[mode]), (long, short))
            )
            cells += [f"{whole:.2f}", f"{whole - kernels:.2f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
