"""The functions that models make of their steps: `train_function`, `test_function` and `predict_function`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class StepFunction:
    """Takes the next batch of an iterator or list, runs one step on it, and returns what the step has returned.

    Args:
        step: takes x, y and sample_weight of a batch.
        unpack: makes them of a batch.
    """

    def __init__(self, step: Callable[..., Any], unpack: Callable[[Any], tuple]) -> None:
        self.step = step
        self.unpack = unpack

    def __call__(self, batches: Iterable[Any]) -> Any:
        return self.step(*self.unpack(next(iter(batches))))
