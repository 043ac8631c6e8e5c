"""Images in other sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastconv import Input, ops
from fastconv.engine import grad
from fastconv.ops import image
from tests.check import check_op, example

X = example(2, 5, 7, 3)


def kernel(name, d):
    """Return the weight of a pixel at a distance, point by point."""
    d = abs(d)
    if name == "bilinear":
        return max(0.0, 1 - d)
    if name == "bicubic":
        return (1.5 * d - 2.5) * d * d + 1 if d < 1 else ((-0.5 * d + 2.5) * d - 4) * d + 2 if d < 2 else 0.0
    radius = int(name[-1])
    return np.sinc(d) * np.sinc(d / radius) if d <= radius else 0.0


def resize_row(row, size, name, antialias):
    """Resize (N, C) to (size, C)."""
    scale = len(row) / size
    if name == "nearest":
        return np.array([row[int((o + 0.5) * scale)] for o in range(size)])
    width = max(scale, 1) if antialias else 1
    result = []
    for o in range(size):
        counts = np.array([kernel(name, ((o + 0.5) * scale - 0.5 - i) / width) for i in range(len(row))])
        result.append(counts @ row / counts.sum())
    return np.array(result)


def resize(x, size, interpolation="bilinear", antialias=False):
    for axis, n in enumerate(size, 1):
        x = np.moveaxis(x, axis, -1)
        rows = x.reshape(-1, x.shape[-1]).T
        x = np.moveaxis(resize_row(rows, n, interpolation, antialias).T.reshape(*x.shape[:-1], n), -1, axis)
    return x


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("size", [(10, 14), (3, 4), (5, 11), (1, 1), (8, 3)])
def test_resize(size, interpolation, antialias):
    how = {"size": size, "interpolation": interpolation, "antialias": antialias}
    check_op(lambda x: ops.image.resize(x, **how), X, oracle=lambda x: resize(x, **how))


def test_the_layout_of_images():
    first = np.ascontiguousarray(X.transpose(0, 3, 1, 2))
    y = ops.image.resize(first, (4, 9), data_format="channels_first")
    np.testing.assert_allclose(y.transpose(0, 2, 3, 1), ops.image.resize(X, (4, 9)), rtol=1e-12)
    assert ops.image.resize(Input((None, 8, 3)), (4, 9)).shape == (None, 4, 9, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (4, 0)}, "size must be"),
        ({"size": (4,)}, "size must be"),
        ({"size": (4, 4), "interpolation": "area"}, "interpolation must be"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.image.resize(X, **arguments)


@pytest.mark.parametrize("size", [(4, 4), (3, 9), (10, 2)])
def test_sides_that_keep_the_aspect_ratio(size):
    (height, width), (h, w) = size, X.shape[1:3]
    rows, columns = min(h, w * height // width), min(w, h * width // height)
    top, left = (h - rows) // 2, (w - columns) // 2
    cropped = X[:, top : top + rows, left : left + columns]
    y = ops.image.resize(X, size, crop_to_aspect_ratio=True)
    np.testing.assert_allclose(y, resize(cropped, size), rtol=1e-12)
    above, beside = max(0, w * height // width - h) // 2, max(0, h * width // height - w) // 2
    padded = np.pad(X, ((0, 0), (above, above), (beside, beside), (0, 0)), constant_values=2.5)
    y = ops.image.resize(X, size, pad_to_aspect_ratio=True, fill_value=2.5)
    np.testing.assert_allclose(y, resize(padded, size), rtol=1e-12)


def test_a_single_image_needs_no_batch_axis():
    np.testing.assert_array_equal(ops.image.resize(X[0], (3, 4)), ops.image.resize(X, (3, 4))[0])
    shift = np.array([1, 0, 2, 0, 1, -1, 0, 0])
    y = ops.image.affine_transform(X, shift)
    np.testing.assert_array_equal(ops.image.affine_transform(X[0], shift), y[0])
    with pytest.raises(ValueError, match="must have 3 axes, or 4"):
        ops.image.resize(X[0, 0], (3, 4))


def test_the_shape_of_images_in_lists_is_in_the_error():
    with pytest.raises(ValueError, match=r"images.shape=\(1, 2, 1\)"):
        ops.image.affine_transform([[[1.0], [2.0]]], [1.0])


# ---- affine transforms -----------------------------------------------------------------------------------------------

FILL_MODES = {"constant": "constant", "nearest": "edge", "wrap": "wrap", "mirror": "reflect", "reflect": "symmetric"}
TURN = np.array([[0.8, -0.7, 3.23, 0.6, 0.9, -2.31, 0, 0], [1.3, 0.2, -2.74, -0.1, 0.7, 1.93, 0, 0]])


def affine(x, transform, interpolation, fill_mode):
    """Compute pixel by pixel, in images that are extended far on all sides."""
    far = 40
    more = {"constant_values": 2.5} if fill_mode == "constant" else {}
    wide = np.pad(x, ((0, 0), (far, far), (far, far), (0, 0)), FILL_MODES[fill_mode], **more)
    y = np.empty_like(x)
    for n, h, w in np.ndindex(x.shape[:3]):
        a0, a1, a2, b0, b1, b2, *_ = transform[n]
        column, row = a0 * w + a1 * h + a2 + far, b0 * w + b1 * h + b2 + far
        if interpolation == "nearest":
            y[n, h, w] = wide[n, round(row), round(column)]
            continue
        top, left = int(row), int(column)
        down, right = row - top, column - left
        upper = wide[n, top, left] * (1 - right) + wide[n, top, left + 1] * right
        lower = wide[n, top + 1, left] * (1 - right) + wide[n, top + 1, left + 1] * right
        y[n, h, w] = upper * (1 - down) + lower * down
    return y


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_affine_transform(interpolation, fill_mode):
    how = {"interpolation": interpolation, "fill_mode": fill_mode}
    wanted = affine(X, TURN, **how)
    y = ops.image.affine_transform(X, TURN, **how, fill_value=2.5)
    np.testing.assert_allclose(y, wanted, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        ops.image.affine_transform(X.astype("float32"), TURN, **how, fill_value=2.5), wanted, atol=1e-5
    )
    first = np.ascontiguousarray(X.transpose(0, 3, 1, 2))
    y = ops.image.affine_transform(first, TURN, **how, fill_value=2.5, data_format="channels_first")
    np.testing.assert_allclose(y.transpose(0, 2, 3, 1), wanted, rtol=1e-12, atol=1e-12)
    assert ops.image.affine_transform(Input((5, 7, 3)), TURN[0]).shape == (None, 5, 7, 3)


def test_affine_transforms_have_no_gradient():
    with pytest.raises(NotImplementedError, match="affine_transform: no gradient passes through it"):
        grad(lambda x: ops.sum(ops.image.affine_transform(x, TURN)))(X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interpolation": "bicubic"}, "interpolation must be"),
        ({"fill_mode": "edge"}, "fill_mode must be"),
        ({"transform": np.ones((3, 8))}, "transform must have 8 numbers"),
        ({"transform": np.ones(8)}, "the last two numbers"),
    ],
)
def test_transforms_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.image.affine_transform(X, **{"transform": TURN, **arguments})


# ---- ops that only layers use ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_images_flipped_stretched_and_cropped(data_format):
    last = data_format == "channels_last"
    there = (lambda x: x) if last else (lambda x: ops.transpose(x, (0, 3, 1, 2)))
    back = (lambda x: x) if last else (lambda x: ops.transpose(x, (0, 2, 3, 1)))
    flips, scale, shift = np.array([True, False]), np.array([0.5, 1.4]), example(2, 3)

    def flip(x):
        return back(image.flip_some(there(x), flips, True, False, data_format))

    def stretch(x, scale, shift):
        return back(image.stretch(there(x), scale, shift, (-1, 1), data_format))

    check_op(flip, X, oracle=lambda x: np.stack([x[0, :, ::-1], x[1]]))
    check_op(
        stretch,
        X,
        scale,
        shift,
        oracle=lambda x, scale, shift: np.clip(x * scale[:, None, None, None] + shift[:, None, None], -1, 1),
    )
    y = back(image.crop_at(there(X), np.array([1, 3]), (4, 2), data_format))
    np.testing.assert_array_equal(y, X[:, 1:5, 3:5])


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_parts_of_images_pass_gradients(layout):
    x = X if layout == "channels_last" else X.transpose(0, 3, 1, 2).copy()
    how = {"data_format": layout}
    check_op(lambda x: ops.image.rgb_to_grayscale(x, **how), x)
    check_op(lambda x: ops.image.pad_images(x, 1, 2, 3, 4, **how), x)
    check_op(lambda x: ops.image.crop_images(x, 1, 2, 1, 0, **how), x)
    check_op(lambda x: ops.image.extract_patches(x, (2, 3), 2, padding="same", **how), x)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides", "dilation"), [(2, 1, 3), ((3, 2), (2, 3), (2, 1)), (np.int64(2), 5, 4)])
def test_patches_hold_the_pixels_of_windows(size, strides, dilation, padding):
    x = X.astype("float32")
    y = ops.image.extract_patches(x, size, strides, dilation, padding)
    height, width = np.broadcast_to(size, 2).tolist()
    kernel = np.eye(height * width * X.shape[-1], dtype="float32").reshape(height, width, X.shape[-1], -1)
    np.testing.assert_array_equal(y, ops.conv(x, kernel, strides, padding, None, dilation))


@pytest.mark.parametrize("size", [0, 1.5, "2", None, (2, 0), (math.nan, 1), np.float32(2), 2**31, (2.0, 2)])
def test_invalid_sizes_of_patches_are_refused(size):
    with pytest.raises(ValueError, match=r"size must be .* Received: size="):
        ops.image.extract_patches(X, size)


@pytest.mark.parametrize("margin", [-1, 1.5, "2", (1, 2), math.nan, 2**63, True])
@pytest.mark.parametrize("name", ["top", "left", "bottom", "right"])
def test_invalid_margins_are_refused(name, margin):
    for op, word in ((ops.image.pad_images, "padding"), (ops.image.crop_images, "cropping")):
        given = dict.fromkeys([f"{side}_{word}" for side in ("top", "left", "bottom", "right")], 1)
        with pytest.raises(ValueError, match=rf"^{op.__name__}: .*Received: "):
            op(X, **{**given, f"{name}_{word}": margin})
        with pytest.raises(ValueError, match=rf"^{op.__name__}: .*Received: "):
            op(X, 1, 1, target_height=margin, target_width=4)


def test_parts_of_images_in_functional_models():
    x = Input((8, 6, 3))
    assert ops.image.pad_images(x, 1, 2, target_height=10, right_padding=0).shape == (None, 10, 8, 3)
    assert ops.image.crop_images(x, 1, 2, 3, 0).shape == (None, 4, 4, 3)
    assert ops.image.extract_patches(x, 2).shape == (None, 4, 3, 12)
    assert ops.image.rgb_to_grayscale(x).shape == (None, 8, 6, 1)


@pytest.mark.parametrize("op", [ops.image.pad_images, ops.image.crop_images])
@pytest.mark.parametrize("margins", [(1, 1), (1, 1, 1, 1, 4), (-1, 0, 0, 0), (None, 0, 3, 0, 1)])
def test_margins_that_do_not_fit(op, margins):
    with pytest.raises(ValueError, match=r"_images: .* Received: "):
        op(X[:, :1], *margins)


def test_invalid_colours():
    with pytest.raises(ValueError, match=r"1 or 3 channels\. Received: images\.shape=\(2, 5, 7, 2\)"):
        ops.image.rgb_to_grayscale(X[..., :2])
