"""Numbers of the page "Networks with fewer edges"."""

from __future__ import annotations

import numpy as np


def test_d1_cross_entropy(page):
    np.testing.assert_allclose(page["by_fastconv"], page["by_hand"], rtol=1e-6)


def test_d2_dense_banded_and_shared_weights(page):
    assert page["connections"] == {"dense": 25, "local": 3 * 5 - 2}
    assert page["local"].count_params() == 15
    assert page["shared_weights"] == 3
    np.testing.assert_array_equal(page["correlation"], page["banded_product"])
    np.testing.assert_array_equal(page["band"][1], [1, 2, 4, 0, 0])


def test_d3_weights_of_a_larger_image(page):
    assert page["dense_weights"] == 16_000_000_000
    assert page["local_weights"] == 40_000_000


def test_d4_filters_in_two_dimensions(page):
    expected = {
        "edge_diagonal": [[1, 0, -1], [0, 0, 0], [-1, 0, 1]],
        "edge_laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
        "edge_outline": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
        "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
        "box_3x3": np.full((3, 3), 1 / 9),
        "gaussian": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16,
    }
    for name, kernel in expected.items():
        np.testing.assert_allclose(page["filters"][name], kernel, rtol=1e-6)
    assert page["largest_difference"] < 1e-6


def test_d5_flattened_maps_and_transfer(page):
    assert page["flattened"] == 12_544
    assert page["transfer"]["transferred"] > 0.6
    assert page["transfer"]["from nothing"] > 0.5
