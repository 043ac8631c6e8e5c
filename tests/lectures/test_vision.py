"""Numbers of the page "Convolutional networks for vision"."""

from __future__ import annotations

import numpy as np


def test_c1_two_layers_perceptron_and_adaline(page):
    assert page["same_scores"]
    assert page["perceptron_accuracy"] > 0.95
    assert page["adaline_accuracy"] > 0.95


def test_c2_filters_and_maps(page):
    assert page["stretched"] == (1, 3072)
    assert page["one_map"] == (1, 28, 28, 1)
    assert page["six_maps"] == (1, 28, 28, 6)
    assert page["convnet"].get_layer("conv1").get_weights()[0].shape == (5, 5, 1, 32)
    assert page["convnet_accuracy"] > 0.9


def test_c3_sizes(page):
    assert page["by_stride"] == {1: (5, 5), 2: (3, 3)}
    assert "(7 - 3)/3 + 1 = 2.33" in page["does_not_fit"]
    assert page["kept"] == (7, 7)
    assert page["shrinking"] == [32, 28, 24]
    assert page["ten"].output_shape == (None, 32, 32, 10)
    assert page["ten"].count_params() == 76 * 10
    assert page["common"] == {(3, 1, 1): 32, (5, 1, 2): 32, (1, 1, 0): 32}


def test_c4_neurons_and_receptive_fields(page):
    conv1, conv2 = (page["convnet"].get_layer(name) for name in ("conv1", "conv2"))
    assert conv1.kernel_size == (5, 5)
    assert conv1.output.shape[1:3] == (8, 8)
    assert conv2.kernel_size == (3, 3)


def test_c5_activations(page):
    np.testing.assert_allclose(page["leaky"], [-0.2, 0, 3])
    np.testing.assert_array_equal(page["absolute"], [2, 0, 3])


def test_c6_pooling_and_the_general_pattern(page):
    assert page["pooled"] == {2: (112, 112), 3: (111, 111)}
    assert page["counts"] == [6, 3, 3]
