"""Datasets: streams of elements that can be iterated repeatedly and transformed by chained methods."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count as numbers
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np

from fastconv.arguments import as_integer, as_number, as_seed, optional
from fastconv.engine.tree import leaves, map_leaves, ordered, rebuild, structure
from fastconv.typing import Tree
from fastconv.utils.pydataset import ahead
from fastconv.utils.random import next_seed

UNKNOWN_LENGTH = -1
ENDLESS = -2


class Dataset:
    """A stream of elements (arrays, or tuples and dicts of arrays) that can be iterated repeatedly.

    Each method returns a new dataset. Elements are computed when they are needed. A dataset copies its input arrays and
    its elements, so that changing either in place is safe.

    Args:
        make: function without arguments that starts a pass: it returns an iterator of elements.
        length: int. The number of elements, `UNKNOWN_LENGTH` (-1, the default) or `ENDLESS` (-2).

    Example:
        >>> dataset = Dataset.from_tensor_slices(np.arange(5)).map(lambda x: 10 * x).batch(2)
        >>> [batch.tolist() for batch in dataset]
        [[0, 10], [20, 30], [40]]
    """

    def __init__(self, make: Callable[[], Iterator[Any]], length: int = UNKNOWN_LENGTH) -> None:
        self._make = make
        self._length = length

    @classmethod
    def from_tensor_slices(cls, tensors: Tree) -> Dataset:
        """Create a dataset from slices along the first axis of an array, or of equally long arrays in a tuple or dict.

        Example:
            >>> for x, y in Dataset.from_tensor_slices((np.arange(2), np.array([5, 6]))):
            ...     print(x, y)
            0 5
            1 6
        """
        arrays = map_leaves(owned, tensors)
        if any(leaf.ndim == 0 for leaf in leaves(arrays)):
            raise ValueError(
                "from_tensor_slices: tensors must be arrays with an axis to slice; pass a list through np.asarray. "
                f"Received: shapes={[leaf.shape for leaf in leaves(arrays)]}"
            )
        lengths = {len(leaf) for leaf in leaves(arrays)}
        if len(lengths) != 1:
            raise ValueError(f"from_tensor_slices: arrays must have one length. Received: lengths={sorted(lengths)}")
        (n,) = lengths
        return cls(lambda: (copied(map_leaves(itemgetter(i), arrays)) for i in range(n)), n)

    @classmethod
    def from_generator(cls, generator: Callable[[], Iterator[Any]]) -> Dataset:
        """Create a dataset of the elements that `generator()` yields; it is called again for each pass."""
        return cls(lambda: map(copied, generator()))

    def __iter__(self) -> Iterator[Any]:
        return self._make()

    def __len__(self) -> int:
        """Return the number of elements. Raises TypeError if it is unknown or infinite."""
        if self._length < 0:
            raise TypeError("The number of elements of this dataset is not known")
        return self._length

    def cardinality(self) -> int:
        """Return the number of elements, `UNKNOWN_LENGTH` (-1) or `ENDLESS` (-2)."""
        return self._length

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator of the elements of a pass."""
        return iter(self)

    # ---- transformations of elements -----------------------------------------------------------------------------

    def map(self, function: Callable[..., Any], num_parallel_calls: int | None = None) -> Dataset:
        """Apply `function` to each element.

        Args:
            function: function of an element, written with NumPy or ops; the parts of a tuple are separate arguments.
            num_parallel_calls: int or None. The number of threads that compute elements in advance; None for none, a
                negative number for four. Default: None.
        """

        def call(element: Tree) -> Any:
            return copied(function(*element) if isinstance(element, tuple) else function(element))

        num_parallel_calls = optional(as_integer, "map", "num_parallel_calls", num_parallel_calls, -1)
        if num_parallel_calls is None or num_parallel_calls in (0, 1):
            return Dataset(lambda: map(call, self), self._length)
        workers = num_parallel_calls if num_parallel_calls > 0 else 4

        def parallel() -> Iterator[Any]:
            with ThreadPoolExecutor(workers) as pool:
                yield from ahead(pool, call, self, 2 * workers)

        return Dataset(parallel, self._length)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Keep the elements for which `predicate` is true; the parts of a tuple are separate arguments."""

        def holds(element: Tree) -> bool:
            return bool(predicate(*element) if isinstance(element, tuple) else predicate(element))

        return Dataset(lambda: filter(holds, self))

    def enumerate(self, start: int = 0) -> Dataset:
        """Pair each element with its index: (start, element), (start + 1, element), ..."""
        start = as_integer("enumerate", "start", start)
        return Dataset(lambda: zip(numbers(start), self), self._length)

    # ---- selection and order -------------------------------------------------------------------------------------

    def take(self, count: int) -> Dataset:
        """Keep the first `count` elements; all of them if -1."""
        count = as_integer("take", "count", count, -1)
        if count < 0:
            return self
        return Dataset(lambda: islice(self, count), min(self._length, count) if self._length >= 0 else UNKNOWN_LENGTH)

    def skip(self, count: int) -> Dataset:
        """Drop the first `count` elements; all of them if -1."""
        count = as_integer("skip", "count", count, -1)
        if count < 0:
            return Dataset(lambda: iter(()), 0)
        left = max(self._length - count, 0) if self._length >= 0 else self._length
        return Dataset(lambda: islice(self, count, None), left)

    def repeat(self, count: int | None = None) -> Dataset:
        """Repeat the dataset `count` times; endlessly if None or -1."""
        count = optional(as_integer, "repeat", "count", count, -1)
        endless = count is None or count < 0

        def passes() -> Iterator[Any]:
            for _ in numbers() if endless else range(count or 0):
                yield from self

        if endless:
            return Dataset(passes, ENDLESS)
        return Dataset(passes, self._length * (count or 0) if self._length >= 0 else self._length)

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool | None = None
    ) -> Dataset:
        """Shuffle the elements: each is drawn at random from a buffer of the next `buffer_size` elements.

        Args:
            buffer_size: int. The order is uniformly random if it is at least the dataset's length.
            seed: int or None. The seed of the order; if None, it comes from `utils.set_random_seed`. Default: None.
            reshuffle_each_iteration: bool or None. Whether each pass has a new order; None means True. Default: None.
        """
        buffer_size = as_integer("shuffle", "buffer_size", buffer_size, 1)
        first = next_seed() if seed is None else as_seed("shuffle", seed)
        passes = numbers()
        lock = threading.Lock()

        def shuffled() -> Iterator[Any]:
            with lock:
                number = next(passes) if reshuffle_each_iteration in (None, True) else 0
            rng = np.random.default_rng([first, number])
            waiting: list[Any] = []
            for element in self:
                if len(waiting) < buffer_size:
                    waiting.append(element)
                    continue
                i = int(rng.integers(buffer_size))
                waiting[i], element = element, waiting[i]
                yield element
            for i in rng.permutation(len(waiting)):
                yield waiting[i]

        return Dataset(shuffled, self._length)

    # ---- batches, and when elements are computed -----------------------------------------------------------------

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Stack groups of `batch_size` elements; the last batch may be smaller, or is dropped if `drop_remainder`."""
        batch_size = as_integer("batch", "batch_size", batch_size, 1)

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while part := list(islice(elements, batch_size)):
                if len(part) == batch_size or not drop_remainder:
                    yield stacked(part)

        n = self._length
        length = n if n < 0 else n // batch_size if drop_remainder else -(-n // batch_size)
        return Dataset(batches, length)

    def unbatch(self) -> Dataset:
        """Split each element into its slices along the first axis."""
        return Dataset(lambda: (part for element in self for part in Dataset.from_tensor_slices(element)))

    def cache(self) -> Dataset:
        """Keep the elements of the first complete pass in memory, and reuse them in later passes."""
        kept: list[Any] = []
        is_complete = threading.Event()

        def elements() -> Iterator[Any]:
            if is_complete.is_set():
                yield from map(copied, kept)
                return
            found = []
            for element in self:
                found.append(element)
                yield copied(element)
            if not is_complete.is_set():
                kept[:] = found
                is_complete.set()

        return Dataset(elements, self._length)

    def prefetch(self, buffer_size: int) -> Dataset:
        """Compute up to `buffer_size` elements (two if -1 or 0) in advance, in a thread."""
        buffer_size = as_integer("prefetch", "buffer_size", buffer_size, -1)
        return Dataset(lambda: _made_ahead(self, buffer_size if buffer_size > 0 else 2), self._length)


