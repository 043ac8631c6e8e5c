"""Residual nets with blocks that only strided 1x1 convolutions read: the same results as without moving strides up."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Model, layers, utils
from fastconv.engine import schedule
from fastconv.engine.strides import SUBSAMPLE
from tests.check import example

CLASSES = 5


def normalized(x, filters, size, strides=1, groups=1):
    x = layers.Conv2D(filters, size, strides, padding="same", groups=groups)(x)
    return layers.BatchNormalization()(x)


def block(x, strides=1, groups=1):
    """A bottleneck block of ResNet-50: its first 1x1 convolution and its shortcut have the strides."""
    shortcut = normalized(x, 16, 1, strides) if strides != 1 or x.shape[-1] != 16 else x
    y = layers.ReLU()(normalized(x, 8, 1, strides))
    y = layers.ReLU()(normalized(y, 8, 3, groups=groups))
    return layers.ReLU()(layers.Add()([shortcut, normalized(y, 16, 1)]))


def net(sides=(9, 7), strides=2, groups=1, nested=False):
    """Return a net of three blocks, whose last block has the strides; if `nested`, the first blocks are a model."""
    utils.set_random_seed(1)
    x = images = Input((*sides, 3))
    features = block(block(images, groups=groups), groups=groups)
    if nested:
        inner = Model(images, features)
        x = images = Input((*sides, 3))
        features = inner(x)
    y = layers.GlobalAveragePooling2D()(block(features, strides))
    model = Model(images, layers.Dense(CLASSES, activation="softmax")(y))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def batch(images=3, sides=(9, 7)):
    return example(images, *sides, 3).astype("float32"), np.arange(images) % CLASSES


class Copies:
    """Counts the copies of parts of tensors in the plans that are made."""

    def __init__(self, monkeypatch):
        self.count, self.move = 0, schedule.move_strides_up
        monkeypatch.setattr(schedule, "move_strides_up", self)

    def __call__(self, steps, kept):
        moved = self.move(steps, kept)
        self.count += sum(step.primitive is SUBSAMPLE for step in moved)
        return moved


def results(monkeypatch, compute, *args, **kwargs):
    """Return what `compute` returns for a net, and for the same net without the change; check that there is one."""
    with monkeypatch.context() as patch:
        copies = Copies(patch)
        found = compute(net(*args, **kwargs))
        assert copies.count == 1
        patch.setattr(schedule, "move_strides_up", lambda steps, _: steps)
        return found, compute(net(*args, **kwargs))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("strides", [2, 3, (2, 1), (1, 3)])
def test_prediction(monkeypatch, strides, images, groups, nested):
    x, _ = batch(images)
    found, wanted = results(
        monkeypatch, lambda m: m.predict(x, verbose=0), strides=strides, groups=groups, nested=nested
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("side", [1, 2, 7, 16])
def test_sides(monkeypatch, side):
    sides = (side, side + 6)
    x, _ = batch(2, sides)
    found, wanted = results(monkeypatch, lambda m: m.predict(x, verbose=0), sides)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_evaluation(monkeypatch):
    found, wanted = results(monkeypatch, lambda m: m.evaluate(*batch(), verbose=0))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_folded_weights_follow_their_variables():
    x, _ = batch()
    model, other = net(), net()
    model.predict(x, verbose=0)
    weights = [0.5 * w for w in model.get_weights()]
    model.set_weights(weights)
    other.set_weights(weights)
    np.testing.assert_array_equal(model.predict(x, verbose=0), other.predict(x, verbose=0))


def trained(model):
    losses = [model.train_on_batch(*batch()) for _ in range(3)]
    return [*losses, *model.get_weights()]


def test_training_is_not_changed(monkeypatch):
    """Gradients and batch statistics read all pixels."""
    copies = Copies(monkeypatch)
    found = trained(net())
    assert copies.count == 0
    monkeypatch.setattr(schedule, "move_strides_up", lambda steps, _: steps)
    for a, b in zip(found, trained(net()), strict=True):
        np.testing.assert_array_equal(a, b)


def frozen(model):
    """Return a model of which only the last layer, a dense layer, is trained."""
    for layer in model.layers[:-1]:
        layer.trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_training_of_a_frozen_net(monkeypatch):
    """Steps forward of frozen layers, whose results no gradient reads, are changed as in prediction."""
    found, wanted = results(monkeypatch, lambda m: trained(frozen(m)))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
