"""Data sets of the Networks tab, compared with their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.playground import points
from fastconv.playground.points import CLASSIFICATION, REGRESSION, draw

ALL = {**CLASSIFICATION, **REGRESSION}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("noise", [0, 0.5])
def test_points_have_values_between_minus_1_and_1(name, noise):
    x, y = ALL[name](np.random.default_rng(0), 300, noise)
    assert x.shape == (300, 2)
    assert y.shape == (300,)
    assert np.isfinite(x).all()
    if name in CLASSIFICATION:
        assert set(y) == {-1, 1}
        assert abs(y.sum()) < 100  # both classes are common
    elif noise == 0:
        assert np.abs(y).max() <= 1.2


def test_circle():
    x, y = points.circle(np.random.default_rng(0), 400, 0)
    radius = np.hypot(*x.T)
    np.testing.assert_array_equal(y, np.where(radius < 2.5, 1, -1))
    assert radius.max() < 5
    assert not ((radius > 2.5) & (radius < 3.5)).any()


def test_xor():
    x, y = points.xor(np.random.default_rng(0), 400, 0)
    np.testing.assert_array_equal(y, np.sign(x[:, 0] * x[:, 1]))
    assert np.abs(x).min() >= 0.3


def test_gauss():
    x, y = points.gauss(np.random.default_rng(0), 4000, 0)
    np.testing.assert_allclose(x[y > 0].mean(axis=0), (2, 2), atol=0.1)
    np.testing.assert_allclose(x[y < 0].mean(axis=0), (-2, -2), atol=0.1)
    np.testing.assert_allclose(x[y > 0].var(axis=0), 0.5, atol=0.05)


def test_spirals_are_half_a_turn_apart():
    x, y = points.spiral(np.random.default_rng(0), 200, 0)
    np.testing.assert_allclose(x[y > 0], -x[y < 0], atol=1e-12)
    np.testing.assert_allclose(np.hypot(*x[y > 0].T), np.linspace(0, 5, 100, endpoint=False))


def test_plane():
    x, y = points.plane(np.random.default_rng(0), 200, 0)
    np.testing.assert_allclose(y, (x[:, 0] + x[:, 1]) / 10)


def test_bumps():
    x, y = points.bumps(np.random.default_rng(0), 2000, 0)
    for center, sign in (((-4, 2.5), 1), ((0, 2.5), -1), ((4, -2.5), -1), ((0, -2.5), 1)):
        distance = np.hypot(*(x - center).T)
        np.testing.assert_allclose(y[distance < 1], sign * (1 - distance[distance < 1] / 2))
    assert (y == 0).any()


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_noise_mixes_the_classes(name):
    def errors(noise):
        x, y = CLASSIFICATION[name](np.random.default_rng(1), 500, noise)
        nearest = np.linalg.norm(x[:, None] - x, axis=2) + np.diag(np.full(500, np.inf))
        return (y[nearest.argmin(axis=1)] != y).mean()

    assert errors(0) < 0.03
    assert errors(0.5) > errors(0) + 0.02


def test_training_and_test_points_are_separate():
    x, y, test_x, test_y = draw(points.circle, 500, 0.1, 0.3, seed=4)
    assert (x.shape, y.shape, test_x.shape, test_y.shape) == ((150, 2), (150, 1), (350, 2), (350, 1))
    assert x.dtype == y.dtype == test_x.dtype == np.float32
    assert len({tuple(point) for point in np.concatenate([x, test_x])}) == 500


def test_a_seed_repeats_its_points():
    first, again, other = (draw(points.xor, 500, 0.1, 0.5, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
