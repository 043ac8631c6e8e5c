"""Datasets: elements that are made one by one, again in each pass, by steps that are written one behind another."""

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
from fastconv.utils.pydataset import ahead
from fastconv.utils.random import next_seed

UNKNOWN_LENGTH = -1
ENDLESS = -2


class Dataset:
    """Elements, arrays or tuples and dicts of them, that can be passed over again and again.

    Every method returns a new dataset. Nothing is made before it is asked for. Arrays stay those of whoever gave them,
    and elements belong to whoever takes them: either may be changed in place.

    Args:
        make: begins a pass: returns an iterator of elements.
        length: how many there are, `UNKNOWN_LENGTH` or `ENDLESS`.

    >>> dataset = Dataset.from_tensor_slices(np.arange(5)).map(lambda x: 10 * x).batch(2)
    >>> [batch.tolist() for batch in dataset]
    [[0, 10], [20, 30], [40]]
    """

    def __init__(self, make: Callable[[], Iterator[Any]], length: int = UNKNOWN_LENGTH) -> None:
        self._make = make
        self._length = length

    @classmethod
    def from_tensor_slices(cls, tensors: Any) -> Dataset:
        """The elements along the first axis of an array, or of several of one length in a tuple or dict."""
        arrays = map_leaves(owned, tensors)
        if any(leaf.ndim == 0 for leaf in leaves(arrays)):
            raise ValueError(
                "from_tensor_slices: what is sliced must be arrays; a list of numbers is one as np.asarray(numbers). "
                f"Received: shapes={[leaf.shape for leaf in leaves(arrays)]}"
            )
        lengths = {len(leaf) for leaf in leaves(arrays)}
        if len(lengths) != 1:
            raise ValueError(f"from_tensor_slices: arrays must have one length. Received: lengths={sorted(lengths)}")
        (n,) = lengths
        return cls(lambda: (copied(map_leaves(itemgetter(i), arrays)) for i in range(n)), n)

    @classmethod
    def from_generator(cls, generator: Callable[[], Iterator[Any]]) -> Dataset:
        """What `generator` yields, called anew for each pass."""
        return cls(lambda: map(copied, generator()))

    def __iter__(self) -> Iterator[Any]:
        return self._make()

    def __len__(self) -> int:
        """How many elements there are. Raises TypeError where that is not known."""
        if self._length < 0:
            raise TypeError("The number of elements of this dataset is not known")
        return self._length

    def cardinality(self) -> int:
        """How many elements there are, `UNKNOWN_LENGTH` (-1) or `ENDLESS` (-2)."""
        return self._length

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements of a pass."""
        return iter(self)

    # ---- what is done to elements --------------------------------------------------------------------------------

    def map(self, function: Callable[..., Any], num_parallel_calls: int | None = None) -> Dataset:
        """function(element) for each, with the parts of a tuple as arguments.

        Args:
            function: written with NumPy or ops.
            num_parallel_calls: in how many threads elements are made ahead; in none when None, in four when negative.
        """

        def call(element: Any) -> Any:
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
        """The elements for which predicate(element) holds, with the parts of a tuple as arguments."""

        def holds(element: Any) -> bool:
            return bool(predicate(*element) if isinstance(element, tuple) else predicate(element))

        return Dataset(lambda: filter(holds, self))

    def enumerate(self, start: int = 0) -> Dataset:
        """(number, element) for each."""
        start = as_integer("enumerate", "start", start)
        return Dataset(lambda: zip(numbers(start), self), self._length)

    # ---- which elements, and in which order ----------------------------------------------------------------------

    def take(self, count: int) -> Dataset:
        """The first `count` elements; all when -1."""
        count = as_integer("take", "count", count, -1)
        if count < 0:
            return self
        return Dataset(lambda: islice(self, count), min(self._length, count) if self._length >= 0 else UNKNOWN_LENGTH)

    def skip(self, count: int) -> Dataset:
        """The elements after the first `count`; none when -1."""
        count = as_integer("skip", "count", count, -1)
        if count < 0:
            return Dataset(lambda: iter(()), 0)
        left = max(self._length - count, 0) if self._length >= 0 else self._length
        return Dataset(lambda: islice(self, count, None), left)

    def repeat(self, count: int | None = None) -> Dataset:
        """`count` passes one after another; without end when None or -1."""
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
        """Elements in a random order: each is drawn from the `buffer_size` next ones.

        Args:
            buffer_size: as large as the dataset for an order that is evenly random.
            seed: of the order; from `utils.set_random_seed` when None.
            reshuffle_each_iteration: whether each pass has another order; True when None.
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

    # ---- batches, and when elements are made ---------------------------------------------------------------------

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Arrays of `batch_size` elements of one structure; the last one may be smaller, or is left out."""
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
        """The elements along the first axis of each."""
        return Dataset(lambda: (one for element in self for one in Dataset.from_tensor_slices(element)))

    def cache(self) -> Dataset:
        """The same elements, kept from the first whole pass on."""
        kept: list[Any] = []
        whole = threading.Event()

        def elements() -> Iterator[Any]:
            if whole.is_set():
                yield from map(copied, kept)
                return
            found = []
            for element in self:
                found.append(element)
                yield copied(element)
            if not whole.is_set():
                kept[:] = found
                whole.set()

        return Dataset(elements, self._length)

    def prefetch(self, buffer_size: int) -> Dataset:
        """The same elements, up to `buffer_size` of them (two when -1 or 0) made ahead in a thread."""
        buffer_size = as_integer("prefetch", "buffer_size", buffer_size, -1)
        return Dataset(lambda: _made_ahead(self, buffer_size if buffer_size > 0 else 2), self._length)


def check_format(function: str, format: Any) -> None:
    """Raise ValueError unless `format` is "tf", Keras's name for datasets with the methods of `Dataset`."""
    if format != "tf":
        raise ValueError(f"{function}: format must be 'tf', which means a Dataset here. Received: format={format!r}")


def owned(data: Any) -> np.ndarray:
    """`data` as an array of its own; only files that are mapped into memory are read later."""
    return np.asarray(data) if isinstance(data, np.memmap) else np.array(data)


def stacked(elements: list) -> Any:
    """Elements as one: arrays that have them along their first axis. Entries of dicts are found by their keys.

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


def copied(element: Any) -> Any:
    """`element` with arrays of its own."""
    return map_leaves(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, element)


def _made_ahead(dataset: Dataset, most: int) -> Iterator[Any]:
    """The elements of `dataset`, made in a thread of their own; an error in it is raised here."""
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
        if worker.is_alive():  # which it may not say yet if its start was interrupted
            worker.join()


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Two datasets of the elements of one, which are made once and kept.

    Args:
        dataset: a `Dataset`, an array, or several of one length in a tuple, list or dict.
        left_size, right_size: a fraction, or how many elements; the rest when None, and fewer leave some out.
        shuffle: whether elements are put in a random order first.
        seed: of that order; from `utils.set_random_seed` when None.
        preferred_backend: accepted as Keras does, for which the datasets of several libraries exist.

    Raises:
        ValueError: no size, sizes that are more than all, or one that leaves a part empty.
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
            "split_dataset: both parts need elements, and together at most all. "
            f"Received: {left_size=}, {right_size=}, {n} elements"
        )
    if shuffle:
        order = np.random.default_rng(next_seed() if seed is None else seed).permutation(n)
        elements = [elements[i] for i in order]
    first, last = elements[:left], elements[left : left + right]
    return Dataset(lambda: map(copied, first), left), Dataset(lambda: map(copied, last), right)
