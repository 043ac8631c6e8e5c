"""sparsemax far from 0 and at infinity."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops
from fastconv.engine import grad


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits(dtype):
    x = np.array(
        [[1e30, 0, 0], [1e30, 1e30, -1e30], [-np.inf, 1, 2], [1e5, 1e5 + 0.5, 0], [-1e30, -1e30, -1e30]], dtype
    )
    wanted = [[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1], [0.25, 0.75, 0], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(ops.sparsemax(x), wanted, rtol=1e-6)
    np.testing.assert_allclose(ops.sparsemax(x.T, 0), np.transpose(wanted), rtol=1e-6)
    assert np.isfinite(grad(lambda x: ops.sum(ops.sparsemax(x) ** 2))(x)).all()


def test_rows_with_inf_or_nan_are_nan_as_in_softmax():
    with np.errstate(invalid="ignore"):
        assert np.isnan(ops.sparsemax(np.array([[np.inf, 1.0, 2.0], [np.nan, 1.0, 2.0]]))).all()


def test_gradients_do_not_depend_on_the_shift():
    x, dy = np.array([[0.2, 0.5, -3.0, 0.4]]), np.array([[1.0, 2.0, 3.0, 4.0]])
    step = np.array([[0.3, -0.2, 0.5, 0.1]]) * 1e-6
    slope = np.sum(grad(lambda x: ops.sum(ops.sparsemax(x) * dy))(x) * step)
    change = np.sum((ops.sparsemax(x + step) - ops.sparsemax(x - step)) * dy) / 2
    np.testing.assert_allclose(slope, change, rtol=1e-6)
