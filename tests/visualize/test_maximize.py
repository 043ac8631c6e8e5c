"""Images of gradient ascent."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, visualize
from tests.visualize.nets import averaging, channels_first_twin, classifier, images, nested

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("target", [{"class_index": 2}, {"layer": "conv2", "filter_index": 1}])
def test_the_score_grows_and_belongs_to_the_image(target):
    model = classifier(last=None)
    found = visualize.maximize(model, **target, steps=20)
    scores, image = found["scores"], found["image"]
    assert scores.max() > scores[0] + 0.1
    assert scores.shape == (21,)
    assert image.min() >= 0
    assert image.max() <= 1
    if "layer" in target:
        value = visualize.feature_maps(model, image, "conv2")["conv2"][..., 1].mean()
    else:
        value = np.asarray(model(image[None]))[0, 2]
    np.testing.assert_allclose(value, scores.max(), rtol=1e-4)


def test_a_linear_score_ends_in_the_corner_of_the_range():
    model = Sequential([Input((2, 2, 1)), layers.Flatten(), layers.Dense(1, kernel_initializer="ones")])
    kernel = np.array([[1.0], [-2.0], [3.0], [-4.0]], "float32")
    model.set_weights([kernel, np.zeros(1, "float32")])
    found = visualize.maximize(model, class_index=0, steps=80, low=-1, high=2)
    np.testing.assert_allclose(found["image"].ravel(), [2, -1, 2, -1])
    np.testing.assert_allclose(found["scores"].max(), 2 + 2 + 6 + 4, rtol=1e-6)


def test_the_first_image_and_the_seed():
    model, x = averaging(), images(1, 3)
    found = visualize.maximize(model, 1, image=x, steps=0)
    np.testing.assert_allclose(found["image"], x[0])
    first, again, other = (visualize.maximize(model, 1, steps=2, seed=seed)["image"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_channels_first_and_nested_models():
    last, first = channels_first_twin()
    for target in ({"class_index": 0}, {"layer": "conv2", "filter_index": 3}):
        wanted, found = (visualize.maximize(model, **target, steps=3) for model in (last, first))
        np.testing.assert_allclose(found["scores"], wanted["scores"], rtol=1e-4, atol=1e-5)
    assert visualize.maximize(nested(), layer="encoder/conv", filter_index=1, steps=2)["image"].shape == (8, 8, 2)


@pytest.mark.parametrize(
    ("target", "rule"),
    [
        ({}, "give class_index, or layer and filter_index"),
        ({"class_index": 1, "layer": "conv1", "filter_index": 1}, "give class_index, or layer and filter_index"),
        ({"layer": "conv1"}, "give class_index, or layer and filter_index"),
        ({"class_index": 3}, "at least 0 and at most 2"),
        ({"layer": "conv1", "filter_index": 4}, "filter of conv1 must be an int of at least 0 and at most 3"),
        ({"class_index": 0, "low": 1, "high": 1}, "high must be"),
        ({"class_index": 0, "steps": -1}, "steps must be"),
    ],
)
def test_errors(target, rule):
    with pytest.raises(ValueError, match=rule):
        visualize.maximize(classifier(), **target)
