"""Accumulated gradients, scaled losses and optimizers written for Keras, compared with Keras: five steps on two
weights.
"""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops, optimizers
from fastconv.engine import Variable

from .test_optimizers import SHAPES

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras's variables
# Each update rule appears once: Keras takes seconds for each.
OPTIMIZERS = [
    ("SGD", {"weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 2}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {"amsgrad": True, "clipnorm": 0.5}),
    ("AdamW", {"weight_decay": 0.3, "global_clipnorm": 0.7}),
    ("Adagrad", {"clipvalue": 0.3}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adamax", {"use_ema": True, "ema_momentum": 0.6}),
    ("Nadam", {}),
    ("Ftrl", {"l1_regularization_strength": 0.05, "weight_decay": 0.1}),
    ("Ftrl", {"learning_rate_power": -0.3}),
    ("Lion", {"weight_decay": 0.1}),
]
each_optimizer = pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS)


def after_five_steps(optimizer, make):
    """Return two weights, created from arrays by `make`, after five steps."""
    rng = np.random.default_rng(0)
    weights = [make(rng.normal(size=shape).astype("float32")) for shape in SHAPES]
    for _ in range(5):
        optimizer.apply([rng.normal(size=shape).astype("float32") for shape in SHAPES], weights)
    return [np.array(w) for w in weights]


def assert_same_steps(make, reference):
    """Compare weights and step counts of both libraries after five steps of the optimizer that `make` creates."""

    def theirs():
        import keras

        optimizer = make(keras)
        return [after_five_steps(optimizer, keras.Variable), int(optimizer.iterations)]

    import fastconv

    ours = make(fastconv)
    found = after_five_steps(ours, Variable)
    weights, steps = reference(theirs)
    for a, b in zip(found, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
    assert int(ours.iterations) == steps


@each_optimizer
def test_accumulated_gradients(name, arguments, reference):
    how = {**arguments, "gradient_accumulation_steps": 2}
    assert_same_steps(lambda library: getattr(library.optimizers, name)(**how), reference)


@each_optimizer
def test_scaled_losses(name, arguments, reference):
    how = {**arguments, "loss_scale_factor": 8.0}
    assert_same_steps(lambda library: getattr(library.optimizers, name)(**how), reference)


def test_schedules_count_every_step(reference):
    def make(library):
        schedule = library.optimizers.schedules.ExponentialDecay(0.1, 3, 0.7)
        return library.optimizers.Nadam(schedule, gradient_accumulation_steps=2, weight_decay=0.1)

    assert_same_steps(make, reference)


def momentum_of(library, base="Optimizer", **how):
    """Return an optimizer written like the one in Keras's guide."""

    class Momentum(getattr(library.optimizers, base)):
        def __init__(self, **further):
            super().__init__(learning_rate=0.1, **further)

        def build(self, variables):
            super().build(variables)
            self.kept = [self.add_variable_from_reference(v, name="kept") for v in variables]
            self.first, self.second = self.add_optimizer_variables(variables, ["first", "second"], "ones")
            self.count = self.add_variable((), name="count")

        def update_step(self, gradient, variable, learning_rate):
            i = self._get_variable_index(variable)
            self.assign(self.kept[i], self.kept[i] * 0.9 - gradient * learning_rate)
            self.assign_add(variable, self.kept[i] * self.first[i])
            self.assign_sub(self.second[i], gradient)
            self.assign_add(self.count, 1.0)

    return Momentum(**how)


HOW = [
    {},
    {"weight_decay": 0.1, "clipnorm": 0.5},
    {"gradient_accumulation_steps": 3, "global_clipnorm": 0.5},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2, "gradient_accumulation_steps": 2},
]


@pytest.mark.parametrize("how", HOW)
def test_optimizers_of_ones_own(how, reference):
    assert_same_steps(lambda library: momentum_of(library, **how), reference)


@pytest.mark.parametrize("base", ["SGD", "Adam", "Ftrl", "Lion"])
def test_rules_that_are_called_by_those_of_ones_own(base, reference):
    def make(library):
        class Half(getattr(library.optimizers, base)):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(gradient * 0.5, variable, learning_rate * 2.0)

        return Half(0.1, weight_decay=0.1)

    assert_same_steps(make, reference)


def test_a_custom_optimizer_in_fit():
    """The custom optimizer keeps its state across shapes of batches, and trains like its built-in equivalent."""
    from fastconv import Input, Sequential, layers

    class Plain(optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.velocities = [self.add_variable_from_reference(v, "velocity") for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            velocity = self.velocities[self._get_variable_index(variable)]
            self.assign(velocity, velocity * 0.9 - gradient * ops.cast(learning_rate, variable.dtype.name))
            self.assign_add(variable, velocity)

    x, y = np.random.default_rng(0).normal(size=(10, 3)), np.ones((10, 1))
    results = []
    for optimizer in (Plain(0.01), optimizers.SGD(0.01, momentum=0.9)):
        model = Sequential([Input((3,)), layers.Dense(1, kernel_initializer="ones")])
        model.compile(optimizer, "mse")
        model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
