"""Concatenation in place: results that are only parts of a concatenation are computed where it puts them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fastconv.backends.launch import Backend
from fastconv.backends.reference import Reference
from fastconv.engine.primitive import Call, Tensor


class Slice(NamedTuple):
    """The place of a tensor in another: ``whole[..., first : first + channels]``."""

    whole: Tensor
    first: int


def slices_of_concatenations(steps: Sequence[Call], fixed: Iterable[Tensor], backend: Backend) -> dict[Tensor, Slice]:
    """Return the places of parts of concatenations along the last axis, each after the place of its whole.

    A part is computed in its place if the kernel that makes it can write a slice of channels, and if all kernels that
    read it can read such a slice. In a dense block each concatenation is itself the first part of the next, so that
    all results of the block lie in the memory of the last.

    Args:
        steps: in the order in which they run.
        fixed: tensors whose memory is not to be chosen.
        backend: the backend that computes the steps.
    """
    fixed = set(fixed)
    producer = {t: step for step in steps for t in step.outputs}
    readers: dict[Tensor, list[Call]] = defaultdict(list)
    for step in steps:
        for t in step.inputs:
            readers[t].append(step)

    def may_be_slice(t: Tensor) -> bool:
        step = producer.get(t)
        if step is None or t in fixed or t in slices or step.primitive.view is not None:
            return False
        writes = backend.writes_slices(step.primitive.operation, len(step.inputs), step.params)
        return writes and all(backend.reads_slices(reader.primitive.operation) for reader in readers[t])

    slices: dict[Tensor, Slice] = {}
    for step in reversed(steps):
        if _joins_channels(step):
            for t, place in zip(step.inputs, _places(step)):
                if may_be_slice(t):
                    slices[t] = place
    return slices


def is_in_place(step: Call, slices: Mapping[Tensor, Slice]) -> bool:
    """Return True if `step` is a concatenation all of whose parts are computed in their places."""
    return _joins_channels(step) and all(
        t in slices and slices[t].whole is place.whole and slices[t].first == place.first
        for t, place in zip(step.inputs, _places(step))
    )


def _joins_channels(step: Call) -> bool:
    if step.primitive.operation is not Reference.concatenate:
        return False
    y = step.outputs[0]
    tensors = (y, *step.inputs)
    return y.ndim > 1 and step.params["axis"] == y.ndim - 1 and all(t.size and t.dtype == np.float32 for t in tensors)


def _places(step: Call) -> list[Slice]:
    """Return the place of each input of a concatenation."""
    firsts = np.cumsum([0, *(t.shape[-1] for t in step.inputs)]).tolist()
    return [Slice(step.outputs[0], first) for first in firsts[:-1]]
