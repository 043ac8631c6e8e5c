"""Shared by all formats: checks that arrays fit their variables, and errors that name the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastconv.engine import Variable
from fastconv.utils.files import DAMAGE
from fastconv.utils.nesting import allow_nesting

Pairs = list[tuple[Variable, np.ndarray]]


@contextmanager
def naming(filepath: str) -> Iterator[None]:
    """Convert errors inside `with` to ValueErrors that name the file."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{filepath}: {error}") from error
    except DAMAGE as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{filepath}: the file is damaged or does not hold what its name says. Received: {reason}"
        ) from error


def as_json(config: Any) -> str:
    """Convert a configuration to JSON. Raises ValueError if it is not plain data."""
    try:
        return json.dumps(config)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"A model is saved if get_config returns plain data. Received: {error}") from error


def parse(text: Any) -> dict[str, Any]:
    """Parse JSON that must be an object. Raises ValueError if it is not."""
    key = '"layers"'  # every model in it has this key once
    try:
        allow_nesting(text.count(key) if isinstance(text, str) else bytes(text).count(key.encode()))
        data = json.loads(text)
    except (ValueError, TypeError) as error:
        raise ValueError(f"its configuration is damaged: JSON is needed. Received: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"its configuration must be a JSON object. Received: {type(data).__name__}")
    return data


def check_fit(name: str, variable: Variable, shape: Sequence[int], dtype: np.dtype) -> None:
    """Raise ValueError unless an array of `shape` and `dtype` can be the value of `variable`."""
    kinds = {variable.dtype.kind, dtype.kind}
    if tuple(shape) != variable.shape or not (len(kinds) == 1 or kinds <= {"i", "u"}):
        raise ValueError(
            f"{name} must fit the model's {variable.path}, shape {variable.shape} of {variable.dtype}. "
            f"Received: shape={tuple(shape)} of {dtype}"
        )


@contextmanager
def skipping(skipped: list[str] | None, name: str) -> Iterator[None]:
    """Add errors inside `with` to the list `skipped`, or raise them if it is None."""
    try:
        yield
    except ValueError as error:
        if skipped is None:
            raise
        skipped.append(f"{name}: {error}")


def fitted(
    kind: str, variables: Sequence[Variable], arrays: Sequence[np.ndarray], skipped: list[str] | None = None
) -> Pairs:
    """Return each variable with its array. Raises ValueError if an array does not fit, or the numbers differ."""
    if len(variables) != len(arrays):
        shapes = [v.shape for v in variables], [a.shape for a in arrays]
        raise ValueError(f"its {kind} must be those of the model, shapes {shapes[0]}. Received: shapes={shapes[1]}")
    pairs: Pairs = []
    for variable, array in zip(variables, arrays):
        with skipping(skipped, variable.path):
            check_fit(f"its {kind}", variable, array.shape, array.dtype)
            pairs.append((variable, array))
    return pairs
