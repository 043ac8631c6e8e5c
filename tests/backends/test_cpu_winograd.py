"""Winograd's algorithm: its error is a small multiple of the error of the direct kernel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastconv import _core, _winograd, _winograd_gradient, config
from fastconv.backends.cpu.algorithms import winograd
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.cpu.stream import ACTIVATION_NUMBERS
from fastconv.backends.reference import Reference
from fastconv.geometry import Convolution
from tests.windows import Windows, algorithm

cpu, reference = Windows(Cpu()), Windows(Reference(np))


def window(padding, dilation=None):
    return {"strides": (1,) * len(padding), "padding": padding, "dilation": dilation or (1,) * len(padding)}


SAME_SIZE = ((1, 1), (1, 1)), (1, 1)  # padding and dilation
SAME = window(SAME_SIZE[0])


@pytest.fixture(autouse=True)
def defaults():
    yield
    config.set_conv_precision("fast")
    config.set_max_workspace(256 << 20)


def draw(rng, images, size, ci, co, padding, dilation, taps=(3, 3, 3), groups=1):
    """Draw x, w, bias and dy, with ci and co channels in each group."""
    taps = taps[-len(size) :]
    output = tuple(n + sum(p) - (k - 1) * d for n, p, k, d in zip(size, padding, taps, dilation))
    shapes = (images, *size, groups * ci), (*taps, ci, groups * co), (groups * co,), (images, *output, groups * co)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def geometry(x, w, padding, dilation):
    return Convolution.of(x.shape, w.shape, (1,) * len(dilation), padding, dilation)


def everything(x, w, bias, dy, padding, dilation):
    """Compute y, dx, dw and y in small tiles by the Winograd kernels, regardless of the selection table."""
    y, dx, dw, small = (np.full_like(array, np.nan) for array in (dy, x, w, dy))
    c = geometry(x, w, padding, dilation)
    _winograd.conv_2x2(c, x, w, bias, small, 1, 0.0)
    _winograd.conv(c, x, w, bias, y, 1, 0.0)
    _winograd.conv_backward_input(c, dy, w, None, dx, 0, 0.0)
    _winograd_gradient.conv_backward_kernel(c, x, dy, dw)
    return y, dx, dw, small


def assert_matches_float64(x, w, bias, dy, padding, dilation):
    """Compare to 2e-5 of the largest sum, or of its standard deviation: all of a few results, or all results of relu,
    may be below that.
    """
    how = window(padding, dilation)

    def sums(x, w, bias, dy):
        yield reference.conv(x, w, bias, **how)
        yield reference.conv_backward_input(dy, w, input_shape=x.shape, **how)
        yield reference.conv_backward_kernel(x, dy, kernel_shape=w.shape, **how)
        yield reference.conv(x, w, bias, **how)

    wide = [array.astype(np.float64) for array in (x, w, bias, dy)]
    expected, variances = list(sums(*wide)), sums(*(a**2 for a in wide))
    scales = [max(np.abs(e).max(initial=0), np.sqrt(v.max(initial=0))) for e, v in zip(expected, variances)]
    for i in (0, 3):
        expected[i] = np.maximum(expected[i], 0)
    for actual, desired, scale in zip(everything(x, w, bias, dy, padding, dilation), expected, scales):
        np.testing.assert_allclose(actual, desired, rtol=0, atol=2e-5 * scale)


@pytest.mark.parametrize(
    ("images", "size", "ci", "co", "padding", "dilation"),
    [
        (1, (4, 4), 1, 1, ((1, 1), (1, 1)), (1, 1)),
        (1, (1, 1), 3, 5, ((1, 1), (1, 1)), (1, 1)),
        (2, (9, 11), 5, 7, ((0, 2), (1, 0)), (1, 1)),
        (3, (8, 8), 17, 33, ((0, 0), (0, 0)), (1, 1)),
        (1, (6, 5), 130, 257, ((2, 2), (2, 2)), (1, 1)),
        (1, (60, 61), 8, 12, ((1, 1), (1, 1)), (1, 1)),
        (40, (5, 6), 40, 20, ((1, 1), (0, 0)), (1, 1)),
        (2, (8, 8), 9, 6, ((4, 5), (7, 4)), (1, 1)),
        (2, (13, 10), 9, 20, ((2, 2), (3, 3)), (2, 3)),
        (1, (3, 16), 20, 9, ((5, 5), (0, 0)), (5, 4)),
        (2, (5, 9, 7), 6, 18, ((1, 1), (1, 1), (1, 1)), (1, 1, 1)),
        (1, (4, 8, 8), 70, 40, ((2, 1), (0, 0), (2, 0)), (1, 1, 1)),
        (1, (6, 9, 9), 5, 7, ((2, 2), (2, 2), (1, 1)), (2, 2, 1)),
        (0, (8, 8), 3, 4, ((1, 1), (1, 1)), (1, 1)),
        # A single slice holds the columns of all tiles, and its panels are equal parts of whole vectors.
        (12, (30, 30), 32, 96, ((1, 1), (1, 1)), (1, 1)),
        (12, (30, 30), 96, 32, ((1, 1), (1, 1)), (1, 1)),
        (1, (8, 28, 28), 32, 64, ((1, 1), (1, 1), (1, 1)), (1, 1, 1)),
    ],
    ids=str,
)
def test_odd_sizes(isa, rng, images, size, ci, co, padding, dilation):
    assert_matches_float64(*draw(rng, images, size, ci, co, padding, dilation), padding, dilation)


@pytest.mark.parametrize(
    ("size", "taps"),
    [
        ((9, 10), (5, 5)),
        ((12, 9), (7, 4)),
        ((8, 8), (1, 1)),
        ((11, 6), (2, 6)),
        ((5, 8, 7), (2, 4, 5)),
        ((9, 9), (9, 9)),
    ],
    ids=str,
)
def test_pieces_of_other_kernels(isa, rng, size, taps):
    padding, dilation = ((2, 1),) * len(size), (1,) * len(size)
    assert_matches_float64(*draw(rng, 2, size, 5, 19, padding, dilation, taps), padding, dilation)


@pytest.mark.parametrize(
    ("images", "size", "groups", "ci", "co", "taps"),
    [
        (2, (9, 11), 4, 16, 16, (3, 3)),
        (1, (4, 4), 3, 5, 7, (3, 2)),
        (3, (7, 7), 9, 32, 32, (3, 3)),
        (1, (5, 6), 2, 130, 70, (3, 3)),
        (30, (5, 6), 2, 70, 150, (1, 3)),
        (2, (20, 20), 5, 24, 24, (3, 3)),
        (1, (9, 9), 13, 12, 8, (3, 3)),
    ],
    ids=str,
)
def test_groups(isa, rng, threads, images, size, groups, ci, co, taps):
    how = ((1, 1), (2, 1)), (1, 1)
    arrays = draw(rng, images, size, ci, co, *how, taps, groups)
    assert_matches_float64(*arrays, *how)
    config.set_num_threads(1)
    alone = everything(*arrays, *how)
    config.set_num_threads(3)
    for a, b in zip(alone, everything(*arrays, *how)):
        np.testing.assert_array_equal(a, b)


def test_groups_with_a_kernel_of_several_pieces_are_refused(rng):
    x, w, _, y = draw(rng, 1, (8, 8), 4, 4, ((2, 2), (2, 2)), (1, 1), (5, 5), groups=2)
    with pytest.raises(ValueError, match="at most 3 x 3 taps"):
        _winograd.conv(geometry(x, w, ((2, 2), (2, 2)), (1, 1)), x, w, None, y, 0, 0.0)


@st.composite
def geometries(draw):
    """Draw (images, size, ci, co, padding, dilation, taps) with at least one output."""
    rank = draw(st.sampled_from([2, 2, 3]))
    taps = draw(st.tuples(*[st.sampled_from([3, 3, 3, 1, 2, 5])] * rank))
    dilation = draw(st.tuples(*[st.integers(1, 2)] * rank))
    padding = draw(st.tuples(*[st.tuples(*[st.integers(0, 3)] * 2)] * rank))
    spans = [(k - 1) * d + 1 for k, d in zip(taps, dilation)]
    size = tuple(draw(st.integers(max(1, span - sum(p)), span + 9)) for span, p in zip(spans, padding))
    ci, co = draw(st.tuples(*[st.integers(1, 70 if rank == 2 else 20)] * 2))
    return draw(st.integers(1, 2)), size, ci, co, padding, dilation, taps


@given(geometries(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_any_shape(geometry, seed):
    assert_matches_float64(*draw(np.random.default_rng(seed), *geometry), *geometry[4:6])


@pytest.mark.parametrize("ci", [16, 64, 256])
def test_error_is_at_most_four_times_that_of_direct_convolution(isa, ci):
    """Inputs are as after relu, weights as initialized by He et al. (2015); errors are root mean squares."""
    rng = np.random.default_rng(ci)
    x = np.maximum(rng.standard_normal((2, 20, 20, ci), np.float32), 0)
    w = rng.standard_normal((3, 3, ci, 24), np.float32) * np.float32(np.sqrt(2 / (9 * ci)))
    dy = rng.standard_normal((2, 20, 20, 24), np.float32)
    wide = reference.conv(x.astype(np.float64), w.astype(np.float64), **SAME)
    wide_dx = reference.conv_backward_input(dy.astype(np.float64), w.astype(np.float64), input_shape=x.shape, **SAME)
    wide_dw = reference.conv_backward_kernel(x.astype(np.float64), dy.astype(np.float64), kernel_shape=w.shape, **SAME)
    config.set_conv_precision("exact")
    direct = (
        cpu.conv(x, w, **SAME),
        cpu.conv_backward_input(dy, w, input_shape=x.shape, **SAME),
        cpu.conv_backward_kernel(x, dy, kernel_shape=w.shape, **SAME),
    )
    y, dx, dw, small = np.empty_like(dy), np.empty_like(x), np.empty_like(w), np.empty_like(dy)
    c = geometry(x, w, SAME["padding"], (1, 1))
    _winograd.conv_2x2(c, x, w, None, small, 0, 0.0)
    _winograd.conv(c, x, w, None, y, 0, 0.0)
    _winograd.conv_backward_input(c, dy, w, None, dx, 0, 0.0)
    _winograd_gradient.conv_backward_kernel(c, x, dy, dw)

    def error(actual, desired):
        return np.sqrt(np.mean((actual - desired) ** 2))

    for fast, plain, exact in zip((y, dx, dw), direct, (wide, wide_dx, wide_dw)):
        assert error(fast, exact) <= 4 * error(plain, exact)
    assert error(small, wide) <= 1.2 * error(direct[0], wide)


@pytest.mark.parametrize(
    "shape", [(3, (17, 15), 40, 70), (1, (9, 10), 64, 200), (30, (7, 7), 33, 48), (2, (4, 9, 9), 30, 40)], ids=str
)
def test_bits_do_not_depend_on_the_number_of_threads(isa, rng, threads, shape):
    how = ((1, 1),) * len(shape[1]), (1,) * len(shape[1])
    arrays, results = draw(rng, *shape, *how), []
    for n in (1, 2, 3, 7):
        config.set_num_threads(n)
        results.append(everything(*arrays, *how))
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("run", [_winograd.conv, _winograd.conv_2x2], ids=["4x4", "2x2"])
@pytest.mark.parametrize(
    ("images", "size", "ci", "co", "dilation"),
    [
        (1, (7, 7), 130, 200, (1, 1)),
        (1, (8, 9), 20, 70, (2, 1)),
        (2, (4, 9, 9), 30, 40, (1, 1, 1)),
        (1, (30, 31), 8, 260, (1, 1)),
    ],
    ids=str,
)
def test_a_plan_that_keeps_the_kernel_has_the_bits_of_a_call(isa, rng, threads, run, images, size, ci, co, dilation):
    how = ((1, 1),) * len(size), dilation
    x, w, bias, y = draw(rng, images, size, ci, co, *how)
    assert_kept_bits(run, geometry(x, w, *how), x, w, bias, y)


def test_large_blocks_of_frequencies_follow_each_other(rng, threads):
    """The products of all tiles take more memory than the tiles of a block may."""
    x, w, bias, y = draw(rng, 1, (50, 50), 500, 500, *SAME_SIZE)
    assert 4 * 36 * 13 * 13 * 1000 > 16 << 20
    assert_kept_bits(_winograd.conv, geometry(x, w, *SAME_SIZE), x, w, bias, y)


@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
def test_small_tiles_add_a_residual_before_the_activation(isa, rng, activation):
    x, w, bias, y = draw(rng, 2, (9, 8), 20, 40, *SAME_SIZE)
    residual = rng.standard_normal(y.shape, np.float32)
    _winograd.conv_2x2(geometry(x, w, *SAME_SIZE), x, w, bias, y, ACTIVATION_NUMBERS[activation], 0.3, residual)
    expected = reference.conv(x, w, bias, residual, **SAME, activation=activation, alpha=0.3)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


def assert_kept_bits(run, c, x, w, bias, y):
    expected = np.full_like(y, np.nan)
    run(c, x, w, bias, expected, 2, 0.1)
    for n in (1, 3, 7):
        config.set_num_threads(n)
        recording = _core.Recording([(run, (c, x, w, bias, y, 2, 0.1), True)], 1 << 28)
        assert recording.kept_bytes >= 64 * x.shape[-1]
        for _ in range(2):
            y.fill(np.nan)
            recording.run()
            np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("activation", [None, "relu", "leaky_relu", "elu", "sigmoid", "tanh", "clipped_relu"])
def test_bias_and_activation(isa, rng, activation):
    x, w, bias, small = draw(rng, 2, (12, 12), 32, 40, SAME["padding"], (1, 1))
    assert algorithm("forward", x.shape, w.shape, **SAME) == "winograd"
    finish = {"activation": activation, "alpha": 0.3}
    expected = reference.conv(x, w, bias, **SAME, **finish)
    np.testing.assert_allclose(cpu.conv(x, w, bias, **SAME, **finish), expected, rtol=1e-4, atol=1e-4)
    _winograd.conv_2x2(geometry(x, w, *SAME_SIZE), x, w, bias, small, ACTIVATION_NUMBERS[activation], 0.3)
    np.testing.assert_allclose(small, expected, rtol=1e-4, atol=1e-4)


def test_the_gradients_are_adjoint(rng):
    x, w, _, dy = draw(rng, 2, (13, 14), 40, 36, SAME["padding"], (1, 1))
    y, dx, dw, _ = everything(x, w, np.zeros(36, np.float32), dy, SAME["padding"], (1, 1))
    y = cpu.conv(x, w, **SAME)
    product = np.vdot(y.astype(np.float64), dy)
    assert np.isclose(np.vdot(x.astype(np.float64), dx), product, rtol=1e-4)
    assert np.isclose(np.vdot(w.astype(np.float64), dw), product, rtol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_exact_convolution_keeps_a_nan_within_its_windows(isa, rng, value):
    x, w, _, _ = draw(rng, 1, (24, 24), 32, 32, SAME["padding"], (1, 1))
    x[0, 9, 9, 3] = value
    config.set_conv_precision("exact")
    broken = ~np.isfinite(cpu.conv(x, w, **SAME)).all(axis=-1)[0]
    expected = np.zeros((24, 24), bool)
    expected[8:11, 8:11] = True
    np.testing.assert_array_equal(broken, expected)


def test_the_workspace_can_be_capped(rng):
    shapes = (1, 56, 56, 64), (3, 3, 64, 64)
    needed = winograd.workspace(196, 64, 64)
    assert algorithm("forward", *shapes, **SAME) == "winograd"
    config.set_max_workspace(needed)
    assert algorithm("forward", *shapes, **SAME) == "winograd"
    config.set_max_workspace(needed - 1)
    assert algorithm("forward", *shapes, **SAME) == "direct"
