"""Strides moved up: graphs that compute only the pixels that are read, and graphs that must not change."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import config, ops
from fastconv.engine import Plan, Trace, schedule
from fastconv.engine.primitive import calls_before
from fastconv.engine.strides import move_strides_up
from fastconv.engine.tree import leaves


class Net:
    """Convolutions of 4 channels. Kernels of small integers make sums exact in any order."""

    def __init__(self, dtype="float32", exact=True, shape=(2, 7, 7, 4)):
        self.dtype, self.exact, self.shape, self.rng = dtype, exact, shape, np.random.default_rng(0)

    def array(self, *shape):
        numbers = self.rng.integers(-2, 3, shape) if self.exact else self.rng.standard_normal(shape)
        return numbers.astype(self.dtype)

    def conv(self, x, size=1, strides=1, padding="valid", dilation=1, groups=1):
        w = self.array(*(size,) * (len(x.shape) - 2), 4 // groups, 4)
        return ops.conv(x, w, strides, padding, dilation_rate=dilation)


def two_readers(n, x, *strides):
    y = n.conv(x)
    return [n.conv(y, strides=s) for s in strides]


def residual(n, x, strides=2):
    """The end of a residual block, whose shortcut is read in full, and two strided convolutions."""
    y = ops.relu(x + (n.conv(n.conv(x, 3, padding="same")) + n.array(4)))
    return [n.conv(x), n.conv(y, strides=strides), n.conv(y, strides=strides)]


def normalized(n, x):
    y = ops.batch_normalization(n.conv(x, 3, padding="same"), n.array(4), n.array(4) * 0 + 3, -1, epsilon=1.0)
    return n.conv(ops.leaky_relu(y, 0.5), strides=2)


def two_sums(n, x):
    """Two sums that need the same pixels of x."""
    return [n.conv(n.conv(x) + x, strides=2), n.conv(x - n.conv(x), strides=2), x * 2.0]


def volumes(n, x):
    v = x[:, None] * n.array(4, 1, 1, 4)
    return n.conv(n.conv(v, 2) + v[:, 1:, 1:, 1:], strides=2)


# name: (a function of a net and images, its steps after the change: "conv3/2" has 3x3 taps and strides 2)
MOVED = {
    "a convolution": (lambda n, x: n.conv(n.conv(x), strides=2), "conv1/2 conv1/1"),
    "stride 3": (lambda n, x: n.conv(n.conv(x), strides=3), "conv1/3 conv1/1"),
    "a stride of rows": (lambda n, x: n.conv(n.conv(x), strides=(2, 1)), "conv1/21 conv1/1"),
    "two strides": (lambda n, x: n.conv(n.conv(x, 3), strides=(2, 3)), "conv3/23 conv1/1"),
    "bias and activation": (
        lambda n, x: n.conv(ops.relu(n.array(4) + n.conv(x)), strides=2),
        "conv1/2 add activate conv1/1",
    ),
    "batch normalisation": (normalized, "conv3/2 normalize activate conv1/1"),
    "two readers": (lambda n, x: two_readers(n, x, 2, 2), "conv1/2 conv1/1 conv1/1"),
    "same padding": (lambda n, x: n.conv(n.conv(x, 3, padding="same"), strides=2, padding="same"), "conv3/2 conv1/1"),
    "padding on one side": (lambda n, x: n.conv(n.conv(x, 2, padding=((2, 0), (0, 1))), strides=2), "conv2/2 conv1/1"),
    "dilation": (lambda n, x: n.conv(n.conv(x, 3, dilation=2), strides=2), "conv3/2 conv1/1"),
    "groups": (lambda n, x: n.conv(n.conv(x, 3, padding="same", groups=2), strides=2, groups=4), "conv3/2 conv1/1"),
    "strides in both": (lambda n, x: n.conv(n.conv(x, 2, 2, "same"), strides=2), "conv2/4 conv1/1"),
    "a chain": (lambda n, x: n.conv(n.conv(n.conv(n.conv(x, 3), 1, 2)), 1, 2), "conv3/4 conv1/1 conv1/1 conv1/1"),
    "a residual block": (residual, "conv1/1 conv3/2 conv1/1 add subsample add activate conv1/1 conv1/1"),
    "stride 3 of a residual block": (
        lambda n, x: residual(n, x, 3),
        "conv1/1 conv3/3 conv1/1 add subsample add activate conv1/1 conv1/1",
    ),
    "a single copy for two readers": (two_sums, "conv1/2 subsample add conv1/1 conv1/2 elementwise conv1/1 multiply"),
    "a mask of pixels": (
        lambda n, x: n.conv(n.conv(x) * n.array(7, 1), strides=2),
        "conv1/2 subsample multiply conv1/1",
    ),
    "a factor of each image": (
        lambda n, x: n.conv(n.conv(x) * ops.mean(x, (1, 2), keepdims=True), strides=2),
        "conv1/2 mean multiply conv1/1",
    ),
    "lines": (lambda n, x: n.conv(n.conv(x[:, 0], 3) + x[:, 1, 2:], strides=2), "conv3/2 subsample add conv1/1"),
    "volumes": (volumes, "multiply conv2/2 subsample add conv1/1"),
}

KEPT = {
    "readers with other strides": (lambda n, x: two_readers(n, x, 2, 3), "conv1/1 conv1/2 conv1/3"),
    "a reader without strides": (lambda n, x: two_readers(n, x, 2, 1), "conv1/1 conv1/2 conv1/1"),
    "an output": (lambda n, x: (lambda y: [y, n.conv(y, strides=2)])(n.conv(x)), "conv1/1 conv1/2"),
    "an activated output": (
        lambda n, x: (lambda y: [y, n.conv(y, strides=2)])(ops.relu(n.conv(x))),
        "conv1/1 activate conv1/2",
    ),
    "windows of the reader": (lambda n, x: n.conv(n.conv(x), 2, 2), "conv1/1 conv2/2"),
    "padding of the reader": (lambda n, x: n.conv(n.conv(x), 1, 2, ((1, 1), (1, 1))), "conv1/1 conv1/2"),
    "a reader of all pixels": (
        lambda n, x: (lambda y: [n.conv(y, strides=2), ops.sum(y)])(n.conv(x)),
        "conv1/1 conv1/2 sum",
    ),
    "a stride of rows, with windows": (lambda n, x: n.conv(n.conv(x, 3), strides=(2, 1)), "conv3/1 conv1/21"),
    "large windows": (lambda n, x: n.conv(n.conv(x, 9, padding=((5, 5), (5, 5))), 1, 2), "conv9/1 conv1/2"),
    "elementwise steps of the input": (lambda n, x: n.conv(ops.relu(x * 2.0), strides=2), "multiply activate conv1/2"),
    "weights": (lambda n, x: ops.conv(n.array(1, 5, 9, 7), n.conv(x), 2), "conv1/1 conv2/2"),
    "a single pixel": (lambda n, x: n.conv(n.conv(x, 7), strides=2), "conv7/1 conv1/1"),
    "a pooling between": (
        lambda n, x: n.conv(ops.average_pool(n.conv(x), 2), strides=2),
        "conv1/1 average_pool conv1/2",
    ),
    "a transposed convolution": (
        lambda n, x: n.conv(ops.conv_transpose(x, n.array(2, 2, 4, 4), 2), strides=2),
        "conv_backward_input conv1/2",
    ),
}


def described(step):
    if step.primitive.name != "conv":
        return step.primitive.name
    c = step.params["convolution"]
    strides = dict.fromkeys(c.strides) if len(set(c.strides)) == 1 else c.strides
    return f"conv{c.size[0]}/{''.join(map(str, strides))}"


def traced(f, n):
    with Trace() as trace:
        x = trace.input(n.array(*n.shape))
        return x, leaves(f(n, x))


def planned(f, monkeypatch=None, **kinds):
    """Return the results of a plan, without the change if `monkeypatch` is given."""
    n = Net(**kinds)
    given, outputs = traced(f, n)
    if monkeypatch is None:
        return Plan([given], outputs)(n.array(*n.shape))
    with monkeypatch.context() as patch:
        patch.setattr(schedule, "move_strides_up", lambda steps, _: steps)
        return Plan([given], outputs)(n.array(*n.shape))


@pytest.mark.parametrize("name", [*MOVED, *KEPT])
def test_steps(name):
    f, steps = (MOVED | KEPT)[name]
    _, outputs = traced(f, Net())
    before = calls_before(outputs, known=lambda t: t.value is not None)
    found = [described(step) for step in move_strides_up(before, outputs) if step.primitive.view is None]
    assert " ".join(found) == steps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*MOVED, *KEPT])
def test_integers_are_exact(name, dtype, monkeypatch):
    f, _ = (MOVED | KEPT)[name]
    for found, wanted in zip(planned(f, dtype=dtype), planned(f, monkeypatch, dtype=dtype), strict=True):
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_array_equal(found, wanted)


# Lines of 4 channels with strides have another algorithm if vectors are short.
@pytest.mark.parametrize("name", [name for name in MOVED if name != "lines"])
def test_same_bits_if_the_algorithm_is_the_same(name, monkeypatch, isa):
    f, _ = MOVED[name]
    config.set_conv_precision("exact")
    kinds = {"dtype": "float32", "exact": False}
    found, wanted = planned(f, **kinds), planned(f, monkeypatch, **kinds)
    assert [y.tobytes() for y in found] == [y.tobytes() for y in wanted]


def wide(n, x):
    """A 3x3 convolution that Winograd's algorithm computes if it has no strides."""
    y = ops.relu(ops.conv(x, n.array(3, 3, 4, 64), padding="same"))
    y = ops.relu(ops.conv(y, n.array(3, 3, 64, 64), padding="same"))
    return ops.conv(y, n.array(1, 1, 64, 8), 2)


def test_other_algorithms_agree_to_rounding(monkeypatch, isa):
    kinds = {"dtype": "float32", "exact": False, "shape": (2, 31, 30, 4)}
    (found,), (wanted,) = planned(wide, **kinds), planned(wide, monkeypatch, **kinds)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


def test_same_bits_at_any_number_of_threads(threads):
    results = []
    for number in (1, 2, 3, 8):
        threads(number)
        results.append([y.tobytes() for y in planned(residual, dtype="float32", exact=False, shape=(3, 33, 31, 4))])
    assert all(result == results[0] for result in results)
