"""Each fusion rule, with graphs that it fuses into a single kernel and graphs that it must not change."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import config, layers, models, ops
from fastconv.backends.cpu import depth_first
from fastconv.backends.gpu.transfer import to_host
from fastconv.device import get_device
from fastconv.engine import GradientTape, Plan, Trace, Variable, fusion
from fastconv.engine.plan import evaluate
from fastconv.engine.tree import leaves
from tests.check import example


class Net:
    """Variables of one dtype: kernels of a convolution and of a matrix product, and three vectors of their channels."""

    def __init__(self, dtype):
        self.w = Variable(example(3, 3, 3, 4).astype(dtype))
        self.u = Variable(example(2, 2, 4, 3, seed=5).astype(dtype))
        self.m = Variable(example(3, 4, seed=1).astype(dtype))
        self.b = Variable(example(4, seed=2).astype(dtype))
        self.s = Variable(example(4, seed=3, low=0.5).astype(dtype))
        self.t = Variable(example(4, seed=4).astype(dtype))

    def conv(self, x):
        return ops.conv(x, self.w)


FUSED = {
    "bias": (lambda n, x: n.conv(x) + n.b, [], ["conv"]),
    "bias on the left": (lambda n, x: n.b + n.conv(x), [], ["conv"]),
    "activation": (lambda n, x: ops.relu(n.conv(x)), [], ["conv"]),
    "padding": (lambda n, x: ops.conv(ops.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0))), n.w, 2), [], ["conv"]),
    "padding of a padded convolution, bias and activation": (
        lambda n, x: ops.relu(ops.conv(ops.pad(x, ((0, 0), (2, 0), (0, 1), (0, 0))), n.w, 2, "same") + n.b),
        [],
        ["conv"],
    ),
    "bias and activation": (lambda n, x: ops.elu(n.conv(x) + n.b, 0.5), [], ["conv"]),
    "bias of a matrix product": (lambda n, x: ops.sigmoid(ops.matmul(x[0, 0], n.m) + n.b), [], ["matmul"]),
    "scale": (lambda n, x: n.conv(x) * n.s, ["multiply"], ["conv"]),
    "scale of a matrix product": (lambda n, x: n.s * ops.matmul(x[0, 0], n.m), ["multiply"], ["matmul"]),
    "transposed convolution, bias and activation": (
        lambda n, x: ops.relu(ops.conv_transpose(x, n.u, 2) + n.b),
        [],
        ["conv_backward_input"],
    ),
    "bias, scale": (lambda n, x: (n.conv(x) + n.b) * n.s, ["multiply"] * 2, ["conv"]),
    "scale, shift": (lambda n, x: n.conv(x) * n.s + n.t, ["multiply"], ["conv"]),
    "bias, bias": (lambda n, x: n.conv(x) + n.b + n.t, ["add"], ["conv"]),
    "bias, scale, shift, activation": (
        lambda n, x: ops.tanh((n.conv(x) + n.b) * n.s + n.t),
        ["multiply", "multiply", "add"],
        ["conv"],
    ),
    "constant weights": (lambda n, x: ops.conv(x, n.w.value) * n.s.value + n.t.value, ["multiply"], ["conv"]),
    "scale and shift of an input": (lambda n, x: n.t[:3] + x * n.s[:3], [], ["scale_shift"]),
    "batch normalisation": (
        lambda n, x: ops.relu(ops.batch_normalization(n.conv(x) + n.b, n.t, n.s, -1, n.b, n.t)),
        None,
        ["conv"],
    ),
    "batch normalisation of an input": (
        lambda n, x: ops.batch_normalization(x, n.t[:3], n.s[:3], -1),
        [],
        ["normalize"],
    ),
    "silu": (lambda n, x: ops.silu(n.conv(x) + n.b), [], ["conv"]),
    "silu of a matrix product": (lambda n, x: ops.silu(ops.matmul(x[0, 0], n.m)), [], ["matmul"]),
    "bias, residual": (
        lambda n, x: n.conv(x) + n.b + ops.exp(x[:, 2:, 2:, :1] + n.t),
        [],
        ["add", "elementwise", "conv"],
    ),
    "residual on the left, activation": (
        lambda n, x: ops.relu(ops.exp(x[:, 2:, 2:, :1] + n.t) + (n.conv(x) + n.b)),
        [],
        ["add", "elementwise", "conv"],
    ),
    "the last of two convolutions": (
        lambda n, x: ops.relu((n.conv(x) + n.b) + (n.conv(ops.exp(x)) + n.t)),
        [],
        ["conv", "elementwise", "conv"],
    ),
    "batch normalisation of an input, activation": (
        lambda n, x: ops.leaky_relu(ops.batch_normalization(x, n.t[:3], n.s[:3], -1), 0.5),
        [],
        ["normalize"],
    ),
}

ALONE = {
    "two users": (lambda n, x: (lambda y: (y + n.b) * y)(n.conv(x)), ["conv", "add", "multiply"]),
    "both operands": (lambda n, x: (lambda y: y + y)(n.conv(x)), ["conv", "add"]),
    "a product that is an output": (lambda n, x: (lambda y: [y, y + n.b])(n.conv(x)), ["conv", "add"]),
    "a sum that is an output": (lambda n, x: (lambda y: [y, ops.relu(y)])(n.conv(x) + n.b), ["conv", "activate"]),
    "an addend of every pixel": (lambda n, x: n.conv(x) + example(2, 3, 3, 4).astype(x.dtype), ["conv", "add"]),
    "an addend of every row": (lambda n, x: n.conv(x) + example(3, 1).astype(x.dtype), ["conv", "add"]),
    "a single number": (lambda n, x: n.conv(x) + 1.0, ["conv", "add"]),
    "a bias after an activation": (lambda n, x: ops.relu(n.conv(x)) + n.b, ["conv", "add"]),
    "a scale after an activation": (lambda n, x: ops.relu(n.conv(x)) * n.s, ["conv", "multiply"]),
    "padding of channels": (
        lambda n, x: ops.conv(ops.pad(x[..., :2], ((0, 0), (1, 1), (0, 0), (0, 1))), n.w),
        ["pad", "conv"],
    ),
    "padding with ones": (
        lambda n, x: ops.conv(ops.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)), constant_values=1), n.w),
        ["pad", "conv"],
    ),
    "padding by reflection": (
        lambda n, x: ops.conv(ops.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)), "reflect"), n.w),
        ["pad", "conv"],
    ),
    "padding with two users": (
        lambda n, x: (lambda y: [y, ops.conv(y, n.w)])(ops.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)))),
        ["pad", "conv"],
    ),
    "two activations": (lambda n, x: ops.tanh(ops.relu(n.conv(x))), ["conv", "activate"]),
    "a second bias that changes": (
        lambda n, x: n.conv(x) + n.b + ops.exp(x[0, 0, :4, 0]),
        ["conv", "elementwise", "add"],
    ),
    "a softmax": (lambda n, x: ops.softmax(n.conv(x)), ["conv", "softmax"]),
    "a scale that changes": (
        lambda n, x: n.conv(x) * ops.exp(x[0, 0, :4, 0]),
        ["conv", "elementwise", "multiply"],
    ),
    "weights that change": (lambda n, x: x[0, 0] @ x[0, 0, :3] * n.s[:3], ["matmul", "multiply"]),
    "a scale of a transposed convolution": (
        lambda n, x: ops.conv_transpose(x, n.u) * n.s,
        ["conv_backward_input", "multiply"],
    ),
    "batch normalisation by statistics that change": (
        lambda n, x: ops.batch_normalization(n.conv(x), ops.exp(x[0, 0, :4, 0]), n.s, -1),
        ["conv", "elementwise", "normalize"],
    ),
    "batch normalisation of a transposed convolution": (
        lambda n, x: ops.batch_normalization(ops.conv_transpose(x, n.u), n.t, n.s, -1),
        ["conv_backward_input", "normalize"],
    ),
    "two products": (lambda n, x: n.conv(x) + n.conv(x * 2.0), ["conv", "multiply", "conv", "add"]),
    "one scale for all channels": (lambda n, x: x * 2.0 + n.s[:3], ["multiply", "add"]),
    "a scaled input that is an output": (lambda n, x: (lambda y: [y, y + n.t[:3]])(x * n.s[:3]), ["multiply", "add"]),
    "silu of a sum that is an output": (lambda n, x: (lambda y: [y, ops.silu(y)])(n.conv(x) + n.b), ["conv", "gate"]),
    "a residual after an activation": (
        lambda n, x: ops.relu(n.conv(x) + n.b) + ops.exp(x[:, 2:, 2:, :1] + n.t),
        ["conv", "add", "elementwise", "add"],
    ),
    "two residuals": (
        lambda n, x: n.conv(x) + n.b + ops.exp(x[:, 2:, 2:, :1] + n.t) + ops.exp(x[:, 1:4, 1:4, :1] - n.t),
        ["add", "elementwise", "conv", "elementwise", "elementwise", "add"],
    ),
    "a residual of a depthwise convolution": (
        lambda n, x: ops.depthwise_conv(x, n.w[..., :1], 1, "same") + n.b[:3] + ops.exp(x),
        ["conv", "elementwise", "add"],
    ),
    "another gate": (lambda n, x: ops.gelu(n.conv(x), approximate=True), ["conv", "gate"]),
    "two activations of a normalised input": (
        lambda n, x: ops.tanh(ops.relu(ops.batch_normalization(x, n.t[:3], n.s[:3], -1))),
        ["normalize", "activate"],
    ),
    "a normalised input that is an output": (
        lambda n, x: (lambda y: [y, ops.relu(y)])(ops.batch_normalization(x, n.t[:3], n.s[:3], -1)),
        ["normalize", "activate"],
    ),
}


def kernels(f, dtype):
    """Return the kernels of the plan of f, (prologue, each run); check that the plan returns the results of single
    calls.
    """
    net, x = Net(dtype), example(2, 5, 5, 3).astype(dtype)
    with Trace() as trace:
        given = trace.input(x)
        outputs = leaves(f(net, given))
    plan = Plan([given], outputs, trace.reads)
    feeds = {given: x, **{t: v.value for v, t in trace.reads.items()}}
    for y, wanted in zip(plan(x), evaluate(outputs, feeds), strict=True):
        assert (y.shape, y.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)
    return [
        [step.primitive.name for step in steps if step.primitive.view is None] for steps in (plan.prologue, plan.steps)
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUSED)
def test_neighbours_are_fused(name, dtype):
    f, prologue, steps = FUSED[name]
    found = kernels(f, dtype)
    assert found[1] == steps
    assert prologue is None or found[0] == prologue


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ALONE)
def test_other_graphs_are_not_changed(name, dtype):
    f, steps = ALONE[name]
    assert kernels(f, dtype)[1] == steps


def test_folded_weights_follow_their_variables():
    net = Net("float64")
    x = example(1, 5, 5, 3)
    with Trace() as trace:
        given = trace.input(x)
        y = ops.relu((net.conv(given) + net.b) * net.s + net.t)
    plan = Plan([given], [y], trace.reads)
    for variable in (None, net.w, net.b, net.s, net.t):
        if variable is not None:
            variable.assign(variable.value + 0.25)
        wanted = np.maximum((ops.conv(x, net.w.value) + net.b.value) * net.s.value + net.t.value, 0)
        np.testing.assert_allclose(plan(x)[0], wanted)


def inverted(n, x, between=ops.relu6, strides=1, last=ops.sigmoid):
    """Expand, filter and activate: 3 channels to 16, in a depthwise convolution with padding."""
    y = between(ops.conv(x, n.expansion) + n.shift)
    return last(ops.depthwise_conv(ops.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0))), n.filters, strides) + n.shift)


class InvertedNet:
    """Variables of an inverted residual block."""

    def __init__(self, dtype):
        self.expansion = Variable(example(1, 1, 3, 16).astype(dtype))
        self.filters = Variable(example(3, 3, 16, 1, seed=1).astype(dtype))
        self.shift = Variable(example(16, seed=2).astype(dtype))


def inverted_plan(f, dtype="float32", gradient=False):
    net, x = InvertedNet(dtype), example(2, 7, 6, 3).astype(dtype)
    with Trace() as trace:
        given = trace.input(x)
        if gradient:
            with GradientTape() as tape:
                y = ops.sum(f(net, given))
            outputs = [y, *tape.gradient(y, [net.expansion, net.filters, net.shift])]
        else:
            outputs = leaves(f(net, given))
    plan = Plan([given], outputs, trace.reads)
    feeds = {given: x, **{t: v.value for v, t in trace.reads.items()}}
    for y, wanted in zip(plan(x), evaluate(outputs, feeds)):
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)
    return plan, [step.primitive.name for step in plan.steps if step.primitive.view is None]


@pytest.fixture
def tiny_cache(monkeypatch):
    """Let every convolution exceed the caches."""
    if get_device() != "cpu":
        pytest.skip("GPUs compute two convolutions")
    monkeypatch.setattr(depth_first, "MOST_CACHED", 0)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("between", [ops.relu6, ops.sigmoid, lambda x: x])
def test_a_depthwise_convolution_joins_the_convolution_before_it(tiny_cache, between, strides):
    assert inverted_plan(lambda n, x: inverted(n, x, between, strides))[1] == ["conv_depthwise"]


@pytest.mark.parametrize("strides", [1, 2])
def test_joined_convolutions_keep_their_bits(tiny_cache, monkeypatch, strides):
    joined, steps = inverted_plan(lambda n, x: inverted(n, x, strides=strides))
    monkeypatch.setattr(depth_first, "MOST_CACHED", 1 << 40)
    two, other_steps = inverted_plan(lambda n, x: inverted(n, x, strides=strides))
    assert (steps, other_steps) == (["conv_depthwise"], ["conv", "conv"])
    x = example(2, 7, 6, 3, seed=9)
    np.testing.assert_array_equal(joined(x)[0], two(x)[0])


@pytest.mark.parametrize(
    ("f", "dtype", "gradient"),
    [
        pytest.param(inverted, "float64", False, id="float64"),
        pytest.param(inverted, "float32", True, id="gradients read the result between them"),
        pytest.param(
            lambda n, x: (lambda y: [y, ops.depthwise_conv(y, n.filters, padding="same") + n.shift])(
                ops.conv(x, n.expansion) + n.shift
            ),
            "float32",
            False,
            id="the result between them is an output",
        ),
        pytest.param(
            lambda n, x: ops.depthwise_conv(ops.conv(x, n.expansion), n.filters) + n.shift,
            "float32",
            False,
            id="no bias",
        ),
        pytest.param(lambda n, x: inverted(n, x, ops.softmax), "float32", False, id="a softmax between them"),
    ],
)
def test_other_convolutions_are_not_joined(tiny_cache, f, dtype, gradient):
    assert "conv_depthwise" not in inverted_plan(f, dtype, gradient)[1]


def test_small_convolutions_are_not_joined():
    assert "conv_depthwise" not in inverted_plan(inverted)[1]


def test_a_joined_plan_runs_on_another_device(tiny_cache, fake_gpu):
    plan, steps = inverted_plan(inverted)
    assert steps == ["conv_depthwise"]
    x = example(2, 7, 6, 3, seed=9)
    wanted = plan(x)[0]
    with config.device("gpu"):
        np.testing.assert_allclose(to_host(plan(x)[0]), wanted, rtol=1e-5, atol=1e-5)


def residual_net(training):
    """Return a model of residual blocks, whose convolutions are computed by several algorithms."""
    x = inputs = layers.Input((29, 27, 5))
    for filters, size, groups in ((40, 3, 1), (7, 1, 1), (40, 3, 4), (33, 5, 1)):
        same = layers.Conv2D(filters, 1)(x)
        for _ in range(2):
            y = layers.Conv2D(filters, size, padding="same", activation="relu")(same)
            y = layers.Conv2D(filters, size, padding="same", groups=groups if filters % groups == 0 else 1)(y)
            y = y if training else layers.BatchNormalization()(y)
            same = layers.ReLU()(layers.Add()([same, y]))
        x = layers.MaxPooling2D()(same)
    model = models.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    for i, weight in enumerate(model.weights):
        value = example(*weight.shape, seed=i, low=-0.2, high=0.25)
        weight.assign(np.abs(value) + 0.5 if weight.path.endswith("variance") else value)
    return model


def without(monkeypatch, rule):
    monkeypatch.setattr(fusion, "RULES", tuple(r for r in fusion.RULES if r is not rule))


def test_residuals_change_no_bit_of_predictions(isa, threads, monkeypatch):
    x = example(2, 29, 27, 5)
    found = []
    for n in (1, 2, 8):
        threads(n)
        found.append(residual_net(training=False).predict_on_batch(x))
    without(monkeypatch, fusion.products.residual_into_convolution)
    wanted = residual_net(training=False).predict_on_batch(x)
    for y in found:
        np.testing.assert_array_equal(y, wanted)


def test_residuals_change_no_bit_of_training(monkeypatch):
    def trained():
        model = residual_net(training=True)
        model.compile("sgd", "mse")
        model.train_on_batch(example(2, 29, 27, 5), example(2, 3))
        return model.get_weights()

    found = trained()
    without(monkeypatch, fusion.products.residual_into_convolution)
    for w, wanted in zip(found, trained()):
        np.testing.assert_array_equal(w, wanted)


def test_a_residual_keeps_its_buffer_until_the_convolution_has_run():
    net, x = Net("float64"), example(1, 5, 5, 3)
    with Trace() as trace:
        given = trace.input(x)
        residual = ops.exp(ops.conv(given, net.w))
        y = ops.conv(given, net.w) + net.b + residual
    plan = Plan([given], [ops.exp(y)], trace.reads)
    assert plan.buffers[residual] != plan.buffers[y]
