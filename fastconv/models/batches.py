"""Where batches come from: arrays, a PyDataset, a generator, or whatever else can be iterated."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from fastconv.models import data as batching
from fastconv.utils.packing import unpack_x_y_sample_weight
from fastconv.utils.pydataset import PyDataset
from fastconv.utils.random import generator

Batch = tuple  # (x, y, weights or None), or (x,)


class BatchSource:
    """Batches, epoch after epoch.

    Attributes:
        steps: how many an epoch has; None where that shows at its end.
    """

    steps: int | None = None

    def batches(self) -> Iterator[Batch]:
        """The batches of one pass over the data."""
        raise NotImplementedError

    def begin(self) -> None:
        """Tell the source of the data that an epoch begins."""

    def end(self) -> None:
        """Tell the source of the data that an epoch has ended."""

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        self.begin()
        yield from self.batches()
        self.end()

    def replay(self) -> None:
        """Make the batches of an epoch for nobody, where later epochs depend on that."""
        for _ in self.epoch():
            pass


class Arrays(BatchSource):
    """Arrays of one length, cut into batches of `batch_size`, the last of which may be smaller."""

    def __init__(self, arrays: Batch, batch_size: int, shuffle: bool = False) -> None:
        self.arrays = arrays
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.samples = batching.count_samples(arrays[0])
        self.steps = -(-self.samples // batch_size)

    def batches(self) -> Iterator[Batch]:
        order = generator().permutation(self.samples) if self.shuffle else None
        for index in batching.batches(self.samples, self.batch_size, order):
            yield batching.take(self.arrays, index)

    def replay(self) -> None:
        """An epoch depends on random numbers alone."""


class IterableBatches(BatchSource):
    """Batches that something else makes: x, (x,), (x, y) or (x, y, weights), brought into form by `standardize`.

    A list counts as a tuple.
    """

    def __init__(self, source: Any, standardize: Callable[..., Batch], shuffle: bool = False) -> None:
        self.source = source
        self.standardize = standardize
        self.shuffle = shuffle
        self.dataset = source if isinstance(source, PyDataset) else None
        self.steps = length_of(source) if self.dataset is None else self.dataset.count_batches()

    def begin(self) -> None:
        if self.dataset is not None:
            self.dataset.on_epoch_begin()

    def end(self) -> None:
        if self.dataset is not None:
            self.dataset.on_epoch_end()

    def batches(self) -> Iterator[Batch]:
        for batch in self.source if self.dataset is None else self.dataset.batches(self.shuffle):
            yield self.standardize(*unpack_x_y_sample_weight(batch))


class Part(BatchSource):
    """A number of batches of another source an epoch."""

    def __init__(self, source: BatchSource, steps: int) -> None:
        self.source = source
        self.steps: int = steps

    def begin(self) -> None:
        self.source.begin()

    def end(self) -> None:
        self.source.end()

    def ended(self, step: int) -> None:
        """Warn that there are less batches than `steps`."""
        warnings.warn(f"The data ended after {step} of {self.steps} steps", stacklevel=3)


class FirstBatches(Part):
    """The first batches of each pass, so that every epoch sees the same ones."""

    def batches(self) -> Iterator[Batch]:
        step = 0
        for batch in islice(self.source.batches(), self.steps):
            yield batch
            step += 1
        if step < self.steps:
            self.ended(step)


class FixedSteps(Part):
    """Batches of passes that follow one another: an epoch goes on where the one before has ended."""

    def __init__(self, source: BatchSource, steps: int) -> None:
        super().__init__(source, steps)
        self.passing: Iterator[Batch] = iter(())

    def batches(self) -> Iterator[Batch]:
        for step in range(self.steps):
            batch = next(self.passing, None)
            if batch is None:
                self.passing = self.source.batches()
                batch = next(self.passing, None)
            if batch is None:
                self.ended(step)
                return
            yield batch


def from_arrays(arrays: Batch, batch_size: int | None, steps: int | None, shuffle: bool = False) -> BatchSource:
    """Batches of arrays: of `batch_size`; if that is None, of the size with which one pass has `steps`, or of 32."""
    size = batch_size or (32 if steps is None else -(-batching.count_samples(arrays[0]) // steps))
    return Arrays(arrays, size, shuffle)


def limited(source: BatchSource, steps: int | None, kind: type[Part]) -> BatchSource:
    """`source` with `steps` batches an epoch, taken as `kind` does; with its own number if `steps` is None."""
    return source if steps is None else kind(source, steps)


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
