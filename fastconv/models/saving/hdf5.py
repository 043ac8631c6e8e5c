"""HDF5 files, read with suspicion: hard links to plain arrays of the expected shape, and nothing else."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastconv.engine import Variable
from fastconv.models.saving.fitting import check_fit

NAMES_IN_ATTRIBUTE = 1000  # an attribute holds 64 KiB; longer lists go on in name0, name1, ...


def h5py() -> Any:
    """The module. Raises ImportError that says how to install it."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError("Files ending in .keras, .h5 and .hdf5 need: pip install fastconv[h5]") from error
    return h5py


@contextmanager
def opened(file: Any) -> Iterator[Any]:
    """The root of the file at a path, or in bytes."""
    with h5py().File(io.BytesIO(file) if isinstance(file, bytes) else file, "r") as root:
        yield root


def written(fill: Callable[[Any], None]) -> bytes:
    """The bytes of a file that `fill(root)` has filled."""
    buffer = io.BytesIO()
    with h5py().File(buffer, "w") as root:
        fill(root)
    return buffer.getvalue()


def child(group: Any, path: str) -> Any:
    """What is at a path below `group`, None where there is nothing.

    Raises:
        ValueError: a part of the path is a soft or external link.
    """
    for name in path.split("/") if path else ():
        if not isinstance(group, h5py().Group) or name not in group:
            return None
        if group.get(name, getclass=True, getlink=True) is not h5py().HardLink:
            raise ValueError(f"an HDF5 file must have no soft or external links. Received: {group.name}/{name}")
        group = group[name]
    return group


def subgroup(group: Any, path: str) -> Any:
    """The group at a path. Raises ValueError where there is none."""
    found = child(group, path)
    if not isinstance(found, h5py().Group):
        raise ValueError(f"an HDF5 file of this kind must have the group {path!r}. Received: {sorted(group)}")
    return found


def read(group: Any, path: str, variable: Variable) -> np.ndarray:
    """The array at a path, which must fit `variable`; checked before anything is allocated for it.

    Raises:
        ValueError: there is none, or it does not fit, is kept in other files or in chunks that are much larger than it.
    """
    dataset = child(group, path)
    if not isinstance(dataset, h5py().Dataset):
        raise ValueError(f"the weights of {variable.path} must be at {group.name}/{path}. Received: no such array")
    check_fit(f"the array {dataset.name}", variable, dataset.shape or (), dataset.dtype)
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"arrays must be in the file itself. Received: {dataset.name}, which refers to others")
    if dataset.chunks and math.prod(dataset.chunks) > 16 * dataset.size + (1 << 20):
        raise ValueError(f"chunks must not be much larger than arrays. Received: {dataset.name}, {dataset.chunks}")
    return dataset[()] if dataset.ndim else np.asarray(dataset[()])


def text(group: Any, name: str) -> str | None:
    """An attribute as text; None where it is missing. Raises ValueError where it is something else."""
    value = group.attrs.get(name)
    value = value.decode() if isinstance(value, bytes) else value
    if value is not None and not isinstance(value, str):
        raise ValueError(f"the attribute {name} must be text. Received: {type(value).__name__}")
    return value


def names(group: Any, attribute: str) -> list[str]:
    """A list of names, whose parts are in attribute0, attribute1, ... where it is long."""
    keys = [attribute] if attribute in group.attrs else _numbered(group, attribute)
    found = [name.decode() if isinstance(name, bytes) else name for key in keys for name in group.attrs[key]]
    if not all(isinstance(name, str) for name in found):
        raise ValueError(f"the attribute {attribute} must hold names. Received: {found[:3]}")
    return found


def set_names(group: Any, attribute: str, values: Sequence[str]) -> None:
    """Write what `names` reads."""
    parts = [values[i : i + NAMES_IN_ATTRIBUTE] for i in range(0, len(values), NAMES_IN_ATTRIBUTE)]
    for i, part in enumerate(parts or [[]]):
        array = np.array(part, dtype=h5py().string_dtype())
        group.attrs.create(f"{attribute}{i}" if len(parts) > 1 else attribute, array)


def _numbered(group: Any, attribute: str) -> list[str]:
    keys: list[str] = []
    while f"{attribute}{len(keys)}" in group.attrs:
        keys.append(f"{attribute}{len(keys)}")
    return keys
