"""Every op on GPU arrays: results stay on the GPU and equal those of the CPU up to rounding."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops
from fastconv.device import is_on_gpu
from fastconv.engine.tree import leaves
from tests.check import gradient_of, in_float32, is_float
from tests.ops.cases import TABLE


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_values_and_gradients(gpu, case):
    arrays = in_float32(case.arguments)
    on_gpu, values = [gpu.asarray(a) for a in arrays], [np.asarray(y) for y in leaves(case(*arrays))]
    found = leaves(case(*on_gpu))
    assert all(map(is_on_gpu, found))
    assert_same(found, values)
    if any(map(is_float, arrays)) and any(map(is_float, values)):
        gradient = gradient_of(case, arrays)
        assert_same(gradient(*on_gpu), gradient(*arrays))


def assert_same(found, wanted):
    for y, e in zip(map(ops.convert_to_numpy, found), wanted, strict=True):
        scale = np.abs(e).max(initial=1) if is_float(e) else 0
        assert (y.shape, y.dtype) == (e.shape, e.dtype)
        np.testing.assert_allclose(y, e, rtol=1e-5, atol=1e-5 * scale)
