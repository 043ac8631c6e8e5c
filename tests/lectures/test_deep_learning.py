"""Numbers of the page "Introduction to deep learning"."""

from __future__ import annotations

import numpy as np
import pytest


def test_b1_guesses_derivatives_and_the_minimum(page):
    assert {x: round(y, 4) for x, y in page["guesses"].items()} == {-0.5: 1.8987, -0.51: 1.9254, -0.49: 1.8724}
    expected = {-0.5: (1.8987, -2.64872), 0.0: (1, -1), 0.5: (0.85653, 0.39347)}
    for x, (value, slope) in expected.items():
        np.testing.assert_allclose(page["slopes"][x], (value, slope), atol=5e-5)
    assert page["minimum"] == pytest.approx(0.35173, abs=2e-5)


def test_b2_likelihood_minima_and_partial_derivatives(page):
    assert np.exp(-page["loss"]) == pytest.approx(page["likelihood"])
    assert len(set(page["minima"].values())) == 3
    for x in page["minima"].values():
        assert 3 * np.cos(3 * x) + 0.6 * x == pytest.approx(0, abs=0.02)
    np.testing.assert_array_equal(page["partial"], [12, 4])


def test_b3_linear_and_logistic_regression(page):
    np.testing.assert_allclose(page["w"], [1.5, -2], atol=1e-3)
    np.testing.assert_allclose(page["linear"].get_weights()[0].ravel(), [1.5, -2], atol=1e-3)
    assert page["logistic_accuracy"] > 0.97


def test_b4_features_and_hidden_layers(page):
    assert page["on_coordinates"] < 0.7 < 0.97 < page["on_squares"]
    assert page["collapsed"]
    assert page["linear_hidden"] < 0.7 < 0.9 < page["tanh_hidden"]
    errors = page["errors"]
    assert errors[1] > errors[3] > errors[20]
    assert errors[20] < 0.03


def test_b5_the_spiral_needs_hidden_layers(page):
    assert page["one_layer_accuracy"] < 0.85 < 0.9 < page["spiral_accuracy"]
    assert page["spiral_x"].shape == (250, 2)


def test_b6_backpropagation_by_hand(page):
    point, w, v = page["point"], page["hidden_weights"], page["output_weights"]
    np.testing.assert_array_equal(page["hidden"], [(2 * 0.5 - 0.5) ** 2, (2 * 0.25 + 0.25) ** 2])
    error = 1 - (0.5 * 0.25 - 0.5 * 0.5625)
    assert page["error"] == error > 0
    hidden_error = [error * 0.5 * 2 * 0.5, error * -0.5 * 2 * 0.75]
    np.testing.assert_allclose(page["new_output_weights"], v + 0.1 * page["hidden"] * error)
    np.testing.assert_allclose(page["new_hidden_weights"], w + 0.1 * np.outer(point, hidden_error))
    np.testing.assert_allclose(page["explained"]["v"].derivative, -error * page["hidden"])
    np.testing.assert_allclose(page["explained"]["w"].derivative, -np.outer(point, hidden_error))
    moved = (point @ page["new_hidden_weights"]) ** 2 @ page["new_output_weights"]
    assert abs(1 - moved) < error, "the changed weights predict better"


def test_b7_the_gradient_of_softmax_is_sigma_minus_y(page):
    np.testing.assert_allclose(page["softmax_gradient"], page["sigma"] - page["one_hot"], atol=1e-6)


def test_b8_connections(page):
    assert page["connections"] == 7_247_757_312


def test_b9_filters(page):
    assert page["sharpen_is_sum"]
    np.testing.assert_allclose(page["filtered"]["identity"], page["photo"], rtol=1e-6)
    np.testing.assert_allclose(page["utils"].FILTERS["box_7x7"], np.full((7, 7), 1 / 49), rtol=1e-6)
    magnitude = np.sqrt(page["filtered"]["sobel_x"] ** 2 + page["filtered"]["sobel_y"] ** 2)
    np.testing.assert_allclose(page["filtered"]["magnitude"], magnitude, rtol=1e-5)
    assert page["cross_correlation"] == "ar + bs + ct + du + ev + fw + gx + hy + iz"
    assert page["convolution"] == "ir + hs + gt + fu + ev + dw + cx + by + az"


def test_b10_a_network_of_four_convolutions(page):
    assert page["sizes"] == [250, 125, 125, 125]
    assert page["convnet"].output_shape == (100, 125, 125, 64)


def test_b11_pooling_of_eight_by_eight(page):
    np.testing.assert_array_equal(page["largest"], [[6, 7, 10, 10], [2, 8, 9, 7], [10, 9, 10, 10], [8, 7, 4, 10]])
    windows = page["table"][0, :, :, 0].reshape(4, 2, 4, 2)
    np.testing.assert_array_equal(page["mean"], windows.mean((1, 3)))
    np.testing.assert_array_equal(page["smallest"], windows.min((1, 3)))


def test_b12_lenet_reads_digits(page):
    assert page["lenet_accuracy"] > 0.9
