"""The matrix is the convolution: the forward pass is C x, the gradient is C^T dy."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops
from fastconv.utils import convolution_matrix

RNG = np.random.default_rng(0)


def test_a_3x3_kernel_on_a_4x4_image():
    kernel = np.arange(1.0, 10).reshape(3, 3, 1, 1)
    c = convolution_matrix(kernel, (4, 4, 1))
    assert c.astype(int).tolist() == [
        [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0],
        [0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0],
        [0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9],
    ]
    x, dy = RNG.normal(size=(1, 4, 4, 1)), RNG.normal(size=(1, 2, 2, 1))
    np.testing.assert_allclose(ops.conv(x, kernel).ravel(), c @ x.ravel(), rtol=1e-12)
    dx = ops.conv_backward_input(dy, kernel, (1, 4, 4, 1))
    np.testing.assert_allclose(dx.ravel(), c.T @ dy.ravel(), rtol=1e-12)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("kernel", "image", "window"),
    [
        ((3, 2, 2, 3), (5, 6, 2), {}),
        ((3, 2, 2, 3), (5, 6, 2), {"strides": (2, 1), "padding": "same"}),
        ((3, 3, 1, 2), (6, 7, 1), {"dilation_rate": (2, 1)}),
        ((2, 2, 2, 4), (3, 4, 4), {"padding": ((1, 0), (0, 2))}),
        ((1, 1, 1, 3), (2, 2, 3), {"strides": 2}),
        ((3, 3, 1, 6), (3, 3, 3), {"padding": "same", "strides": 3}),
    ],
)
def test_any_window_and_groups(kernel, image, window, data_format):
    w, x = RNG.normal(size=kernel), RNG.normal(size=(1, *image))
    image = image if data_format == "channels_last" else (image[2], *image[:2])
    x = x.reshape(1, *image)
    c = convolution_matrix(w, image, data_format=data_format, **window)
    y = ops.conv(x, w, data_format=data_format, **window)
    assert c.shape == (y.size, x.size)
    np.testing.assert_allclose(c @ x.ravel(), y.ravel(), atol=1e-12)


def test_the_matrix_has_the_dtype_of_the_kernel():
    assert convolution_matrix(np.ones((1, 1, 1, 1), np.float32), (2, 2, 1)).dtype == np.float32


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="must divide"):
        convolution_matrix(np.ones((3, 3, 2, 1)), (4, 4, 3))
    with pytest.raises(ValueError, match="window must fit"):
        convolution_matrix(np.ones((3, 3, 1, 1)), (2, 4, 1))


@pytest.mark.parametrize(("kernel", "image"), [((3, 3), (4, 4, 1)), ((3, 3, 1, 1), (4, 4)), ((3, 3), (4, 4))])
def test_all_axes_are_required(kernel, image):
    with pytest.raises(ValueError, match=r"must have 4 axes, .* Received: kernel\.shape=.*, input_shape=\("):
        convolution_matrix(np.ones(kernel), image)


def test_matrices_must_fit_in_memory():
    with pytest.raises(MemoryError, match="convolution_matrix: the result must fit in memory"):
        convolution_matrix(np.ones((3, 3, 1, 1)), (3000, 3000, 1))
