"""Concatenation in place: graphs whose parts are computed in their places, against plans that copy them."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import config, layers, models, ops, utils
from fastconv.device import gpu_number
from fastconv.engine import Plan, Trace, schedule
from fastconv.engine.tree import leaves

pytestmark = pytest.mark.skipif(gpu_number() is not None, reason="the kernels of a GPU copy the parts")

SHAPE = (2, 9, 9, 16)


class Net:
    """Convolutions and normalizations of float32, whose weights are constants."""

    def __init__(self, dtype="float32"):
        self.dtype, self.rng = dtype, np.random.default_rng(0)

    def array(self, *shape):
        return self.rng.uniform(0.5, 1.5, shape).astype(self.dtype)

    def conv(self, x, channels=16, size=1):
        w = self.array(*(size,) * (len(x.shape) - 2), x.shape[-1], channels) - self.array(1)
        return ops.conv(x, w, padding="same")

    def normalize(self, x):
        c = x.shape[-1]
        return ops.relu(ops.batch_normalization(x, self.array(c), self.array(c), -1, self.array(c), self.array(c)))


def join(*xs):
    return ops.concatenate(xs, axis=-1)


def dense_block(n, x):
    for _ in range(3):
        x = join(x, n.conv(n.conv(n.normalize(x)), 16, 3))
    return n.normalize(x)


def all_before(n, x):
    """A dense block that joins all results anew: they lie in the last concatenation, and the others are copies."""
    parts = [n.conv(x)]
    for _ in range(3):
        parts.append(n.conv(n.normalize(join(*parts))))
    return join(*parts)


# name: (a function of a net and images, the number of results in their places, the concatenations that are left)
GRAPHS = {
    "branches": (lambda n, x: join(n.conv(x), ops.relu(n.conv(x, 24, 3)), n.conv(x, 17)), 3, 0),
    "a dense block": (dense_block, 5, 1),
    "a dense block that joins all results": (all_before, 4, 3),
    "nested": (lambda n, x: join(join(n.conv(x), n.conv(x)), n.conv(x)) * 2.0, 4, 0),
    "lines": (lambda n, x: join(n.conv(x[:, 0], 20, 3), n.conv(x[:, 0])), 2, 0),
    "volumes": (lambda n, x: join(n.conv(x[:, None], 20, 3), n.conv(x[:, None])), 2, 0),
    "twice the same": (lambda n, x: (lambda y: join(y, y))(n.conv(x)), 1, 1),
    "a part of two": (lambda n, x: (lambda y: [join(y, n.conv(x)), join(n.conv(x), y)])(n.conv(x)), 3, 1),
    "an input": (lambda n, x: join(x, n.conv(x)), 1, 1),
    "a constant": (lambda n, x: join(n.array(*SHAPE), n.conv(x)), 1, 1),
    "a view": (lambda n, x: join(ops.reshape(n.conv(x), (2, 9, 9, 16)), n.conv(x)), 2, 0),
    "an output": (lambda n, x: (lambda y: [y, join(y, n.conv(x))])(n.conv(x)), 1, 1),
    "another reader": (lambda n, x: (lambda y: [join(y, n.conv(x)), ops.exp(y)])(n.conv(x)), 1, 1),
    "a view as reader": (lambda n, x: (lambda y: [join(y, n.conv(x)), y[:, 1:] * 2.0])(n.conv(x)), 1, 1),
    "pooling": (lambda n, x: join(ops.max_pool(x, 3, 1, "same"), n.conv(x)), 1, 1),
    "depthwise": (lambda n, x: join(ops.depthwise_conv(x, n.array(3, 3, 16, 1), padding="same"), n.conv(x)), 1, 1),
    "a residual": (lambda n, x: join(n.conv(x, 16, 3) + n.array(16) + ops.exp(x), n.conv(x)), 1, 1),
    "rows": (lambda n, x: ops.concatenate([n.conv(x), n.conv(x)], axis=1), 0, 1),
    "read again": (lambda n, x: (lambda y: [ops.exp(y), n.conv(y), y[..., 1:3]])(join(n.conv(x), n.conv(x))), 2, 0),
}


def plan_of(f, x):
    net = Net(x.dtype.name)
    with Trace() as trace:
        given = trace.input(x)
        outputs = leaves(f(net, given))
    return Plan([given], outputs, trace.reads)


def without(monkeypatch):
    """Let schedules copy all parts."""
    monkeypatch.setattr(schedule, "slices_of_concatenations", lambda *_: {})


@pytest.mark.parametrize("name", GRAPHS)
def test_parts_are_computed_in_their_places(monkeypatch, rng, name):
    f, places, left = GRAPHS[name]
    x = rng.standard_normal(SHAPE, np.float32)
    plan = plan_of(f, x)
    found = [step.primitive.name for step in plan.steps].count("concatenate")
    assert (len(plan.slices), found) == (places, left)
    with monkeypatch.context() as context:
        without(context)
        copying = plan_of(f, x)
    assert not copying.slices
    for scale in (1, 2):
        for y, expected in zip(plan(scale * x), copying(scale * x)):
            np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_the_number_of_threads_changes_no_bit(monkeypatch, rng, threads):
    config.set_num_threads(threads)
    x = rng.standard_normal((1, 28, 28, 64), np.float32)
    plan = plan_of(dense_block, x)
    config.set_num_threads(1)
    without(monkeypatch)
    np.testing.assert_array_equal(plan(x)[0], plan_of(dense_block, x)(x)[0])


def test_other_dtypes_are_copied(rng):
    plan = plan_of(dense_block, rng.standard_normal(SHAPE))
    assert not plan.slices


def test_a_change_of_algorithms_keeps_results(rng):
    """Algorithms that cannot write slices fill them with copies."""
    x = rng.standard_normal((1, 28, 28, 32), np.float32)
    plan = plan_of(lambda n, x: join(n.conv(x, 32, 3), n.conv(x, 32, 3)), x)
    expected = plan(x)[0]
    config.set_conv_precision("exact")
    np.testing.assert_allclose(plan(x)[0], expected, rtol=1e-4, atol=1e-4)


def unet(x):
    first = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    inner = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(first))
    return layers.Conv2D(4, 3, padding="same")(layers.Concatenate()([first, layers.UpSampling2D()(inner)]))


def densenet(x):
    for _ in range(2):
        y = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Concatenate()([x, layers.Conv2D(4, 3, padding="same", use_bias=False)(y)])
    return layers.ReLU()(layers.BatchNormalization()(x))


def inception(x):
    branches = [layers.Conv2D(4, size, padding="same", activation="relu")(x) for size in (1, 3, 5)]
    return layers.Concatenate()([*branches, layers.AveragePooling2D(3, 1, padding="same")(x)])


@pytest.mark.parametrize("body", [unet, densenet, inception])
def test_models_train_and_predict_the_same_bits(monkeypatch, rng, body):
    x, labels = rng.standard_normal((16, 12, 12, 3), np.float32), rng.integers(0, 3, 16)

    def results():
        utils.set_random_seed(1)
        given = layers.Input((12, 12, 3))
        y = layers.Dense(3)(layers.GlobalAveragePooling2D()(body(given)))
        model = models.Model(given, y)
        model.compile("adam", "mse")
        history = model.fit(x, np.eye(3, dtype="float32")[labels], batch_size=8, epochs=2, verbose=0, shuffle=False)
        return [*history.history["loss"], *[v.numpy() for v in model.weights], model.predict(x, verbose=0)]

    expected = results()
    without(monkeypatch)
    for found, wanted in zip(results(), expected):
        np.testing.assert_array_equal(found, wanted)
