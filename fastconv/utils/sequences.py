"""Padding of sequences, and windows of time series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv.arguments import as_choice, as_integer, as_numbers, as_seed, optional
from fastconv.typing import ArrayLike, DTypeLike
from fastconv.utils.dataset import Dataset, check_format, owned

ENDS = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: ArrayLike = 0.0,
) -> np.ndarray:
    """Pad or cut sequences to a common length, and stack them.

    Args:
        sequences: sequences of numbers, or of arrays of equal shape (...).
        maxlen: int, or None for the length of the longest sequence. Default: None.
        dtype: the dtype of the result. Default: "int32".
        padding: "pre" to pad before a sequence (default), "post" to pad after it.
        truncating: "pre" to cut off the beginning of a sequence (default), "post" to cut off its end.
        value: the number to pad with. Default: 0.

    Returns:
        Array (len(sequences), maxlen, ...).

    Raises:
        ValueError: padding or truncating is unknown, an element of `sequences` has no length, or shapes differ.

    Example:
        >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
        array([[0, 1],
               [3, 4]], dtype=int32)
    """
    as_choice("pad_sequences", "padding", padding, ENDS)
    as_choice("pad_sequences", "truncating", truncating, ENDS)
    maxlen = optional(as_integer, "pad_sequences", "maxlen", maxlen, 0)
    kind = np.dtype(dtype).kind
    if kind in "fiu":
        limits = np.iinfo(dtype) if kind in "iu" else None
        bounds = () if limits is None else (limits.min, limits.max)
        value = as_numbers("pad_sequences", "value", value, *bounds)
    if any(not hasattr(s, "__len__") for s in sequences):
        raise ValueError(f"pad_sequences: each sequence must have a length. Received: {sequences!r}")
    length = max((len(s) for s in sequences), default=0) if maxlen is None else maxlen
    rows = [np.asarray(_cut(s, length, truncating), dtype) for s in sequences]
    shapes = {row.shape[1:] for row in rows if len(row)}
    if len(shapes) > 1:
        raise ValueError(f"pad_sequences: all elements must have the same shape. Received: shapes={sorted(shapes)}")
    shape = (len(rows), length, *(shapes.pop() if shapes else ()))
    padded = np.full(shape, value, dtype)
    for row, target in zip(rows, padded):
        start = length - len(row) if padding == "pre" else 0
        if len(row):  # an empty sequence does not give the shape of elements
            target[start : start + len(row)] = row
    return padded


def _cut(sequence: Any, length: int, truncating: str) -> Any:
    return sequence[:length] if truncating == "post" else sequence[max(len(sequence) - length, 0) :]


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Create batches of windows data[i], data[i + rate], ... with targets[i], for i = 0, stride, 2 stride, ...

    Args:
        data: array (T, ...). The time series.
        targets: array (T, ...) or shorter, with a target for each start of a window, or None for only windows.
        sequence_length: int. The number of elements in a window.
        sequence_stride: int. The distance between the starts of two windows. Default: 1.
        sampling_rate: int. The distance between two elements of a window. Default: 1.
        batch_size: int, or None for single windows. Default: 128.
        shuffle: bool. Whether each pass has a new random order. Default: False.
        seed: int or None. The seed of the order; if None, it comes from `utils.set_random_seed`. Default: None.
        start_index, end_index: int or None. The part of data and targets to use. Default: None, everything.
        format: must be "tf", Keras's name for the kind of dataset that `Dataset` implements. Default: "tf".

    Returns:
        A `Dataset` of batches (N, sequence_length, ...), or of pairs of these and their targets (N, ...).

    Raises:
        ValueError: a length, stride, rate or index is not inside the data.

    Example:
        >>> data = np.arange(5)
        >>> for windows, targets in timeseries_dataset_from_array(data[:-1], data[2:], sequence_length=2):
        ...     print(windows.tolist(), targets.tolist())
        [[0, 1], [1, 2], [2, 3]] [2, 3, 4]
    """
    check_format("timeseries_dataset_from_array", format)
    data = owned(data)
    total, owner = len(data), "timeseries_dataset_from_array"
    start = optional(as_integer, owner, "start_index", start_index, 0) or 0
    end = optional(as_integer, owner, "end_index", end_index, 0) or total
    sequence_length = as_integer(owner, "sequence_length", sequence_length, 1)
    sequence_stride = as_integer(owner, "sequence_stride", sequence_stride, 1)
    sampling_rate = as_integer(owner, "sampling_rate", sampling_rate, 1)
    batch_size = optional(as_integer, owner, "batch_size", batch_size, 1)
    seed = None if seed is None else as_seed(owner, seed)
    if not (start < end <= total and max(sequence_length, sequence_stride, sampling_rate) <= total):
        raise ValueError(
            "timeseries_dataset_from_array: 0 <= start_index < end_index, and the length, stride and sampling rate of "
            f"windows must fit in the data. Received: {start_index=}, {end_index=}, {sequence_length=}, "
            f"{sequence_stride=}, {sampling_rate=}, {total} elements"
        )
    count = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = owned(targets)
        count = min(count, len(targets) - start)
    places = np.arange(start, start + max(count, 0), sequence_stride)
    offsets = np.arange(sequence_length) * sampling_rate

    def windows(begin: Any) -> Any:
        found = data[begin[..., None] + offsets]
        return found if targets is None else (found, targets[begin])

    order = Dataset.from_tensor_slices(places)
    order = order.shuffle(max(len(places), 1), seed) if shuffle else order
    return (order if batch_size is None else order.batch(batch_size)).map(windows)
