"""Worked examples from lectures on convolutional networks, as readers would check them."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Sequential, config, layers, ops, utils
from fastconv.engine import Tensor, Trace, grad
from tests.check import example


def image(rows, dtype=np.float64):
    """Return an image (1, H, W, 1)."""
    return np.array(rows, dtype)[None, :, :, None]


def plane(y):
    return np.asarray(y)[0, :, :, 0]


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


# ---- a filter over an image ------------------------------------------------------------------------------------------


def test_a_two_by_two_filter_over_a_four_by_four_image(dtype):
    x = image([[1, 0.5, 1, 0], [0, 0.25, 0.5, 1], [1, 0.25, 0, 1], [0.5, 0, 1, 1]], dtype)
    w = np.array([[1, 0], [0, 2]], dtype)[:, :, None, None]
    np.testing.assert_array_equal(plane(ops.conv(x, w)), [[1.5, 1.5, 3], [0.5, 0.25, 2.5], [1, 2.25, 2]])
    np.testing.assert_array_equal(plane(ops.conv(x, w, strides=2)), [[1.5, 3], [1, 2]])


def test_a_box_filter_over_a_row_of_ten(dtype):
    x = image([[4, 3, 2, -5, 3, 5, 2, 5, 5, 6]], dtype)
    w = np.full((1, 3, 1, 1), 1 / 3, dtype)
    inside = [3, 0, 0, 1, 10 / 3, 4, 4, 16 / 3]
    np.testing.assert_allclose(plane(ops.conv(x, w))[0], inside, rtol=1e-6, atol=1e-6)
    padded = plane(ops.conv(x, w, padding=((0, 0), (1, 1))))[0]
    np.testing.assert_allclose(padded, [7 / 3, *inside, 11 / 3], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(padded, plane(ops.conv(x, w, padding="same"))[0])


def test_maximum_and_mean_of_two_by_two(dtype):
    x = image([[3, 1, 3, 5], [6, 0, 7, 9], [3, 2, 1, 4], [0, 2, 4, 3]], dtype)
    np.testing.assert_array_equal(plane(ops.max_pool(x, 2, 2)), [[6, 9], [3, 4]])
    np.testing.assert_array_equal(plane(ops.average_pool(x, 2, 2)), [[2.5, 6], [1.75, 3]])
    np.testing.assert_array_equal(plane(layers.MaxPooling2D(2)(x.astype("float32"))), [[6, 9], [3, 4]])
    np.testing.assert_array_equal(plane(layers.AveragePooling2D(2)(x.astype("float32"))), [[2.5, 6], [1.75, 3]])


# ---- sizes and parameters --------------------------------------------------------------------------------------------


def output_shape(x_shape, w_shape, strides=1, padding=0):
    """Return the shape of a convolution without running it."""
    with Trace():
        return ops.conv(Tensor(x_shape, "float32"), Tensor(w_shape, "float32"), strides, padding).shape


def test_ten_filters_of_five_by_five_keep_the_size_with_padding_two():
    assert output_shape((1, 32, 32, 3), (5, 5, 3, 10), padding=2) == (1, 32, 32, 10)
    model = Sequential([layers.Input((32, 32, 3)), layers.Conv2D(10, 5, padding="same")])
    assert model.output_shape == (None, 32, 32, 10)
    assert model.count_params() == 760


def test_seven_by_seven_under_three_by_three():
    sizes = [output_shape((1, 7, 7, 1), (3, 3, 1, 1), strides)[1:3] for strides in (1, 2, 3)]
    assert sizes == [(5, 5), (3, 3), (2, 2)]  # the third stride leaves a rest, which is rounded down as in Keras
    config.set_strict_windows(True)
    assert output_shape((1, 7, 7, 1), (3, 3, 1, 1), 2)[1:3] == (3, 3)
    with pytest.raises(ValueError, match=r"^conv: \(N - F \+ 2P\)/S must be an integer under strict windows\."):
        output_shape((1, 7, 7, 1), (3, 3, 1, 1), 3)
    with pytest.raises(ValueError, match=r"^max_pool: \(N - F \+ 2P\)/S must be an integer under strict windows\."):
        ops.max_pool(np.ones((1, 7, 7, 1)), 3, 3)


NETWORK = [((7, 7, 3, 16), 1, 0), ((3, 3, 16, 32), 2, 1), ((3, 3, 32, 64), 1, 1), ((1, 1, 64, 64), 1, 0)]


def test_a_network_of_four_convolutions_over_images_of_256():
    shape, sizes = (100, 256, 256, 3), []
    for w_shape, strides, padding in NETWORK:
        shape = output_shape(shape, w_shape, strides, padding)
        sizes.append(shape[1])
    assert sizes == [250, 125, 125, 125]
    assert shape == (100, 125, 125, 64)


def test_the_same_network_run_on_one_small_image():
    x, size = example(1, 32, 32, 3).astype(np.float32), 32
    for seed, (w_shape, strides, padding) in enumerate(NETWORK):
        x = ops.relu(ops.conv(x, example(*w_shape, seed=seed).astype(np.float32) / 20, strides, padding))
        size = (size - w_shape[0] + 2 * padding) // strides + 1
        assert x.shape == (1, size, size, w_shape[3])
    assert np.isfinite(x).all()


def lenet5():
    """LeCun et al. 1998, figure 2, as it is taught: every map of the second convolution sees all maps of the first."""
    return Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def test_lenet5_has_61706_parameters():
    model = lenet5()
    assert model.count_params() == 61_706
    p = model.predict(example(3, 28, 28, 1).astype(np.float32), verbose=0)
    np.testing.assert_allclose(p.sum(1), np.ones(3), rtol=1e-5)


def test_flattening():
    x = example(2, 14, 14, 64).astype(np.float32)
    y = layers.Flatten()(x)
    assert y.shape == (2, 12_544)
    np.testing.assert_array_equal(y[1], x[1].ravel())


# ---- convolution as a matrix, and as a filter ------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "strides", "padding", "shape"), [
    (4, 1, "valid", (4, 16)), (5, 2, "valid", (4, 25)), (5, 2, 1, (9, 25)), (6, 1, "same", (36, 36)),
])  # fmt: skip
def test_convolution_is_a_matrix_and_its_gradient_the_transposed_matrix(size, strides, padding, shape, dtype):
    w, x = example(3, 3, 1, 1).astype(dtype), example(1, size, size, 1, seed=1).astype(dtype)
    matrix = utils.convolution_matrix(w, (size, size, 1), strides, padding)
    assert matrix.shape == shape
    y = ops.conv(x, w, strides, padding)
    np.testing.assert_allclose(np.ravel(y), matrix @ x.ravel(), rtol=1e-5, atol=1e-6)
    dy = example(*y.shape, seed=2).astype(dtype)
    dx = ops.conv_backward_input(dy, w, x.shape, strides, padding)
    np.testing.assert_allclose(dx.ravel(), matrix.T @ dy.ravel(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(grad(lambda x: ops.sum(ops.conv(x, w, strides, padding) * dy))(x), dx, rtol=1e-6)


def test_a_shifted_image_has_a_shifted_response(dtype):
    x = np.zeros((1, 12, 12, 1), dtype)
    x[0, 3:6, 2:5, 0] = example(3, 3)
    w = example(3, 3, 1, 4, seed=1).astype(dtype)
    shift = lambda a: np.roll(a, (4, 5), (1, 2))  # noqa: E731
    np.testing.assert_array_equal(ops.conv(shift(x), w, padding="same"), shift(ops.conv(x, w, padding="same")))


def test_the_kernel_is_not_flipped(dtype):
    """`conv` is cross-correlation: an impulse returns the kernel rotated by 180 degrees."""
    x = np.zeros((1, 5, 5, 1), dtype)
    x[0, 2, 2, 0] = 1
    w = example(3, 3, 1, 1).astype(dtype)
    np.testing.assert_array_equal(plane(ops.conv(x, w)), w[::-1, ::-1, 0, 0])
