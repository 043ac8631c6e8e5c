"""The photos of the package, and the size of all its data."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import config
from fastconv.datasets import packaged, photos


def test_the_photos_are_a_batch_in_the_current_format():
    last = photos.load_data()
    assert (last.shape, last.dtype) == ((len(photos.NAMES), 128, 192, 3), np.dtype("uint8"))
    config.set_image_data_format("channels_first")
    np.testing.assert_array_equal(photos.load_data(), last.transpose(0, 3, 1, 2))


def test_the_photos_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.datasets")
    pytest.importorskip("PIL")
    originals = [image.mean((0, 1)) for image in sklearn.load_sample_images().images]
    np.testing.assert_allclose(photos.load_data().mean((1, 2)), originals, atol=1)


def test_all_data_is_small_and_credited():
    files = [path for path in packaged.FOLDER.iterdir() if path.name != "CREDITS.md"]
    assert sum(path.stat().st_size for path in files) < 300_000
    credits = (packaged.FOLDER / "CREDITS.md").read_text()
    assert all(f"## {path.name}" in credits for path in files)
    assert "CC BY 4.0" in credits
    assert "CC BY 2.0" in credits
