"""Sequences: brought to one length, and cut out of longer ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv.arguments import as_choice, as_integer, as_numbers, as_seed, optional
from fastconv.utils.dataset import Dataset, check_format, owned

ENDS = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences as rows of one length: shorter ones are filled up, longer ones cut.

    Args:
        sequences: of numbers, or of arrays of one shape (..).
        maxlen: the length of the rows; that of the longest sequence when None.
        dtype: of the result.
        padding: whether to fill up before ("pre") or behind ("post") a sequence.
        truncating: whether to cut off the beginning ("pre") or the end ("post").
        value: what to fill up with.

    Returns:
        An array (len(sequences), maxlen, ..).

    Raises:
        ValueError: an unknown end, a sequence that is none, or elements of different shapes.
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
        raise ValueError(f"pad_sequences: all elements must have one shape. Received: shapes={sorted(shapes)}")
    shape = (len(rows), length, *(shapes.pop() if shapes else ()))
    padded = np.full(shape, value, dtype)
    for row, target in zip(rows, padded):
        start = length - len(row) if padding == "pre" else 0
        if len(row):  # an empty one says nothing of the shape of elements
            target[start : start + len(row)] = row
    return padded


def _cut(sequence: Any, length: int, truncating: str) -> Any:
    return sequence[:length] if truncating == "post" else sequence[max(len(sequence) - length, 0) :]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
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
    """Windows of a series in batches: data[i], data[i + rate], ..., and targets[i], for i = 0, stride, 2 stride, ...

    Args:
        data: (T, ..), the series.
        targets: (T, ..) or shorter, one for each beginning of a window; None for windows alone.
        sequence_length: how many elements a window has.
        sequence_stride: from the beginning of one window to that of the next.
        sampling_rate: from one element of a window to the next.
        batch_size: windows in a batch; single ones when None.
        shuffle: whether each pass has them in another order.
        seed: of that order; from `utils.set_random_seed` when None.
        start_index, end_index: the part of data and targets that is used.
        format: only "tf", Keras's name for datasets with the methods of `Dataset`.

    Returns:
        A `Dataset` of batches (N, sequence_length, ..), or pairs of these and their targets (N, ..).

    Raises:
        ValueError: a length, stride, rate or part that does not lie within the data.
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
            "timeseries_dataset_from_array: 0 <= start_index < end_index and the length, the stride and the rate of "
            f"windows must lie within the data. Received: {start_index=}, {end_index=}, {sequence_length=}, "
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
