"""Python code as a step of a graph."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Variable
from fastconv.engine import DataDependentError, Plan, Trace, when_run


def test_python_code_runs_in_every_run_of_the_graph():
    v = Variable(np.array([1.0, 2.0]))
    with Trace() as trace:
        before = when_run(lambda: v.numpy().max(), [v])
        v.assign(v * 2.0)
        after = when_run(lambda: v.numpy().max() + float(v[0]), [v])
        v.assign(v * 3.0)
    plan = Plan([], [before, after], trace.reads, trace.updates)
    assert [[float(x) for x in plan()] for _ in range(2)] == [[2, 6], [12, 36]]


@pytest.mark.parametrize("look", [lambda v: v.numpy(), lambda v: float(v * 1.0), float, np.asarray])
def test_a_trace_of_shapes_has_no_values(look):
    v = Variable(np.array(1.0))
    with Trace(), pytest.raises(DataDependentError):
        look(v)
    with Trace(recording=True):
        v.assign(5.0)
        assert float(look(v)) == 5.0 == float(when_run(lambda: look(v), [v]))
