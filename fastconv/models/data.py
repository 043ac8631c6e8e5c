"""Arrays cut into batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fastconv import config
from fastconv.backends.transfer import as_array, like, to_host
from fastconv.engine.tree import leaves, rebuild


def to_arrays(data: Any, what: str) -> Any:
    """`data`, an array or nested lists and dicts of them, as arrays with a first axis; those on a GPU stay there.

    Raises:
        ValueError: there is no array, or an element is a scalar or no array of numbers.
    """
    rule = f"{what} must be an array of numbers with the samples along the first axis, or a list or dict of such arrays"
    if not leaves(data):
        raise ValueError(f"{rule}. Received: {data!r}")

    def convert(leaf: Any) -> Any:
        array = as_array(leaf)
        if array.ndim == 0 or array.dtype.kind not in "fiub":
            raise ValueError(f"{rule}. Received: {type(leaf).__name__} of shape={array.shape}, dtype={array.dtype}")
        return array

    is_nested_numbers = isinstance(data, (list, tuple)) and not any(hasattr(x, "shape") for x in leaves(data))
    return convert(data) if is_nested_numbers else rebuild(data, [convert(leaf) for leaf in leaves(data)])


def count_samples(x: Any, y: Any = None) -> int:
    """The length that all first axes share.

    Raises:
        ValueError: they differ.
    """
    counts = {len(leaf) for leaf in leaves([x, y])}
    if len(counts) != 1:
        lengths = {what: [len(leaf) for leaf in leaves(data)] for what, data in (("x", x), ("y", y))}
        received = ", ".join(f"{what} of {', '.join(map(str, ns))}" for what, ns in lengths.items() if ns)
        raise ValueError(f"All arrays must have the same number of samples. Received: {received} samples")
    return counts.pop()


def take(data: Any, index: Any) -> Any:
    """The samples at `index` of every array."""
    return rebuild(data, [leaf[like(leaf, index)] for leaf in leaves(data)])


def batches(n: int, batch_size: int, order: np.ndarray | None = None) -> Iterator[Any]:
    """What picks each batch of `n` samples: a slice, or positions in `order`; the last batch may be smaller."""
    for start in range(0, n, batch_size):
        stop = min(start + batch_size, n)
        yield slice(start, stop) if order is None else order[start:stop]


def check_batch_size(batch_size: int | None) -> int:
    """`batch_size`, 32 when it is None. Raises ValueError unless it is an int of at least 1."""
    size = 32 if batch_size is None else batch_size
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"batch_size must be an int of at least 1. Received: batch_size={batch_size!r}")
    return int(size)


def check_weights(sample_weight: Any, n: int) -> np.ndarray | None:
    """One weight, or a row of weights, for each of `n` samples; None where none are given.

    Raises:
        ValueError: another number of weights.
    """
    if sample_weight is None:
        return None
    weights = as_array(sample_weight).astype(config.floatx(), copy=False)
    if weights.ndim == 0 or len(weights) != n:
        raise ValueError(f"sample_weight must have one weight for each of {n} samples. Received: shape={weights.shape}")
    return weights


def weigh_classes(data: tuple, class_weight: Mapping[int, float] | None) -> tuple:
    """`data`, (x, y, weights or None), with every weight multiplied by that of the sample's class, 1 for others.

    Raises:
        ValueError: several outputs, or targets that are no classes.
    """
    if class_weight is None:
        return data
    x, y, weights = data
    target = leaves(y)
    if len(target) != 1:
        raise ValueError(f"class_weight is for models with one output. Received: {len(target)} targets")
    target = [to_host(target[0])]
    classes = target[0].argmax(axis=-1) if target[0].ndim > 1 and target[0].shape[-1] > 1 else target[0]
    if classes.size != len(target[0]):
        raise ValueError(f"class_weight needs one class for each sample. Received: y.shape={target[0].shape}")
    by_class = np.array([class_weight.get(int(c), 1.0) for c in classes.reshape(-1)], config.floatx())
    return x, y, by_class if weights is None else (to_host(weights).T * by_class).T


def check_validation_data(data: Any) -> tuple:
    """`data`. Raises ValueError unless it is (x, y) or (x, y, sample_weight)."""
    if not isinstance(data, (list, tuple)) or len(data) not in (2, 3):
        kind = f"{type(data).__name__} of {len(data)}" if isinstance(data, (list, tuple)) else type(data).__name__
        raise ValueError(f"validation_data must be (x, y) or (x, y, sample_weight). Received: {kind}")
    return tuple(data)


def split_validation(data: tuple, fraction: float) -> tuple[tuple, tuple]:
    """The first part and the last `fraction` of every array, in order, as Keras splits.

    Raises:
        ValueError: a fraction outside (0, 1), or one that leaves a part empty.
    """
    n = count_samples(data[0])
    cut = int(n * (1 - fraction)) if 0 < fraction < 1 else 0
    if not 0 < cut < n:
        raise ValueError(
            "validation_split must lie between 0 and 1 and leave samples in both parts. "
            f"Received: validation_split={fraction}, {n} samples"
        )
    return take(data, slice(0, cut)), take(data, slice(cut, n))
