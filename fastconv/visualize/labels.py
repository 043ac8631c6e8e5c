"""Checks of classes and their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastconv.backends.gpu.transfer import to_host
from fastconv.typing import ArrayLike


def as_labels(owner: str, name: str, values: ArrayLike) -> np.ndarray:
    """Return classes as integers (N,): integers (N,) or (N, 1), or the largest of scores (N, classes).

    Raises:
        ValueError: the values are neither, or there are none.
    """
    array = np.asarray(to_host(values))
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(axis=1)
    labels = array.reshape(-1) if array.ndim == 2 else array
    whole = labels.ndim == 1 and labels.dtype.kind in "iufb" and bool(np.all(labels == np.floor(labels)))
    if not whole or not len(labels) or labels.min() < 0:
        raise ValueError(
            f"{owner}: {name} must be classes as integers from 0, (N,), or scores, (N, classes). "
            f"Received: {name}.shape={array.shape}, dtype={array.dtype}"
        )
    return labels.astype(np.int64)


def as_names(owner: str, class_names: Sequence[str] | None, count: int) -> list[str]:
    """Return a name for each of `count` classes: their numbers if none are given.

    Raises:
        ValueError: there are fewer names than classes.
    """
    names = [str(i) for i in range(count)] if class_names is None else [str(name) for name in class_names]
    if len(names) < count:
        raise ValueError(
            f"{owner}: class_names must have a name for each of {count} classes. Received: {len(names)} names"
        )
    return names
