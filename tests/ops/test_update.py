"""Update rules against their formulas, on sizes about a vector's."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops
from tests.check import check_graph, example

RATE = np.array(0.05)


def formula(name, w, dw, *state, momentum=0.0, nesterov=False, b1=0.9, b2=0.999, epsilon=1e-7):
    if name == "descend":
        return [w - RATE * dw]
    if name == "sgd_update":
        v = momentum * state[0] - RATE * dw
        return [w + (momentum * v - RATE * dw if nesterov else v), v]
    m, v = b1 * state[0] + (1 - b1) * dw, b2 * state[1] + (1 - b2) * dw**2
    return [w - RATE * m / (np.sqrt(v) + epsilon), m, v]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (15,), (16,), (3, 11), (70_001,), (0,)])
@pytest.mark.parametrize(
    ("name", "states", "parameters"),
    [
        ("descend", 0, {}),
        ("sgd_update", 1, {}),
        ("sgd_update", 1, {"momentum": 0.9}),
        ("sgd_update", 1, {"momentum": 0.9, "nesterov": True}),
        ("adam_update", 2, {}),
    ],
)
def test_update(name, states, parameters, shape, dtype):
    arrays = [example(*shape, seed=i, low=0.1 if i == 3 else -1).astype(dtype) for i in range(2 + states)]
    rate = RATE.astype(dtype)
    f = lambda *arrays: getattr(ops, name)(*arrays, rate, **parameters)  # noqa: E731
    results = f(*arrays) if states else [f(*arrays)]
    wanted = formula(name, *(a.astype(float) for a in arrays), **parameters)
    for y, expected in zip(results, wanted, strict=True):
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    check_graph(f, arrays)