def check_format(function: str, format: Any) -> None:
    """Raise ValueError unless `format` is "tf", Keras's name for the kind of dataset that `Dataset` implements."""
    if format != "tf":
        raise ValueError(f"{function}: format must be 'tf', which means a Dataset here. Received: format={format!r}")


def owned(data: Tree) -> np.ndarray:
    """Return a copy of `data` as an array; only memory-mapped files are not copied."""
    return np.asarray(data) if isinstance(data, np.memmap) else np.array(data)


def stacked(elements: list) -> Any:
    """Stack elements along a new first axis; entries of dicts are matched by their keys.

    Raises:
        ValueError: the elements have different structures.
    """
    alike = [ordered(element) for element in elements]
    if len({structure(element) for element in alike}) != 1:
        raise ValueError(
            "batch: elements must have one structure. "
            f"Received: {next(e for e in alike if structure(e) != structure(alike[0]))!r} after {alike[0]!r}"
        )
    columns = zip(*map(leaves, alike))
    return rebuild(alike[0], [np.stack([np.asarray(leaf) for leaf in column]) for column in columns])


def copied(element: Tree) -> Any:
    """Return `element` with copies of its arrays."""
    return map_leaves(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, element)


def _made_ahead(dataset: Dataset, most: int) -> Iterator[Any]:
    """Yield the elements of `dataset`, computed in a separate thread; its errors are raised here."""
    made: queue.Queue = queue.Queue(most)
    stopped = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stopped.is_set():
            try:
                made.put((kind, value), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            if all(put("element", element) for element in dataset):
                put("end", None)
        except BaseException as error:
            put("error", error)

    worker = threading.Thread(target=work, daemon=True)
    try:
        worker.start()
        while True:
            kind, value = made.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stopped.set()
        if worker.is_alive():  # a thread whose start was interrupted may not be alive yet
            worker.join()


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Split a dataset in two; its elements are computed once and kept in memory.

    Args:
        dataset: a `Dataset`, an array, or arrays of equal length in a tuple, list or dict.
        left_size, right_size: float for a fraction, int for a number of elements, None for the rest. Default: None. If
            both are given, they may leave out elements.
        shuffle: bool. Whether to shuffle the elements first. Default: False.
        seed: int or None. The seed of the order; if None, it comes from `utils.set_random_seed`. Default: None.
        preferred_backend: ignored; Keras uses it to choose between libraries. Default: None.

    Returns:
        Two datasets.

    Raises:
        ValueError: neither size is given, the sizes exceed the dataset, or a part would be empty.

    Example:
        >>> left, right = split_dataset(np.arange(5), left_size=0.6)
        >>> [x.tolist() for x in left], [x.tolist() for x in right]
        ([0, 1, 2], [3, 4])
    """
    left_size = optional(as_number, "split_dataset", "left_size", left_size, 0, below=np.inf)
    right_size = optional(as_number, "split_dataset", "right_size", right_size, 0, below=np.inf)
    seed = None if seed is None else as_seed("split_dataset", seed)
    elements = list(dataset if isinstance(dataset, Dataset) else Dataset.from_tensor_slices(dataset))
    n = len(elements)
    left, right = (round(size * n) if isinstance(size, float) else size for size in (left_size, right_size))
    if left is None and right is not None:
        left = n - right
    if right is None and left is not None:
        right = n - left
    if left is None or right is None or not (0 < left < n and 0 < right < n and left + right <= n):
        raise ValueError(
            "split_dataset: both parts must have elements, and together at most all elements. "
            f"Received: {left_size=}, {right_size=}, {n} elements"
        )
    if shuffle:
        order = np.random.default_rng(next_seed() if seed is None else seed).permutation(n)
        elements = [elements[i] for i in order]
    first, last = elements[:left], elements[left : left + right]
    return Dataset(lambda: map(copied, first), left), Dataset(lambda: map(copied, last), right)
