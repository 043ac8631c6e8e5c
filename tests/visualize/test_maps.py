"""Filters and outputs of layers."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, ops, visualize
from tests import naive
from tests.visualize.nets import channels_first_twin, classifier, images, nested, subclassed, two_inputs

pytest.importorskip("matplotlib")


def test_filters_are_the_kernel():
    model = classifier(2)
    kernel = model.get_layer("conv2").get_weights()[0]
    found = visualize.filters(model, "conv2")["filters"]
    for i in range(6):
        np.testing.assert_array_equal(found[i], kernel[..., i])
    np.testing.assert_array_equal(
        visualize.filters(model)["filters"], np.moveaxis(model.get_layer("conv1").get_weights()[0], -1, 0)
    )


def test_filters_of_a_depthwise_layer_have_a_channel_each():
    model = Sequential([Input((6, 6, 3)), layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")])
    kernel = model.get_weights()[0]  # (3, 3, 3, 2)
    found = visualize.filters(model)["filters"]
    assert found.shape == (6, 3, 3, 1)
    np.testing.assert_array_equal(found[3, :, :, 0], kernel[:, :, 1, 1])


def test_many_filters_are_drawn_in_part():
    model = Sequential([Input((4, 4, 100)), layers.Conv2D(300, 3)])
    picture = visualize.filters(model)
    assert picture["filters"].shape == (300, 3, 3, 100)
    (image,) = picture.figure.axes[0].images
    assert max(image.get_array().shape) < 2000


def test_a_constant_image_of_negative_numbers_is_drawn():
    visualize.feature_maps(classifier(), np.full((8, 8), -1.0))
    visualize.image_grid(np.full((2, 4, 4), -1.0))


def test_filters_of_three_channels_have_colours():
    picture = visualize.filters(classifier(3), "conv1")
    (image,) = picture.figure.axes[0].images
    assert image.get_array().shape[-1] == 3


def test_filters_over_sequences_are_images_of_taps_and_channels():
    model = Sequential([Input((9, 5)), layers.Conv1D(4, 3)])
    found = visualize.filters(model)["filters"]
    assert found.shape == (4, 3, 5, 1)
    np.testing.assert_array_equal(found[2, :, :, 0], model.get_weights()[0][..., 2])


def test_models_without_layers_are_refused():
    inputs = Input((8, 8, 1))
    empty = Model(inputs, inputs)
    with pytest.raises(ValueError, match="the layer must have a kernel"):
        visualize.filters(empty)
    with pytest.raises(ValueError, match="a layer with spatial axes"):
        visualize.feature_maps(empty, images())
    with pytest.raises(ValueError, match="a single output with the axes"):
        visualize.saliency(empty, images())


@pytest.mark.parametrize("layer", ["classes", "pool1"])
def test_filters_need_a_kernel_of_spatial_axes(layer):
    with pytest.raises(ValueError, match=r"must have a kernel.*layers with such kernels: \['conv1', 'conv2'\]"):
        visualize.filters(classifier(), layer)


def test_an_unknown_layer_is_refused_with_the_names_of_the_layers():
    with pytest.raises(ValueError, match=r"Received: layer='conv3'; layers: \['conv1', 'pool1', 'conv2'"):
        visualize.activations(classifier(), images(), "conv3")


def test_activations_are_the_outputs_of_the_layer():
    model, x = classifier(), images(3)
    wanted = np.asarray(model.get_layer("conv1")(x))
    np.testing.assert_allclose(visualize.activations(model, x, "conv1")["activations"], wanted, rtol=1e-5, atol=1e-6)
    by_layer = visualize.activations(model, x, model.get_layer("conv1"))
    np.testing.assert_allclose(by_layer["activations"], wanted, rtol=1e-5, atol=1e-6)
    classes = visualize.activations(model, x, "classes")["activations"]
    np.testing.assert_allclose(classes, model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_activations_match_a_convolution_by_loops():
    model, x = classifier(), images(1, seed=3)
    kernel, bias = model.get_layer("conv1").get_weights()
    wanted = np.maximum(naive.conv(x, kernel, strides=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1)) + bias, 0)
    np.testing.assert_allclose(visualize.activations(model, x[0, :, :, 0], "conv1")["activations"], wanted, atol=1e-5)


def test_nested_models_are_opened_and_first_calls_are_shown():
    model, x = nested(), images(2, 2)
    inner = model.get_layer("encoder").get_layer("conv")
    wanted = np.asarray(inner(x))
    for name in ("encoder/conv", "conv", "encoder", inner):
        np.testing.assert_allclose(visualize.activations(model, x, name)["activations"], wanted, rtol=1e-5, atol=1e-6)
    middle = np.maximum(np.asarray(inner(wanted)), 0)
    np.testing.assert_allclose(visualize.activations(model, x, "middle")["activations"], middle, rtol=1e-5, atol=1e-6)


def test_layers_of_a_subclass_are_found():
    model, x = subclassed(), images(2)
    wanted = np.asarray(model.conv(x))
    np.testing.assert_allclose(visualize.activations(model, x, "conv")["activations"], wanted, rtol=1e-5, atol=1e-6)


def test_a_subclass_that_looks_at_values_is_refused():
    class Looks(type(subclassed())):
        def call(self, x):
            return self.dense(layers.Flatten()(self.conv(x if float(ops.sum(x)) > 0 else -x)))

    model = Looks()
    model(images())
    with pytest.raises(ValueError, match="its call must consist of layers and ops"):
        visualize.activations(model, images(), "conv")


def test_activations_take_several_inputs():
    model, left, right = two_inputs(), images(4), np.ones((4, 3), "float32")
    found = visualize.activations(model, [left, right], "joined")["activations"]
    np.testing.assert_array_equal(found[:, -3:], right)
    with pytest.raises(ValueError, match="a batch for each input of the model"):
        visualize.activations(model, [left], "joined")


def test_feature_maps_of_all_layers_and_of_a_layer():
    model, x = classifier(), images()
    found = visualize.feature_maps(model, x[0])
    assert list(found.arrays) == ["conv1", "pool1", "conv2", "norm", "relu"]
    np.testing.assert_allclose(found["relu"], np.maximum(found["norm"], 0))
    np.testing.assert_allclose(visualize.feature_maps(model, x, "conv2")["conv2"], found["conv2"])
    assert list(visualize.feature_maps(model, x, ["pool1", "conv1"]).arrays) == ["pool1", "conv1"]
    with pytest.raises(ValueError, match=r"layers with spatial axes: \['conv1', 'pool1', 'conv2', 'norm', 'relu'\]"):
        visualize.feature_maps(model, x, "classes")


def test_channels_first_maps_have_channels_last():
    last, first = channels_first_twin()
    x = images(1, 2)
    wanted = visualize.feature_maps(last, x)
    found = visualize.feature_maps(first, np.moveaxis(x, -1, 1)[0])
    for name in wanted.arrays:
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-5)


@pytest.mark.parametrize("shape", [(7, 8), (2, 8, 8, 1), (8, 8, 3), (0, 8, 8, 1), (64,), ()])
def test_images_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="feature_maps: image must"):
        visualize.feature_maps(classifier(), np.zeros(shape))


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (1, 8, 8), (1, 8, 8, 1)])
def test_a_grey_image_may_lack_axes(shape):
    assert visualize.feature_maps(classifier(), np.zeros(shape), "conv1")["conv1"].shape == (8, 8, 4)


def test_images_must_be_finite():
    with pytest.raises(ValueError, match="must be finite"):
        visualize.feature_maps(classifier(), np.full((8, 8), np.nan))


def test_a_model_must_be_built():
    with pytest.raises(ValueError, match="must be built"):
        visualize.filters(Sequential([layers.Conv2D(3, 3)]))
    with pytest.raises(TypeError, match="model must be a Model"):
        visualize.filters(layers.Conv2D(3, 3))
