"""Safe reading of HDF5 files: only hard links to plain arrays of the expected shape are accepted."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastconv.saving.hdf5 as hdf5
from fastconv.engine import Variable
from fastconv.saving.hdf5 import Dataset, Group
from fastconv.saving.matching import check_fit
from fastconv.utils.endings import ABOUT_H5PY

NAMES_IN_ATTRIBUTE = 1000  # an attribute holds 64 KiB; longer lists are split into name0, name1, ...


def h5py() -> Any:
    """Return the module h5py. Raises ImportError with the command that installs it."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(ABOUT_H5PY) from error
    return h5py


def opened(filepath: str) -> Group:
    """Return the root of a file."""
    return hdf5.opened(Path(filepath).read_bytes())


def written(fill: Callable[[Any], None]) -> bytes:
    """Return the bytes of a file that `fill(root)` has filled."""
    buffer = io.BytesIO()
    with h5py().File(buffer, "w") as root:
        fill(root)
    return buffer.getvalue()


def child(group: Group, path: str) -> Any:
    """Return the object at a path below `group`, or None if there is none."""
    found: Any = group
    for name in path.split("/") if path else ():
        if not isinstance(found, Group) or name not in found.links:
            return None
        found = found[name]
    return found


def subgroup(group: Group, path: str) -> Group:
    """Return the group at a path. Raises ValueError if there is none."""
    found = child(group, path)
    if not isinstance(found, Group):
        raise ValueError(f"an HDF5 file of this kind must have the group {path!r}. Received: {sorted(group.links)}")
    return found


def read(group: Group, path: str, variable: Variable) -> np.ndarray:
    """Return the array at a path, which must fit `variable`; this is checked before memory is allocated.

    Raises:
        ValueError: the array is missing, does not fit, or is not stored in the file itself.
    """
    dataset = child(group, path)
    if not isinstance(dataset, Dataset):
        raise ValueError(f"the weights of {variable.path} must be at {group.name}/{path}. Received: no such array")
    check_fit(f"the array {dataset.name}", variable, dataset.shape, dataset.dtype)
    return dataset.array()


def text(group: Group, name: str) -> str | None:
    """Return an attribute as text, or None if it is missing. Raises ValueError if it is not text."""
    value = group.value(name)
    if value is not None and (value.ndim or not isinstance(value[()], str)):
        raise ValueError(f"the attribute {name} must be text. Received: {value.dtype} of shape {value.shape}")
    return None if value is None else value[()]


def names(group: Group, attribute: str) -> list[str]:
    """Return a list of names; a long list is stored in attribute0, attribute1, ..."""
    keys = [attribute] if attribute in group.attributes else _numbered(group, attribute)
    found = [name for key in keys for name in np.ravel(np.asarray(group.value(key)))]
    if not all(isinstance(name, str) for name in found):
        raise ValueError(f"the attribute {attribute} must hold names. Received: {found[:3]}")
    return found


def set_names(group: Any, attribute: str, values: Sequence[str]) -> None:
    """Write a list of names in the form that `names` reads."""
    parts = [values[i : i + NAMES_IN_ATTRIBUTE] for i in range(0, len(values), NAMES_IN_ATTRIBUTE)]
    for i, part in enumerate(parts or [[]]):
        array = np.array(part, dtype=h5py().string_dtype())
        group.attrs.create(f"{attribute}{i}" if len(parts) > 1 else attribute, array)


def _numbered(group: Group, attribute: str) -> list[str]:
    keys: list[str] = []
    while f"{attribute}{len(keys)}" in group.attributes:
        keys.append(f"{attribute}{len(keys)}")
    return keys
