"""Batches that Python code makes, one by one and by their numbers, in threads beside the training."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from fastconv.utils.random import generator


class PyDataset:
    """Subclasses say how many batches there are, `__len__`, and make one by its number, `__getitem__`.

    Args:
        workers: in how many threads batches are made while the model trains; 1 makes them as they are needed.
        use_multiprocessing: accepted as Keras does; batches are made in threads.
        max_queue_size: how many batches at most are made ahead.

    Raises:
        ValueError: a number below 1.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        if workers < 1 or max_queue_size < 1:
            raise ValueError(
                f"PyDataset: workers and max_queue_size must be at least 1. Received: {workers=}, {max_queue_size=}"
            )
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __len__(self) -> int:
        """How many batches there are."""
        return self.num_batches

    @property
    def num_batches(self) -> int:
        """How many batches there are; what `len` says unless a subclass defines that."""
        if type(self).__len__ is PyDataset.__len__:
            raise NotImplementedError(f"{type(self).__name__} must define __len__ or num_batches")
        return len(self)

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
        """All batches in order, or in a new order each time; made ahead where there are several workers."""
        if not hasattr(self, "workers"):
            raise RuntimeError(f"{type(self).__name__}: __init__ must call super().__init__(**kwargs)")
        self.on_epoch_begin()
        n = len(self)
        order = generator().permutation(n).tolist() if shuffle else range(n)
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
