"""Executables of a plan share what depends only on variables, in several threads and while variables are assigned."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastconv.config as config
import fastconv.engine.weights as shared
from fastconv import ops
from fastconv.engine import Plan, Tensor, Trace, Variable
from tests.check import example

SHAPE = (2, 12, 12, 16)


def a_kernel(scale=1.0):
    return example(3, 3, 16, 16, seed=1).astype("float32") * np.float32(scale / 12)


def plan_of(kernel):
    """Return a plan with a prologue and with kernels that keep packed weights, all of constant weights."""
    with Trace() as trace:
        x = Tensor(SHAPE, np.dtype("float32"))
        y = ops.relu(ops.conv(x, kernel * 2.0, padding="same"))
        y = ops.conv(y, kernel + 1.0)
    return Plan([x], [y], trace.reads, trace.updates)


def expected(values, x):
    """Return the result of a new plan."""
    return plan_of(Variable(values))(x)[0]


@pytest.fixture
def kernel():
    return Variable(a_kernel())


@pytest.fixture
def x():
    return example(*SHAPE, seed=2).astype("float32")


def acquired(plan):
    """Return an executable of which a run has begun."""
    return plan._ready(None)


def test_executables_share_packed_weights_and_results_of_the_prologue(kernel, x):
    plan = plan_of(kernel)
    plan(x)
    ready = [acquired(plan) for _ in range(3)]
    assert plan.prologue
    assert any(recording.kept_bytes for recording in ready[0].recordings)
    assert len({id(each.weights) for each in ready}) == 1
    assert len({id(each.arrays[t]) for each in ready for t in plan.prologue[0].outputs}) == 1
    for each in ready:
        np.testing.assert_array_equal(each.run([x])[0], expected(a_kernel(), x))


def test_an_executable_with_other_places_for_packed_weights_shares_none(kernel, x, monkeypatch):
    """As if a setting changed while it is bound, and changed back: both executables follow an assignment."""
    plan = plan_of(kernel)
    first = acquired(plan)
    kept = sum(recording.kept_bytes for recording in first.recordings)
    with monkeypatch.context() as patched:
        patched.setattr(config, "max_workspace", lambda: kept - 1)
        second = acquired(plan)
    for each in (first, second):
        np.testing.assert_array_equal(each.run([x])[0], expected(a_kernel(), x))
        each.release()
    assert 0 < sum(recording.kept_bytes for recording in second.recordings) < kept
    for scale, each in ((2.0, first), (3.0, second), (4.0, first)):
        kernel.assign(a_kernel(scale))
        assert each.acquire()
        each.release()
        for reader in (first, second):
            assert reader.acquire()
            np.testing.assert_array_equal(reader.run([x])[0], expected(a_kernel(scale), x))
            reader.release()


def test_a_shared_result_follows_an_assignment(kernel, x):
    plan = plan_of(kernel)
    first, second = acquired(plan), acquired(plan)
    for each in (first, second):
        each.release()
    for scale, each in ((2.0, first), (3.0, second), (4.0, first)):
        kernel.assign(a_kernel(scale))
        assert each.acquire()
        np.testing.assert_array_equal(each.run([x])[0], expected(a_kernel(scale), x))
        each.release()


def test_a_run_keeps_its_weights_while_a_variable_is_assigned(kernel, x, monkeypatch):
    """Another run waits for it, then computes weights of its own."""
    monkeypatch.setattr(shared, "PATIENCE", 0.01)
    plan = plan_of(kernel)
    running = acquired(plan)
    kernel.assign(a_kernel(3.0))
    np.testing.assert_array_equal(plan(x)[0], expected(a_kernel(3.0), x))
    (idle,) = plan._idle
    assert idle.weights is not running.weights
    np.testing.assert_array_equal(running.run([x])[0], expected(a_kernel(), x))
    running.release()
    np.testing.assert_array_equal(plan(x)[0], expected(a_kernel(3.0), x))


def test_a_change_waits_for_a_run_that_ends(kernel, x):
    plan = plan_of(kernel)
    running = acquired(plan)
    kernel.assign(a_kernel(3.0))
    threading.Timer(0.05, running.release).start()
    np.testing.assert_array_equal(plan(x)[0], expected(a_kernel(3.0), x))
    assert plan._idle[0].weights is running.weights


def test_every_thread_sees_a_finished_assignment(kernel, x):
    plan, values = plan_of(kernel), [a_kernel(scale) for scale in (1.0, -2.0)]
    results = [expected(value, x) for value in values]
    with ThreadPoolExecutor(4) as pool:
        for i in range(30):
            kernel.assign(values[i % 2])
            for found in pool.map(lambda _: plan(x)[0], range(8)):
                np.testing.assert_array_equal(found, results[i % 2])
    assert len({id(each.weights) for each in plan._idle}) == 1


def test_threads_that_predict_while_another_assigns_go_on(kernel, x):
    """A result that is computed during an assignment may mix values; after it, results are new."""
    plan, stop = plan_of(kernel), threading.Event()

    def predict(_):
        while not stop.is_set():
            plan(x)

    with ThreadPoolExecutor(3) as pool:
        threads = [pool.submit(predict, i) for i in range(3)]
        for scale in np.linspace(1, 2, 40):
            kernel.assign(a_kernel(scale))
            np.testing.assert_array_equal(plan(x)[0], expected(a_kernel(scale), x))
        stop.set()
        for thread in threads:
            thread.result(60)


def test_a_run_that_fails_ends(kernel, x):
    plan = plan_of(kernel)
    plan(x)
    with pytest.raises(TypeError):
        plan(x.astype("complex64"))
    kernel.assign(a_kernel(2.0))
    np.testing.assert_array_equal(plan(x)[0], expected(a_kernel(2.0), x))
    assert len(plan._idle) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_forgets_the_runs_of_other_threads(kernel, x):
    plan = plan_of(kernel)
    running = acquired(plan)
    lock = running.weights._lock
    thread = threading.Thread(target=lock.acquire)  # as if it were computing weights
    thread.start()
    thread.join()
    child = os.fork()
    if not child:
        try:
            kernel.assign(a_kernel(2.0))
            plan(x)
            os._exit(0 if not running.weights._running else 1)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_run_in_which_a_process_forks_ends_in_the_child_too(kernel, x):
    plan = plan_of(kernel)
    running = acquired(plan)
    child = os.fork()
    if not child:
        try:
            running.release()
            plan(x)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
