"""Numbers of the page "Convolutions, pooling and deeper nets"."""

from __future__ import annotations

import numpy as np


def test_e1_a_plain_net_of_52_layers_learns_less_than_a_residual_net(page):
    layers = page["deep_net"](52, residual=True).layers
    weighted = [layer for layer in layers if isinstance(layer, (page["layers"].Conv2D, page["layers"].Dense))]
    assert len(weighted) == 52
    plain = {depth: accuracies[-1] for depth, accuracies in page["plain"].items()}
    assert plain[52] < plain[18] < plain[8]
    assert plain[52] < 0.5 < 0.6 < page["residual"][-1]


def test_e2_localisation_and_segmentation(page):
    share, distance = page["localised"]
    assert share > 0.75
    assert distance < 2
    assert page["overlap"] > 0.5


def test_e3_weights_of_dense_layers(page):
    assert page["dense_weights"] == {"5 x 5 x 3": 7500, "1000 x 1000 x 3": 300_000_000}
    assert page["shared_weights"] == 2700


def test_e4_boxes_gaussians_and_a_row_of_ten(page):
    assert page["triangle_error"] < 0.006
    assert page["gaussian_error"] < 1e-9
    inside = [3, 0, 0, 1, 10 / 3, 4, 4, 16 / 3]
    np.testing.assert_allclose(page["means"], inside, atol=1e-9)
    np.testing.assert_allclose(page["padded_means"], [7 / 3, *inside, 11 / 3], atol=1e-9)


def test_e5_a_filter_step_by_step_and_colours(page):
    image, kernel = page["image"], page["kernel"]
    by_hand = [[(image[i : i + 3, j : j + 3] * kernel).sum() for j in range(2)] for i in range(2)]
    np.testing.assert_array_equal(page["result"], by_hand)
    assert page["maps"] == [(1, 28, 28, 1), (1, 28, 28, 5)]


def test_e6_strides_and_padding(page):
    assert {stride: round(places, 4) for stride, places in page["places"].items()} == {1: 5, 2: 3, 3: 2.3333}
    assert page["shrinking"] == [32, 28, 24, 20]
    assert page["uses"][0, 0] == 1
    assert page["uses"][16, 16] == 25
    assert page["ten"].count_params() == 760


def test_e7_pooling(page):
    np.testing.assert_array_equal(page["largest"], [[6, 9], [3, 4]])
    np.testing.assert_array_equal(page["mean"], [[2.5, 6], [1.75, 3]])


def test_e8_the_matrix_of_a_convolution_and_its_transpose(page):
    assert page["C"].shape == (4, 16)
    np.testing.assert_array_equal(*page["forward"])
    np.testing.assert_array_equal(*page["backward"])


def test_e9_the_autoencoder_copies_better_than_the_mean(page):
    assert page["copy_error"] < page["mean_error"] / 3
    assert page["encoder"].output_shape == (None, 8)
