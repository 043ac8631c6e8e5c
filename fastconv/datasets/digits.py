"""Digits: 1,797 handwritten digits of 8x8 pixels, small enough to learn in seconds."""

from __future__ import annotations

import numpy as np

from fastconv.datasets.files import Split

__all__ = ["load_data"]

TEST_FRACTION = 0.2


def load_data() -> Split:
    """Load 1,438 training images and 359 test images, always in the same order (Alpaydin and Kaynak 1998).

    The images are part of scikit-learn.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``, uint8. Images are (N, 8, 8), with values from 0 to 16. Labels are
        (N,), from 0 to 9.

    Raises:
        ImportError: scikit-learn is not installed.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = datasets.digits.load_data()  # doctest: +SKIP
        >>> x_train.shape, x_test.shape  # doctest: +SKIP
        ((1438, 8, 8), (359, 8, 8))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("digits.load_data: scikit-learn is needed: pip install fastconv[data]") from error
    x, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(x))  # gives the same order in every version of NumPy
    test, train = np.split(order, [int(TEST_FRACTION * len(x))])
    images, labels = x.reshape(-1, 8, 8).astype(np.uint8), y.astype(np.uint8)
    return (images[train], labels[train]), (images[test], labels[test])
