"""Every optimizer and schedule beside the one of that name in Keras 3: ten steps on two weights."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import optimizers
from fastconv.engine import Variable

from ..optimizers.cases import OPTIMIZER_IDS, OPTIMIZERS, SCHEDULE_IDS, SCHEDULES

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras's variables
each_optimizer = pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS, ids=OPTIMIZER_IDS)
each_schedule = pytest.mark.parametrize(("name", "arguments"), SCHEDULES, ids=SCHEDULE_IDS)
SHAPES = [(4, 3), (3,)]


def weights(make):
    rng = np.random.default_rng(0)
    return [make(rng.normal(size=shape).astype("float32")) for shape in SHAPES]


@each_optimizer
def test_weights_and_state_are_the_same(name, arguments):
    ours, theirs = (getattr(module, name)(**arguments) for module in (optimizers, keras.optimizers))
    mine, reference = weights(Variable), weights(keras.Variable)
    rng = np.random.default_rng(1)
    for _ in range(10):
        grads = [rng.normal(size=shape).astype("float32") for shape in SHAPES]
        ours.apply(grads, mine)
        theirs.apply([np.array(g) for g in grads], reference)
    for a, b in zip(mine, reference):
        np.testing.assert_allclose(a.value, np.asarray(b), rtol=2e-5, atol=2e-6)
    ours.finalize_variable_values(mine)
    theirs.finalize_variable_values(reference)
    for a, b in zip(mine, reference):
        np.testing.assert_allclose(a.value, np.asarray(b), rtol=2e-5, atol=2e-6)
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in in_our_order(theirs)]


def in_our_order(optimizer):
    """Keras keeps a slot of all weights together where it adds them one by one."""
    first = [v for v in optimizer.variables if v.ndim == 0]
    rest = [v for v in optimizer.variables if v.ndim]
    slots = len(rest) // len(SHAPES)
    groups = {shape: [v for v in rest if tuple(v.shape) == shape] for shape in SHAPES}
    averages = 1 if optimizer.use_ema else 0
    ordered = [v for shape in SHAPES for v in groups[shape][: slots - averages]]
    return [*first, *ordered, *(groups[shape][-1] for shape in SHAPES if averages)]


@each_optimizer
def test_configuration_has_the_same_arguments(name, arguments):
    ours, theirs = (getattr(module, name)(**arguments).get_config() for module in (optimizers, keras.optimizers))
    not_here = {"loss_scale_factor", "gradient_accumulation_steps"}
    assert not set(theirs) - set(ours) - not_here
    for key in set(theirs) - not_here - {"name"}:
        assert ours[key] == (pytest.approx(theirs[key]) if isinstance(theirs[key], float) else theirs[key]), key


@each_schedule
def test_schedules_are_the_same(name, arguments):
    ours, theirs = (getattr(m.schedules, name)(**arguments) for m in (optimizers, keras.optimizers))
    for step in range(16):
        assert float(ours(step)) == pytest.approx(float(theirs(step)), rel=2e-5, abs=1e-8), step
    assert ours.get_config() == theirs.get_config()
