"""Plans: their results, their writes, and their memory."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastconv import _core, config, ops
from fastconv.engine import Plan, Tensor, Trace, Variable
from fastconv.engine.executable import Executable
from tests.check import example
from tests.strategies import STEPS, programs


def plan_of(f, *arrays):
    """Return the plan of f, which may return a list, for arrays of these shapes and dtypes."""
    with Trace() as trace:
        inputs = [trace.input(a) for a in arrays]
        outputs = f(*inputs)
    return Plan(inputs, outputs if isinstance(outputs, list) else [outputs], trace.reads, trace.updates)


def names(steps):
    return [step.primitive.name for step in steps]


def a_variable(seed=0, shape=(3, 3)):
    return Variable(example(*shape, seed=seed))


# ---- random programs -------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(programs(), st.sampled_from([np.float32, np.float64]))
def test_plans_of_random_programs(program, dtype):
    """Compare outputs and variables, over three calls, with NumPy run step by step."""
    x, y, *state = (np.random.default_rng(i).integers(-3, 4, (3, 3)).astype(dtype) for i in range(4))
    variables = [Variable(value) for value in state]

    def run(x, y):
        read = [v.read() for v in variables]
        outputs, new = program.run([x, y, *read], lambda name: lambda a, b: STEPS[name][0](ops, a, b))
        for variable, value in zip(variables, new):
            variable.assign(value)
        return outputs

    plan = plan_of(run, x, y)
    for _ in range(3):
        results = plan(x, y)
        outputs, state = program.run([x, y, *state], lambda name: STEPS[name][1])
        for found, wanted in zip([*results, *(v.numpy() for v in variables)], [*outputs, *state], strict=True):
            np.testing.assert_array_equal(found, wanted, strict=True)


# ---- inputs and outputs ----------------------------------------------------------------------------------------------


def test_outputs_are_copies():
    x = example(4)
    plan = plan_of(lambda x: [x, x[1:], x * 2.0, ops.reshape(x, (2, 2))], x)
    first = plan(x)
    kept = [y.copy() for y in first]
    for y in first:
        y[...] = 0
    for y, wanted in zip(plan(x), kept):
        np.testing.assert_array_equal(y, wanted)
    plan(x + 1)
    assert all((y == 0).all() for y in first)


def test_an_output_may_be_a_constant_or_come_twice():
    x = example(2)
    a, b, c = plan_of(lambda x: [ops.exp(x), Tensor.of(np.ones(2)), ops.exp(x)], x)(x)
    np.testing.assert_array_equal(a, c)
    np.testing.assert_array_equal(b, np.ones(2))


@pytest.mark.parametrize("arrays", [(), (np.ones(3),), (np.ones((1, 3)), np.ones(3)), (np.ones(3),) * 3])
def test_wrong_arrays_are_refused(arrays):
    plan = plan_of(lambda x, y: x + y, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"^Plan: arrays must have the shapes of the graph's inputs\. Rec"):
        plan(*arrays)


def test_inputs_are_converted_within_their_kind_only():
    plan = plan_of(lambda x: x * 2.0, np.ones(3, np.float32))
    np.testing.assert_array_equal(plan(np.arange(3))[0], np.array([0, 2, 4], np.float32), strict=True)
    with pytest.raises(TypeError):
        plan(np.ones(3, complex))


@pytest.mark.parametrize("size", [4, 100])  # with and without a copy by NumPy
def test_inputs_may_have_any_layout_and_byte_order(size):
    x = np.arange(size * size, dtype=np.float32).reshape(size, size)
    plan = plan_of(lambda x: ops.relu(x), x)
    for other in (x, x.T, x[::-1], x.astype(">f4"), x.astype("float64"), np.asfortranarray(x)):
        np.testing.assert_array_equal(plan(other)[0], other.astype("float32"))


def test_empty_arrays_pass():
    plan = plan_of(lambda x: [ops.transpose(x), ops.reshape(x, (3, 0)), ops.tanh(x)], np.ones((0, 3)))
    assert [y.shape for y in plan(np.ones((0, 3)))] == [(3, 0), (3, 0), (0, 3)]


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_buffers_are_reused():
    def chain(x):
        for _ in range(10):
            x = ops.matmul(x, x)
        return x

    plan = plan_of(chain, np.eye(3))
    assert len(plan.buffers) == 10
    assert len(plan.sizes) == 2


def test_elementwise_steps_overwrite_their_input():
    plan = plan_of(lambda x: ops.tanh(ops.relu(x * 2.0)) + 1.0, example(5))
    assert len(set(plan.buffers.values())) == 1


def test_memory_that_a_view_reads_later_is_not_overwritten():
    x = example(3, 3)
    plan = plan_of(lambda x: (lambda y: y + ops.transpose(y))(ops.matmul(x, x)), x)
    np.testing.assert_allclose(plan(x)[0], x @ x + (x @ x).T)
    assert len(set(plan.buffers.values())) == 2


def test_a_buffer_lives_as_long_as_its_views():
    x = example(3, 3)

    def f(x):
        product, other = ops.transpose(ops.matmul(x, x)), ops.matmul(ops.matmul(x, x * 2.0), x)
        return [product, product @ other]

    product, last = plan_of(f, x)(x)
    np.testing.assert_allclose(product, (x @ x).T)
    np.testing.assert_allclose(last, (x @ x).T @ (2 * x @ x @ x))
    (last,) = plan_of(lambda x: f(x)[1], x)(x)
    np.testing.assert_allclose(last, (x @ x).T @ (2 * x @ x @ x))


def test_smaller_inputs_are_not_overwritten():
    x = example(3, 3)
    np.testing.assert_allclose(plan_of(lambda x: x - ops.sum(x, 0), x)(x)[0], x - x.sum(0))
    np.testing.assert_allclose(plan_of(lambda x: ops.exp(x) > ops.exp(x[0]), x)(x)[0], np.exp(x) > np.exp(x[0]))


def test_equal_steps_run_once():
    x = example(3, 3)
    plan = plan_of(lambda x: ops.tanh(x * 2.0) + ops.tanh(x * 2.0), x)
    assert names(plan.steps) == ["multiply", "activate", "add"]
    np.testing.assert_allclose(plan(x)[0], 2 * np.tanh(2 * x))


def test_views_cost_nothing():
    x = example(2, 6)
    plan = plan_of(lambda x: ops.exp(ops.reshape(ops.transpose(x)[1:5], (8,))), x)
    plan(x)
    assert len(plan._idle[0].steps) == 2  # a reshape that has to copy, and exp


# ---- threads ---------------------------------------------------------------------------------------------------------


def test_many_threads_call_one_plan():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    w = Variable(example(8, 8, seed=1))
    plan = plan_of(lambda x: ops.tanh(ops.matmul(x, w)) @ ops.transpose(x), np.ones((8, 8)))
    arrays = [example(8, 8, seed=i) for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(plan, arrays))
    sys.setswitchinterval(before)
    for x, (y,) in zip(arrays, results):
        np.testing.assert_allclose(y, np.tanh(x @ w.value) @ x.T)


def test_a_plan_that_failed_works_again():
    plan = plan_of(lambda x, i: ops.take(x, i), np.ones(3), np.zeros(1, int))
    with pytest.raises(IndexError):
        plan(example(3), np.array([3]))
    np.testing.assert_array_equal(plan(example(3), np.array([1]))[0], example(3)[1:2])


# ---- the prologue: steps that depend only on variables ---------------------------------------------------------------


def test_variables_are_read_anew_after_an_assignment():
    v = a_variable()
    plan = plan_of(lambda x: x + ops.exp(v), v.value)
    assert names(plan.prologue) == ["elementwise"]
    for seed in (0, 5, 6):
        v.assign(example(3, 3, seed=seed))
        np.testing.assert_allclose(plan(v.value)[0], v.value + np.exp(v.value))


def test_another_plan_that_assigns_a_variable_is_noticed():
    v = a_variable()
    reader, writer = plan_of(lambda: ops.exp(v)), plan_of(lambda: [v.assign(v * 2.0)][:0])
    for _ in range(3):
        np.testing.assert_allclose(reader()[0], np.exp(v.value))
        writer()


def test_steps_that_read_assigned_variables_are_not_in_the_prologue():
    v = a_variable()
    plan = plan_of(lambda: [ops.exp(v), v.assign(v + 1.0)][:1])
    for _ in range(3):
        wanted = np.exp(v.value)
        np.testing.assert_allclose(plan()[0], wanted)


# ---- assignments -----------------------------------------------------------------------------------------------------


SCALARS = np.array([1, 0.1, 0, 0], np.float32)


def test_an_update_of_a_variable_by_itself_is_written_in_place():
    w, velocity = a_variable(0), a_variable(1)

    def step(dw):
        for v, new in zip((w, velocity), ops.update("momentum", w, dw, [velocity], SCALARS, [0.9])):
            v.assign(new)
        return []

    former, dw, memory = (w.numpy(), velocity.numpy()), example(3, 3, seed=2), w.value
    plan = plan_of(step, dw)
    assert set(plan.in_place.values()) == {w, velocity}
    plan(dw)
    v = 0.9 * former[1] - 0.1 * dw
    np.testing.assert_allclose(velocity.value, v)
    np.testing.assert_allclose(w.value, former[0] + v)
    assert w.value is memory


def check_assignments(step, expected, in_place):
    """Run `step(a, b)`, which returns outputs, in a plan; `expected(a, b)` returns outputs, new a and new b."""
    a, b = a_variable(0), a_variable(1)
    plan = plan_of(lambda: step(a, b))
    assert set(plan.in_place.values()) == {{"a": a, "b": b}[name] for name in in_place}
    for _ in range(2):
        *outputs, new_a, new_b = expected(a.numpy(), b.numpy())
        for y, wanted in zip([*plan(), a.value, b.value], [*outputs, new_a, new_b], strict=True):
            np.testing.assert_allclose(y, wanted)


def assigning(a_value=None, b_value=None):
    """Return a step that assigns functions of the previous values of both variables."""

    def step(a, b):
        former = a.read(), b.read()
        for variable, value in ((a, a_value), (b, b_value)):
            if value is not None:
                variable.assign(value(*former))
        return []

    return step


def test_two_variables_swap_values():
    check_assignments(assigning(lambda a, b: b, lambda a, b: a), lambda a, b: (b, a), in_place="")


def test_two_updates_that_read_each_other():
    check_assignments(assigning(lambda a, b: a + b, lambda a, b: a * b), lambda a, b: (a + b, a * b), in_place="")


def test_an_update_reads_another_variable_before_it_is_written():
    check_assignments(assigning(lambda a, b: a + b, lambda a, b: b * 2.0), lambda a, b: (a + b, b * 2), in_place="a")


def test_a_view_of_a_variable_that_is_written():
    check_assignments(
        assigning(lambda a, b: a * 2.0, lambda a, b: b - ops.transpose(a)), lambda a, b: (a * 2, b - a.T), in_place="b"
    )
    check_assignments(assigning(lambda a, b: a + ops.flip(a, 0)), lambda a, b: (a + a[::-1], b), in_place="")
    check_assignments(assigning(lambda a, b: ops.transpose(a)), lambda a, b: (a.T, b), in_place="")
    check_assignments(assigning(lambda a, b: a + a[:1]), lambda a, b: (a + a[:1], b), in_place="")


def test_one_value_for_two_variables():
    check_assignments(assigning(lambda a, b: a + 1.0, lambda a, b: a + 1.0), lambda a, b: (a + 1, a + 1), in_place="")


def test_a_new_value_is_used_by_later_steps():
    """The moving average of a weight reads the weight's new value."""

    def step(a, b):
        a.assign(a - 0.5)
        b.assign(b * 0.9 + a * 0.1)
        return []

    check_assignments(step, lambda a, b: (a - 0.5, b * 0.9 + (a - 0.5) * 0.1), in_place="b")


