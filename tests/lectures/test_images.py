"""Numbers of the page "Images and convolutional networks"."""

from __future__ import annotations

import numpy as np


def test_a1_pixels_and_weights_of_a_dense_layer(page):
    assert page["features"] == {32: 1024, 512: 262_144}
    assert page["dense_weights"] == {32: 1_048_576, 512: 68_719_476_736}


def test_a2_a_two_by_two_filter_over_a_four_by_four_image(page):
    np.testing.assert_array_equal(page["y"], [[1.5, 1.5, 3], [0.5, 0.25, 2.5], [1, 2.25, 2]])
    np.testing.assert_array_equal(page["steps"], [[1, 0], [0, 0.5]])
    assert page["convolution"].count_params() == 4
    assert page["dense"].count_params() == 16 * 9


def test_a3_a_moved_image_and_channels(page):
    assert page["equivariant"]
    assert page["channels"] == (1, 3, 3, 5)
    assert "kernel has 2 input channels but inputs have 3" in page["channels_differ"]


def test_a4_strides_sizes_and_padding(page):
    np.testing.assert_array_equal(page["strided"], [[1.5, 3], [1, 2]])
    x, w = page["x"], page["w3"]
    by_hand = [[(x[i : i + 3, j : j + 3] * w).sum() for j in range(2)] for i in range(2)]
    np.testing.assert_array_equal(page["y3"], by_hand)
    assert page["padded"].shape == (6, 6)
    assert page["same"].shape == (4, 4)
    rows = [[0] * 5, [0, 1, 0, 1, 0], [0, 0, 1, 1, 0], [0, 1, 0.5, 2, 0], [0] * 5]
    np.testing.assert_array_equal(page["small_padded"], rows)


def test_a5_lenet_and_alexnet(page):
    assert page["lenet"].count_params() == 61_706
    assert page["neurons"] == [290_400, 186_624, 64_896, 64_896, 43_264]
    assert page["groups"] == [1, 2, 1, 2, 2]
    assert page["places"] == {224: 54, 227: 55}
    dense = [layer.units for layer in page["alexnet"].layers if isinstance(layer, page["layers"].Dense)]
    assert dense == [4096, 4096, 1000]


def test_a6_pooling(page):
    np.testing.assert_array_equal(page["maximum"], [[1, 1], [1, 1]])
    np.testing.assert_array_equal(page["average"], [[0.4375, 0.625], [0.4375, 0.75]])


def test_a7_the_sequence_of_layers(page):
    assert page["sequence"].count("Conv2D") == 4
    assert page["sequence"].count("MaxPooling2D") == 2
    assert page["sequence"].index("Flatten") > page["sequence"].index("MaxPooling2D")
    assert page["sequence"].count("Dense") == 2
