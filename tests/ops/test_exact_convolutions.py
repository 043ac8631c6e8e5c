"""Small convolutions are exact sums: integers stay integers, and inputs outside a window do not count."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, config, explain_conv, grad, layers, ops
from fastconv.backends.cpu.algorithms.algorithm import DIRECTIONS
from fastconv.backends.cpu.algorithms.choose import ALGORITHMS
from tests import naive

# (input, kernel, strides, padding, dilation): lecture examples, and the largest convolutions that count as small
CASES = [
    ((1, 28, 28, 1), (5, 5, 1, 1), 1, "valid", 1),
    ((1, 28, 28, 1), (5, 5, 1, 6), 1, "valid", 1),
    ((1, 28, 28, 1), (11, 11, 1, 1), 1, "same", 1),
    ((2, 32, 32, 3), (5, 5, 3, 8), 1, "same", 1),
    ((1, 32, 32, 12), (3, 3, 12, 12), 1, "same", 1),
    ((4, 14, 14, 16), (3, 3, 16, 16), 1, "same", 1),
    ((1, 16, 16, 32), (3, 3, 32, 28), 1, "valid", 1),
    ((1, 32, 32, 32), (3, 3, 1, 32), 1, "same", 1),
    ((1, 32, 32, 16), (3, 3, 16, 12), 1, "same", 2),
    ((1, 9, 10, 11, 8), (3, 3, 3, 8, 8), 1, "same", 1),
    ((2, 40, 12), (5, 12, 16), 1, "same", 1),
    ((1, 28, 28, 8), (3, 3, 8, 8), 2, "same", 1),
    ((4, 28, 28, 12), (3, 3, 12, 12), 1, "same", 1),
    ((40, 28, 28, 12), (3, 3, 12, 12), 1, "same", 1),
    ((9, 32, 32, 12), (3, 3, 12, 16), 1, "valid", 1),
    ((7, 28, 28, 1), (5, 5, 1, 1), 1, "same", 1),
    ((2, 24, 24, 24), (3, 3, 12, 24), 1, "same", 1),  # two groups
    ((2, 24, 24, 32), (3, 3, 8, 32), 1, "same", 1),
    ((2, 24, 24, 12), (3, 3, 3, 20), 1, "valid", 1),
    ((3, 60, 24), (3, 8, 24), 1, "same", 3),
    ((2, 6, 12, 12, 10), (3, 3, 3, 5, 12), (1, 2, 1), "same", 1),
    ((2, 20, 20, 9), (4, 4, 9, 9), 3, "same", 1),
]

LARGE_ONLY = {algorithm.name for algorithm in ALGORITHMS if algorithm.small_products}


def integers(shape, seed):
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_integers_stay_integers_in_every_direction(case, isa):
    x_shape, w_shape, *window = case
    x, w = integers(x_shape, 0), integers(w_shape, 1)
    wide = x.astype(float), w.astype(float)
    y = ops.conv(x, w, window[0], window[1], None, window[2])
    expected = ops.conv(*wide, window[0], window[1], None, window[2])  # computed by NumPy, in float64
    np.testing.assert_array_equal(y, expected)
    dy = integers(y.shape, 2)
    how = (window[0], window[1], None, window[2])
    dx = ops.conv_backward_input(dy, w, x_shape, *how)
    np.testing.assert_array_equal(dx, ops.conv_backward_input(dy.astype(float), wide[1], x_shape, *how))
    dw = ops.conv_backward_kernel(x, dy, w_shape, *how)
    np.testing.assert_array_equal(dw, ops.conv_backward_kernel(wide[0], dy.astype(float), w_shape, *how))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_float64_is_exact_for_larger_integers(case):
    x_shape, w_shape, *window = case
    x, w = integers(x_shape, 0).astype(np.float64) * 2.0**20, integers(w_shape, 1).astype(np.float64)
    how = (window[0], window[1], None, window[2])
    y = ops.conv(x, w, *how)
    np.testing.assert_array_equal(y, ops.conv(x / 2.0**20, w, *how) * 2.0**20)
    assert (y % 2.0**20 == 0).all()


@pytest.mark.parametrize("layer", [layers.Conv2D, layers.Conv2DTranspose])
@pytest.mark.parametrize("dilation", [1, 2])
def test_channels_first(layer, dilation, isa):
    """Also in layers, and in plans, which pack weights in advance."""
    options = {"padding": "same", "dilation_rate": dilation, "use_bias": False}
    x = integers((5, 12, 20, 18), 10)
    results = []
    for data_format in ("channels_first", "channels_last"):
        given = x if data_format == "channels_first" else np.moveaxis(x, 1, -1)
        model = Sequential([Input(given.shape[1:]), layer(12, 3, data_format=data_format, **options)])
        model.set_weights([integers((3, 3, 12, 12), 11)])
        results += [model.predict(given, verbose=0), np.asarray(model(given))]
    for found in results:
        np.testing.assert_array_equal(found, np.round(found))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[2], results[3])
    np.testing.assert_array_equal(results[0], np.moveaxis(results[2], -1, 1))


# Their batches are large enough for algorithms that are not exact.
LARGE_IN_BATCHES = [
    ((1, 28, 28, 1), (11, 11, 1, 1), 1, "same", 1),
    ((1, 16, 16, 32), (3, 3, 32, 28), 1, "valid", 1),
]


@pytest.mark.parametrize("case", [case for case in CASES if case not in LARGE_IN_BATCHES], ids=str)
def test_integral_images_give_the_same_integers_in_any_batch(case, isa):
    x_shape, w_shape, *window = case
    how = (window[0], window[1], None, window[2])
    w = np.random.default_rng(13).standard_normal(w_shape).astype(np.float32)
    image = np.random.default_rng(12).standard_normal((1, *x_shape[1:])).astype(np.float32)
    integral = ops.conv(image.round(), w.round(), *how)
    np.testing.assert_array_equal(integral, np.round(integral))
    for count in (2, 5, 32, 129):
        many = ops.conv(np.repeat(image.round(), count, 0), w.round(), *how)
        np.testing.assert_array_equal(many, np.repeat(integral, count, 0))


def test_training_on_integers_gives_integral_gradients():
    """The plan of a train step computes all three directions."""
    x = integers((16, 20, 20, 10), 14)
    first, second = (layers.Conv2D(10, 3, padding="same", use_bias=False) for _ in range(2))
    model = Sequential([Input((20, 20, 10)), first, second, layers.Flatten(), layers.Dense(1, use_bias=False)])
    model.set_weights([np.sign(integers(w.shape, 15 + i)) for i, w in enumerate(model.get_weights())])
    before = model.get_weights()
    model.compile("sgd", lambda y_true, y_pred: y_pred)
    model.optimizer.learning_rate.assign(16.0)  # the mean over 16 outputs
    model.train_on_batch(x, np.zeros((16, 1), np.float32))
    for old, new in zip(before, model.get_weights()):
        assert (old != new).any()
        np.testing.assert_array_equal(new, np.round(new))


def test_integers_equal_nested_loops():
    x, w = integers((1, 28, 28, 1), 3), integers((5, 5, 1, 2), 4)
    unit = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
    np.testing.assert_array_equal(ops.conv(x, w), naive.conv(x, w, **unit))


@pytest.mark.parametrize("channels", [1, 12])
def test_an_impulse_changes_only_its_windows(channels, isa):
    x = np.zeros((1, 32, 32, channels), np.float32)
    x[0, 16, 17, channels // 2] = 1
    w = np.random.default_rng(5).uniform(0.1, 1, (3, 3, channels, 12)).astype(np.float32)
    y = ops.conv(x, w, padding="same")
    hit = np.zeros((32, 32), bool)
    hit[15:18, 16:19] = True
    np.testing.assert_array_equal((y != 0).all(-1)[0], hit)
    np.testing.assert_array_equal((y != 0).any(-1)[0], hit)
    back = ops.conv_transpose(x, w.transpose(0, 1, 3, 2), 1, "same")
    np.testing.assert_array_equal((back != 0).any(-1)[0], hit)


def test_the_gradient_of_an_output_covers_only_its_window():
    x = np.random.default_rng(6).normal(size=(1, 28, 28, 12)).astype(np.float32)
    w = np.random.default_rng(7).normal(size=(5, 5, 12, 8)).astype(np.float32)
    dx = grad(lambda x: ops.conv(x, w)[0, 7, 9, 3])(x)
    hit = np.zeros((28, 28), bool)
    hit[7:12, 9:14] = True
    np.testing.assert_array_equal((dx != 0).any(-1)[0], hit)


def test_plans_are_exact():
    model = Sequential([Input((28, 28, 12)), layers.Conv2D(12, 3, padding="same", use_bias=False)])
    w = integers((3, 3, 12, 12), 8)
    model.set_weights([w])
    x = integers((1, 28, 28, 12), 9)
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), ops.conv(x.astype(float), w.astype(float), padding="same")
    )


def test_the_bound_of_small_convolutions():
    """Only the multiply-adds outside of the padding count."""
    for direction in DIRECTIONS:
        small = explain_conv((1, 32, 32, 12), (3, 3, 12, 12), padding="same")[direction]
        large = explain_conv((8, 32, 32, 64), (3, 3, 64, 64), padding="same")[direction]
        assert small.algorithm not in LARGE_ONLY
        assert large.algorithm == "winograd"
    few, many = (explain_conv((128, 20, 20, n), (3, 3, n, n), padding="same")["forward"] for n in (15, 24))
    assert few.algorithm == "direct"  # of each image
    assert many.algorithm == "winograd"  # of the batch
    config.set_conv_precision("exact")
    for direction in DIRECTIONS:
        large = explain_conv((8, 32, 32, 64), (3, 3, 64, 64), padding="same")[direction]
        assert large.algorithm not in LARGE_ONLY


def test_the_switch_affects_models_that_have_run(isa):
    x = integers((8, 40, 40, 32), 16)
    model = Sequential([Input((40, 40, 32)), layers.Conv2D(32, 3, padding="same", use_bias=False)])
    model.set_weights([integers((3, 3, 32, 32), 17)])
    assert (model.predict(x, verbose=0) % 1 != 0).any() or config.get_device() != "cpu"
    config.set_conv_precision("exact")
    y = model.predict(x, verbose=0)
    np.testing.assert_array_equal(y, np.round(y))
    np.testing.assert_array_equal(y, np.asarray(model(x)))
    np.testing.assert_array_equal(y, model.predict(x, batch_size=3, verbose=0))


@pytest.mark.parametrize("channels", [1, 32])
def test_the_switch_in_every_direction(channels, isa):
    x, w = integers((8, 64, 64, channels), 18), integers((7, 7, channels, channels), 19)
    config.set_conv_precision("exact")
    y = ops.conv(x, w, padding="same")
    dx = grad(lambda x: ops.sum(ops.conv(x, w, padding="same")))(x)
    dw = grad(lambda w: ops.sum(ops.conv(x, w, padding="same")))(w)
    for found in (y, dx, dw, ops.conv_transpose(x, w, 1, "same")):
        np.testing.assert_array_equal(found, np.round(found))
