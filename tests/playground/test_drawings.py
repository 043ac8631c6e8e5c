"""Drawings become scans like those of the data set."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.datasets import digits
from fastconv.playground.drawings import as_strokes, enlarge, scan_of
from tests.playground.strokes import DIGITS, slanted


def scan(strokes):
    return scan_of(as_strokes(strokes)).scan


def measures(scans):
    """Return the fraction of ink, the middle column of the ink, and the numbers of rows and columns with ink."""
    ink = scans.sum((1, 2))
    columns = (scans.sum(1) * (np.arange(8) + 0.5)).sum(1) / ink
    return ink / 1024, columns, (scans.max(2) > 0).sum(1), (scans.max(1) > 0).sum(1)


def test_scans_of_drawings_have_the_measures_of_real_scans():
    (real, _), _ = digits.load_data()
    low, high = ([np.quantile(m, q) for m in measures(real.astype(float))] for q in (0.02, 0.98))
    found = measures(np.stack([scan(DIGITS[digit]) for digit in range(10)]))
    for least, values, most in zip(low, found, high):
        assert np.all((least - 0.02 <= values) & (values <= most + 0.02))


@pytest.mark.parametrize("digit", range(10))
def test_place_size_and_slant_of_a_drawing_do_not_matter(digit):
    plain = scan(DIGITS[digit])
    for slant, scale in ((0, 0.5), (-0.2, 1), (0.3, 0.8)):
        assert np.abs(scan(slanted(DIGITS[digit], slant, scale)) - plain).mean() < 1.5  # of 16


def test_the_place_of_the_drawing_maps_its_points_to_pixels():
    drawing = scan_of(as_strokes(DIGITS[7]))
    pixels = np.array(DIGITS[7][0]) @ drawing.matrix.T + drawing.offset
    ink = drawing.scan[(pixels[:, 1] // 4).astype(int), (pixels[:, 0] // 4).astype(int)]
    assert np.all(ink >= 8)


@pytest.mark.parametrize("strokes", [[], [[]], [[], []]])
def test_an_empty_canvas_is_an_empty_scan(strokes):
    assert not scan(strokes).any()


@pytest.mark.parametrize(
    "strokes", [[[[0.3, 0.3]]], [[[0, 0]]], [[[0, 0.5], [1, 0.5]]], [[[0, 0], [1, 1]]], [[[1, 0], [0, 1e-9]]]]
)
def test_dots_and_lines_are_scans_too(strokes):
    found = scan(strokes)
    assert found.any()
    assert found.min() >= 0
    assert found.max() <= 16


def test_enlarging_interpolates_between_middles_of_pixels():
    scans = np.zeros((1, 8, 8))
    scans[0, 3, 3] = 16
    image = enlarge(scans)[0, :, :, 0]
    weights = np.maximum(0, 1 - np.abs((np.arange(32) + 0.5) / 4 - 3.5))
    np.testing.assert_allclose(image, np.outer(weights, weights), atol=1e-6)


@pytest.mark.parametrize(
    "strokes",
    [
        *(None, 3, "x", {}, [3], [None], [[3]], [[[0.5]]], [[[0.5, 0.5, 0.5]]], [[[0.5, "1"]]], [[[0.5, 1.1]]]),
        *([[[0.5, True]]], [[[0.5, float("nan")]]], [[[-0.1, 0]]], [[[0.5, 0.5]]] * 65, [[[0.5, 0.5]] * 1025]),
    ],
)
def test_other_values_are_refused(strokes):
    with pytest.raises(ValueError, match="strokes: "):
        as_strokes(strokes)
