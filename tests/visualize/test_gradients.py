"""Saliency, SmoothGrad, integrated gradients, Grad-CAM, occlusion: values against independent formulas."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, random, utils, visualize
from tests.visualize.nets import (
    averaging,
    channels_first_twin,
    classifier,
    images,
    nested,
    scores_of,
    subclassed,
    two_inputs,
)

pytest.importorskip("matplotlib")

STEP = 1e-2


def slope(model, image, direction, index):
    """Return the derivative of a score along a direction, from two values of a model without softmax."""
    ahead, back = (np.asarray(model(image + h * direction, training=False))[0, index] for h in (STEP, -STEP))
    return (float(ahead) - float(back)) / (2 * STEP)


@pytest.mark.parametrize("channels", [1, 3])
def test_saliency_is_the_largest_directional_derivative_of_a_pixel(channels):
    model, x = averaging() if channels == 3 else classifier(1, last=None), images(1, channels, seed=5)
    found = visualize.saliency(model, x, class_index=2)
    rng = np.random.default_rng(0)
    for _ in range(3):
        direction = rng.standard_normal(x.shape).astype("float32") / 30
        np.testing.assert_allclose(
            np.sum(found["gradient"] * direction[0]), slope(model, x, direction, 2), rtol=0.05, atol=2e-3
        )
    np.testing.assert_array_equal(found["saliency"], np.abs(found["gradient"]).max(axis=-1))


def test_the_score_is_the_value_before_the_softmax():
    soft, plain = classifier(), classifier(last=None)
    np.testing.assert_allclose(
        visualize.saliency(soft, images(), 1)["gradient"], visualize.saliency(plain, images(), 1)["gradient"]
    )


def test_the_predicted_class_is_the_default():
    model, x = classifier(), images()
    best = int(np.argmax(np.asarray(model(x))))
    np.testing.assert_array_equal(
        visualize.saliency(model, x)["gradient"], visualize.saliency(model, x, best)["gradient"]
    )


def test_smooth_grad_is_the_mean_over_noisy_images():
    model, x = classifier(), images()
    found = visualize.smooth_grad(model, x, 0, samples=3, noise=0.1, seed=7)["gradient"]
    rng, scale = np.random.default_rng(7), 0.1 * (x.max() - x.min())
    noisy = [x + scale * rng.standard_normal(x.shape) for _ in range(3)]
    wanted = np.mean([visualize.saliency(model, y.astype("float32"), 0)["gradient"] for y in noisy], axis=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(
        visualize.smooth_grad(model, x, 0, noise=0)["gradient"], visualize.saliency(model, x, 0)["gradient"], rtol=1e-5
    )


@pytest.mark.parametrize("build", [classifier, nested, subclassed])
def test_integrated_gradients_are_complete(build):
    model = build()
    x = images(1, model.layers[0].get_weights()[0].shape[2] if build is classifier else 2 if build is nested else 1)
    found = visualize.integrated_gradients(model, x, 1, steps=400)
    total = found["attributions"].sum()
    np.testing.assert_allclose(total, found["scores"][1] - found["scores"][0], rtol=1e-2, atol=1e-3)
    (whole,), (none,) = scores_of(model, x), scores_of(model, np.zeros_like(x))
    wanted = (whole[1] - whole[0]) - (none[1] - none[0])  # constants cancel in the difference of two classes
    other = visualize.integrated_gradients(model, x, 0, steps=400)["attributions"].sum()
    np.testing.assert_allclose(total - other, wanted, rtol=1e-2, atol=1e-3)


def test_baselines_of_integrated_gradients():
    model, x = classifier(), images()
    same = visualize.integrated_gradients(model, x, baseline=x)
    assert not same["attributions"].any()
    number = visualize.integrated_gradients(model, x, baseline=0.5)["attributions"]
    array = visualize.integrated_gradients(model, x, baseline=np.full((8, 8), 0.5))["attributions"]
    np.testing.assert_array_equal(array, number)


def test_grad_cam_after_global_average_pooling_is_cam():
    model, x = averaging(), images(1, 3, seed=2)
    maps = np.asarray(model.get_layer("conv")(x))[0]
    kernel = model.get_layer("classes").get_weights()[0]
    found = visualize.grad_cam(model, x, class_index=1)
    np.testing.assert_allclose(found["weights"], kernel[:, 1] / 36, rtol=1e-5)
    np.testing.assert_allclose(found["heatmap"], np.maximum(maps @ kernel[:, 1], 0) / 36, atol=1e-6)


def test_grad_cam_by_hand_from_the_weights_after_a_layer():
    model, x = classifier(), images()
    relu = visualize.feature_maps(model, x, "relu")["relu"]
    kernel = model.get_layer("classes").get_weights()[0].reshape(4, 4, 6, 3)  # Dense on flattened (4, 4, 6)
    weights = kernel[..., 2].mean(axis=(0, 1))
    found = visualize.grad_cam(model, x, 2, "relu")
    np.testing.assert_allclose(found["weights"], weights, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found["heatmap"], np.maximum(relu @ weights, 0), atol=1e-5)


def test_grad_cam_reaches_into_nested_models():
    model, x = nested(), images(1, 2)
    assert visualize.grad_cam(model, x, layer="encoder/conv")["heatmap"].shape == (8, 8)
    default = visualize.grad_cam(model, x)
    assert "add" in default.figure.axes[0].child_axes[1].get_title()


def test_occlusion_matches_a_loop():
    model, x = classifier(), images()
    found = visualize.occlusion(model, x, 1, size=3, stride=2, value=0.25)
    assert found["drop"].shape == (3, 3)
    whole = np.asarray(model(x))[0, 1]
    for i in range(3):
        for j in range(3):
            covered = x.copy()
            covered[0, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] = 0.25
            wanted = whole - np.asarray(model(covered))[0, 1]
            np.testing.assert_allclose(found["drop"][i, j], wanted, atol=1e-6)
    np.testing.assert_allclose(found["output"], whole, rtol=1e-6)


@pytest.mark.parametrize("name", ["saliency", "smooth_grad", "integrated_gradients", "grad_cam", "occlusion"])
def test_channels_first_gives_the_same_arrays(name):
    last, first = channels_first_twin()
    x = images(1, 2)
    function = getattr(visualize, name)
    wanted, found = function(last, x, 1), function(first, np.moveaxis(x, -1, 1), 1)
    for key in wanted.arrays:
        np.testing.assert_allclose(found[key], wanted[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["saliency", "smooth_grad", "integrated_gradients", "grad_cam", "occlusion"])
def test_a_model_keeps_its_weights_and_its_random_state(name):
    model, x = classifier(), images()
    function = getattr(visualize, name)
    before = [np.array(v.numpy()) for v in model.variables]
    utils.set_random_seed(3)
    first, second = function(model, x), function(model, x)
    drawn = random.uniform((4,))
    for key in first.arrays:
        np.testing.assert_array_equal(first[key], second[key])
    for old, variable in zip(before, model.variables):
        np.testing.assert_array_equal(variable.numpy(), old)
    utils.set_random_seed(3)
    np.testing.assert_array_equal(random.uniform((4,)), drawn)


@pytest.mark.parametrize("name", ["saliency", "smooth_grad", "integrated_gradients", "grad_cam", "occlusion"])
def test_errors_of_class_maps(name):
    function = getattr(visualize, name)
    with pytest.raises(ValueError, match="class_index must be an int of at least 0 and at most 2"):
        function(classifier(), images(), 3)
    with pytest.raises(ValueError, match="the model must have a single input"):
        function(two_inputs(), images())
    with pytest.raises(ValueError, match=f"{name}: image must"):
        function(classifier(), images(2))


def test_grad_cam_needs_spatial_axes():
    with pytest.raises(ValueError, match=r"must have spatial axes.*'flatten'.*layers with spatial axes: \['conv1'"):
        visualize.grad_cam(classifier(), images(), layer="flatten")
    dense = Sequential([Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)])
    with pytest.raises(ValueError, match="must have a layer with spatial axes, such as Conv2D"):
        visualize.grad_cam(dense, images())


def test_occlusion_refuses_squares_that_do_not_fit():
    with pytest.raises(ValueError, match="size must be an int of at least 1 and at most 8"):
        visualize.occlusion(classifier(), images(), size=9)
