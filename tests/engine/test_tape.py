"""Gradients of the operations of a block."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import GradientTape, Variable, layers, ops, optimizers, value_and_grad


def variable(*values):
    return Variable(np.array(values))


def test_gradients_have_the_structure_of_the_sources():
    a, b, unused = variable(1.0, 2.0), variable(3.0, 5.0), variable(7.0)
    with GradientTape() as tape:
        loss = ops.sum(a * a * b)
    found = tape.gradient(loss, {"pair": [a, b], "other": (unused,)})
    np.testing.assert_array_equal(found["pair"][0], [6, 20])
    np.testing.assert_array_equal(found["pair"][1], [1, 4])
    assert found["other"] == (None,)
    assert float(loss) == 23.0


def test_a_source_computed_from_another_source():
    a = variable(2.0, 3.0)
    with GradientTape() as tape:
        b = a * a
        loss = ops.sum(b * b)
    da, db = tape.gradient(loss, [a, b])
    np.testing.assert_array_equal(db, 2 * np.array([4.0, 9]))
    np.testing.assert_array_equal(da, 4 * np.array([8.0, 27]))


def test_the_gradient_of_an_array_is_the_gradient_of_its_sum():
    a = variable(2.0, 3.0)
    with GradientTape() as tape:
        y = a * a
    np.testing.assert_array_equal(tape.gradient(y, a), [4, 6])


def test_arrays_are_watched():
    w = variable(3.0)
    with GradientTape() as tape:
        x, _ = tape.watch((np.array([2.0]), w))
        y = x * x * w
    np.testing.assert_array_equal(tape.gradient(y, x), [12])
    with pytest.raises(TypeError, match="only floats"):
        GradientTape().watch(np.array([1, 2]))


def test_second_derivatives():
    a = variable(2.0)
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = a * a * a
        slope = inner.gradient(y, a)
    np.testing.assert_array_equal(outer.gradient(slope, a), [12])
    np.testing.assert_array_equal(inner.gradient(y, a), [12])


def test_a_tape_within_a_differentiated_function():
    w = variable(3.0)

    def slope_at(x):
        with GradientTape() as tape:
            y = x * x * w
        return ops.sum(tape.gradient(y, w) * x)  # x^3

    value, slope = value_and_grad(slope_at)(np.array([2.0]))
    assert (float(value), slope.tolist()) == (8.0, [12.0])


def test_later_changes_of_a_variable_do_not_reach_the_record():
    a = variable(2.0)
    with GradientTape() as tape:
        y = a * a
    a.assign([100.0])
    np.testing.assert_array_equal(tape.gradient(y, a), [4])


def test_assignments_in_the_block_hold_after_it():
    a, count = variable(2.0), variable(0.0)
    with GradientTape() as tape:
        y = a * a
        count.assign(count + 1.0)
        y = y * count
    np.testing.assert_array_equal(tape.gradient(y, a), [4])
    np.testing.assert_array_equal(count.value, [1])


def test_the_computation_of_an_assigned_value_is_not_differentiated():
    a, b = variable(2.0), variable(3.0)
    with GradientTape() as tape:
        b.assign(a * b)
        y = a * b
    np.testing.assert_array_equal(tape.gradient(y, a), [6])


def test_a_block_that_fails_assigns_nothing():
    a = variable(2.0)

    def fail():
        with GradientTape():
            a.assign([1.0])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    np.testing.assert_array_equal(a * 1.0, [2.0])


@pytest.mark.parametrize("target", [np.ones(1), 1.0])
def test_values_that_were_not_recorded_have_no_gradient(target):
    a = variable(2.0)
    with GradientTape() as tape:
        y = a * a
    with pytest.raises(ValueError, match=r"^GradientTape: the target must .* Received: (ndarray|float)$"):
        tape.gradient(target, a)
    with pytest.raises(ValueError, match=r"^GradientTape: sources must .*tape\.watch.* Received: \['ndarray'\]$"):
        tape.gradient(y, [np.ones(1)])


def test_numpy_functions_are_refused_because_they_lose_gradients():
    a = variable(2.0)
    with GradientTape(), pytest.raises(TypeError, match=r"NumPy functions take .* use fastconv\.ops"):
        np.exp(a)
    with GradientTape() as tape:
        y = a * a.numpy()
    np.testing.assert_array_equal(np.exp(a), np.exp([2.0]))
    np.testing.assert_array_equal(tape.gradient(y, a), [2.0])


def test_a_tape_is_entered_once_and_used_afterwards():
    tape = GradientTape(persistent=True)
    with pytest.raises(RuntimeError, match="a computation recorded in"):
        tape.gradient(None, None)
    with tape:
        pass
    with pytest.raises(RuntimeError, match="make a new one"), tape:
        pass


def test_a_custom_training_loop():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 3)).astype("float32")
    y = x @ np.array([[1.0], [-2], [3]], "float32")
    layer, optimizer = layers.Dense(1), optimizers.SGD(0.3)
    for _ in range(60):
        with GradientTape() as tape:
            loss = ops.mean(ops.square(layer(x) - y))
        grads = tape.gradient(loss, layer.trainable_weights)
        optimizer.apply_gradients(zip(grads, layer.trainable_weights))
    np.testing.assert_allclose(layer.kernel.value.ravel(), [1, -2, 3], atol=1e-3)
    assert float(loss) < 1e-6
