"""Where batches come from: arrays, a PyDataset, a generator, or whatever else can be iterated."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from fastconv.models import data as batching
from fastconv.utils.pydataset import PyDataset
from fastconv.utils.random import generator

Batch = tuple  # (x, y, weights or None), or (x,)


class Feed:
    """Batches, epoch after epoch.

    Attributes:
        steps: how many an epoch has; None where that shows at its end.
    """

    steps: int | None = None

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        raise NotImplementedError

    def replay(self) -> None:
        """Make the batches of an epoch for nobody, where later epochs depend on that."""
        for _ in self.epoch():
            pass


class Arrays(Feed):
    """Arrays of one length, cut into batches of `batch_size`, the last of which may be smaller."""

    def __init__(self, arrays: Batch, batch_size: int, shuffle: bool = False) -> None:
        self.arrays = arrays
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.samples = batching.count_samples(arrays[0])
        self.steps = -(-self.samples // batch_size)

    def epoch(self) -> Iterator[Batch]:
        order = generator().permutation(self.samples) if self.shuffle else None
        for index in batching.batches(self.samples, self.batch_size, order):
            yield batching.take(self.arrays, index)

    def replay(self) -> None:
        """An epoch depends on random numbers alone."""


class Stream(Feed):
    """Batches that something else makes: (x, y, weights), (x, y), (x,) or x, brought into form by `standardize`."""

    def __init__(self, source: Any, standardize: Callable[..., Batch], shuffle: bool = False) -> None:
        self.source = source
        self.standardize = standardize
        self.shuffle = shuffle
        self.steps = len(source) if isinstance(source, PyDataset) else length_of(source)

    def epoch(self) -> Iterator[Batch]:
        is_dataset = isinstance(self.source, PyDataset)
        for batch in self.source.batches(self.shuffle) if is_dataset else self.source:
            yield self.standardize(*(batch if isinstance(batch, tuple) else (batch,)))
        if is_dataset:
            self.source.on_epoch_end()


class Portions(Feed):
    """As many batches of another feed an epoch, whose own passes follow one another."""

    def __init__(self, feed: Feed, steps: int) -> None:
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"The number of steps must be an int of at least 1. Received: {steps!r}")
        self.feed = feed
        self.steps: int = steps
        self.passing: Iterator[Batch] = iter(())

    def epoch(self) -> Iterator[Batch]:
        for step in range(self.steps):
            batch = next(self.passing, None)
            if batch is None:
                self.passing = self.feed.epoch()
                batch = next(self.passing, None)
            if batch is None:
                warnings.warn(f"The data ended after {step} of {self.steps} steps", stacklevel=2)
                return
            yield batch


def length_of(source: Any) -> int | None:
    """How many batches `source` says it has."""
    try:
        return len(source)
    except TypeError:
        return None


def makes_batches(x: Any) -> bool:
    """Whether `x` is iterated for batches, rather than an array or nested lists and dicts of arrays."""
    is_data = isinstance(x, (list, tuple, dict, str)) or hasattr(x, "shape") or hasattr(x, "__array__")
    return isinstance(x, PyDataset) or (not is_data and hasattr(x, "__iter__"))
