"""Random numbers drawn in Python: initial weights, shuffles, and the seeds of kernels."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv.arguments import as_seed

_generator = np.random.default_rng()
followers: list[Callable[[int], None]] = []  # functions called with each new seed


def set_random_seed(seed: int) -> None:
    """Set the seed of Python's `random`, of NumPy's global state, and of fastconv.

    Args:
        seed: int from 0 to 2^32 - 1.

    Raises:
        ValueError: the seed is not such an integer.

    Example:
        >>> set_random_seed(7)
        >>> a = fastconv.random.normal((3,))
        >>> set_random_seed(7)
        >>> bool((fastconv.random.normal((3,)) == a).all())
        True
    """
    seed = as_seed("set_random_seed", seed, 2**32 - 1)
    global _generator
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the scripts that set a seed use the global state
    _generator = np.random.default_rng(seed)
    for begin in followers:
        begin(seed)


def generator() -> np.random.Generator:
    """Return the generator used by everything without its own seed."""
    return _generator


def next_seed() -> int:
    """Return an integer from 0 to 2^63 - 1, drawn from `generator`."""
    return int(_generator.integers(2**63))


def get_state() -> dict[str, Any]:
    """Return the states of all random numbers that `set_random_seed` seeds, as plain data."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    version, numbers, gauss = random.getstate()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, np.asarray(keys).tolist(), *rest],
        "fastconv": _generator.bit_generator.state,
    }


def set_state(state: dict[str, Any]) -> None:
    """Restore the states returned by `get_state`."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
    _generator.bit_generator.state = state["fastconv"]