def test_a_new_value_may_be_an_output():
    def step(a, b):
        a.assign(a - 0.5)
        return [a.read()]

    check_assignments(step, lambda a, b: (a - 0.5, a - 0.5, b), in_place="")


def test_a_previous_value_may_be_an_output():
    def step(a, b):
        outputs = [a.read(), a[0], ops.transpose(a)]
        a.assign(a * 3.0)
        return outputs

    check_assignments(step, lambda a, b: (a, a[0], a.T, a * 3, b), in_place="a")


def test_a_constant_and_a_number_are_assigned():
    def step(a, b):
        a.assign(np.ones((3, 3)))
        b.assign(a * 2.0)
        return []

    check_assignments(step, lambda a, b: (np.ones((3, 3)), np.full((3, 3), 2.0)), in_place="")


def test_an_assignment_of_another_dtype_is_cast():
    v = Variable(np.zeros(3, np.float32))
    plan_of(lambda: [v.assign(Tensor.of(np.arange(3)))][:0])()
    np.testing.assert_array_equal(v.value, np.arange(3, dtype=np.float32), strict=True)


# ---- changed settings ------------------------------------------------------------------------------------------------


def test_setting_a_setting_again_changes_nothing():
    before = _core.settings_number()
    config.set_conv_precision(config.conv_precision())
    config.set_max_workspace(config.max_workspace())
    config.set_tf32(config.tf32())
    _core.set_isa(_core.get_isa())
    assert _core.settings_number() == before


def test_a_plan_follows_the_settings_by_which_kernels_are_chosen():
    """The bits are those of Winograd, then of direct sums, then of Winograd again."""
    x, w = (example(*shape).astype(np.float32) for shape in ((2, 32, 32, 16), (3, 3, 16, 16)))
    plan = plan_of(lambda x: ops.conv(x, w, padding="same"), x)
    fast = plan(x)[0]
    try:
        config.set_conv_precision("exact")
        exact = plan(x)[0]
        np.testing.assert_array_equal(exact, ops.conv(x, w, padding="same"))
    finally:
        config.set_conv_precision("fast")
    assert (fast != exact).any()
    np.testing.assert_array_equal(plan(x)[0], fast)


def test_buffers_do_not_touch():
    """NumPy takes arrays that touch for overlapping ones, and then its older versions have other bits."""
    plan = plan_of(lambda x: ops.log(ops.exp(x) + ops.tanh(x)) / ops.exp(ops.tanh(x)), example(3, 8))
    executable = Executable(plan)
    starts = {executable.arrays[t].ctypes.data for t in plan.buffers}
    assert len(starts) > 1
    assert not starts & {executable.arrays[t].ctypes.data + executable.arrays[t].nbytes for t in plan.buffers}
