"""An infinite or NaN pixel changes only the outputs that depend on it."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import layers, ops
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import grad
from fastconv.ops.image import affine_transform

BAD = pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
# The radius of each kernel in pixels of the larger image.
RADII = {"nearest": 0.5, "bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}


def images(dtype, channels=3, bad=None):
    x = np.random.default_rng(0).standard_normal((2, 12, 11, channels)).astype(dtype)
    if bad is not None:
        x[0, 4, 6, 0] = bad
    return x


def window(inputs, outputs, place, radius, antialias):
    """Return the outputs along an axis that depend on the input at `place`."""
    if inputs == outputs:
        return np.arange(outputs) == place
    scale = inputs / outputs
    distances = np.abs((np.arange(outputs) + 0.5) * scale - 0.5 - place)
    return distances <= radius * (max(scale, 1) if antialias else 1)


@BAD
@DTYPES
@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("size", [1, 4, 9])
def test_a_kernel_counts_nothing_at_its_zeros(bad, dtype, interpolation, size):
    """An output that lies on a pixel has its value; the others are at the zeros of the kernel."""
    x = np.random.default_rng(0).standard_normal((1, 3 * size, 3, 1)).astype(dtype)
    x[0, 0] = bad
    np.testing.assert_array_equal(ops.image.resize(x, (size, 3), interpolation, antialias=False), x[:, 1::3])


def check_resized(function, bad, dtype, size, interpolation, antialias, channels=3, array=np.asarray):
    fine = to_host(function(array(images(dtype, channels))))
    with np.errstate(invalid="ignore"):
        found = to_host(function(array(images(dtype, channels, bad))))
    rows = window(12, size[0], 4, RADII[interpolation], antialias)
    columns = window(11, size[1], 6, RADII[interpolation], antialias)
    changed = np.zeros(found.shape, bool)
    changed[0, ..., 0] = rows[:, None] & columns
    np.testing.assert_array_equal(found[~changed], fine[~changed])
    assert interpolation == "nearest" or not np.isfinite(found[changed]).all()


@BAD
@DTYPES
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("size", [(24, 22), (12, 22), (17, 6), (5, 30)])
@pytest.mark.parametrize("interpolation", RADII)
def test_resize(isa, bad, dtype, size, interpolation, antialias):
    def resize(x):
        return ops.image.resize(x, size, interpolation, antialias and interpolation != "nearest")

    for channels in (1, 3, 5, 40):
        check_resized(resize, bad, dtype, size, interpolation, antialias, channels)


@BAD
@DTYPES
def test_resize_on_a_gpu(fake_gpu, bad, dtype):
    for interpolation in ("bilinear", "lanczos3"):
        check_resized(
            lambda x: ops.image.resize(x, (17, 22), interpolation),  # noqa: B023
            bad, dtype, (17, 22), interpolation, False, array=fake_gpu.asarray,
        )  # fmt: skip


@BAD
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_layers_that_resize(bad, interpolation):
    larger = layers.UpSampling2D(2, interpolation=interpolation)
    check_resized(larger, bad, np.float32, (24, 22), interpolation, False)
    smaller = layers.Resizing(7, 8, interpolation)
    check_resized(smaller, bad, np.float32, (7, 8), interpolation, False)


def test_gradients_of_resizing_stay_within_the_window():
    dy = np.ones((2, 24, 22, 3), np.float32)
    dy[0, 10, 10, 0] = np.nan
    found = grad(lambda x: ops.sum(ops.image.resize(x, (24, 22)) * dy))(images(np.float32))
    bad = np.argwhere(np.isnan(found))
    assert len(bad) == 4
    assert {tuple(place) for place in bad} == {(0, h, w, 0) for h in (4, 5) for w in (4, 5)}


@pytest.mark.parametrize("shape", [(3, 7, 2), (2, 5, 17), (4, 6, 1)])
def test_resampling_backwards_is_the_transposed_matrix(isa, shape):
    """Check <dy, A x> = <A^T dy, x>."""
    rng = np.random.default_rng(1)
    for size in (3, 7, 20):
        for interpolation in ("bilinear", "lanczos3"):
            x = rng.standard_normal((shape[0], shape[1], 4, shape[2])).astype(np.float32)
            dy = rng.standard_normal((shape[0], size, 4, shape[2])).astype(np.float32)
            y = ops.image.resize(x, (size, 4), interpolation)
            dx = grad(lambda x: ops.sum(ops.image.resize(x, (size, 4), interpolation) * dy))(x)  # noqa: B023
            np.testing.assert_allclose(np.sum(dy * y, dtype=float), np.sum(dx * x, dtype=float), rtol=1e-4, atol=1e-4)


MOVES = {
    "identity": [1, 0, 0, 0, 1, 0, 0, 0],
    "whole pixels": [1, 0, 2, 0, 1, -3, 0, 0],
    "half rows": [1, 0, 0, 0, 1, 0.5, 0, 0],
    "half columns": [1, 0, 0.5, 0, 1, 0, 0, 0],
    "turned": [0, -1, 11, 1, 0, -1, 0, 0],
}


@BAD
@DTYPES
@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("where", ["cpu", "fake-gpu"])
def test_affine_maps(request, isa, bad, dtype, move, where):
    array = np.asarray if where == "cpu" else request.getfixturevalue("fake_gpu").asarray
    t = np.array(MOVES[move])
    for fill in ("constant", "reflect", "nearest"):
        for channels in (1, 3, 4):
            fine = to_host(affine_transform(array(images(dtype, channels)), array(t), fill_mode=fill))
            with np.errstate(invalid="ignore"):
                found = to_host(affine_transform(array(images(dtype, channels, bad)), array(t), fill_mode=fill))
            h, w = np.arange(12)[:, None], np.arange(11)
            near = (abs(t[3] * w + t[4] * h + t[5] - 4) < 1) & (abs(t[0] * w + t[1] * h + t[2] - 6) < 1)
            same = np.isfinite(found)
            np.testing.assert_array_equal(found[same], fine[same])
            if fill == "constant":
                np.testing.assert_array_equal(~same[0, :, :, 0], near)
            assert same[1].all()
            assert same[..., 1:].all()


@BAD
def test_dropped_elements_are_zero(bad):
    x = np.full((64, 3, 3, 16), bad, np.float32)
    for layer in (layers.Dropout(0.5), layers.Dropout(0.5, (None, 1, 1, None)), layers.SpatialDropout2D(0.5)):
        y = np.asarray(layer(x, training=True))
        dropped = y == 0
        assert 0.3 < dropped.mean() < 0.7
        np.testing.assert_array_equal(y[~dropped], np.broadcast_to(np.float32(bad), y.shape)[~dropped])
    y = np.asarray(layers.AlphaDropout(0.5)(x, training=True))
    assert 0.3 < np.isfinite(y).mean() < 0.7


def test_gradients_of_maxima_are_selected_not_multiplied():
    x = np.array([[1.0, 3.0, 2.0]], np.float32)
    for function in (ops.max, ops.min):
        found = grad(lambda x: ops.sum(function(x, 1) * np.float32(np.inf)))(x)  # noqa: B023
        assert sorted(found[0]) == [0, 0, np.inf]


@BAD
def test_windows_and_cuts(bad):
    """Pooling, cropping, padding, flips and patches."""
    x = images(np.float32, 1, bad)[:1]
    for layer, count in (
        (layers.AveragePooling2D(2), 1),
        (layers.AveragePooling2D(3, 1, "same"), 9),
        (layers.ZeroPadding2D(2), 1),
        (layers.Cropping2D(2), 1),
        (layers.UpSampling2D(2), 4),
        (layers.CenterCrop(6, 8), 1),
    ):
        assert np.sum(~np.isfinite(layer(x))) == count
    assert np.sum(~np.isfinite(ops.image.extract_patches(x, 2))) == 1
    assert np.isfinite(layers.Cropping2D(((5, 0), (0, 0)))(x)).all()


def test_same_bits_at_any_number_of_threads(threads):
    x = np.random.default_rng(3).standard_normal((3, 90, 80, 5)).astype(np.float32)
    dy = np.random.default_rng(4).standard_normal((3, 131, 40, 5)).astype(np.float32)
    results = []
    for n in (1, 2, 7):
        threads(n)
        y = ops.image.resize(x, (131, 40), "bicubic", antialias=True)
        dx = grad(lambda x: ops.sum(ops.image.resize(x, (131, 40), "bicubic", antialias=True) * dy))(x)
        results.append((y.tobytes(), dx.tobytes()))
    assert results[0] == results[1] == results[2]
