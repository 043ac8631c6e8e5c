"""The kernels of image augmentation, against the reference in float64."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv._image import FILLS
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.reference import Reference
from tests.windows import Windows

cpu, reference = Windows(Cpu()), Windows(Reference(np))

SHAPES = [
    (3, 7, 9, 3),
    (2, 8, 5, 1),
    (2, 1, 6, 4),
    (3, 5, 1, 2),
    (1, 1, 1, 3),
    (0, 4, 4, 3),
    (2, 3, 17, 40),
    (2, 3, 70, 3),
]


def transforms(rng, n):
    """Draw transforms that rotate, shear, and shift beyond the border."""
    t = np.zeros((n, 8))
    t[:, :6] = [1, 0, 0, 0, 1, 0] + rng.normal(size=(n, 6)) * [0.4, 0.4, 9, 0.4, 0.4, 9]
    return t


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_affine_transform(isa, rng, shape, fill, nearest):
    x, t = rng.normal(size=shape).astype(np.float32), transforms(rng, shape[0])
    how = {"nearest": nearest, "fill": fill, "value": -1.5}
    y = cpu.affine_transform(x, t, **how)
    assert y.dtype == np.float32
    wanted = reference.affine_transform(x.astype(np.float64), t, **how)
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)
    out = np.full((*shape[:3], shape[3] + 1), 7, np.float32)
    cpu.affine_transform(x, t.astype(np.float64), **how, out=out[..., :-1])
    np.testing.assert_array_equal(out[..., :-1], y)
    assert (out[..., -1] == 7).all()


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e300])
def test_no_transform_reaches_beyond_the_image(number):
    x, t = np.ones((2, 4, 5, 3), np.float32), np.full((2, 8), number)
    for fill in FILLS:
        for nearest in (False, True):
            assert np.isfinite(cpu.affine_transform(x, t, nearest=nearest, fill=fill, value=2.0)).all()


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2), ()])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_flip_some(isa, rng, shape, axes):
    x, flips = rng.normal(size=shape).astype(np.float32), rng.random(shape[0]) < 0.5
    y = cpu.flip_some(x, flips, axes=axes)
    np.testing.assert_array_equal(y, [np.flip(a, [i - 1 for i in axes]) if f else a for a, f in zip(x, flips)] or x)
    np.testing.assert_array_equal(reference.flip_some(x, flips, axes=axes), y)


@pytest.mark.parametrize("shape", [(3, 35, 3), (2, 64, 1), (5, 7, 33), (2, 9, 70), (0, 4, 3), (2, 0, 3)], ids=str)
def test_stretch(isa, rng, shape):
    x = rng.normal(size=shape).astype(np.float32)
    scale, shift = (rng.normal(size=s).astype(np.float32) for s in (shape[:1], shape[::2]))
    y = cpu.stretch(x, scale, shift, low=-0.5, high=0.75)
    np.testing.assert_allclose(y, reference.stretch(x, scale, shift, low=-0.5, high=0.75), rtol=1e-5, atol=1e-6)


def test_stretch_keeps_nan():
    x = np.array([[[np.nan, 1.0]]], np.float32)
    y = cpu.stretch(x, np.ones(1, np.float32), np.zeros((1, 2), np.float32), low=0.0, high=0.5)
    np.testing.assert_array_equal(y, [[[np.nan, 0.5]]])


def test_threads_do_not_change_bits(threads, rng):
    x, t = rng.normal(size=(64, 32, 32, 3)).astype(np.float32), transforms(rng, 64)
    flips, scale, shift = rng.random(64) < 0.5, np.ones(64, np.float32), np.ones((64, 3), np.float32)

    def results():
        yield cpu.affine_transform(x, t, nearest=False, fill="reflect", value=0.0)
        yield cpu.flip_some(x, flips, axes=(1, 2))
        yield cpu.stretch(x.reshape(64, -1, 3), scale, shift, low=-1.0, high=1.0)

    threads(1)
    once = list(results())
    for n in (2, 7):
        threads(n)
        for a, b in zip(results(), once):
            np.testing.assert_array_equal(a, b)


def test_sizes_that_do_not_fit_are_refused():
    x = np.ones((2, 4, 5, 3), np.float32)
    with pytest.raises(ValueError, match="shapes differ"):
        cpu.affine_transform(x, np.ones((3, 8)), nearest=True, fill="nearest", value=0.0)
    with pytest.raises(ValueError, match="shapes differ"):
        cpu.flip_some(x, np.ones(1, bool), axes=(1,))
    with pytest.raises(ValueError, match="shapes differ"):
        cpu.stretch(x[0], np.ones(3, np.float32), np.ones((4, 3), np.float32), low=0.0, high=1.0)
