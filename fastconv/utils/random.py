"""The one source of random numbers that are drawn in Python: initial weights, shuffles, and the seeds of kernels."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv.arguments import as_seed

_generator = np.random.default_rng()
followers: list[Callable[[int], None]] = []  # other sources, which are told of a new seed


def set_random_seed(seed: int) -> None:
    """Begin the random numbers of Python, of NumPy's global state and of fastconv anew, from `seed`.

    Raises:
        ValueError: a seed that is not an integer from 0 to 2^32 - 1.
    """
    seed = as_seed("set_random_seed", seed, 2**32 - 1)
    global _generator
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the scripts that set a seed use the global state
    _generator = np.random.default_rng(seed)
    for begin in followers:
        begin(seed)


def generator() -> np.random.Generator:
    """The generator that everything without a seed of its own draws from."""
    return _generator


def next_seed() -> int:
    """A whole number from 0 to 2^63 - 1, drawn from `generator`."""
    return int(_generator.integers(2**63))


def get_state() -> dict[str, Any]:
    """Where the random numbers are that `set_random_seed` begins, as plain data."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    version, numbers, gauss = random.getstate()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, np.asarray(keys).tolist(), *rest],
        "fastconv": _generator.bit_generator.state,
    }


def set_state(state: dict[str, Any]) -> None:
    """Let random numbers go on from where `get_state` found them."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
    _generator.bit_generator.state = state["fastconv"]
