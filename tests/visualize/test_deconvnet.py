"""ZFNet's deconvolution, against a net that NumPy computes."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, utils, visualize
from tests import naive
from tests.visualize.nets import channels_first_twin, images, nested

pytest.importorskip("matplotlib")

PLAIN = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}


def relu(x):
    return np.maximum(x, 0)


def transposed(y, w, shape):
    """Return the image that a kernel spreads from each element of y (H, W, CO)."""
    x = np.zeros(shape)
    for i, j, o in np.ndindex(y.shape):
        x[i : i + w.shape[0], j : j + w.shape[1]] += y[i, j, o] * w[..., o]
    return x


def pooled(x):
    """Return maxima of 2x2 windows, and a mask of the first place of each."""
    h, w, c = x.shape
    windows = x.reshape(h // 2, 2, w // 2, 2, c).transpose(0, 2, 4, 1, 3).reshape(h // 2, w // 2, c, 4)
    mask = np.eye(4)[windows.argmax(axis=-1)].reshape(h // 2, w // 2, c, 2, 2).transpose(0, 3, 1, 4, 2)
    return windows.max(axis=-1), mask


def unpooled(y, mask):
    """Return y at the places of the maxima."""
    h, w, c = y.shape
    return (mask * y[:, None, :, None]).reshape(2 * h, 2 * w, c)


def weights():
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) * 0.5 for shape in ((3, 3, 1, 4), (4,), (2, 2, 4, 3), (3,))]


def by_hand(x, filter_index=None):
    """Return the projection, the activation and its place."""
    w1, b1, w2, b2 = weights()
    y1 = relu(naive.conv(x, w1, **PLAIN)[0] + b1)
    pool, mask = pooled(y1)
    y2 = relu(naive.conv(pool[None], w2, **PLAIN)[0] + b2)
    chosen = y2 if filter_index is None else y2[..., filter_index : filter_index + 1]
    row, column, channel = np.unravel_index(chosen.argmax(), chosen.shape)
    channel = channel if filter_index is None else filter_index
    signal = np.zeros_like(y2)
    signal[row, column, channel] = y2[row, column, channel]
    back = transposed(relu(signal), w2, pool.shape)
    back = transposed(relu(unpooled(back, mask)), w1, x.shape[1:])
    return back, y2[row, column, channel], [row, column, channel]


def fused():
    return Sequential(
        [
            Input((10, 10, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(3, 2, activation="relu", name="second"),
        ]
    )


def with_layers():
    return Sequential(
        [
            Input((10, 10, 1)),
            layers.Conv2D(4, 3),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(3, 2),
            layers.Activation("relu", name="second"),
        ]
    )


@pytest.mark.parametrize("build", [fused, with_layers])
@pytest.mark.parametrize("filter_index", [None, 0, 2])
def test_a_net_by_hand(build, filter_index):
    model, x = build(), images(1, size=10, seed=4)
    model.set_weights(weights())
    wanted, activation, place = by_hand(x, filter_index)
    found = visualize.deconvnet(model, x, "second", filter_index)
    assert found["place"].tolist() == place
    np.testing.assert_allclose(found["activation"], activation, rtol=1e-5)
    np.testing.assert_allclose(found["reconstruction"], wanted, rtol=1e-4, atol=1e-5)


def test_the_negative_signals_are_the_difference_to_the_gradient():
    model, x = fused(), images(1, size=10, seed=4)
    model.set_weights(weights())
    w1, b1, w2, _ = weights()
    y1 = relu(naive.conv(x, w1, **PLAIN)[0] + b1)
    pool, mask = pooled(y1)
    _, activation, (row, column, channel) = by_hand(x)
    signal = np.zeros((3, 3, 3))
    signal[row, column, channel] = activation
    gradient = transposed(unpooled(transposed(signal, w2, pool.shape), mask) * (y1 > 0), w1, x.shape[1:])
    assert np.abs(visualize.deconvnet(model, x)["reconstruction"] - gradient).max() > 0.1


@pytest.mark.parametrize("sign", [1, -1])
def test_branches_add_up(sign):
    utils.set_random_seed(0)
    inputs = Input((6, 6, 1))
    left, right = (layers.Conv2D(1, 3, use_bias=False)(inputs) for _ in range(2))
    model = Model(inputs, layers.add([left, right], name="sum"))
    model.set_weights([sign * np.abs(w) for w in model.get_weights()])  # the largest activation may be negative
    x = images(1, size=6)
    found = visualize.deconvnet(model, x, "sum")
    row, column, _ = found["place"]
    kernel = sum(w[..., 0] for w in model.get_weights())
    wanted = np.zeros((6, 6, 1))
    wanted[row : row + 3, column : column + 3] = found["activation"] * kernel
    np.testing.assert_allclose(found["reconstruction"], wanted, atol=1e-5)


def test_channels_first_and_nested_models():
    last, first = channels_first_twin()
    x = images(1, 2)
    wanted, found = visualize.deconvnet(last, x, "relu"), visualize.deconvnet(first, np.moveaxis(x, -1, 1), "relu")
    np.testing.assert_array_equal(found["place"], wanted["place"])
    np.testing.assert_allclose(found["reconstruction"], wanted["reconstruction"], rtol=1e-4, atol=1e-5)
    assert visualize.deconvnet(nested(), x, "middle", 1)["reconstruction"].shape == (8, 8, 2)


def test_errors():
    model, x = fused(), images(1, size=10)
    with pytest.raises(ValueError, match="filter of second must be an int of at least 0 and at most 2"):
        visualize.deconvnet(model, x, "second", 3)
    with pytest.raises(ValueError, match="deconvnet: image must"):
        visualize.deconvnet(model, images(1))
