"""Convolutions of single channels with large kernels by Fourier transforms: near the float64 reference for every tile
size.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastconv import _core
from fastconv.backends.cpu.algorithms import fourier
from fastconv.backends.cpu.algorithms.algorithm import DIRECTIONS
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.reference import Reference
from fastconv.geometry import Convolution
from tests.windows import Windows, algorithm

cpu, reference = Windows(Cpu()), Windows(Reference(np))
LARGE = {"strides": (1, 1), "padding": ((8, 2), (0, 20)), "dilation": (1, 1)}


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def geometry(x, w_shape, padding):
    return Convolution.of(x.shape, w_shape, (1, 1), padding, (1, 1))


def conv(x, w, padding, points, out=None):
    """Compute y by tiles of `points`."""
    c = geometry(x, w.shape, padding)
    y = np.empty(c.output_shape, np.float32) if out is None else out
    fourier.correlate(c, points, x, w, None, y, 0, 0.0)
    return y


def conv_backward_input(x, dy, w, padding, points, out=None):
    """Compute dx by tiles of `points`; only the shape of x is used."""
    dx = np.empty(x.shape, np.float32) if out is None else out
    fourier.correlate_back(geometry(x, w.shape, padding), points, dy, w, None, dx, 0, 0.0)
    return dx


def conv_backward_kernel(x, dy, dw, padding, points):
    """Compute dw by tiles of `points`."""
    fourier.correlate_gradients(geometry(x, dw.shape, padding), points, x, dy, dw)
    return dw


def largest_sum(oracle, a, b, **window):
    """Return the largest sum of the products' magnitudes."""
    return oracle(np.abs(a), np.abs(b), **window).max(initial=0)


def product_of_norms(oracle, a, b, **window):
    """Return a bound of every sum: spectra round in proportion to it, even if a sum has few products."""
    return np.linalg.norm(a) * np.linalg.norm(b)


def assert_close(actual, oracle, *factors, scale=largest_sum, **window):
    """Check that the error is at most 5e-7 of a scale."""
    exact = [a.astype(float) for a in factors]
    tolerance = 5e-7 * scale(oracle, *exact, **window)
    np.testing.assert_allclose(actual, oracle(*exact, **window), rtol=0, atol=tolerance)


def assert_tiles_match(rng, x_shape, w_shape, padding, points, scale=largest_sum):
    """Check the convolution and both gradients, by tiles of `points`, against the reference in float64."""
    window = {"strides": (1, 1), "padding": padding, "dilation": (1, 1)}
    x, w = normal(rng, *x_shape), normal(rng, *w_shape)
    y = conv(x, w, padding, points)
    dy = normal(rng, *y.shape)
    assert_close(y, reference.conv, x, w, scale=scale, **window)
    dx = conv_backward_input(x, dy, w, padding, points)
    assert_close(dx, reference.conv_backward_input, dy, w, scale=scale, input_shape=x_shape, **window)
    dw = conv_backward_kernel(x, dy, np.empty(w_shape, np.float32), padding, points)
    assert_close(dw, reference.conv_backward_kernel, x, dy, scale=scale, kernel_shape=w_shape, **window)


@pytest.mark.parametrize("points", [(16, 16), (32, 16), (16, 48), (64, 32), (48, 192), (128, 64)])
def test_tiles_of_every_radix(isa, rng, points):
    assert_tiles_match(rng, (2, 40, 75, 1), (7, 9, 1, 1), ((3, 2), (0, 11)), points)


def test_the_largest_tile(isa, rng):
    assert_tiles_match(rng, (1, 60, 600, 1), (3, 30, 1, 1), ((1, 1), (15, 14)), (256, 512))


