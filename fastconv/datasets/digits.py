"""Digits: 1,797 handwritten digits of 8x8 pixels, small enough to learn in seconds."""

from __future__ import annotations

import numpy as np

from fastconv.datasets.files import Split
from fastconv.datasets.packaged import read

__all__ = ["load_data"]

TEST_FRACTION = 0.2


def load_data() -> Split:
    """Load 1,438 training images and 359 test images, always in the same order (Alpaydin and Kaynak 1998).

    The images are part of fastconv, so that no other package and no network is needed. They are those of
    scikit-learn's `load_digits`, licensed under CC BY 4.0.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``, uint8. Images are (N, 8, 8), with values from 0 to 16. Labels are
        (N,), from 0 to 9.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
        >>> x_train.shape, x_test.shape
        ((1438, 8, 8), (359, 8, 8))
    """
    images, labels = read("digits", "images", "labels")
    order = np.random.RandomState(0).permutation(len(images))  # gives the same order in every version of NumPy
    test, train = np.split(order, [int(TEST_FRACTION * len(images))])
    return (images[train], labels[train]), (images[test], labels[test])
