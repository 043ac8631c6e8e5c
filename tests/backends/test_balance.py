"""The tasks of kernels are observed, also for numbers of threads that the machine lacks."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import fastconv._core as _core
import fastconv._elementwise as _elementwise
import fastconv.ops as ops
from fastconv.backends.balance import Phase, balance, phases_of
from fastconv.backends.cpu.backend import Cpu
from fastconv.geometry import Convolution

pytestmark = pytest.mark.not_recorded


def convolve(images=8):
    x, w = np.ones((images, 28, 28, 64), np.float32), np.ones((5, 5, 64, 64), np.float32)
    return lambda: ops.conv(x, w, strides=2)


@pytest.mark.parametrize(
    ("tasks", "threads", "expected"), [(16, 1, 1.0), (16, 16, 1.0), (3, 16, 3 / 16), (17, 16, 17 / 32), (0, 4, 1.0)]
)
def test_equal_tasks_wait_for_the_busiest_thread(tasks, threads, expected):
    assert Phase(0, tasks, threads, 0.0).balance == expected


def test_phases_count_by_their_weights():
    full, half = Phase(0, 4, 4, 0.0), Phase(1, 2, 4, 0.0)
    assert balance([full, half], [1.0, 0.0]) == 1.0
    assert balance([full, half], [1.0, 1.0]) == pytest.approx(2 / 3)


def test_observed_kernels_compute_the_same():
    results = []
    phases = phases_of(lambda: results.append(convolve()()))
    assert phases
    assert all(phase.tasks >= 1 and phase.threads >= 1 and phase.seconds > 0 for phase in phases)
    np.testing.assert_array_equal(results[0], convolve()())


def test_tasks_for_other_threads_are_counted_but_not_computed(threads):
    threads(1)
    c = Convolution.of((8, 28, 28, 64), (5, 5, 64, 64), (2, 2), ((0, 0), (0, 0)), (1, 1))
    x, w, y = (np.ones(shape, np.float32) for shape in (c.input_shape, c.kernel_shape, c.output_shape))
    phases = phases_of(lambda: Cpu().conv(x, w, convolution=c, out=y), 64)
    assert phases[0].threads == 64
    assert _core.get_num_threads() == 1
    np.testing.assert_array_equal(y, 1.0)
    assert phases_of(lambda: Cpu().conv(x, w, convolution=c, out=y))[0].threads == 1
    np.testing.assert_array_equal(y, 25.0 * 64)


@pytest.mark.parametrize("shape", [(), (200,)])
def test_single_elements_are_cut_for_the_number_of_threads(shape):
    x, y = np.ones((5000, 200), np.float32), np.ones(shape or (5000, 200), np.float32)
    for threads in (2, 3, 7, 16):
        (phase,) = phases_of(lambda: _elementwise.elementwise("add", np.empty_like(x), x, y), threads)
        assert phase.threads == threads
        assert phase.balance > 0.9


def test_work_that_is_not_worth_threads_is_offered_one():
    x, w = np.ones((1, 8, 8, 4), np.float32), np.ones((3, 3, 4, 4), np.float32)
    assert {phase.threads for phase in phases_of(lambda: ops.conv(x, w), 64)} == {1}


def test_observations_end_after_an_error_and_may_be_nested():
    inner = []

    def run():
        inner.extend(phases_of(convolve(1)))
        convolve(8)()

    assert len(phases_of(run)) == len(phases_of(convolve(8)))
    assert inner
    with pytest.raises(ZeroDivisionError):
        phases_of(lambda: 1 / 0, 16)
    assert _core.get_num_threads() != 16


def test_kernels_of_other_threads_are_not_observed():
    def run():
        other = threading.Thread(target=convolve())
        other.start()
        other.join()

    assert phases_of(run) == []
