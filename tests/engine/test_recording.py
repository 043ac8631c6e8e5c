"""Plans run their compiled kernels from recordings; `pytest --recorded` runs the tests of kernels in the same way."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from fastconv import _conv, _core, _winograd, config, ops
from fastconv.backends.cpu.recording import record, separate
from fastconv.engine import Plan, Tensor, Trace, Variable
from fastconv.geometry import Convolution


def net(x, kernel):
    """Return what kernels with and without scratch memory compute, with one step in Python between them."""
    y = ops.relu(ops.conv(x, kernel, padding="same"))
    y = ops.max_pool(ops.conv(y + ops.flip(y, 1), kernel), 2)
    return ops.softmax(ops.batch_normalization(y, *[ops.ones(16)] * 2, axis=-1))


def plan_of(kernel):
    with Trace() as trace:
        x = Tensor((2, 32, 32, 16), np.dtype("float32"))
        y = net(x, kernel)
    return Plan([x], [y], trace.reads, trace.updates)


@pytest.fixture
def kernel(rng):
    return Variable(rng.standard_normal((3, 3, 16, 16), np.float32) / 12)


def test_a_plan_has_the_bits_of_eager_calls_for_any_values(rng, kernel):
    plan = plan_of(kernel)
    for scale in (1, 1e-3, 0):
        x = scale * rng.standard_normal((2, 32, 32, 16), np.float32)
        np.testing.assert_array_equal(plan(x)[0], net(x, kernel))
        kernel.assign(kernel.numpy() * 2)


def test_a_series_of_kernels_is_one_step(rng, kernel):
    plan = plan_of(kernel)
    plan(np.ones((2, 32, 32, 16), np.float32))
    (ready,) = plan._idle
    assert len(ready.steps) < len(plan.steps)
    assert any(getattr(step, "__self__", None).__class__ is _core.Recording for step in ready.steps)


@pytest.mark.parametrize("numbers", [(1, 3), (3, 1)])
def test_a_plan_uses_the_present_number_of_threads(rng, kernel, numbers):
    x = rng.standard_normal((2, 32, 32, 16), np.float32)
    plan = plan_of(kernel)
    results = []
    for number in numbers:
        config.set_num_threads(number)
        results.append(plan(x)[0])
    np.testing.assert_array_equal(*results)


def test_an_error_ends_a_recording():
    def refuse():
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        _core.Recording([(refuse, (), False)])
    np.testing.assert_array_equal(ops.relu(np.float32([-1, 2])), [0, 2])  # computed, not recorded


def test_steps_in_python_keep_their_places():
    seen = []
    first, second = (lambda number=number: seen.append(number) for number in (1, 2))
    for run in record([(first, True), (second, False)])[0]:
        run()
    assert seen == [1, 2]


@pytest.mark.parametrize("most", [0, 1 << 28])
def test_weights_are_packed_again_after_an_assignment(rng, kernel, most):
    config.set_max_workspace(most or 1)
    x = rng.standard_normal((2, 32, 32, 16), np.float32)
    plan = plan_of(kernel)
    for _ in range(3):
        for _ in range(2):
            np.testing.assert_allclose(plan(x)[0], net(x, kernel), rtol=1e-5, atol=1e-6)
        kernel.assign(kernel.numpy()[::-1] * 2)
    (ready,) = plan._idle
    assert any(recording.kept_bytes for recording in ready.recordings) == (most > 0)


def test_weights_that_a_plan_assigns_are_packed_each_time(rng, kernel):
    with Trace() as trace:
        x = Tensor((2, 32, 32, 16), np.dtype("float32"))
        y = ops.conv(x, kernel)
        kernel.assign(kernel * 2.0)
    plan = Plan([x], [y], trace.reads, trace.updates)
    given = rng.standard_normal((2, 32, 32, 16), np.float32)
    for _ in range(3):
        expected = ops.conv(given, kernel.numpy())
        np.testing.assert_array_equal(plan(given)[0], expected)


def test_a_normalization_follows_each_of_its_variables(rng):
    mean, variance, gamma, beta = variables = [Variable(rng.uniform(0.5, 1.5, 16).astype("float32")) for _ in range(4)]
    with Trace() as trace:
        x = Tensor((2, 9, 9, 16), np.dtype("float32"))
        y = ops.relu(ops.batch_normalization(x, mean, variance, -1, beta, gamma))
    plan = Plan([x], [y], trace.reads)
    given = rng.standard_normal((2, 9, 9, 16), np.float32)
    for variable in (None, *variables):
        if variable is not None:
            variable.assign(variable.numpy() + 0.25)
        expected = ops.relu(ops.batch_normalization(given, mean, variance, -1, beta, gamma))
        for _ in range(2):
            np.testing.assert_array_equal(plan(given)[0], expected)


def test_a_normalization_by_numbers_that_change_keeps_nothing(rng):
    mean, variance = (Variable(rng.uniform(0.5, 1.5, 16).astype("float32")) for _ in range(2))

    def normalized(x):
        return ops.batch_normalization(x, mean, variance, -1, None, ops.exp(x[0, 0, 0]))

    with Trace() as trace:
        x = Tensor((2, 9, 9, 16), np.dtype("float32"))
        y = normalized(x)
    plan = Plan([x], [y], trace.reads)
    for scale in (1, 2):
        given = scale * rng.standard_normal((2, 9, 9, 16), np.float32)
        np.testing.assert_array_equal(plan(given)[0], normalized(given))


@pytest.mark.parametrize("most", [1 << 28, 1 << 20])
def test_plans_choose_the_algorithm_for_constant_weights_if_they_can_keep_them(rng, most):
    config.set_max_workspace(most)
    kernel = Variable(rng.standard_normal((3, 3, 128, 160), np.float32) / 34)
    given = rng.standard_normal((1, 8, 8, 128), np.float32)
    with Trace() as trace:
        x = Tensor(given.shape, np.dtype("float32"))
        y = ops.conv(x, kernel, padding="same")
    plan = Plan([x], [y], trace.reads, trace.updates)
    for _ in range(2):
        np.testing.assert_allclose(plan(given)[0], ops.conv(given, kernel, padding="same"), rtol=1e-4, atol=1e-5)
        kernel.assign(kernel.numpy() * 2)
    (ready,) = plan._idle
    ((launch,),) = [recording.launches for recording in ready.recordings]
    assert launch[0] is (_winograd.conv_2x2 if most > 1 << 20 else _conv.conv)


def test_each_kernel_of_a_recording_runs_by_itself(rng, kernel):
    x = rng.standard_normal((2, 32, 32, 16), np.float32)
    y, z = np.empty((2, 32, 32, 16), np.float32), np.empty((2, 32, 32, 16), np.float32)
    c = Convolution.of(x.shape, kernel.shape, (1, 1), ((1, 1), (1, 1)), (1, 1))
    steps = [(partial(_conv.conv, c, a, kernel.numpy(), None, b, 0, 0.0), True) for a, b in ((x, y), (y, z))]
    runs, _ = record(steps)
    runs[0]()
    expected = z.copy()
    y.fill(0)
    z.fill(0)
    first, second = separate(runs)
    first()
    assert y.any()
    assert not z.any()
    second()
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("constant", [False, True])
def test_a_recording_has_memory_for_the_threads_of_its_kernels(rng, kernel, constant):
    """Another Python thread may set the number of threads between two calls of a kernel."""
    x = rng.standard_normal((8, 32, 32, 16), np.float32)
    y, expected = np.empty_like(x), ops.conv(x, kernel, padding="same")
    c = Convolution.of(x.shape, kernel.shape, (1, 1), ((1, 1), (1, 1)), (1, 1))
    numbers = []

    def conv(*arguments):
        numbers.append(min(len(numbers) + 1, 2))
        config.set_num_threads(numbers[-1])
        _conv.conv(*arguments)

    config.set_num_threads(1)
    recording = _core.Recording([(conv, (c, x, kernel.numpy(), None, y, 0, 0.0), constant)], 1 << 20)
    assert numbers == [1, 2, 2, 2]  # measured for one thread, recorded for two, and both again
    recording.run()
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
