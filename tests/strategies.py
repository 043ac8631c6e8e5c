"""Hypothesis strategies: windows that fit their images, and small programs of ops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

PAIRS = st.tuples(st.integers(0, 2), st.integers(0, 2))


class Window(NamedTuple):
    """A convolution: its sizes and the geometry of its window."""

    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]


@st.composite
def windows(draw, most_dilation=2, ranks=(2,)):
    """Draw any window that fits: one pixel, kernels as large as the image, strides beyond the kernel, empty batches."""
    rank = draw(st.sampled_from(ranks))

    def sizes(most):
        return draw(st.tuples(*[st.integers(1, most)] * rank))

    g, size, dilation = draw(st.integers(1, 3)), sizes(3), sizes(most_dilation)
    padding = draw(st.tuples(*[PAIRS] * rank))
    spans = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    spatial = [draw(st.integers(max(1, span - sum(p)), span + 4)) for span, p in zip(spans, padding)]
    ci, co = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    x_shape = (draw(st.integers(0, 2)), *spatial, g * ci)
    return Window(x_shape, (*size, ci, g * co), sizes(4), padding, dilation)


@st.composite
def geometries(draw, largest, channels):
    """Draw (x.shape, w.shape, window) with at least one output pixel."""
    rank = draw(st.integers(1, 3))

    def sizes(most):
        return draw(st.tuples(*[st.integers(1, most)] * rank))

    size, kernel = sizes(largest if rank < 3 else max(largest // 2, 3)), sizes(4 if rank < 3 else 3)
    groups, ci, co = draw(st.integers(1, 3)), draw(st.integers(1, channels)), draw(st.integers(1, channels))
    window = {
        "strides": sizes(5),
        "padding": draw(st.tuples(*[st.tuples(*[st.integers(0, 3)] * 2)] * rank)),
        "dilation": sizes(3),
    }
    for n, k, p, d in zip(size, kernel, window["padding"], window["dilation"]):
        assume(n + sum(p) > (k - 1) * d)
    return (draw(st.sampled_from([1, 2, 9])), *size, groups * ci), (*kernel, ci, groups * co), window


# Functions of two (3, 3) arrays that return a third: (fastconv's, NumPy's). Integers stay small integers, so that
# results are exact in every dtype and order.
STEPS = {
    "add": (lambda ops, x, y: ops.mod(x + y, 7.0), lambda x, y: (x + y) % 7),
    "multiply": (lambda ops, x, y: ops.mod(x * y, 7.0), lambda x, y: x * y % 7),
    "subtract": (lambda ops, x, y: ops.mod(x - y, 7.0) - 3.0, lambda x, y: (x - y) % 7 - 3),
    "maximum": (lambda ops, x, y: ops.maximum(x, y), lambda x, y: np.maximum(x, y)),
    "where": (lambda ops, x, y: ops.where(x > y, x, -y), lambda x, y: np.where(x > y, x, -y)),
    "relu": (lambda ops, x, y: ops.relu(x), lambda x, y: np.maximum(x, 0)),
    "transpose": (lambda ops, x, y: ops.transpose(x), lambda x, y: x.T),
    "flip": (lambda ops, x, y: ops.flip(x, 0), lambda x, y: x[::-1]),
    "row": (lambda ops, x, y: ops.mod(x + y[1], 7.0), lambda x, y: (x + y[1]) % 7),
    "column": (lambda ops, x, y: ops.mod(x * y[:, :1], 7.0), lambda x, y: x * y[:, :1] % 7),
    "affine": (lambda ops, x, y: ops.mod(x * y[0] + y[1], 7.0), lambda x, y: (x * y[0] + y[1]) % 7),
    "matmul": (lambda ops, x, y: ops.mod(x @ y, 7.0), lambda x, y: x @ y % 7),
    "dense": (lambda ops, x, y: ops.mod(ops.relu(x @ y + y[2]), 7.0), lambda x, y: np.maximum(x @ y + y[2], 0) % 7),
    "sum": (lambda ops, x, y: ops.mod(x - ops.sum(y, 0), 7.0), lambda x, y: (x - y.sum(0)) % 7),
    "reshape": (lambda ops, x, y: ops.reshape(ops.reshape(x, (9,)), (3, 3)), lambda x, y: x),
    "copy": (lambda ops, x, y: ops.reshape(ops.reshape(ops.transpose(x), (9,)), (3, 3)), lambda x, y: x.T),
    "concatenate": (lambda ops, x, y: ops.concatenate([x[:1], y[1:]]), lambda x, y: np.concatenate([x[:1], y[1:]])),
}


class Program(NamedTuple):
    """`steps` of (name, operand, operand), on a list that begins with two inputs and two variables."""

    steps: list[tuple[str, int, int]]
    outputs: list[int]
    updates: list[int]  # the new value of each of the two variables

    def run(self, values, function):
        """Return (outputs, new values of the variables), with `function(name)` for each step."""
        values = list(values)
        for name, i, j in self.steps:
            values.append(function(name)(values[i], values[j]))
        return [values[i] for i in self.outputs], [values[i] for i in self.updates]


@st.composite
def programs(draw):
    steps = []
    for known in range(4, draw(st.integers(8, 24))):
        operand = st.integers(max(0, known - 6), known - 1)
        steps.append((draw(st.sampled_from(sorted(STEPS))), draw(operand), draw(operand)))
    result = st.integers(0, 7).map(lambda back: max(0, 3 + len(steps) - back))
    return Program(steps, draw(st.lists(result, max_size=3)), [draw(result), draw(result)])
