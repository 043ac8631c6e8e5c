"""Rewrites of the graph of a training step, against the same step without them."""

from __future__ import annotations

import numpy as np
import pytest

import fastconv
from fastconv import Input, Sequential, layers, utils
from fastconv.engine import fusion
from fastconv.engine.fusion.normalisation import activation_into_normalisation, activation_into_normalisation_backward
from fastconv.engine.fusion.padding import padding_into_convolution, padding_into_convolution_backward

NORMALISATION = (activation_into_normalisation, activation_into_normalisation_backward)
PADDING = (padding_into_convolution, padding_into_convolution_backward)


def net(*middle):
    return [Input((11, 11, 3)), *middle, layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax")]


def normalised(activation):
    return lambda: net(
        layers.Conv2D(24, 3, use_bias=False),
        layers.BatchNormalization(),
        activation(),
        layers.DepthwiseConv2D(3),
        layers.BatchNormalization(gamma_initializer="random_normal"),
        activation(),
        layers.Conv2D(70, 1, 2),
        layers.BatchNormalization(scale=False),
        activation(),
    )


def padded(**how):
    return lambda: net(
        layers.ZeroPadding2D(((2, 0), (1, 3))),
        layers.Conv2D(8, 3, activation="tanh", **how),
        layers.ZeroPadding2D(((0, 1), (0, 1))),
        layers.DepthwiseConv2D(3, 2),
        layers.ZeroPadding2D(3),
        layers.Conv2D(16, 2, 2, groups=2),
        layers.ZeroPadding2D(1),
        layers.Conv2D(32, 3, activation="tanh"),
    )


NETS = {
    "relu": (NORMALISATION, normalised(layers.ReLU)),
    "relu6": (NORMALISATION, normalised(lambda: layers.ReLU(6))),
    "leaky relu": (NORMALISATION, normalised(lambda: layers.LeakyReLU(0.1))),
    "padding": (PADDING, padded()),
    "padding of strides": (PADDING, padded(strides=2)),
    "padding of dilation": (PADDING, padded(dilation_rate=2)),
}


def operations(model, x, y):
    return [step.operation for step in model.profile(x, y, mode="train", passes=1, verbose=0)]


def trained(make, threads=1):
    """Return the losses and the final weights of some steps, and the operations of a step."""
    fastconv.config.set_num_threads(threads)
    utils.set_random_seed(0)
    model = Sequential(make())
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 11, 11, 3), np.float32), rng.integers(0, 5, 9)
    losses = [float(model.train_on_batch(x, y)) for _ in range(4)]
    return losses, model.get_weights(), operations(model, x, y)


def without(monkeypatch, rules, *args):
    with monkeypatch.context() as patch:
        patch.setattr(fusion, "RULES", tuple(rule for rule in fusion.RULES if rule not in rules))
        return trained(*args)


@pytest.mark.parametrize("name", [name for name, (rules, _) in NETS.items() if rules is NORMALISATION])
def test_activations_joined_with_normalisation_change_no_bit(isa, threads, monkeypatch, name):
    rules, make = NETS[name]
    losses, weights, steps = without(monkeypatch, rules, make)
    assert steps.count("activate") == steps.count("activate_backward") == 3
    for n in (1, 2, 7):
        joined, joined_weights, joined_steps = trained(make, n)
        assert joined == losses
        assert [w.tobytes() for w in joined_weights] == [w.tobytes() for w in weights]
        assert joined_steps.count("batch_norm_activate") == joined_steps.count("batch_norm_activate_backward") == 3
        assert not {"activate", "activate_backward", "batch_norm", "batch_norm_backward"} & set(joined_steps)


@pytest.mark.parametrize("name", [name for name, (rules, _) in NETS.items() if rules is PADDING])
def test_padding_joined_with_convolutions(isa, threads, monkeypatch, name):
    rules, make = NETS[name]
    losses, weights, steps = without(monkeypatch, rules, make)
    assert steps.count("pad") == 4
    results = [trained(make, n) for n in (1, 2, 7)]
    for joined, joined_weights, joined_steps in results:
        assert joined == results[0][0]
        assert not {"pad", "pad_backward"} & set(joined_steps)
        np.testing.assert_allclose(joined, losses, rtol=1e-5)
        for a, b, first in zip(joined_weights, weights, results[0][1]):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)
            assert a.tobytes() == first.tobytes()
