"""Filters of the lectures, on images without axes for batch and channels."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import grad, ops, utils
from tests import naive

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (9, 8), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (9, 8, 3), dtype=np.uint8)
WINDOW = {"strides": (1, 1), "dilation": (1, 1)}


@pytest.mark.parametrize("name", utils.FILTERS)
def test_every_filter_on_a_grey_image(name):
    kernel = utils.FILTERS[name]
    top, left = (n // 2 for n in kernel.shape)
    sides = ((top, top), (left, left))
    expected = naive.conv(GREY[None, :, :, None], kernel[..., None, None], padding=sides, **WINDOW)[0, :, :, 0]
    y = utils.filter_image(GREY, kernel, padding="same")
    assert y.dtype == kernel.dtype
    if kernel.dtype == np.int32:
        np.testing.assert_array_equal(y, expected)
    else:
        np.testing.assert_allclose(y, expected, rtol=1e-5)
    assert utils.filter_image(GREY.astype(np.float64), kernel).dtype == np.float64


def test_relations_between_filters():
    f = utils.FILTERS
    np.testing.assert_array_equal(f["sharpen"], f["identity"] + f["highpass"])
    np.testing.assert_array_equal(f["sobel_y"], f["sobel_x"].T)
    for name in ("highpass", "sobel_x", "sobel_y", "edge_diagonal", "edge_laplacian", "edge_outline"):
        assert f[name].sum() == 0
    for name in ("identity", "sharpen", "box_3x3", "box_7x7", "gaussian"):
        np.testing.assert_allclose(f[name].sum(), 1, rtol=1e-6)


def test_filters_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        utils.FILTERS["identity"][0, 0] = 1
    with pytest.raises(TypeError):
        utils.FILTERS["new"] = np.ones((3, 3))  # type: ignore[index]


def test_the_identity_returns_the_image():
    np.testing.assert_array_equal(utils.filter_image(GREY, utils.FILTERS["identity"], padding="same"), GREY)


def test_a_kernel_with_channels_sums_over_them():
    kernel = RNG.integers(-3, 4, (3, 3, 3))
    y = utils.filter_image(COLOUR, kernel, strides=2)
    expected = sum(utils.filter_image(COLOUR[:, :, c], kernel[:, :, c], 2).astype(int) for c in range(3))
    np.testing.assert_array_equal(y, expected)


def test_the_gradient_reaches_image_and_kernel():
    image, kernel = GREY.astype(np.float32), utils.FILTERS["sobel_x"].astype(np.float32)
    dx, dw = grad(lambda x, w: ops.sum(utils.filter_image(x, w)), argnums=(0, 1))(image, kernel)
    assert dx.shape == image.shape
    np.testing.assert_allclose(dw, [[GREY[i : i + 7, j : j + 6].sum(dtype=int) for j in range(3)] for i in range(3)])


@pytest.mark.parametrize(("image", "kernel", "part"), [
    ((9, 8, 3), (3, 3), r"to sum over its channels, give a kernel \(KH, KW, 3\); to filter each channel by itself"),
    ((9, 8, 3), (3, 3, 4), r"to sum over its channels, give a kernel \(KH, KW, 3\); to filter each channel by itself"),
    ((9, 8), (3, 3, 1), r"image and kernel must be \(H, W\) and \(KH, KW\), or"),
    ((2, 9, 8, 1), (3, 3), r"a batch of images needs ops\.conv"),
    ((9,), (3,), r"image and kernel must be"),
])  # fmt: skip
def test_channels_that_do_not_fit_have_both_readings(image, kernel, part):
    with pytest.raises(ValueError, match=rf"^filter_image: .*{part}.*Received: image\.shape="):
        utils.filter_image(np.ones(image), np.ones(kernel))
