"""Update rules compared with plain NumPy code, on sizes around a vector's."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops
from fastconv.backends.updates import RULES
from tests.check import check_graph, example

SCALARS = np.array([0.9, 0.05, 0.03, 1.5], np.float32)
CONSTANTS = {
    "descend": (),
    "momentum": (0.9,),
    "nesterov": (0.9,),
    "adam": (0.1, 0.001, 1e-7),
    "amsgrad": (0.1, 0.001, 1e-7),
    "adamax": (0.1, 0.999, 1e-7),
    "nadam": (0.1, 0.001, 1e-7),
    "rmsprop": (0.9, 0.1, 1e-7),
    "rmsprop_momentum": (0.9, 0.1, 1e-7, 0.8),
    "rmsprop_centered": (0.9, 0.1, 2.0),
    "rmsprop_centered_momentum": (0.9, 0.1, 2.0, 0.8),
    "adagrad": (1e-7,),
    "adadelta": (0.9, 0.1, 1e-7),
    "ftrl": (0.2, 0.1, 0.3, 0.4),
    "lion": (0.9, 0.1, 0.99, 0.01),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (15,), (16,), (3, 11), (70_001,), (0,)])
@pytest.mark.parametrize("rule", RULES)
def test_update(rule, shape, dtype):
    states = RULES[rule].__code__.co_argcount - 5
    w, dw = (example(*shape, seed=i).astype(dtype) for i in range(2))
    state = [example(*shape, seed=i + 2, low=0.1).astype(dtype) for i in range(states)]
    f = lambda w, dw, *state: ops.update(rule, w, dw, state, SCALARS, CONSTANTS[rule])  # noqa: E731
    exact = (a.astype(float) for a in (w * dtype(SCALARS[0]), dw, *state))
    wanted = RULES[rule](np, *exact, SCALARS[1:].astype(float), CONSTANTS[rule])
    for y, expected in zip(f(w, dw, *state), wanted, strict=True):
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=4e-6)
    check_graph(f, [w, dw, *state])