@st.composite
def geometries(draw):
    """Draw (x.shape, w.shape, padding): images smaller and larger than tiles of 16 x 48, and padding larger than the
    kernel.
    """
    rows = draw(st.integers(1, 16))
    kernel = rows, draw(st.integers(1, min(48, 49 // rows)))
    padding = draw(st.tuples(*[st.tuples(*[st.integers(0, 60)] * 2)] * 2))
    size = tuple(draw(st.integers(max(1, k - sum(p)), 70)) for k, p in zip(kernel, padding))
    return (draw(st.integers(1, 2)), *size, 1), (*kernel, 1, 1), padding


@given(geometries(), st.sampled_from(_core.usable_isas()), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_any_geometry(geometry, isa, seed):
    x_shape, w_shape, padding = geometry
    before = _core.get_isa()
    _core.set_isa(isa)
    try:
        assert_tiles_match(np.random.default_rng(seed), x_shape, w_shape, padding, (16, 48), product_of_norms)
    finally:
        _core.set_isa(before)


def test_large_kernels_on_one_channel_use_fourier_transforms(rng):
    x, w = normal(rng, 1, 180, 190, 1), normal(rng, 21, 15, 1, 1)
    assert algorithm("forward", x.shape, w.shape, **LARGE) == "fourier"
    c = geometry(x, w.shape, LARGE["padding"])
    points = fourier.tile_points(c, c.outputs, 1 << 28)
    y = cpu.conv(x, w, **LARGE)
    np.testing.assert_array_equal(y, conv(x, w, LARGE["padding"], points))
    dx = cpu.conv_backward_input(y, w, input_shape=x.shape, **LARGE)
    assert_close(dx, reference.conv_backward_input, y, w, input_shape=x.shape, **LARGE)
    dw = cpu.conv_backward_kernel(x, y, kernel_shape=w.shape, **LARGE)
    assert_close(dw, reference.conv_backward_kernel, x, y, kernel_shape=w.shape, **LARGE)


@pytest.mark.parametrize(
    ("x_shape", "kernel_shape", "strides", "dilation"),
    [
        ((1, 500, 500, 1), (3, 3, 1, 1), (1, 1), (1, 1)),
        ((1, 500, 500, 2), (31, 31, 2, 1), (1, 1), (1, 1)),
        ((1, 500, 500, 2), (31, 31, 1, 2), (1, 1), (1, 1)),
        ((1, 500, 500, 1), (31, 31, 1, 2), (1, 1), (1, 1)),
        ((1, 500, 500, 1), (31, 31, 1, 1), (2, 1), (1, 1)),
        ((1, 500, 500, 1), (31, 31, 1, 1), (1, 1), (1, 2)),
        ((1, 900, 500, 1), (600, 3, 1, 1), (1, 1), (1, 1)),
        ((1, 500, 1), (31, 1, 1), (1,), (1,)),
    ],
)
def test_other_convolutions_do_not_use_fourier_transforms(x_shape, kernel_shape, strides, dilation):
    window = {"strides": strides, "padding": ((0, 0),) * len(strides), "dilation": dilation}
    for direction in DIRECTIONS:
        assert algorithm(direction, x_shape, kernel_shape, **window) != "fourier"


def test_the_workspace_caps_the_tiles():
    whole = fourier.choose_tile(1, (500, 500), (31, 31), 1 << 20)
    most = whole[0] * whole[1]
    assert fourier.choose_tile(1, (500, 500), (31, 31), most) == whole
    smaller = fourier.choose_tile(1, (500, 500), (31, 31), most - 1)
    assert smaller[0] * smaller[1] < most
    assert fourier.choose_tile(1, (500, 500), (31, 31), 31 * 31) is None


@pytest.mark.parametrize("activation", [None, "relu", "leaky_relu", "elu", "sigmoid", "tanh", "clipped_relu"])
def test_bias_and_activation(isa, rng, activation):
    x, w, bias = normal(rng, 1, 80, 70, 1), normal(rng, 11, 12, 1, 1) / 12, normal(rng, 1)
    exact = (a.astype(float) for a in (x, w, bias))
    expected = reference.conv(*exact, activation=activation, alpha=0.3, **LARGE)
    assert fourier.choose_tile(1, expected.shape[1:3], w.shape[:2], 1 << 20)
    np.testing.assert_allclose(cpu.conv(x, w, bias, activation=activation, alpha=0.3, **LARGE), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["noise", "smooth"])
@pytest.mark.parametrize("taps", [7, 31])
def test_rounding_is_no_larger_than_that_of_sums(isa, rng, name, taps):
    """Measured: 0.1 to 1 times the largest error of the direct kernel, relative to the RMS of the outputs."""
    x = rng.standard_normal((1, 128, 128, 1))
    x = (np.cumsum(np.cumsum(x, axis=1), axis=2) / 1000 if name == "smooth" else x).astype(np.float32)
    w = normal(rng, taps, taps, 1, 1)
    window = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
    expected = reference.conv(x.astype(float), w.astype(float), **window)
    direct = reference.conv(x, w, **window)
    assert np.abs(cpu.conv(x, w, **window) - expected).max() <= 4 * np.abs(direct - expected).max()


def test_same_bits_on_any_number_of_threads(isa, rng, threads):
    x, w = normal(rng, 2, 150, 140, 1), normal(rng, 13, 15, 1, 1)

    def results(n):
        threads(n)
        y = cpu.conv(x, w, **LARGE)
        dx = cpu.conv_backward_input(y, w, input_shape=x.shape, **LARGE)
        return y, dx, cpu.conv_backward_kernel(x, y, kernel_shape=w.shape, **LARGE)

    alone = results(1)
    for n in (2, 7):
        for a, b in zip(alone, results(n)):
            np.testing.assert_array_equal(a, b)


def test_bits_of_an_image_do_not_depend_on_its_place(isa, rng):
    """Tiles are transformed in pairs, and both tiles of a pair belong to the same image."""
    images, w = normal(rng, 3, 50, 60, 1), normal(rng, 13, 15, 1, 1)
    y = conv(images, w, ((0, 0),) * 2, (32, 32))
    images[1:] = np.nan
    again = conv(images, w, ((0, 0),) * 2, (32, 32))
    np.testing.assert_array_equal(y[0], again[0])
    assert np.isnan(again[1:]).all()


@pytest.mark.parametrize("points", [(32, 32), (16, 48)])
def test_nothing_is_written_outside_of_out(isa, rng, points):
    x, w, padding = normal(rng, 2, 37, 41, 1), normal(rng, 11, 13, 1, 1), ((5, 5), (6, 6))
    dy = normal(rng, *x.shape)
    for shape, call in [
        (x.shape, lambda out: conv(x, w, padding, points, out)),
        (x.shape, lambda out: conv_backward_input(x, dy, w, padding, points, out)),
        (w.shape, lambda out: conv_backward_kernel(x, dy, out, padding, points)),
    ]:
        memory = np.full(np.prod(shape) + 256, 12345, np.float32)
        call(memory[128:-128].reshape(shape))
        assert (memory[:128] == 12345).all()
        assert (memory[-128:] == 12345).all()
        assert (memory[128:-128] != 12345).all()


def test_empty_arrays(isa):
    x, w = np.empty((0, 40, 40, 1), np.float32), np.ones((11, 11, 1, 1), np.float32)
    padding, points = ((0, 0), (0, 0)), (32, 32)
    y = conv(x, w, padding, points)
    dw = conv_backward_kernel(x, y, np.full(w.shape, 7, np.float32), padding, points)
    assert not dw.any()
