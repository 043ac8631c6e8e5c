"""What Hypothesis draws: windows that fit their images, and small programs of ops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

PAIRS = st.tuples(st.integers(0, 2), st.integers(0, 2))


class Window(NamedTuple):
    """One convolution: sizes, and how its window moves."""

    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def windows(draw):
    """Any window that fits: one pixel, kernels as large as the image, strides beyond the kernel, no images at all."""
    g, size, dilation = draw(st.integers(1, 3)), draw(pairs(1, 3)), draw(pairs(1, 2))
    padding = (draw(PAIRS), draw(PAIRS))
    spans = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    spatial = [draw(st.integers(max(1, span - sum(p)), span + 4)) for span, p in zip(spans, padding)]
    ci, co = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    x_shape = (draw(st.integers(0, 2)), *spatial, g * ci)
    return Window(x_shape, (*size, ci, g * co), draw(pairs(1, 4)), padding, dilation)


# Functions of two (3, 3) arrays that return one such array: (in words of fastconv, in NumPy's).
STEPS = {
    "add": (lambda ops, x, y: x + y, lambda x, y: x + y),
    "multiply": (lambda ops, x, y: x * y, lambda x, y: x * y),
    "subtract": (lambda ops, x, y: x - y, lambda x, y: x - y),
    "maximum": (lambda ops, x, y: ops.maximum(x, y), lambda x, y: np.maximum(x, y)),
    "where": (lambda ops, x, y: ops.where(x > y, x, y * 2.0), lambda x, y: np.where(x > y, x, y * 2)),
    "tanh": (lambda ops, x, y: ops.tanh(x), lambda x, y: np.tanh(x)),
    "relu": (lambda ops, x, y: ops.relu(x), lambda x, y: np.maximum(x, 0)),
    "transpose": (lambda ops, x, y: ops.transpose(x), lambda x, y: x.T),
    "flip": (lambda ops, x, y: ops.flip(x, 0), lambda x, y: x[::-1]),
    "row": (lambda ops, x, y: x + y[1], lambda x, y: x + y[1]),
    "scale": (lambda ops, x, y: x * y[0], lambda x, y: x * y[0]),
    "column": (lambda ops, x, y: x * y[:, :1], lambda x, y: x * y[:, :1]),
    "matmul": (lambda ops, x, y: ops.matmul(x, y), lambda x, y: x @ y),
    "sum": (lambda ops, x, y: x - ops.sum(y, 0), lambda x, y: x - y.sum(0)),
    "reshape": (lambda ops, x, y: ops.reshape(ops.reshape(x, (9,)), (3, 3)), lambda x, y: x),
    "copy": (lambda ops, x, y: ops.reshape(ops.reshape(ops.transpose(x), (9,)), (3, 3)), lambda x, y: x.T),
    "concatenate": (lambda ops, x, y: ops.concatenate([x[:1], y[1:]]), lambda x, y: np.concatenate([x[:1], y[1:]])),
}


class Program(NamedTuple):
    """`steps` of (name, operand, operand), on a list that begins with two inputs and two variables."""

    steps: list[tuple[str, int, int]]
    outputs: list[int]
    updates: list[int]  # what each of the two variables becomes

    def run(self, values, function):
        """(outputs, new values of the variables), with `function(name)` for every step."""
        values = list(values)
        for name, i, j in self.steps:
            values.append(function(name)(values[i], values[j]))
        return [values[i] for i in self.outputs], [values[i] for i in self.updates]


@st.composite
def programs(draw):
    steps = []
    for known in range(4, draw(st.integers(5, 16))):
        operand = st.integers(0, known - 1)
        steps.append((draw(st.sampled_from(sorted(STEPS))), draw(operand), draw(operand)))
    result = st.integers(0, 3 + len(steps))
    return Program(steps, draw(st.lists(result, max_size=3)), [draw(result), draw(result)])
