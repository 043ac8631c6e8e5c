"""A single seed for every source of random numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fastconv.utils import set_random_seed
from fastconv.utils.random import generator, next_seed


def draws():
    return [random.random(), np.random.rand(), generator().random(), next_seed()]  # noqa: NPY002


def test_a_seed_restarts_every_generator():
    set_random_seed(7)
    first = draws()
    assert draws() != first
    set_random_seed(7)
    assert draws() == first
    set_random_seed(8)
    assert all(a != b for a, b in zip(draws(), first))


def test_seeds_are_ints_of_63_bits():
    seeds = [next_seed() for _ in range(100)]
    assert all(isinstance(seed, int) and 0 <= seed < 2**63 for seed in seeds)
    assert len(set(seeds)) == 100


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, None, "1"])
def test_a_seed_is_an_integer(seed):
    with pytest.raises(ValueError, match="seed must be an int"):
        set_random_seed(seed)
