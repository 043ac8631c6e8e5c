"""Batches on their way to a GPU and results on their way back, whatever runs first."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fastconv.backends import gpu as backend
from fastconv.backends.transfer import Upload, brought_here, download, to_host
from fastconv.device import device
from tests import standin


@pytest.fixture(params=range(20))
def in_any_order(gpu_stand_in, request):
    """Streams run when they like, as far as nobody waits for them."""
    standin.state.chance = random.Random(request.param)
    return backend(0)


def test_batches_follow_one_another(in_any_order):
    gpu = in_any_order
    target = gpu.xp.empty((2, 3), "float32")
    upload, batch, seen = Upload(gpu, target), np.empty((2, 3), "uint8"), []
    with gpu.running():
        for step in range(8):
            batch[...] = step
            upload(batch)
            batch[...] = 99
            seen.append(gpu.xp.array(target))
    assert [set(to_host(x).ravel()) for x in seen] == [{step} for step in range(8)]


def test_results_are_those_of_their_step(in_any_order):
    gpu = in_any_order
    x, begun = gpu.xp.zeros(3, "float32"), []
    with gpu.running():
        for _ in range(5):
            x += 1
            begun.append(download([x.copy(), x * 2]))
    assert [[int(a[0]) for a in arrived()] for arrived in begun] == [[n, 2 * n] for n in range(1, 6)]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "bool"])
def test_batches_are_cast_as_numpy_casts_them(gpu, dtype, rng):
    target = gpu.empty((4, 5), "float32")
    batch = rng.integers(0, 2, (4, 5)).astype(dtype)
    with backend(0).running():
        Upload(backend(0), target)(batch)
    np.testing.assert_array_equal(to_host(target), batch.astype("float32"))


def test_what_would_lose_its_fractions_is_an_error(gpu):
    with pytest.raises(TypeError, match="int32 do not take float64"):
        Upload(backend(0), gpu.empty(3, "int32"))(np.ones(3))


def test_empty_batches(gpu):
    target = gpu.empty((0, 5), "float32")
    with backend(0).running():
        Upload(backend(0), target)(np.empty((0, 5)))
    assert [x.shape for x in download([target])()] == [(0, 5)]


def test_arrays_are_brought_to_where_models_compute(gpu):
    x = np.ones(3, "float32")
    with device("gpu"):
        there = brought_here(x)
        assert isinstance(there, gpu.ndarray)
        assert brought_here(there) is there
    assert brought_here(x) is x
    np.testing.assert_array_equal(brought_here(there), x)
