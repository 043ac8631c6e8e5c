"""Layers that are called with arrays of a GPU, outside a plan, while their weights lie in the memory of the host."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import config
from fastconv.backends.gpu.transfer import to_host
from tests.check import example
from tests.layers.cases import CASES, IDS


@pytest.mark.parametrize(("layer", "arguments", "shape", "_"), CASES, ids=IDS)
def test_results_equal_those_of_host_arrays(fake_gpu, layer, arguments, shape, _):
    shapes = shape if isinstance(shape, list) else [shape]
    xs = [example(2, *s, seed=i).astype("float32") for i, s in enumerate(shapes)]
    layer = layer(**arguments)
    pack = (lambda values: values) if isinstance(shape, list) else (lambda values: values[0])
    with config.device("cpu"):
        wanted = layer(pack(xs))
    with config.device("gpu"):
        found = layer(pack([fake_gpu.asarray(x) for x in xs]))
    np.testing.assert_allclose(to_host(found), wanted, rtol=1e-4, atol=1e-5)
