"""Errors and warnings that name the other reading: one-hot targets and class indices, last layers, groups."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import fastconv
from fastconv import Input, Model, Sequential, layers, losses, ops

P = np.full((4, 3), 1 / 3, "float32")
ONE_HOT, CLASSES = np.eye(3, dtype="float32")[[0, 1, 2, 0]], np.array([0, 1, 2, 0])


@pytest.mark.parametrize("loss", [
    losses.sparse_categorical_crossentropy, losses.SparseCategoricalCrossentropy(), ops.sparse_categorical_crossentropy,
])  # fmt: skip
def test_one_hot_targets_of_a_sparse_loss(loss):
    with pytest.raises(ValueError, match=r"one-hot targets need categorical_crossentropy\. Received: "):
        loss(ONE_HOT, P)


@pytest.mark.parametrize("loss", [
    losses.categorical_crossentropy, losses.CategoricalCrossentropy(), ops.categorical_crossentropy,
    losses.categorical_focal_crossentropy,
])  # fmt: skip
@pytest.mark.parametrize("classes", [CLASSES, CLASSES[:, None]])
def test_class_indices_as_targets_of_a_loss_for_one_hot_targets(loss, classes):
    rule = r"class indices need sparse_categorical_crossentropy, or utils\.to_categorical first\. Received: "
    with pytest.raises(ValueError, match=rf"^categorical.*{rule}"):
        loss(classes, P)


def test_training_names_the_other_loss():
    model = Sequential([Input((2,)), layers.Dense(3, "softmax")])
    for loss, y, other in (
        ("sparse_categorical_crossentropy", ONE_HOT, "need categorical_crossentropy"),
        ("categorical_crossentropy", CLASSES, "need sparse_categorical_crossentropy"),
    ):
        model.compile("sgd", loss)
        with pytest.raises(ValueError, match=other):
            model.fit(np.ones((4, 2)), y, verbose=0)


def nets_with(*last):
    """Return models that end with a layer: built, not built, functional, and nested."""
    x = Input((5,))
    yield lambda: Sequential([Input((5,)), layers.Dense(*last)])
    yield lambda: Sequential([layers.Dense(*last)])
    yield lambda: Model(x, layers.Dense(*last)(x))
    yield lambda: Sequential([Input((5,)), Sequential([Input((5,)), layers.Dense(*last)])])


@pytest.mark.parametrize("number", range(4))
def test_a_softmax_of_a_single_unit_warns(number):
    model = [*nets_with(1, "softmax")][number]()
    with pytest.warns(
        fastconv.ModelWarning, match=r"^compile: softmax of a single unit .* use activation='sigmoid'"
    ) as r:
        model.compile("sgd", "mse")
    assert len(r) == 1
    assert r[0].filename == __file__


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize(("loss", "activation"), [
    ("binary_crossentropy", "sigmoid"), ("categorical_crossentropy", "softmax"),
    ("sparse_categorical_crossentropy", "softmax"), (losses.SparseCategoricalCrossentropy(), "softmax"),
    (losses.binary_crossentropy, "sigmoid"), (losses.BinaryFocalCrossentropy(), "sigmoid"), ("ce", "softmax"),
])  # fmt: skip
def test_crossentropies_of_probabilities_after_a_linear_layer_warn(number, loss, activation):
    model = [*nets_with(3)][number]()
    with pytest.warns(
        fastconv.ModelWarning, match=rf"no activation; give it activation='{activation}', or the loss"
    ) as r:
        model.compile("sgd", loss)
    assert len(r) == 1


@pytest.mark.parametrize("net", [[layers.Dense(3)], [layers.Dense(3), layers.Softmax()], [layers.Dense(3, "relu")]])
@pytest.mark.parametrize("loss", ["mse", losses.CategoricalCrossentropy(from_logits=True), None, "hinge"])
def test_models_without_a_fault_do_not_warn(net, loss):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Sequential([Input((5,)), *net]).compile("sgd", loss)
        Sequential([Input((5,)), *net[:-1], layers.Dense(1, "sigmoid")]).compile("sgd", "binary_crossentropy")


def test_each_output_has_its_own_warning():
    x = Input((5,))
    model = Model(x, {"a": layers.Dense(3, name="a")(x), "b": layers.Dense(3, "softmax", name="b")(x)})
    with pytest.warns(fastconv.ModelWarning, match="name=a") as r:
        model.compile("sgd", {"a": "categorical_crossentropy", "b": "categorical_crossentropy"})
    assert len(r) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.compile("sgd", {"a": "mse", "b": "categorical_crossentropy"})
        model.compile("sgd", ["mse"] * 5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_layers_never_group_unless_groups_are_given(data_format):
    layer = layers.Conv2D(4, 3, data_format=data_format)
    images = {n: np.ones((1, 5, 5, n) if data_format == "channels_last" else (1, n, 5, 5)) for n in (3, 6)}
    layer(images[3])
    with pytest.raises(
        ValueError, match=r"inputs must have 3 channels, as when the layer was built with groups=1\. Rec"
    ):
        layer(images[6])
    grouped = layers.Conv2D(4, 3, groups=2, data_format=data_format)
    assert grouped(images[6]).shape[-1 if data_format == "channels_last" else 1] == 4
    assert grouped.kernel.shape == (3, 3, 3, 4)


def test_ops_group_as_keras_does():
    x, w = np.random.default_rng(0).random((2, 5, 5, 6)), np.random.default_rng(1).random((3, 3, 3, 4))
    y = ops.conv(x, w)
    for g in range(2):
        part = ops.conv(x[..., 3 * g : 3 * g + 3], w[..., 2 * g : 2 * g + 2])
        np.testing.assert_allclose(y[..., 2 * g : 2 * g + 2], part, rtol=1e-12)
