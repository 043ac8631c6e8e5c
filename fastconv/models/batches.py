"""Sources of batches: arrays, a PyDataset, a generator, or any other iterable."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from fastconv.models import data
from fastconv.typing import Tree
from fastconv.utils.packing import unpack_x_y_sample_weight
from fastconv.utils.pydataset import PyDataset
from fastconv.utils.random import generator

Batch = tuple  # (x, y, weights or None), or (x,)


class BatchSource:
    """Batches, epoch after epoch.

    Attributes:
        steps: batches in an epoch; None if that is known only at its end.
    """

    steps: int | None = None

    def batches(self) -> Iterator[Batch]:
        """Make the batches of one pass over the data."""
        raise NotImplementedError

    def begin(self) -> None:
        """Tell the source of the data that an epoch begins."""

    def end(self) -> None:
        """Tell the source of the data that an epoch has ended."""

    def epoch(self) -> Iterator[Batch]:
        """Make the batches of one epoch."""
        self.begin()
        yield from self.batches()
        self.end()

    def replay(self) -> None:
        """Make the batches of an epoch and drop them, so that later epochs are as after this one."""
        for _ in self.epoch():
            pass

    def without_samples(self) -> Batch | None:
        """Return arrays of length 0 if there is no sample but the shapes are known; else None."""
        return None


class Arrays(BatchSource):
    """Arrays of one length, cut into batches of `batch_size`, the last of which may be smaller."""

    def __init__(self, arrays: Batch, batch_size: int, shuffle: bool = False) -> None:
        self.arrays = arrays
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.samples = data.count_samples(arrays[0])
        self.steps = -(-self.samples // batch_size)

    def batches(self) -> Iterator[Batch]:
        order = generator().permutation(self.samples) if self.shuffle else None
        for index in data.batches(self.samples, self.batch_size, order):
            yield data.take(self.arrays, index)

    def replay(self) -> None:
        """An epoch depends only on random numbers."""

    def without_samples(self) -> Batch | None:
        return None if self.samples else self.arrays


class IterableBatches(BatchSource):
    """Batches of an iterable: x, (x,), (x, y) or (x, y, weights), or lists of these.

    Args:
        source: the iterable.
        standardize: returns x, y and weights of a batch as arrays.
        shuffle: whether a PyDataset makes its batches in a new order in each epoch.
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
    """A number of batches of another source in each epoch."""

    def __init__(self, source: BatchSource, steps: int) -> None:
        self.source = source
        self.steps: int = steps

    def begin(self) -> None:
        self.source.begin()

    def end(self) -> None:
        self.source.end()

    def without_samples(self) -> Batch | None:
        return self.source.without_samples()

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
    """Batches of one pass after another: an epoch goes on at the batch at which the epoch before has ended."""

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


@dataclass(frozen=True)
class Batching:
    """How data are cut into batches.

    Attributes:
        batch_size: samples in a batch of arrays; if None, the size with which one pass has `steps` batches, or 32.
        steps: batches in an epoch; all when None.
        shuffle: whether each epoch takes the samples of arrays, or the batches of a PyDataset, in a new order.
        kind: which batches an epoch of `steps` batches has.
    """

    batch_size: int | None = None
    steps: int | None = None
    shuffle: bool = False
    kind: type[Part] = FirstBatches

    def of_arrays(self, arrays: Batch) -> BatchSource:
        """Return the batches of (x, y, weights or None)."""
        size = self.batch_size or (
            32 if self.steps is None else -(-max(data.count_samples(arrays[0]), 1) // self.steps)
        )
        return self._limited(Arrays(arrays, size, self.shuffle))

    def of_iterable(self, source: Any, standardize: Callable[..., Batch]) -> BatchSource:
        """Return the batches that iterating `source` makes."""
        return self._limited(IterableBatches(source, standardize, self.shuffle))

    def _limited(self, source: BatchSource) -> BatchSource:
        return source if self.steps is None else self.kind(source, self.steps)


class BatchFactory:
    """Makes batches from the arguments of `fit`, `evaluate` and `predict`: arrays, or an iterable of batches.

    Args:
        owner: the name of the model, for errors.
        standardize: returns x, y and weights, of a batch or of all samples, as arrays for which the model is built.
    """

    def __init__(self, owner: str, standardize: Callable[..., Batch]) -> None:
        self.owner = owner
        self.standardize = standardize

    def make(self, how: Batching, x: Tree, y: Tree = None, sample_weight: Tree = None, **classes: Any) -> BatchSource:
        """Return the batches of data.

        Args:
            how: their size and number.
            x, y, sample_weight: arrays; or x makes batches, of which targets and weights are a part.
            classes: `class_weight`, if `standardize` takes it.
        """
        standardize = partial(self.standardize, **classes)
        if not makes_batches(x):
            return how.of_arrays(standardize(x, y, sample_weight))
        if y is not None or sample_weight is not None:
            raise ValueError(f"{self.owner}: where x makes batches, targets and weights are a part of them")
        return how.of_iterable(x, standardize)

    def make_for_fit(
        self,
        training: Batching,
        validating: Batching,
        given: tuple,
        class_weight: Any = None,
        validation_split: float = 0.0,
        validation_data: Tree = None,
    ) -> tuple[BatchSource, BatchSource | None]:
        """Return the batches to train with, and those to validate with if there are any.

        Args:
            training, validating: the size and number of both.
            given: x, y and sample_weight.
            class_weight: the weight of each class in training.
            validation_split: the fraction of arrays to validate with, at their end, if there is no `validation_data`.
            validation_data: a tuple of arrays, or an iterable of batches.
        """
        class_weight = data.check_class_weight(class_weight)
        x, y, _ = given
        if validation_split and makes_batches(x):
            raise ValueError("validation_split is for arrays; give validation_data instead")
        if validation_data is not None:
            train = self.make(training, *given, class_weight=class_weight)
            return train, self._make_validation(validating, validation_data, makes_batches(x) or y is not None)
        if not validation_split:
            return self.make(training, *given, class_weight=class_weight), None
        first, last = data.split_validation(self.standardize(*given), validation_split)
        return training.of_arrays(data.weigh_classes(first, class_weight)), validating.of_arrays(last)

    def _make_validation(self, how: Batching, validation_data: Tree, has_targets: bool) -> BatchSource:
        if makes_batches(validation_data):
            return self.make(how, validation_data)
        return self.make(how, *unpack_x_y_sample_weight(data.check_validation_data(validation_data, has_targets)))


def length_of(source: Any) -> int | None:
    """Return the number of batches of `source`; None if it has no length."""
    try:
        return len(source)
    except TypeError:
        return None


def makes_batches(x: Tree) -> bool:
    """Return whether `x` is iterated for batches, and not an array, or nested lists and dicts of arrays."""
    is_data = isinstance(x, (list, tuple, dict, str)) or hasattr(x, "shape") or hasattr(x, "__array__")
    return isinstance(x, PyDataset) or (not is_data and hasattr(x, "__iter__"))
