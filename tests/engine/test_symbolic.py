"""Symbolic tensors: shapes with unknown sizes through ops, and nodes that run later."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops
from fastconv.engine import KerasTensor, lift
from tests.check import example

X = KerasTensor((None, 8, 8, 3), "float32", name="x")


@pytest.mark.parametrize(
    ("f", "shape", "dtype"),
    [
        (lambda x: ops.relu(x), (None, 8, 8, 3), "float32"),
        (lambda x: x * 2 + 1.0, (None, 8, 8, 3), "float32"),
        (lambda x: 1 / x, (None, 8, 8, 3), "float32"),
        (lambda x: np.ones(3, np.float32) * x, (None, 8, 8, 3), "float32"),
        (lambda x: x > 0, (None, 8, 8, 3), "bool"),
        (lambda x: (x == 0) | ~(x != x), (None, 8, 8, 3), "bool"),
        (lambda x: x[:, 1:3, :, 0], (None, 2, 8), "float32"),
        (lambda x: ops.conv(x, np.ones((3, 3, 3, 5), np.float32), 2, "same"), (None, 4, 4, 5), "float32"),
        (lambda x: ops.max_pool(x, 2), (None, 4, 4, 3), "float32"),
        (lambda x: ops.reshape(x, (-1, 192)), (None, 192), "float32"),
        (lambda x: ops.transpose(x), (3, 8, 8, None), "float32"),
        (lambda x: ops.mean(x, (1, 2)), (None, 3), "float32"),
        (lambda x: ops.concatenate([x, x], -1), (None, 8, 8, 6), "float32"),
        (lambda x: ops.concatenate([x, x], 0), (None, 8, 8, 3), "float32"),
        (lambda x: ops.cast(x, "int64"), (None, 8, 8, 3), "int64"),
        (lambda x: ops.sum(x), (), "float32"),
        (lambda x: ops.mean(x, (1, 2)) @ np.ones((3, 7), np.float32), (None, 7), "float32"),
    ],
)
def test_shapes_with_unknown_sizes(f, shape, dtype):
    y = f(X)
    assert isinstance(y, KerasTensor)
    assert (y.shape, y.dtype) == (shape, np.dtype(dtype))


def test_every_size_may_be_unknown():
    y = ops.max_pool(KerasTensor((None, None, None, 3), "float32"), 2)
    assert y.shape == (None, None, None, 3)
    assert ops.mean(y, (1, 2)).shape == (None, 3)


def test_several_outputs_and_several_inputs():
    a, b = ops.split(X, 2, 1)
    assert a.shape == b.shape == (None, 4, 8, 3)
    assert a.node is b.node
    assert ops.add(a, b).node.inputs == [a, b]


def test_nodes_run_on_values():
    y = ops.relu(X * 2.0) - X
    x = example(2, 8, 8, 3).astype(np.float32)
    values = {X: x}
    pending = [y.node]
    while pending:
        node = pending[-1]
        missing = [t.node for t in node.inputs if t not in values]
        if missing:
            pending += missing
        else:
            values[node.outputs[0]] = node.run(values)
            pending.pop()
    np.testing.assert_allclose(values[y], np.maximum(2 * x, 0) - x)


def test_user_functions_accept_symbolic_tensors():
    double = lift(lambda x, *, times=2: x * times)
    assert double(X, times=3).shape == X.shape
    assert double(2.0) == 4.0


@pytest.mark.parametrize("ask", [bool, np.asarray])
def test_symbolic_tensors_have_no_values(ask):
    with pytest.raises(
        TypeError, match=r"^A symbolic tensor .*Received: <KerasTensor shape=\(None, 8, 8, 3\), dtype=float"
    ):
        ask(X)


def test_errors_are_raised_when_the_node_is_created():
    with pytest.raises(ValueError, match="kernel has 4 input channels but inputs have 3"):
        ops.conv(X, np.ones((3, 3, 4, 5), np.float32))
    assert repr(X) == "<KerasTensor shape=(None, 8, 8, 3), dtype=float32, name='x'>"
