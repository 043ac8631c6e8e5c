"""Curves, matrices, grids and boundaries, against closed formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastconv import Input, Sequential, config, layers, ops, optimizers, visualize
from tests.visualize.nets import classifier, images

pytest.importorskip("matplotlib")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# name: (f, f')
CLOSED = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), lambda x: np.where(x > 0, 1, np.exp(x))),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.2 * x), lambda x: np.where(x > 0, 1, 0.2)),
    "softplus": (lambda x: np.log1p(np.exp(x)), sigmoid),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "linear": (lambda x: x, np.ones_like),
}


def test_activation_functions_and_derivatives():
    found = visualize.activation_functions(list(CLOSED), low=-3, high=2.5)
    x = found["x"]
    assert (x[0], x[-1]) == (-3, 2.5)
    for (f, slope), values, derivatives in zip(CLOSED.values(), found["values"], found["derivatives"]):
        np.testing.assert_allclose(values, f(x), atol=1e-6)
        np.testing.assert_allclose(derivatives, slope(x), atol=1e-6)


def test_activation_functions_of_users():
    found = visualize.activation_functions(lambda x: ops.square(x))
    np.testing.assert_allclose(found["derivatives"][0], 2 * found["x"])
    with pytest.raises(ValueError, match="softmax, which mixes numbers"):
        visualize.activation_functions("softmax")
    with pytest.raises(ValueError, match="names must have at least one entry"):
        visualize.activation_functions([])
    with pytest.raises(ValueError, match="high must be"):
        visualize.activation_functions("relu", low=1, high=1)


def test_schedules():
    kinds = optimizers.schedules
    given = {
        "cosine": kinds.CosineDecay(0.1, 100),
        "inverse": kinds.InverseTimeDecay(0.1, 50, 0.5),
        "own": lambda step: 0.1 / (1 + step),
        "constant": 0.01,
    }
    found = visualize.schedule(given, steps=150)["rates"]
    steps = np.arange(150)
    np.testing.assert_allclose(found[0], 0.05 * (1 + np.cos(np.pi * np.minimum(steps / 100, 1))), atol=1e-7)
    np.testing.assert_allclose(found[1], 0.1 / (1 + 0.5 * steps / 50), rtol=1e-5)
    np.testing.assert_allclose(found[2], 0.1 / (1 + steps))
    np.testing.assert_allclose(found[3], 0.01)
    with pytest.raises(ValueError, match="the learning rate must be a number"):
        visualize.schedule(lambda step: "fast")
    with pytest.raises(ValueError, match="steps must be an int of at least 1 and at most 1000000"):
        visualize.schedule(0.1, steps=10**10)
    with pytest.raises(ValueError, match="schedules must have at least one entry"):
        visualize.schedule({})


@pytest.mark.parametrize("how", [{}, {"strides": 2}, {"padding": "same"}, {"padding": 1, "dilation_rate": 2}])
def test_the_matrix_times_an_image_is_the_convolution(how):
    x, w = np.random.default_rng(0).random((1, 7, 6, 2)), np.random.default_rng(1).random((3, 3, 2, 3))
    matrix = visualize.convolution_matrix(w, (7, 6, 2), **how)["matrix"]
    np.testing.assert_allclose(matrix @ x.ravel(), np.ravel(ops.conv(x, w, **how)), rtol=1e-6)


def test_a_matrix_of_numbers_has_texts():
    picture = visualize.convolution_matrix(np.arange(1, 10).reshape(3, 3), (4, 4))
    assert len(picture.figure.axes[0].texts) == 36


def test_confusion_matrix_matches_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    true, scores = rng.integers(0, 4, 60), rng.random((60, 4))
    wanted = metrics.confusion_matrix(true, scores.argmax(axis=1), labels=range(4))
    np.testing.assert_array_equal(visualize.confusion_matrix(true, scores)["counts"], wanted)
    one_hot = np.eye(4)[true]
    np.testing.assert_array_equal(visualize.confusion_matrix(one_hot, scores.argmax(axis=1))["counts"], wanted)


def test_confusion_matrix_by_hand():
    assert visualize.confusion_matrix([[0], [1], [1]], [0, 0, 1])["counts"].tolist() == [[1, 0], [1, 1]]
    names = visualize.confusion_matrix([0, 1], [0, 1], ["cat", "dog", "bird"])
    assert names["counts"].shape == (3, 3)
    with pytest.raises(ValueError, match="the same length"):
        visualize.confusion_matrix([0, 1], [0])
    with pytest.raises(ValueError, match="at most 2000 classes"):
        visualize.confusion_matrix([0, 10**9], [0, 1])
    with pytest.raises(ValueError, match="class_names must have a name for each of 2"):
        visualize.confusion_matrix([0, 1], [0, 1], ["cat"])
    for bad in ([], [0.5], [-1]):
        with pytest.raises(ValueError, match="y_true must be classes as integers"):
            visualize.confusion_matrix(bad, bad)


def test_history_of_a_training():
    model = classifier()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    trained = model.fit(images(6), np.arange(6) % 3, epochs=2, verbose=0, validation_split=0.5)
    picture = visualize.history(trained)
    assert list(picture.arrays) == list(trained.history)
    np.testing.assert_array_equal(picture["val_loss"], trained.history["val_loss"])
    titles = [panel.get_title() for panel in picture.figure.axes[0].child_axes]
    assert titles == ["loss", "accuracy"]
    for bad in ({}, {"loss": []}, 3):
        with pytest.raises(ValueError, match="history: history must"):
            visualize.history(bad)


def test_image_grid():
    x = images(5, 3)
    found = visualize.image_grid(x, np.eye(3)[[0, 1, 2, 0, 1]], [0, 1, 1, 0, 1], ["a", "b", "c"], columns=2)
    np.testing.assert_allclose(found["images"], x)
    panels = found.figure.axes[0].child_axes
    assert [panel.get_title() for panel in panels] == ["a", "b", "c, not b", "a", "b"]
    assert visualize.image_grid(np.zeros((2, 4, 4), "uint8")).arrays.keys() == {"images"}
    np.testing.assert_allclose(visualize.image_grid(np.full((1, 2, 2, 1), 255))["images"], 1)
    config.set_image_data_format("channels_first")
    np.testing.assert_allclose(visualize.image_grid(np.moveaxis(x, -1, 1))["images"], x)


def test_image_grid_refuses_other_arrays():
    with pytest.raises(ValueError, match="images must have the shape"):
        visualize.image_grid(np.zeros((3, 4, 4, 2)))
    with pytest.raises(ValueError, match="each image needs a class"):
        visualize.image_grid(images(3), [1, 2])


def test_decision_boundary_is_the_output_at_each_place():
    model = Sequential([Input((2,)), layers.Dense(1, activation="sigmoid")])
    model.set_weights([np.array([[2.0], [-1.0]]), np.array([0.5])])
    found = visualize.decision_boundary(model, x_range=(-1, 3), y_range=(0, 1), resolution=21)
    x, y = np.meshgrid(found["x"], found["y"])
    np.testing.assert_allclose(found["values"][..., 0], sigmoid(2 * x - y + 0.5), rtol=1e-5)


def test_decision_boundary_with_features_and_points():
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.set_weights([np.ones((2, 1)), np.array([-1.0])])
    points = np.random.default_rng(0).uniform(-2, 2, (20, 2))
    found = visualize.decision_boundary(model, points, np.sign(points[:, 0]), features=lambda p: p**2, resolution=11)
    x, y = np.meshgrid(found["x"], found["y"])
    np.testing.assert_allclose(found["values"][..., 0], x**2 + y**2 - 1, rtol=1e-4, atol=1e-5)
    assert math.isclose(found["x"][0], points[:, 0].min() - 0.1 * np.ptp(points[:, 0]), rel_tol=1e-6)


def test_decision_boundary_of_classes():
    model = Sequential([Input((2,)), layers.Dense(3, activation="softmax")])
    found = visualize.decision_boundary(model, [[0, 0], [1, 1]], [0, 2], resolution=5)
    assert found["values"].shape == (5, 5, 3)
    np.testing.assert_allclose(found["values"].sum(axis=-1), 1, rtol=1e-6)


def test_decision_boundary_refuses_other_models_and_points():
    with pytest.raises(ValueError, match="must take the features of a point"):
        visualize.decision_boundary(classifier())
    model = Sequential([Input((2,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="points must have the shape"):
        visualize.decision_boundary(model, np.zeros((3, 3)))
    with pytest.raises(ValueError, match="x_range must be"):
        visualize.decision_boundary(model, x_range=(1, 1))
    with pytest.raises(ValueError, match="each point needs a label"):
        visualize.decision_boundary(model, np.zeros((3, 2)), [0, 1])
