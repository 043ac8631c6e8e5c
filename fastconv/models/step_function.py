"""The functions that models make of their steps: `train_function`, `test_function` and `predict_function`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fastconv.utils.packing import unpack_x_y_sample_weight


class StepFunction:
    """Takes the next batch of an iterator or list, runs a step on it, and returns the results.

    Args:
        standardize: returns x, y and sample_weight of a batch as arrays.
        begin: runs a step on them; it returns a function that waits for the results.
    """

    def __init__(self, standardize: Callable[..., tuple], begin: Callable[[tuple], Callable[[], Any]]) -> None:
        self.standardize = standardize
        self.begin = begin

    def __call__(self, batches: Iterable[Any]) -> Any:
        return self.begin(self.standardize(*unpack_x_y_sample_weight(next(iter(batches)))))()
