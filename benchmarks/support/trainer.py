"""Train nets on orders from benchmarks.keras: ``python -m benchmarks.support.trainer fastconv``, or keras."""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import Any

import numpy as np

from benchmarks.support import processes
from benchmarks.support.nets import NETS

BLOCK, MOST_STEPS = 0.5, 64  # seconds and steps between two readings of the clock


class Task:
    """A compiled net, and data for it."""

    def __init__(self, library: Any, net: str, batch: int) -> None:
        self.model, shape, classes = NETS[net][0](library)
        self.batch = batch
        rng = np.random.default_rng(0)
        self.x = rng.random((batch, *self.model.input_shape[1:]), np.float32)
        self.y = rng.integers(0, classes, (batch, *shape), "int32")
        how = {"jit_compile": os.environ["JIT"] == "1"} if "JIT" in os.environ else {}
        self.model.compile("adam", "sparse_categorical_crossentropy", **how)
        self.train_on_batch(1)
        started = time.perf_counter()
        self.train_on_batch(1)
        self.steps = min(MOST_STEPS, max(1, round(BLOCK / (time.perf_counter() - started))))
        self.data = [np.concatenate([a] * self.steps) for a in (self.x, self.y)]
        self.fit()

    def train_on_batch(self, steps: int) -> None:
        for _ in range(steps):
            self.model.train_on_batch(self.x, self.y)

    def fit(self) -> None:
        self.model.fit(*self.data, batch_size=self.batch, epochs=1, shuffle=False, verbose=0)

    def seconds(self, method: str) -> float:
        """Return the seconds of a step."""
        started = time.perf_counter()
        self.fit() if method == "fit" else self.train_on_batch(self.steps)
        return (time.perf_counter() - started) / self.steps


def serve(library: Any) -> None:
    """Answer orders to build a net, or to train it."""
    task: Any = None

    def answer_to(order: dict[str, Any]) -> Any:
        nonlocal task
        if "net" not in order:
            return task.seconds(order["method"])
        task = None  # free memory before the next net is built
        task = Task(library, **order)
        return task.steps

    processes.serve(answer_to)


if __name__ == "__main__":
    serve(importlib.import_module(sys.argv[1]))
