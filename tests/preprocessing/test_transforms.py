"""Single images, changed by given parameters."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import config
from fastconv.preprocessing import image

X = np.random.default_rng(0).uniform(0, 255, (7, 9, 3)).astype("float32")
LAST = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}


def test_a_quarter_turn_of_a_square():
    x = X[:, :7]
    y = image.apply_affine_transform(x, theta=90, **LAST)
    np.testing.assert_allclose(y, np.rot90(x, 1, (0, 1)), atol=1e-3)


def test_integer_shifts_and_fill_modes():
    y = image.apply_affine_transform(X, tx=2, ty=-1, fill_mode="constant", cval=5, **LAST)  # tx shifts along columns
    wanted = np.full_like(X, 5)
    wanted[1:, :-2] = X[:-1, 2:]
    np.testing.assert_array_equal(y, wanted)
    first = np.ascontiguousarray(X.transpose(2, 0, 1))
    shifted = image.apply_affine_transform(first, tx=2, ty=-1, fill_mode="constant", cval=5)
    np.testing.assert_array_equal(shifted.transpose(1, 2, 0), wanted)


@pytest.mark.parametrize(
    "fill_mode", ["nearest", "constant", "reflect", "wrap", "mirror", "grid-constant", "grid-wrap"]
)
@pytest.mark.parametrize("order", [0, 1])
def test_results_equal_scipy(fill_mode, order):
    ndimage = pytest.importorskip("scipy.ndimage")
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]]) * 1.7  # matrix of (column, row)
    square, centre = X[:, :7], np.array([3.0, 3.0])
    how = {"order": order, "mode": fill_mode, "cval": 9}
    offset = (centre - turn @ centre)[::-1]
    wanted = [ndimage.affine_transform(square[..., c], turn[::-1, ::-1], offset, **how) for c in range(3)]
    y = image.apply_affine_transform(square, np.rad2deg(0.4), 0, 0, 0, 1.7, 1.7, 0, 1, 2, fill_mode, 9, order)
    np.testing.assert_allclose(y, np.stack(wanted, -1), atol=1e-3)


def test_integers_are_rounded():
    x = X.astype("uint8")
    y = image.apply_affine_transform(x, theta=10, **LAST)
    assert y.dtype == np.uint8
    exact = image.apply_affine_transform(x.astype("float32"), theta=10, **LAST)
    np.testing.assert_array_equal(y, np.rint(exact))
    assert image.apply_affine_transform(x, **LAST) is x


def test_channel_shifts_stay_in_the_range_of_the_image():
    y = image.apply_channel_shift(X, 40.0, 2)
    np.testing.assert_array_equal(y, np.minimum(X + 40, X.max()))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("brightness", [0.0, 0.4, 1.0, 1.8])
def test_brightness_equals_pillow(channels, brightness):
    enhance = pytest.importorskip("PIL.ImageEnhance")
    x = np.random.default_rng(1).integers(0, 256, (5, 6, channels)).astype("float32")
    wanted = image.img_to_array(enhance.Brightness(image.array_to_img(x, scale=False)).enhance(brightness))
    np.testing.assert_array_equal(image.apply_brightness_shift(x, brightness, scale=False), wanted)
    config.set_image_data_format("channels_first")
    y = image.apply_brightness_shift(x.transpose(2, 0, 1), brightness, scale=False)
    np.testing.assert_array_equal(y.transpose(1, 2, 0), wanted)


def test_brightness_of_other_ranges():
    x = X / 100 - 1
    y = image.apply_brightness_shift(x, 1.0, scale=False)
    np.testing.assert_allclose(y, x, atol=np.ptp(x) / 255)
    assert image.apply_brightness_shift(x, 1.0).max() == 255


def test_random_functions_stay_within_their_ranges():
    np.random.seed(0)  # noqa: NPY002 - as scripts do
    shifted = [image.random_channel_shift(np.array([[[0.0, 100.0, 50.0]]]), 10.0, 2)[0, 0, 2] for _ in range(200)]
    assert 40 <= min(shifted) < 42
    assert 58 < max(shifted) <= 60
    dark = [image.random_brightness(np.full((1, 1, 3), 200.0), (0.2, 0.5), scale=False).max() for _ in range(50)]
    assert 40 <= min(dark) <= max(dark) <= 100
    assert image.random_zoom(X, (1, 1), **LAST) is X


def test_smart_resize():
    y = image.smart_resize(X, (4, 4))
    np.testing.assert_array_equal(y, image.smart_resize(X[:, 1:8], (4, 4)))
    assert image.smart_resize(X.transpose(2, 0, 1)[None], (3, 5), data_format="channels_first").shape == (1, 3, 3, 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: image.apply_affine_transform(X[None], theta=1), "must have 3 axes"),
        (lambda: image.apply_affine_transform(X, theta=1, row_axis=0, col_axis=2, channel_axis=1), "must have 3 axes"),
        (lambda: image.apply_affine_transform(X, theta=1, fill_mode="edge"), "fill_mode must be one of"),
        (
            lambda: image.apply_affine_transform(X, theta=1, order=3),
            "interpolation_order must be an int of at least 0 and at most 1",
        ),
        (lambda: image.random_zoom(X, (1,)), "zoom_range must be two numbers"),
        (lambda: image.random_brightness(X, (1,)), "brightness_range must be two numbers"),
    ],
)
def test_refused_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
