"""Every optimizer and schedule compared with its counterpart in Keras 3: ten steps on two weights."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import optimizers
from fastconv.engine import Variable

from ..optimizers.cases import OPTIMIZER_IDS, OPTIMIZERS, SCHEDULE_IDS, SCHEDULES

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras's variables
each_optimizer = pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS, ids=OPTIMIZER_IDS)
each_schedule = pytest.mark.parametrize(("name", "arguments"), SCHEDULES, ids=SCHEDULE_IDS)
SHAPES = [(4, 3), (3,)]


def theirs_of(name, arguments):
    import keras

    return getattr(keras.optimizers, name)(**arguments)


def after_ten_steps(optimizer, make):
    """Return two weights, created from arrays by `make`, after ten steps, and the final values written into them."""
    rng = np.random.default_rng(0)
    weights = [make(rng.normal(size=shape).astype("float32")) for shape in SHAPES]
    rng = np.random.default_rng(1)
    for _ in range(10):
        optimizer.apply([rng.normal(size=shape).astype("float32") for shape in SHAPES], weights)
    steps = [np.array(w) for w in weights]
    optimizer.finalize_variable_values(weights)
    return steps + [np.array(w) for w in weights]


@each_optimizer
def test_weights_and_state_are_the_same(name, arguments, reference):
    def of_theirs():
        import keras

        optimizer = theirs_of(name, arguments)
        return [after_ten_steps(optimizer, keras.Variable), [list(v.shape) for v in in_our_order(optimizer)]]

    ours = getattr(optimizers, name)(**arguments)
    found = after_ten_steps(ours, Variable)
    weights, shapes = reference(of_theirs)
    for a, b in zip(found, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
    assert [list(v.shape) for v in ours.variables] == shapes


def in_our_order(optimizer):
    """Reorder Keras's state, which groups the slots of all weights if Keras adds them one after another."""
    first = [v for v in optimizer.variables if v.ndim == 0]
    rest = [v for v in optimizer.variables if v.ndim]
    slots = len(rest) // len(SHAPES)
    groups = {shape: [v for v in rest if tuple(v.shape) == shape] for shape in SHAPES}
    averages = 1 if optimizer.use_ema else 0
    ordered = [v for shape in SHAPES for v in groups[shape][: slots - averages]]
    return [*first, *ordered, *(groups[shape][-1] for shape in SHAPES if averages)]


@each_optimizer
def test_configuration_has_the_same_arguments(name, arguments, reference):
    ours = getattr(optimizers, name)(**arguments).get_config()
    theirs = reference(lambda: theirs_of(name, arguments).get_config())
    not_here = {"loss_scale_factor", "gradient_accumulation_steps"}
    assert not set(theirs) - set(ours) - not_here
    for key in set(theirs) - not_here - {"name"}:
        assert ours[key] == (pytest.approx(theirs[key]) if isinstance(theirs[key], float) else theirs[key]), key


@each_schedule
def test_schedules_are_the_same(name, arguments, reference):
    def of_theirs():
        import keras

        schedule = getattr(keras.optimizers.schedules, name)(**arguments)
        return {"rates": [float(schedule(step)) for step in range(16)], "config": schedule.get_config()}

    ours, theirs = getattr(optimizers.schedules, name)(**arguments), reference(of_theirs)
    assert [float(ours(step)) for step in range(16)] == pytest.approx(theirs["rates"], rel=2e-5, abs=1e-8)
    assert ours.get_config() == theirs["config"]
