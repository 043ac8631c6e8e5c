"""Receptive fields and the patches of the largest activations."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, ops, value_and_grad, visualize
from tests.visualize.nets import channels_first_twin, classifier, images, nested

pytest.importorskip("matplotlib")


def closed_formula(windows):
    """Return field and stride after windows (taps, stride): n = 1 + sum (k_i - 1) prod_(j < i) s_j."""
    size, stride = 1, 1
    for taps, step in windows:
        size, stride = size + (taps - 1) * stride, stride * step
    return size, stride


@pytest.mark.parametrize(
    "windows", [[(3, 1)], [(3, 1)] * 4, [(5, 1), (2, 2), (5, 1), (2, 2)], [(7, 2), (3, 2), (3, 1)], [(1, 1), (3, 3)]]
)
def test_the_closed_formula(windows):
    size, stride = closed_formula(windows)
    chain = [layers.Conv2D(1, taps, strides=step) for taps, step in windows]
    found = visualize.receptive_field(Sequential([Input((64, 64, 1)), *chain]), position=(1, 0))
    assert found["size"].tolist() == [size, size]
    assert found["stride"].tolist() == [stride, stride]
    assert found["box"].tolist() == [[stride, stride + size - 1], [0, size - 1]]


def chain(padding):
    return [
        layers.Conv2D(2, (3, 5), padding=padding, kernel_initializer="ones"),
        layers.AveragePooling2D(2, padding=padding),
        layers.ZeroPadding2D(((2, 0), (0, 1))),
        layers.DepthwiseConv2D(3, padding=padding, depthwise_initializer="ones"),
        layers.Cropping2D(((0, 1), (1, 0))),
        layers.Conv2D(1, 3, dilation_rate=2, padding=padding, kernel_initializer="ones"),
        layers.Conv2D(1, 2, strides=2, padding=padding, kernel_initializer="ones", name="last"),
    ]


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_gradient_of_positive_weights_is_not_0_in_the_field(padding):
    model = Sequential([Input((24, 26, 1)), *chain(padding)])
    height, width = model.output_shape[1:3]
    x = np.ones((1, 24, 26, 1))
    for row, column in ((0, 0), (height // 2, width // 2), (height - 1, width - 1)):
        gradient = value_and_grad(lambda x: ops.sum(model(x)[0, row, column]))(x)[1][0, :, :, 0]  # noqa: B023
        rows, columns = (np.flatnonzero(np.any(np.asarray(gradient) != 0, axis=axis)) for axis in (1, 0))
        box = visualize.receptive_field(model, "last", (row, column))["box"]
        inside = [np.clip(side, 0, n - 1) for side, n in zip(box, (24, 26))]
        assert [(rows[0], rows[-1]), (columns[0], columns[-1])] == [tuple(side) for side in inside]


def test_branches_have_the_union_of_their_fields():
    inputs = Input((16, 16, 1))
    short = layers.Conv2D(2, 1, strides=2)(inputs)
    long = layers.Conv2D(2, 3, padding="same")(layers.Conv2D(2, 3, strides=2, padding=1)(inputs))
    found = visualize.receptive_field(Model(inputs, layers.add([short, long], name="sum")), "sum", (2, 2))
    assert found["size"].tolist() == [7, 7]
    assert found["box"].tolist() == [[1, 7], [1, 7]]


def test_other_layers():
    assert visualize.receptive_field(nested(), "middle")["size"].tolist() == [5, 5]
    _, first = channels_first_twin()
    assert visualize.receptive_field(first, "relu", (1, 1))["box"].tolist() == [[-1, 6], [-1, 6]]
    assert visualize.receptive_field(classifier(), "relu", image=images())["size"].tolist() == [8, 8]
    everything = Sequential(
        [Input((8, 8, 1)), layers.Flatten(), layers.Dense(4), layers.Reshape((2, 2, 1)), layers.Conv2D(1, 1)]
    )
    assert visualize.receptive_field(everything)["box"].tolist() == [[0, 7], [0, 7]]


def test_images_of_any_size():
    model = Sequential([Input((None, None, 1)), layers.RandomFlip(), layers.Conv2D(2, 3, padding="same", name="conv")])
    with pytest.raises(ValueError, match="the model must know the size of its images"):
        visualize.receptive_field(model)
    assert visualize.top_patches(model, images(3), k=2)["patches"].shape == (2, 2, 3, 3, 1)
    strided = Sequential([Input((None, None, 1)), layers.Conv2D(2, 3, padding="same", strides=2)])
    with pytest.raises(ValueError, match="the size of images must be known"):
        visualize.top_patches(strided, images(3))


def test_errors_of_receptive_fields():
    model = classifier()
    for position in ((8, 0), (-1, 0), 3, (1, 2, 3)):
        with pytest.raises(ValueError, match="position must be"):
            visualize.receptive_field(model, "conv1", position)
    larger = Sequential([Input((8, 8, 1)), layers.UpSampling2D()])
    with pytest.raises(ValueError, match=r"layers must have windows.*up_sampling2d"):
        visualize.receptive_field(larger)
    inputs = Input((8, 8, 1))
    pooled = layers.Resizing(4, 4)(inputs)
    with pytest.raises(ValueError, match=r"Received: resizing"):
        visualize.receptive_field(Model(inputs, layers.Conv2D(1, 1)(pooled)))


def brute_force(model, x, layer, filter_index, k):
    """Return (activation, image, row, column) of the k best images."""
    maps = visualize.activations(model, x, layer)["activations"][..., filter_index]
    best = [(m.max(), i, *np.unravel_index(m.argmax(), m.shape)) for i, m in enumerate(maps)]
    return sorted(best, key=lambda entry: -entry[0])[:k]


@pytest.mark.parametrize(("layer", "size", "start"), [("conv1", 3, -1), ("relu", 8, -3)])
def test_top_patches_match_brute_force(layer, size, start):
    model, x = classifier(3), images(40, 3)
    found = visualize.top_patches(model, x, layer, filters=[3, 0], k=4)
    assert found["patches"].shape == (2, 4, size, size, 3)
    padded = np.pad(x, ((0, 0), (8, 8), (8, 8), (0, 0)))
    step = 1 if layer == "conv1" else 2
    for f, filter_index in enumerate([3, 0]):
        for j, (value, i, row, column) in enumerate(brute_force(model, x, layer, filter_index, 4)):
            assert (found["images"][f, j], *found["places"][f, j]) == (i, row, column)
            np.testing.assert_allclose(found["activations"][f, j], value, rtol=1e-5)
            top, left = 8 + start + step * row, 8 + start + step * column
            np.testing.assert_array_equal(found["patches"][f, j], padded[i, top : top + size, left : left + size])


def test_top_patches_of_channels_first_models():
    last, first = channels_first_twin()
    x = images(30, 2)
    wanted = visualize.top_patches(last, x, "conv1", 2, k=3)
    found = visualize.top_patches(first, np.moveaxis(x, -1, 1), "conv1", 2, k=3)
    np.testing.assert_array_equal(found["patches"], wanted["patches"])
    assert visualize.top_patches(last, x[:2])["patches"].shape[:2] == (6, 2)


def test_errors_of_top_patches():
    model, x = classifier(), images(5)
    with pytest.raises(ValueError, match="filter of conv1 must be an int of at least 0 and at most 3"):
        visualize.top_patches(model, x, "conv1", [0, 4])
    with pytest.raises(ValueError, match="filters must name at least one filter"):
        visualize.top_patches(model, x, "conv1", [])
    with pytest.raises(ValueError, match="k must be"):
        visualize.top_patches(model, x, "conv1", k=0)
    with pytest.raises(ValueError, match="images must have the shape"):
        visualize.top_patches(model, x[:0], "conv1")
