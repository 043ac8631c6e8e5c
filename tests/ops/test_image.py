"""Images in other sizes."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, ops
from tests.check import check_op, example

X = example(2, 5, 7, 3)


def kernel(name, d):
    """How much a pixel counts at a distance, point by point."""
    d = abs(d)
    if name == "bilinear":
        return max(0.0, 1 - d)
    if name == "bicubic":
        return (1.5 * d - 2.5) * d * d + 1 if d < 1 else ((-0.5 * d + 2.5) * d - 4) * d + 2 if d < 2 else 0.0
    radius = int(name[-1])
    return np.sinc(d) * np.sinc(d / radius) if d <= radius else 0.0


def resize_row(row, size, name, antialias):
    """(N, C) to (size, C)."""
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
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.image.resize(X, **arguments)
