"""Datasets whose batches are computed by Python code, by index, possibly in threads."""

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
    """Base class of datasets that compute a batch from its index; subclasses define `__getitem__` and a length.

    The number of batches is given by `__len__` or by the attribute or property `num_batches`. If there is neither, or
    if `num_batches` is None, the dataset is endless.

    Args:
        workers: int. The number of threads that compute batches in advance; 1 computes them when needed. Default: 1.
        use_multiprocessing: accepted as in Keras; batches are computed in threads. Default: False.
        max_queue_size: int. The maximum number of batches computed in advance. Default: 10.

    Raises:
        ValueError: a number is below 1.

    Example:
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...     def __getitem__(self, index):
        ...         return np.array([index**2])
        >>> [batch.tolist() for batch in Squares()]
        [[0], [1], [4]]
    """

    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = as_integer(self, "workers", workers, 1)
        self.use_multiprocessing = as_flag(self, "use_multiprocessing", use_multiprocessing)
        self.max_queue_size = as_integer(self, "max_queue_size", max_queue_size, 1)

    def __len__(self) -> int:
        """Return the number of batches. Raises NotImplementedError if the dataset is endless."""
        if self.num_batches is None:
            raise NotImplementedError(f"{type(self).__name__} must define __len__ or num_batches to have a length")
        return self.num_batches

    @property
    def num_batches(self) -> int | None:
        """The number of batches; None if the dataset is endless."""
        if "num_batches" in vars(self):
            return vars(self)["num_batches"]
        return None if type(self).__len__ is PyDataset.__len__ else len(self)

    @num_batches.setter
    def num_batches(self, value: int | None) -> None:
        vars(self)["num_batches"] = value

    def count_batches(self) -> int | None:
        """Return the number of batches; a subclass's `__len__` has priority over an attribute `num_batches`."""
        is_own = type(self).num_batches is not PyDataset.num_batches
        return self.num_batches if is_own or type(self).__len__ is PyDataset.__len__ else len(self)

    def __getitem__(self, index: int) -> Any:
        """Return the batch `index`: x, (x, y) or (x, y, sample_weight)."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def on_epoch_begin(self) -> None:
        """Called before the first batch of an epoch is computed."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of an epoch is used."""

    def __iter__(self) -> Iterator[Any]:
        return self.batches()

    def batches(self, shuffle: bool = False) -> Iterator[Any]:
        """Yield all batches in order, or in a new random order if `shuffle`; several workers compute them in advance.

        The batches of an endless dataset come in order.
        """
        n = self.count_batches()
        order = itertools.count() if n is None else generator().permutation(n).tolist() if shuffle else range(n)
        if self.workers == 1:
            yield from map(self.__getitem__, order)
            return
        with ThreadPoolExecutor(self.workers) as pool:
            yield from ahead(pool, self.__getitem__, order, self.max_queue_size)


def ahead(pool: ThreadPoolExecutor, make: Any, arguments: Any, most: float = math.inf) -> Iterator[Any]:
    """Yield make(argument) for all arguments in order, with up to `most` results computed in advance."""
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
