"""Learning rates that change from step to step."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import layers, models, ops, optimizers
from fastconv.engine import Plan, Trace, Variable
from fastconv.optimizers import schedules

from .cases import SCHEDULE_IDS, SCHEDULES

each_schedule = pytest.mark.parametrize(("name", "arguments"), SCHEDULES, ids=SCHEDULE_IDS)


@each_schedule
def test_configuration_round_trip(name, arguments):
    schedule = getattr(schedules, name)(**arguments)
    again = schedules.deserialize(schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config() == {**schedule.get_config(), **arguments}
    assert [float(again(i)) for i in range(9)] == [float(schedule(i)) for i in range(9)]


@each_schedule
def test_a_graph_follows_the_schedule_step_by_step(name, arguments):
    schedule = getattr(schedules, name)(**arguments)
    w, optimizer = Variable(np.zeros(2, np.float32)), optimizers.SGD(schedule)
    with Trace() as trace:
        optimizer.apply([np.ones(2, np.float32)], [w])
    plan = Plan([], [], trace.reads, trace.updates)
    expected = 0.0
    for step in range(8):
        assert float(optimizer.learning_rate) == pytest.approx(float(schedule(step)))
        expected -= float(schedule(step))
        plan()
        np.testing.assert_allclose(w.value, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("ExponentialDecay", {"initial_learning_rate": 0.8, "decay_steps": 2, "decay_rate": 0.25}, [0.8, 0.4, 0.2]),
        ("InverseTimeDecay", {"initial_learning_rate": 0.6, "decay_steps": 1, "decay_rate": 0.5}, [0.6, 0.4, 0.3]),
        ("PiecewiseConstantDecay", {"boundaries": [1], "values": [0.3, 0.2]}, [0.3, 0.3, 0.2]),
        (
            "PolynomialDecay",
            {"initial_learning_rate": 0.3, "decay_steps": 2, "end_learning_rate": 0.1},
            [0.3, 0.2, 0.1],
        ),
        ("CosineDecay", {"initial_learning_rate": 0.4, "decay_steps": 2}, [0.4, 0.2, 0]),
        ("CosineDecayRestarts", {"initial_learning_rate": 0.4, "first_decay_steps": 2, "m_mul": 0.5}, [0.4, 0.2, 0.2]),
    ],
)
def test_the_formula(name, arguments, expected):
    schedule = getattr(schedules, name)(**arguments)
    np.testing.assert_allclose([float(schedule(i)) for i in range(3)], expected, atol=1e-7)


def test_old_names_of_the_learning_rate_and_its_decay():
    optimizer = optimizers.Adam(lr=0.5)
    assert float(optimizer.lr) == 0.5
    optimizer.lr = 0.25
    assert float(optimizer.learning_rate) == 0.25
    optimizer = optimizers.SGD(lr=0.5, decay=1.0)
    w = Variable(np.zeros(1, np.float32))
    for _ in range(2):
        optimizer.apply([np.ones(1, np.float32)], [w])
    assert w.numpy() == -(0.5 + 0.25)
    assert float(optimizer.learning_rate) == 0.5
    optimizer.learning_rate = 3.0
    optimizer.apply([np.ones(1, np.float32)], [w])
    assert w.numpy() == -(0.75 + 1.0)
    again = optimizers.SGD.from_config(optimizer.get_config())
    assert (float(again.learning_rate), again.decay) == (3.0, 1.0)


def test_a_schedule_is_saved_with_its_model(tmp_path):
    model = models.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile(optimizers.Nadam(schedules.CosineDecay(0.1, 10)), "mse")
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    model.fit(x, y, epochs=3, verbose=0)
    model.save(tmp_path / "model.npz")
    again = models.load_model(tmp_path / "model.npz")
    assert float(again.optimizer.learning_rate) == float(model.optimizer.learning_rate) < 0.1
    for net in (model, again):
        net.fit(x, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_any_function_of_the_step_is_a_schedule():
    optimizer = optimizers.SGD(lambda step: 1.0 / (ops.cast(step, "float32") + 1.0))
    w = Variable(np.zeros(1, np.float32))
    for _ in range(3):
        optimizer.apply([np.ones(1, np.float32)], [w])
    np.testing.assert_allclose(w.value, -(1 + 1 / 2 + 1 / 3), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "decay_steps must be a finite number above 0"),
        (lambda: schedules.CosineDecayRestarts(0.1, -1), "first_decay_steps must be a finite number above 0"),
        (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "one more value than boundaries"),
    ],
)
def test_refused_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def trained(rate, later=None):
    model = models.Sequential([layers.Input((2,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizers.SGD(rate), "mse")
    weights = []
    for i in range(4):
        if i == 2 and later is not None:
            model.optimizer.learning_rate = later
        model.train_on_batch(np.ones((4, 2)), np.zeros((4, 1)))
        weights += [w.ravel() for w in model.get_weights()]
    return np.concatenate(weights)


def test_a_rate_may_be_a_function_without_arguments():
    assert optimizers.SGD(lambda: 0.25).learning_rate == 0.25
    np.testing.assert_array_equal(trained(lambda: 0.05), trained(0.05))
    np.testing.assert_array_equal(trained(lambda step=0: 0.05 + 0 * step), trained(0.05))


@pytest.mark.parametrize("first", [0.05, lambda: 0.05, schedules.PiecewiseConstantDecay([9], [0.05, 1.0])])
@pytest.mark.parametrize("later", [lambda: 0.01, schedules.PiecewiseConstantDecay([1], [1.0, 0.01])])
def test_a_schedule_may_be_assigned_at_any_time(first, later):
    np.testing.assert_allclose(trained(first, later), trained(0.05, 0.01), rtol=1e-6)


def test_after_an_assigned_schedule_a_number_cannot_be_assigned():
    optimizer = optimizers.SGD(0.1)
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([9], [0.05, 1.0])
    assert optimizer.get_config()["learning_rate"] != 0.1
    assert float(optimizer.learning_rate) == pytest.approx(0.05)
    with pytest.raises(TypeError, match="follows a schedule"):
        optimizer.learning_rate = 0.1


def test_boundaries_beyond_2_to_the_24_are_exact():
    schedule = schedules.PiecewiseConstantDecay([2**24, 2**24 + 3], [1.0, 0.5, 0.25])
    rates = [float(np.asarray(schedule(np.int64(2**24 + i)))) for i in range(5)]
    assert rates == [1.0, 0.5, 0.5, 0.5, 0.25]


def test_a_schedule_assigned_to_an_optimizer_of_the_user_is_followed():
    """An optimizer that a model uses in its own step, and that the user holds, as for the networks of a GAN."""
    second = optimizers.SGD(0.5)

    class Mine(models.Model):
        def __init__(self):
            super().__init__()
            self.w = self.add_weight(shape=(), initializer="zeros", name="w")

        def call(self, x):
            return x * self.w

        def train_step(self, data):
            second.apply([ops.ones(())], [self.w])
            return {"w": self.w}

    model = Mine()
    model.compile()
    x = np.ones((2, 1), np.float32)
    model.train_on_batch(x, x)
    model.train_on_batch(x, x)
    second.learning_rate = lambda: 2.0
    model.train_on_batch(x, x)
    assert float(model.w.numpy()) == -3
