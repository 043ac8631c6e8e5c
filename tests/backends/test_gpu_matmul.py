"""Matrix products on a GPU: the library's, with bias and activation added in a single launch afterwards."""

from __future__ import annotations

import types

import numpy as np
import pytest

from fastconv import backends, config
from fastconv.backends.formulas import EPILOGUES
from fastconv.backends.reference import Reference
from tests.windows import Windows

reference = Windows(Reference(np))


@pytest.mark.parametrize("activation", [None, *EPILOGUES])
@pytest.mark.parametrize("biased", [False, True])
def test_bias_and_activation(gpu, rng, activation, biased):
    a, b, bias = (rng.standard_normal(s).astype(np.float32) for s in ((5, 7), (7, 9), (9,)))
    last = (bias,) if biased else ()
    how = {"activation": activation, "alpha": 0.3}
    y = Windows(backends.gpu_backend(0)).matmul(*map(gpu.asarray, (a, b, *last)), **how)
    np.testing.assert_allclose(y.get(), reference.matmul(a, b, *last, **how), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("stack", [(), (3,)])
def test_transposed(gpu, rng, transposed, stack):
    a, b = (rng.integers(-4, 5, (*stack, 6, 6)).astype(np.float32) for _ in range(2))
    how = {"transpose_a": transposed[0], "transpose_b": transposed[1]}
    y = Windows(backends.gpu_backend(0)).matmul(gpu.asarray(a), gpu.asarray(b), **how)
    np.testing.assert_array_equal(y.get(), reference.matmul(a, b, **how))


@pytest.mark.parametrize("strided", [False, True])
def test_out_receives_the_result(gpu, rng, strided):
    a, b, bias = (rng.integers(-4, 5, s).astype(np.float32) for s in ((5, 7), (7, 9), (9,)))
    out = gpu.empty((5, 18), "float32")[:, ::2] if strided else gpu.empty((5, 9), "float32")
    assert Windows(backends.gpu_backend(0)).matmul(*map(gpu.asarray, (a, b, bias)), activation="relu", out=out) is out
    np.testing.assert_array_equal(out.get(), reference.matmul(a, b, bias, activation="relu"))


def test_float64_uses_the_reference(gpu, rng):
    a, b = rng.standard_normal((5, 7)), rng.standard_normal((7, 9))
    y = Windows(backends.gpu_backend(0)).matmul(gpu.asarray(a), gpu.asarray(b))
    np.testing.assert_allclose(y.get(), a @ b)


def test_tf32_is_passed_to_the_library(fake_gpu, monkeypatch):
    """CuPy 13 and CuPy 14 have different settings for TF32."""
    chosen = {}
    routines = types.SimpleNamespace(COMPUTE_TYPE_FP32=4, COMPUTE_TYPE_TF32=7)
    core = types.SimpleNamespace(
        _routines_linalg=routines, set_compute_type=chosen.__setitem__, get_compute_type=chosen.get
    )
    monkeypatch.setattr(fake_gpu, "_core", core, raising=False)
    ones = fake_gpu.ones((2, 2), "float32")
    for allowed, kind in ((False, 4), (True, 7), (False, 4)):
        config.set_tf32(allowed)
        Windows(backends.gpu_backend(0)).matmul(ones, ones)
        assert chosen == {fake_gpu.float32: kind}


def test_tf32_must_be_a_bool():
    assert not config.tf32()
    with pytest.raises(ValueError, match="allowed must be True or False"):
        config.set_tf32("high")
