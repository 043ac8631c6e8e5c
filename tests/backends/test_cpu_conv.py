"""Convolution and its gradients: exact on small integers, whose float32 sums carry no rounding."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastconv import _core, config
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.formulas import EPILOGUES
from fastconv.backends.reference import Reference
from tests import naive
from tests.strategies import geometries
from tests.windows import Windows, algorithm

cpu, reference = Windows(Cpu()), Windows(Reference(np))


@pytest.fixture(autouse=True)
def precision():
    """Let tests set the precision; restore the default before and after each test."""
    yield
    config.set_conv_precision("fast")


PLAIN = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
SAME = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}
SAME_3D = {"strides": (1, 1, 1), "padding": ((1, 1), (1, 1), (1, 1)), "dilation": (1, 1, 1)}


def line(strides=1, padding=(0, 0), dilation=1):
    """Draw the geometry of a window along one axis."""
    return {"strides": (strides,), "padding": (padding,), "dilation": (dilation,)}


def integers(rng, *shape):
    return rng.integers(-4, 5, shape).astype(np.float32)


def assert_same(direction, actual, desired, x_shape, w_shape, window):
    """Compare element by element, or up to rounding if the algorithm does not compute in integers."""
    if algorithm(direction, x_shape, w_shape, **window) == "winograd":
        np.testing.assert_allclose(actual, desired, rtol=0, atol=1e-5 * np.abs(desired).max())
    else:
        np.testing.assert_array_equal(actual, desired)


def assert_conv_matches(oracle, rng, x_shape, w_shape, **window):
    """Check conv and both gradients against the oracle, with the fastest algorithms and with the exact ones."""
    x, w = integers(rng, *x_shape), integers(rng, *w_shape)
    y = oracle.conv(x, w, **window)
    dy = integers(rng, *y.shape)
    dx = oracle.conv_backward_input(dy, w, input_shape=x_shape, **window)
    dw = oracle.conv_backward_kernel(x, dy, kernel_shape=w_shape, **window)
    how = (x_shape, w_shape, window)
    for precision in ("exact", "fast"):
        config.set_conv_precision(precision)
        assert_same("forward", cpu.conv(x, w, **window), y, *how)
        assert_same("backward_input", cpu.conv_backward_input(dy, w, input_shape=x_shape, **window), dx, *how)
        assert_same("backward_kernel", cpu.conv_backward_kernel(x, dy, kernel_shape=w_shape, **window), dw, *how)


@pytest.mark.parametrize("channels", [2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 129, 200])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_depthwise_channels_around_the_vector(isa, rng, channels, strides):
    assert_conv_matches(reference, rng, (2, 6, 7, channels), (3, 2, 1, channels), **{**SAME, "strides": strides})


@given(geometries(largest=5, channels=2), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_tiny_shapes_match_the_definition(geometry, seed):
    x_shape, w_shape, window = geometry
    assert_conv_matches(naive, np.random.default_rng(seed), x_shape, w_shape, **window)


@given(geometries(largest=12, channels=40), st.sampled_from(_core.usable_isas()), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_larger_shapes_match_the_reference(geometry, isa, seed):
    x_shape, w_shape, window = geometry
    before = _core.get_isa()
    _core.set_isa(isa)
    try:
        assert_conv_matches(reference, np.random.default_rng(seed), x_shape, w_shape, **window)
    finally:
        _core.set_isa(before)


@pytest.mark.parametrize("co", [1, 3, 4, 5, 15, 16, 17, 32, 33, 48, 64, 65, 80, 96, 128, 131])
def test_channels_around_the_tile(isa, rng, co):
    assert_conv_matches(reference, rng, (2, 5, 6, co), (3, 3, co, 7), **SAME)
    assert_conv_matches(reference, rng, (2, 5, 6, 7), (3, 3, 7, co), **SAME)


@pytest.mark.parametrize("width", [8, 9, 15, 16, 17, 30, 31, 32, 33, 34, 47, 64, 65])
@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_widths_around_the_vectors_of_planes(isa, rng, width, strides):
    window = {**SAME, "strides": strides}
    for co, ci in zip(range(1, 9), (1, 2, 3, 1, 2, 3, 1, 2)):
        assert_conv_matches(reference, rng, (2, 5, width, ci), (3, 4, ci, co), **window)


@pytest.mark.parametrize("padding", [(0, 0), (3, 1), (0, 9)])
def test_planes_of_dilated_lines_and_of_many_rows(isa, rng, padding):
    window = {"strides": (1,), "padding": (padding,), "dilation": (2,)}
    assert_conv_matches(reference, rng, (3, 40, 2), (3, 2, 5), **window)
    for shape in ((1, 600, 20, 3), (2, 3, 700, 1)):
        window = {"strides": (2, 1), "padding": (padding, padding), "dilation": (1, 3)}
        assert_conv_matches(reference, rng, shape, (2, 3, shape[-1], 4), **window)


@pytest.mark.parametrize("pixels", range(1, 32))
def test_pixels_around_the_tile(isa, rng, pixels):
    for co in (16, 32, 48, 64):
        assert_conv_matches(reference, rng, (1, 1, pixels, 3), (1, 1, 3, co), **PLAIN)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "window"),
    [
        pytest.param((1, 9, 9, 600), (3, 3, 600, 70), SAME, id="channels in several blocks"),
        pytest.param((1, 9, 9, 1500), (1, 1, 1500, 70), PLAIN, id="a long dot product"),
        pytest.param((5, 45, 37, 130), (1, 1, 130, 129), PLAIN, id="a large image, one tap"),
        pytest.param(
            (5, 30, 37, 390), (1, 1, 390, 129), {**PLAIN, "strides": (1, 2)}, id="a large image, one tap, strided"
        ),
        pytest.param((1, 40, 40, 4), (31, 29, 4, 5), SAME, id="kernel rows in several blocks"),
        pytest.param((40, 7, 7, 20), (3, 3, 20, 20), SAME, id="many images in a block"),
        pytest.param(
            (17, 7, 6, 24), (5, 5, 24, 70), {**SAME, "padding": ((2, 2), (1, 3))}, id="borders of many images"
        ),
        pytest.param((45, 5, 5, 24), (5, 5, 24, 30), {**SAME, "padding": ((2, 2), (2, 2))}, id="borders everywhere"),
        pytest.param((2, 4, 5, 6, 40), (3, 3, 3, 40, 70), {**SAME_3D, "strides": (1, 2, 2)}, id="borders of volumes"),
        pytest.param(
            (2, 9, 30, 9), (3, 4, 9, 20), {**SAME, "padding": ((4, 4), (6, 9)), "dilation": (4, 3)}, id="wide"
        ),
        pytest.param((1, 3, 3000, 5), (3, 3, 5, 6), SAME, id="a wide image"),
        pytest.param((1, 3000, 3, 5), (3, 3, 5, 6), SAME, id="a high image"),
        pytest.param((3, 8, 8, 64), (3, 3, 1, 64), SAME, id="depthwise"),
        pytest.param((9, 30, 31, 150), (5, 4, 1, 150), {**SAME, "strides": (2, 1)}, id="depthwise, strided"),
        pytest.param((2, 9, 700, 3), (3, 3, 1, 3), {**SAME, "dilation": (2, 2)}, id="depthwise, wide and dilated"),
        pytest.param((3, 8, 8, 64), (3, 3, 4, 128), SAME, id="grouped"),
        pytest.param((1, 6, 6, 3), (6, 6, 3, 10), PLAIN, id="kernel as large as the image"),
        pytest.param((9, 28, 28, 1), (5, 5, 1, 6), SAME, id="few output channels"),
        pytest.param((9, 60, 45, 2), (3, 4, 2, 3), {**SAME, "strides": (1, 2)}, id="few output channels, strided"),
        pytest.param((9, 40, 11, 6), (5, 5, 6, 16), PLAIN, id="few input channels"),
        pytest.param((9, 31, 30, 3), (7, 7, 3, 20), {**SAME, "strides": (2, 3)}, id="few input channels, strided"),
        pytest.param(
            (8, 9, 9, 8), (3, 11, 8, 5), {**SAME, "padding": ((3, 0), (0, 9))}, id="few channels, wide kernel"
        ),
        pytest.param(
            (1, 75, 64, 3),
            (5, 6, 3, 20),
            {**SAME, "strides": (2, 2), "padding": ((1, 2), (4, 0))},
            id="one colour image",
        ),
        pytest.param((1, 75, 64, 3), (2, 3, 3, 20), {**SAME, "padding": ((1, 2), (5, 6))}, id="wide padding"),
        pytest.param((2, 5000, 40), (3, 40, 70), line(dilation=7, padding=(14, 0)), id="a line"),
        pytest.param((2, 5000, 1), (80, 1, 33), line(strides=4), id="a line, long windows"),
        pytest.param((3, 900, 200), (9, 1, 200), line(strides=2, padding=(4, 4)), id="a line, depthwise"),
        pytest.param((9, 999, 2), (5, 2, 3), line(padding=(2, 2)), id="a line, few output channels"),
        pytest.param((2, 3, 7, 6, 70), (3, 3, 3, 70, 20), SAME_3D, id="a volume"),
        pytest.param((2, 5, 11, 9, 5), (3, 3, 3, 5, 40), {**SAME_3D, "strides": (2, 3, 1)}, id="a volume, strided"),
        pytest.param((40, 4, 4, 4, 20), (2, 3, 3, 20, 20), SAME_3D, id="many volumes in a block"),
        pytest.param((2, 5, 6, 7, 130), (3, 2, 3, 1, 130), SAME_3D, id="a volume, depthwise"),
        pytest.param((9, 3, 24, 32, 2), (3, 3, 3, 2, 3), SAME_3D, id="a volume, few output channels"),
        pytest.param((3, 20, 21, 40), (1, 1, 40, 3), PLAIN, id="one tap, few output channels"),
        *(pytest.param((3, 13, 11, 37), (3, 3, 37, co), SAME, id=f"{co} dot products") for co in range(1, 9)),
        *(pytest.param((3, 13, 11, ci), (3, 2, ci, 37), SAME, id=f"{ci} dot products back") for ci in range(1, 5)),
        pytest.param((2, 20, 17, 40), (5, 3, 40, 2), {**SAME, "strides": (2, 3)}, id="dot products, strided"),
        pytest.param((2, 20, 17, 1), (4, 3, 1, 50), {**SAME, "strides": (2, 2)}, id="dot products back, strided"),
        pytest.param((2, 30, 17, 40), (3, 3, 40, 3), {**SAME, "dilation": (4, 5)}, id="dot products, dilated"),
        pytest.param((1, 700, 66), (9, 66, 2), line(padding=(8, 0)), id="a line, dot products"),
        pytest.param((2, 5, 6, 7, 36), (3, 3, 3, 36, 3), SAME_3D, id="a volume, dot products"),
        pytest.param(
            (2, 33, 33, 24),
            (3, 3, 24, 40),
            {**SAME, "padding": ((12, 12),) * 2, "dilation": (12, 12)},
            id="taps far apart",
        ),
        *(
            pytest.param((19, 15, width, ci), (size, 3, ci, co), SAME, id=f"{co} planes of {width} pixels")
            for co, width, size, ci in zip(
                range(1, 7), (14, 16, 17, 31, 33, 48), (1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1)
            )
        ),
        pytest.param((1, 900, 100, 1), (4, 5, 1, 6), {**SAME, "padding": ((3, 0), (0, 4))}, id="planes in many blocks"),
        pytest.param((3, 40, 46, 2), (3, 5, 2, 4), {**SAME, "dilation": (7, 4)}, id="planes, dilated"),
    ],
)
def test_blocks(isa, rng, x_shape, w_shape, window):
    assert_conv_matches(reference, rng, x_shape, w_shape, **window)


@pytest.mark.parametrize("n", [1, 9, 70])
@pytest.mark.parametrize(("window", "co"), [((5,), 3), ((4, 7), 70), ((2, 3, 4), 16)])
def test_windows_as_large_as_the_inputs(isa, rng, n, window, co):
    rank = len(window)
    how = {"strides": (2,) * rank, "padding": ((0, 0),) * rank, "dilation": (1,) * rank}
    assert_conv_matches(reference, rng, (n, *window, 5), (*window, 5, co), **how)
    dy, w, bias = integers(rng, n, *(1,) * rank, co), integers(rng, *window, 5, co), integers(rng, 5)
    finish = {**how, "input_shape": (n, *window, 5), "activation": "relu"}
    expected = reference.conv_backward_input(dy, w, bias, **finish)
    np.testing.assert_array_equal(cpu.conv_backward_input(dy, w, bias, **finish), expected)
    x, bias = integers(rng, n, *window, 5), integers(rng, co)
    expected = reference.conv(x, w, bias, activation="relu", **how)
    np.testing.assert_array_equal(cpu.conv(x, w, bias, activation="relu", **how), expected)


def test_gradients_are_adjoint(isa, rng):
    """<dy, conv(x, w)> = <backward_input(dy), x> = <backward_kernel(dy), w>, exactly in integers."""
    window = {"strides": (2, 1), "padding": ((1, 2), (0, 3)), "dilation": (1, 2)}
    x, w = integers(rng, 3, 11, 12, 6), integers(rng, 3, 4, 3, 20)
    y = cpu.conv(x, w, **window)
    dy = integers(rng, *y.shape)
    product = np.vdot(dy.astype(int), y.astype(int))
    dx = cpu.conv_backward_input(dy, w, input_shape=x.shape, **window)
    dw = cpu.conv_backward_kernel(x, dy, kernel_shape=w.shape, **window)
    assert np.vdot(dx.astype(int), x.astype(int)) == product
    assert np.vdot(dw.astype(int), w.astype(int)) == product


@pytest.mark.parametrize("activation", [None, *EPILOGUES])
@pytest.mark.parametrize(("ci", "co"), [(90, 1), (90, 3), (90, 16), (90, 67), (1, 90)])
def test_bias_and_activation(isa, rng, activation, ci, co):
    x, w, bias = rng.standard_normal((2, 6, 6, 90)), rng.standard_normal((3, 3, ci, co)) / 30, rng.standard_normal(co)
    expected = reference.conv(x, w, bias, activation=activation, alpha=0.3, **SAME)
    actual = cpu.conv(*(a.astype(np.float32) for a in (x, w, bias)), activation=activation, alpha=0.3, **SAME)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "clipped_relu"])
@pytest.mark.parametrize("groups", [1, 48])
@pytest.mark.parametrize("kernel", [1, 3])
def test_activations_of_extreme_sums(isa, rng, activation, groups, kernel):
    """Tiles apply these activations in registers: they treat NaN, infinities and -0 as the activation alone does."""
    x, w = integers(rng, 1, 20, 20, 48), integers(rng, kernel, kernel, 48 // groups, 48)
    x[0, 3, 3], x[0, 3, 12], x[0, 12, 3], x[0, 12, 12] = np.nan, np.inf, -np.inf, -0.0
    finish = {"activation": activation, "alpha": 6.0}
    expected = cpu.activate(cpu.conv(x, w, **SAME), **finish)
    np.testing.assert_array_equal(cpu.conv(x, w, **SAME, **finish), expected)


@pytest.mark.parametrize("activation", EPILOGUES)
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "window"),
    [
        ((2, 12, 12, 24), (3, 3, 24, 70), SAME),
        ((1, 9, 9, 150), (1, 1, 150, 200), SAME),
        ((3, 28, 28, 1), (3, 3, 1, 6), SAME),
        ((2, 7, 5, 150), (3, 3, 1, 150), SAME),
        ((4, 11, 9, 20), (4, 3, 20, 33), {**SAME, "strides": (2, 2)}),
        ((2, 1, 1, 40), (1, 1, 40, 7), SAME),
        ((1, 6, 5, 90), (3, 3, 90, 2), SAME),
        ((1, 40, 40, 3), (15, 15, 3, 5), SAME),
    ],
)
def test_activations_have_the_bits_of_a_pass_of_their_own(isa, threads, rng, x_shape, w_shape, window, activation):
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in (x_shape, w_shape))
    x[0, 0, 0, 0], x[-1, -1, -1, -1] = np.nan, np.inf
    bias = rng.standard_normal(w_shape[-1]).astype(np.float32)
    how = {"activation": activation, "alpha": 0.3}
    wanted = cpu.activate(cpu.conv(x, w, bias, **window), **how)
    for n in (1, 2, 8):
        threads(n)
        np.testing.assert_array_equal(cpu.conv(x, w, bias, **window, **how), wanted)


@pytest.mark.parametrize("activation", [None, "relu", "clipped_relu", "elu"])
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "window", "name"),
    [
        ((1, 9, 7, 33), (1, 1, 33, 67), PLAIN, "direct"),
        ((2, 5, 3, 1100), (1, 1, 1100, 30), PLAIN, "direct"),
        ((2, 7, 7, 300), (3, 3, 300, 17), {**SAME, "strides": (2, 2)}, "direct"),
        ((1, 30, 29, 40), (3, 3, 40, 50), SAME, "winograd"),
        ((2, 7, 5, 50), (3, 3, 1, 50), SAME, "grouped"),
        ((2, 1, 1, 40), (1, 1, 40, 7), PLAIN, "product"),
        ((3, 28, 28, 1), (3, 3, 1, 6), SAME, "planes"),
    ],
)
def test_residual_has_the_bits_of_a_pass_of_its_own(isa, threads, rng, x_shape, w_shape, window, name, activation):
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in (x_shape, w_shape))
    bias = rng.standard_normal(w_shape[-1]).astype(np.float32)
    y = cpu.conv(x, w, bias, **window)
    assert algorithm("forward", x.shape, w.shape, **window) == name
    residual = rng.standard_normal(y.shape).astype(np.float32)
    residual[0, 0, 0, 0], residual[-1, -1, -1, -1], residual[0, 0, 0, 1] = np.nan, np.inf, -np.inf
    kept = residual.copy()
    wanted = y + residual if activation is None else cpu.activate(y + residual, activation=activation, alpha=0.3)
    for n in (1, 2, 8):
        threads(n)
        found = cpu.conv(x, w, bias, residual, activation=activation, alpha=0.3, **window)
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(residual, kept)


@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (5, 4)])
@pytest.mark.parametrize(("n", "groups", "ci", "co"), [(2, 1, 33, 20), (9, 1, 3, 20), (2, 3, 7, 5), (2, 40, 1, 1)])
def test_bias_and_activation_of_the_transposed_convolution(isa, rng, activation, strides, n, groups, ci, co):
    """The result includes bias and activation even if the stride leaves gaps between the windows."""
    dy, w = rng.standard_normal((n, 4, 5, groups * co)), rng.standard_normal((3, 3, ci, groups * co))
    bias, shape = rng.standard_normal(groups * ci), (n, 3 * strides[0] + 3, 4 * strides[1] + 2, groups * ci)
    window = {"strides": strides, "padding": ((0, 0), (1, 0)), "dilation": (1, 1), "activation": activation}
    expected = reference.conv_backward_input(dy, w, bias, input_shape=shape, **window)
    actual = cpu.conv_backward_input(*(a.astype(np.float32) for a in (dy, w, bias)), input_shape=shape, **window)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_rounding_stays_small(isa, rng):
    """Sums of 4608 products of standard normal numbers have a size of 68: the error is a few hundred roundings of
    2^-24.
    """
    x, w = rng.standard_normal((1, 7, 7, 512)), rng.standard_normal((3, 3, 512, 64))
    actual = cpu.conv(x.astype(np.float32), w.astype(np.float32), **SAME)
    exact = reference.conv(x.astype(np.float32).astype(float), w.astype(np.float32).astype(float), **SAME)
    assert np.abs(actual - exact).max() < 68 * 300 * 2**-24


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "window"),
    [
        ((9, 12, 12, 24), (3, 3, 24, 70), SAME),
        ((2, 9, 9, 150), (3, 3, 150, 200), SAME),
        ((40, 28, 28, 1), (3, 3, 1, 6), SAME),
        ((16, 28, 28, 150), (3, 3, 1, 150), SAME),
        ((4, 28, 27, 20), (4, 3, 20, 33), {**SAME, "strides": (2, 2)}),
        ((1, 64, 64, 3), (3, 3, 3, 20), SAME),
        ((3, 4000, 20), (9, 20, 40), line(padding=(4, 4))),
        ((2, 8, 14, 14, 20), (3, 3, 3, 20, 40), SAME_3D),
        ((3, 28, 28, 40), (3, 3, 40, 2), SAME),
        ((33, 31, 29, 2), (5, 3, 2, 5), SAME),
        ((1, 14, 14, 128), (1, 1, 128, 200), PLAIN),
        ((1, 28, 28, 100), (3, 3, 100, 128), SAME),
        ((1, 29, 28, 144), (3, 3, 1, 144), {**SAME, "strides": (2, 2)}),
        ((8, 7, 7, 96), (3, 3, 96, 100), {**SAME, "dilation": (2, 2)}),
        ((1, 900, 48), (1, 48, 100), line()),
    ],
)
def test_same_bits_on_any_number_of_threads(isa, rng, threads, x_shape, w_shape, window):
    x, w = rng.standard_normal(x_shape).astype(np.float32), rng.standard_normal(w_shape).astype(np.float32)

    def results(n):
        threads(n)
        y = cpu.conv(x, w, **window)
        dx = cpu.conv_backward_input(y, w, input_shape=x_shape, **window)
        return y, dx, cpu.conv_backward_kernel(x, y, kernel_shape=w_shape, **window)

    alone = results(1)
    for n in (2, 7, 16):
        for a, b in zip(alone, results(n)):
            np.testing.assert_array_equal(a, b)


def test_bits_of_an_image_do_not_depend_on_its_place(isa, rng):
    """Every tile adds the products of a pixel in the same order."""
    config.set_conv_precision("exact")
    image = rng.standard_normal((1, 7, 7, 30)).astype(np.float32)
    w = rng.standard_normal((3, 3, 30, 70)).astype(np.float32)
    y = cpu.conv(np.repeat(image, 5, axis=0), w, **SAME)
    np.testing.assert_array_equal(y, np.repeat(cpu.conv(image, w, **SAME), 5, axis=0))


@pytest.mark.parametrize(("ci", "co"), [(5, 6), (5, 16), (5, 70), (1, 5)])
def test_nothing_is_written_outside_of_out(isa, rng, ci, co):
    def guarded(shape):
        memory = np.full(np.prod(shape) + 256, 12345, np.float32)
        return memory, memory[128:-128].reshape(shape)

    x, w, dy = integers(rng, 2, 7, 9, 5), integers(rng, 3, 3, ci, co), integers(rng, 2, 7, 9, co)
    for shape, call in [
        (dy.shape, lambda out: cpu.conv(x, w, out=out, **SAME)),
        (x.shape, lambda out: cpu.conv_backward_input(dy, w, input_shape=x.shape, out=out, **SAME)),
        (w.shape, lambda out: cpu.conv_backward_kernel(x, dy, kernel_shape=w.shape, out=out, **SAME)),
    ]:
        memory, out = guarded(shape)
        assert call(out) is out
        assert (memory[:128] == 12345).all()
        assert (memory[-128:] == 12345).all()
        np.testing.assert_array_equal(out, call(None))


def test_arrays_of_any_layout(rng):
    x, w = integers(rng, 2, 3, 8, 9).transpose(0, 2, 3, 1), integers(rng, 4, 3, 3, 3).T
    expected = reference.conv(x, w, **SAME)
    np.testing.assert_array_equal(cpu.conv(x, w, **SAME), expected)
    out = np.zeros((2, 4, 8, 9), np.float32).transpose(0, 2, 3, 1)
    assert cpu.conv(x, w, out=out, **SAME) is out
    np.testing.assert_array_equal(out, expected)


def test_float64_is_computed_in_float64(rng):
    x, w = rng.standard_normal((1, 5, 5, 2)), rng.standard_normal((3, 3, 2, 4))
    y = cpu.conv(x, w, **SAME)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, naive.conv(x, w, **SAME), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("ci", [1, 4])
def test_empty_batch(ci):
    x, w = np.zeros((0, 5, 5, 4), np.float32), np.ones((3, 3, ci, 4), np.float32)
    y = cpu.conv(x, w, **SAME)
    assert y.shape == (0, 5, 5, 4)
    assert cpu.conv_backward_input(y, w, input_shape=x.shape, **SAME).shape == x.shape
    np.testing.assert_array_equal(cpu.conv_backward_kernel(x, y, kernel_shape=w.shape, **SAME), np.zeros(w.shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_values_spread_as_in_the_reference(isa, rng, value):
    x, w = integers(rng, 1, 9, 9, 20), integers(rng, 3, 3, 20, 20)
    x[0, 4, 4, 7] = value
    with np.errstate(invalid="ignore"):
        expected = reference.conv(x, w, activation="relu", **SAME)
    np.testing.assert_array_equal(cpu.conv(x, w, activation="relu", **SAME), expected)


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
@pytest.mark.parametrize(("groups", "ci", "co"), [(9, 16, 16), (7, 12, 24), (3, 40, 5)])
def test_groups_that_do_not_fill_the_last_bundle(isa, rng, groups, ci, co, strides):
    x_shape, w_shape = (2, 9, 11, groups * ci), (3, 3, ci, groups * co)
    assert_conv_matches(reference, rng, x_shape, w_shape, **{**SAME, "strides": strides})


def test_calls_from_several_python_threads(rng):
    x, w = rng.standard_normal((4, 20, 20, 16), np.float32), rng.standard_normal((3, 3, 16, 40), np.float32)
    expected, results = cpu.conv(x, w, **SAME), []

    def work():
        results.extend(cpu.conv(x, w, **SAME) for _ in range(20))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 80
    for y in results:
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), [(1, 1, 1, 1), (2, 0, 1, 1), (2, 3, 2, 1), (1, 1, 1, 4)]
)
def test_matches_pytorch(rng, stride, padding, dilation, groups):
    torch = pytest.importorskip("torch")
    config.set_conv_precision("exact")
    x, w = integers(rng, 3, 15, 17, 8), integers(rng, 3, 3, 8 // groups, 20)
    window = {"strides": (stride,) * 2, "padding": ((padding,) * 2,) * 2, "dilation": (dilation,) * 2}
    theirs = [torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(w.transpose(3, 2, 0, 1).copy())]
    for tensor in theirs:
        tensor.requires_grad_()
    expected = torch.nn.functional.conv2d(*theirs, None, stride, padding, dilation, groups)
    y = cpu.conv(x, w, **window)
    np.testing.assert_array_equal(y.transpose(0, 3, 1, 2), expected.detach().numpy())
    expected.backward(expected.detach())
    dx = cpu.conv_backward_input(y, w, input_shape=x.shape, **window)
    dw = cpu.conv_backward_kernel(x, y, kernel_shape=w.shape, **window)
    np.testing.assert_allclose(dx.transpose(0, 3, 1, 2), theirs[0].grad.numpy(), rtol=1e-5, atol=1e-2)
    np.testing.assert_allclose(dw.transpose(3, 2, 0, 1), theirs[1].grad.numpy(), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("co", [1, 3, 6])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_gradients_of_taps_ignore_the_pixels_that_they_do_not_read(isa, rng, co, value):
    x, dy = integers(rng, 2, 12, 30, 2), integers(rng, 2, 10, 28, co)
    expected = reference.conv_backward_kernel(x, dy, kernel_shape=(3, 3, 2, co), **PLAIN)
    x[:, -1, -1], x[:, 0, 0] = value, value
    dw = cpu.conv_backward_kernel(x, dy, kernel_shape=(3, 3, 2, co), **PLAIN)
    inside = np.ones((3, 3), bool)
    inside[0, 0] = inside[-1, -1] = False
    np.testing.assert_array_equal(dw[inside], expected[inside])
    assert not np.isfinite(dw[~inside]).any()
