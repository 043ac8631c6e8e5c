"""Transfers of batches to a GPU and of results back, whatever the order in which streams run."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fastconv.backends import gpu_backend as backend
from fastconv.backends.gpu.transfer import Upload, download, to_current_device, to_host, write
from fastconv.device import device
from tests import fake_cupy


@pytest.fixture(params=range(20))
def in_any_order(fake_gpu, request):
    """Run streams in any order that their synchronization allows."""
    fake_cupy.state.chance = random.Random(request.param)
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


def test_casts_that_lose_fractions_are_errors(gpu):
    with pytest.raises(TypeError, match="int32 do not take float64"):
        Upload(backend(0), gpu.empty(3, "int32"))(np.ones(3))


def test_empty_batches(gpu):
    target = gpu.empty((0, 5), "float32")
    with backend(0).running():
        Upload(backend(0), target)(np.empty((0, 5)))
    assert [x.shape for x in download([target])()] == [(0, 5)]


def test_arrays_are_copied_to_the_device_of_models(gpu):
    x = np.ones(3, "float32")
    with device("gpu"):
        there = to_current_device(x)
        assert isinstance(there, gpu.ndarray)
        assert to_current_device(there) is there
    with device("cpu"):
        assert to_current_device(x) is x
        np.testing.assert_array_equal(to_current_device(there), x)


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_writing_into_host_arrays(gpu, shape):
    target = gpu.zeros(shape, "float32")
    write(target, np.ones(shape))
    np.testing.assert_array_equal(to_host(target), np.ones(shape, "float32"), strict=True)


class Never(random.Random):
    """A stream whose work runs only when somebody waits for it."""

    def random(self):
        return 1.0


def test_memory_is_reused_after_its_last_user_is_done(fake_gpu):
    gpu = backend(0)
    x = gpu.xp.zeros(3)
    fake_cupy.state.chance = Never()
    with gpu.running():
        x += 1  # this may have read the memory that the next upload writes
        Upload(gpu, gpu.xp.empty(3))(np.ones(3))
    gpu.uploads.synchronize()
    assert x._raw.tolist() == [1, 1, 1]


def test_copies_wait_for_work_on_another_gpu(fake_gpu):
    xp = fake_gpu
    with xp.cuda.Device(1):
        x = xp.zeros(3)
    fake_cupy.state.chance = Never()
    with xp.cuda.Device(1), xp.cuda.Stream(non_blocking=True):
        x += 1
        there = download([x])
        y = backend(0).array(x)
    assert y.device.id == 0
    np.testing.assert_array_equal(to_host(y), np.ones(3))
    np.testing.assert_array_equal(there()[0], np.ones(3))


def test_results_of_a_gpu_that_is_not_the_current_one(fake_gpu):
    with fake_gpu.cuda.Device(1):
        x = fake_gpu.ones(3)
    np.testing.assert_array_equal(download([x])()[0], np.ones(3))


def work_that_fails(gpu, x):
    with gpu.running():
        x += 1
        raise KeyError


def test_work_after_an_error_runs_after_it(fake_gpu):
    gpu = backend(0)
    x, callers = gpu.xp.zeros(3), gpu.xp.cuda.Stream(non_blocking=True)
    fake_cupy.state.chance = Never()
    with callers:
        with pytest.raises(KeyError):
            work_that_fails(gpu, x)
        callers.synchronize()
    assert x._raw.tolist() == [1, 1, 1]
