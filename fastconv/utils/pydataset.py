"""Batches that Python code makes, one by one and by their numbers, in threads beside the training."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from fastconv.arguments import as_flag, as_integer
from fastconv.utils.random import generator


class PyDataset:
    """Subclasses say how many batches there are, and make one by its number, `__getitem__`.

    The number of batches is what `__len__` returns or, without it, what `num_batches` is, an attribute or a property.
    If it is None, or there is neither, batches are made without end.

    Args:
        workers: in how many threads batches are made while the model trains; 1 makes them as they are needed.
        use_multiprocessing: accepted as Keras does; batches are made in threads.
        max_queue_size: how many batches at most are made ahead.

    Raises:
        ValueError: a number below 1.
    """

    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = as_integer(self, "workers", workers, 1)
        self.use_multiprocessing = as_flag(self, "use_multiprocessing", use_multiprocessing)
        self.max_queue_size = as_integer(self, "max_queue_size", max_queue_size, 1)

    def __len__(self) -> int:
        """How many batches there are. Raises NotImplementedError if they have no end."""
        if self.num_batches is None:
            raise NotImplementedError(f"{type(self).__name__} must define __len__ or num_batches to have a length")
        return self.num_batches

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None if they have no end."""
        if "num_batches" in vars(self):
            return vars(self)["num_batches"]
        return None if type(self).__len__ is PyDataset.__len__ else len(self)

    @num_batches.setter
    def num_batches(self, value: int | None) -> None:
        vars(self)["num_batches"] = value

    def count_batches(self) -> int | None:
        """Return how many batches there are: a class's own `__len__` goes before an attribute `num_batches`."""
        is_own = type(self).num_batches is not PyDataset.num_batches
        return self.num_batches if is_own or type(self).__len__ is PyDataset.__len__ else len(self)

    def __getitem__(self, index: int) -> Any:
        """Batch number `index`: x, (x, y) or (x, y, weights)."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def on_epoch_begin(self) -> None:
        """Before the first batch of an epoch is made."""

    def on_epoch_end(self) -> None:
        """After the last batch of an epoch was used."""

    def __iter__(self) -> Iterator[Any]:
        return self.batches()

    def batches(self, shuffle: bool = False) -> Iterator[Any]:
        """All batches in order, or in a new order each time; made ahead if there are several workers.

        Batches without end come in order.
        """
        n = self.count_batches()
        order = itertools.count() if n is None else generator().permutation(n).tolist() if shuffle else range(n)
        if self.workers == 1:
            yield from map(self.__getitem__, order)
            return
        with ThreadPoolExecutor(self.workers) as pool:
            yield from ahead(pool, self.__getitem__, order, self.max_queue_size)


def ahead(pool: ThreadPoolExecutor, make: Any, arguments: Any, most: float = math.inf) -> Iterator[Any]:
    """make(argument) for all arguments in order, up to `most` of them made before they are asked for."""
    waiting: deque[Future] = deque()
    try:
        for argument in arguments:
            waiting.append(pool.submit(make, argument))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
