"""Trains nets as it is told: ``python -m benchmarks.support.trainer fastconv``, or keras; see benchmarks/keras.py."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any

import numpy as np

from benchmarks.support.nets import NETS

BLOCK, MOST_STEPS = 0.5, 64  # seconds, and steps, between two looks at the clock


class Task:
    """A net, compiled, and data for it."""

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

    def seconds(self, way: str) -> float:
        """What a step takes."""
        started = time.perf_counter()
        self.fit() if way == "fit" else self.train_on_batch(self.steps)
        return (time.perf_counter() - started) / self.steps


def serve(library: Any) -> None:
    """Do what the lines of the standard input order, and answer each by a line: null where it cannot be done."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed
    task: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        answer = None
        try:
            if "net" in order:
                task = None  # before the next is made
                task = Task(library, **order)
                answer = task.steps
            else:
                answer = task.seconds(order["way"])
        except Exception:
            traceback.print_exc()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(importlib.import_module(sys.argv[1]))
