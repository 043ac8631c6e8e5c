"""Depthwise convolutions and groups of few channels: tiles, lines of pixels, and lanes of several groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastconv import _core
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.reference import Reference
from tests import naive
from tests.windows import Windows

cpu, reference = Windows(Cpu()), Windows(Reference(np))
# Sizes and channels around tiles and vectors
SQUARES = [(1, 5), (2, 16), (3, 17), (4, 33), (5, 84), (8, 16), (9, 3), (14, 36), (15, 50), (17, 130), (31, 20)]
SAME = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}


def integers(rng, *shape):
    return rng.integers(-4, 5, shape).astype(np.float32)


def assert_matches(oracle, rng, x_shape, w_shape, **window):
    """Check conv and both gradients against the oracle, element by element."""
    x, w = integers(rng, *x_shape), integers(rng, *w_shape)
    y = oracle.conv(x, w, **window)
    dy = integers(rng, *y.shape)
    np.testing.assert_array_equal(cpu.conv(x, w, **window), y)
    np.testing.assert_array_equal(
        cpu.conv_backward_input(dy, w, input_shape=x_shape, **window),
        oracle.conv_backward_input(dy, w, input_shape=x_shape, **window),
    )
    np.testing.assert_array_equal(
        cpu.conv_backward_kernel(x, dy, kernel_shape=w_shape, **window),
        oracle.conv_backward_kernel(x, dy, kernel_shape=w_shape, **window),
    )


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("taps", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_every_window_of_a_line(isa, rng, taps, stride):
    """The number of outputs in a row is every height of a tile, and sums of these heights."""
    for outputs in (1, 2, 3, 4, 7, 8, 15):
        columns = max(taps - 2 + (outputs - 1) * stride, 1)
        window = {"strides": (1, stride), "padding": ((0, 0), (1, 1)), "dilation": (1, 1)}
        assert_matches(reference, rng, (1, 2, columns, 5), (1, taps, 1, 5), **window)


@pytest.mark.parametrize("width", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("groups", [2, 3, 5, 9])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 3)])
def test_groups_around_the_vector(isa, rng, width, groups, strides):
    shapes = (2, 6, 9, groups * width), (3, 3, width, groups * width)
    assert_matches(reference, rng, *shapes, **{**SAME, "strides": strides})


@pytest.mark.parametrize(("ci", "co"), [(1, 2), (1, 4), (2, 4), (4, 8), (4, 2), (8, 4), (3, 5)])
def test_groups_that_grow_or_shrink(isa, rng, ci, co):
    assert_matches(reference, rng, (2, 5, 6, 6 * ci), (3, 2, ci, 6 * co), **SAME)


@pytest.mark.parametrize("ci", [1, 4])
@pytest.mark.parametrize(
    ("shape", "window", "strides", "padding", "dilation"),
    [
        pytest.param((2, 40), (3,), (1,), ((1, 1),), (1,), id="a line"),
        pytest.param((1, 700), (7,), (2,), ((3, 0),), (1,), id="a long line, strided"),
        pytest.param((1, 300), (3,), (1,), ((4, 4),), (4,), id="a long line, dilated"),
        pytest.param((2, 5, 6, 7), (3, 3, 3), (1, 1, 1), ((1, 1),) * 3, (1, 1, 1), id="a volume"),
        pytest.param((1, 7, 6, 9), (2, 3, 3), (2, 1, 2), ((0, 1),) * 3, (1, 2, 1), id="a volume, strided"),
        pytest.param((1, 90, 3), (3, 3), (1, 1), ((1, 1),) * 2, (1, 1), id="a high image"),
        pytest.param((40, 7, 7), (3, 3), (1, 1), ((1, 1),) * 2, (1, 1), id="many images"),
        pytest.param((1, 12, 13), (3, 3), (1, 1), ((5, 5),) * 2, (5, 5), id="mostly padding"),
        pytest.param((1, 9, 9), (2, 2), (5, 5), ((0, 0),) * 2, (1, 1), id="strides beyond the window"),
        pytest.param((1, 14, 15), (3, 3), (2, 2), ((2, 2),) * 2, (2, 2), id="strided and dilated"),
        pytest.param((1, 14, 15), (3, 3), (2, 2), ((4, 4),) * 2, (4, 4), id="dilated by two strides"),
    ],
)
def test_geometry(isa, rng, ci, shape, window, strides, padding, dilation):
    how = {"strides": strides, "padding": padding, "dilation": dilation}
    assert_matches(reference, rng, (*shape, 24), (*window, ci, 24), **how)


@given(st.data(), st.sampled_from(_core.usable_isas()), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_any_groups(data, isa, seed):
    pair = st.tuples(*[st.integers(1, 4)] * 2)
    width, groups = data.draw(st.sampled_from([1, 2, 4, 8])), data.draw(st.integers(2, 20))
    kernel, strides, dilation = data.draw(pair), data.draw(pair), data.draw(pair)
    size = data.draw(st.tuples(*[st.integers(1, 20)] * 2))
    padding = data.draw(st.tuples(*[st.tuples(*[st.integers(0, 4)] * 2)] * 2))
    assume(all(n + sum(p) > (k - 1) * d for n, p, k, d in zip(size, padding, kernel, dilation)))
    before = _core.get_isa()
    _core.set_isa(isa)
    try:
        shapes = (2, *size, groups * width), (*kernel, width, groups * width)
        window = {"strides": strides, "padding": padding, "dilation": dilation}
        assert_matches(reference, np.random.default_rng(seed), *shapes, **window)
    finally:
        _core.set_isa(before)


@pytest.mark.parametrize("ci", [1, 2])
def test_matches_the_definition(isa, rng, ci):
    window = {"strides": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}
    assert_matches(naive, rng, (1, 5, 6, 6), (3, 2, ci, 6), **window)


@pytest.mark.parametrize("ci", [1, 4])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_gradients_are_adjoint(isa, rng, ci, strides):
    """<dy, conv(x, w)> = <backward_input(dy), x> = <backward_kernel(dy), w>, exactly in integers."""
    window = {**SAME, "strides": strides}
    x, w = integers(rng, 3, 15, 17, 20), integers(rng, 3, 3, ci, 20)
    y = cpu.conv(x, w, **window)
    dy = integers(rng, *y.shape)
    product = np.vdot(dy.astype(int), y.astype(int))
    dx = cpu.conv_backward_input(dy, w, input_shape=x.shape, **window)
    dw = cpu.conv_backward_kernel(x, dy, kernel_shape=w.shape, **window)
    assert np.vdot(dx.astype(int), x.astype(int)) == product
    assert np.vdot(dw.astype(int), w.astype(int)) == product


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("ci", [1, 2, 4, 8])
def test_non_finite_values_stay_in_their_group(isa, rng, value, ci):
    x, w, dy = integers(rng, 1, 9, 9, 24), integers(rng, 3, 3, ci, 24), integers(rng, 1, 9, 9, 24)
    x[0, 4, 4, 9] = dy[0, 4, 4, 9] = value
    with np.errstate(invalid="ignore"):
        y, dx = reference.conv(x, w, **SAME), reference.conv_backward_input(dy, w, input_shape=x.shape, **SAME)
        dw = reference.conv_backward_kernel(x, dy, kernel_shape=w.shape, **SAME)
    np.testing.assert_array_equal(cpu.conv(x, w, **SAME), y)
    np.testing.assert_array_equal(cpu.conv_backward_input(dy, w, input_shape=x.shape, **SAME), dx)
    np.testing.assert_array_equal(cpu.conv_backward_kernel(x, dy, kernel_shape=w.shape, **SAME), dw)


@pytest.mark.parametrize("ci", [1, 4])
def test_padding_is_multiplied(isa, rng, ci):
    """A zero times an infinite weight is NaN, on the border too."""
    x, w = integers(rng, 1, 6, 7, 20), integers(rng, 3, 3, ci, 20)
    w[0, 2, 0, 5] = np.inf
    around = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    with np.errstate(invalid="ignore"):
        expected = reference.conv(around, w, **{**SAME, "padding": ((0, 0), (0, 0))})
    np.testing.assert_array_equal(cpu.conv(x, w, **SAME), expected)


@pytest.mark.parametrize(("x_shape", "w_shape"), [((9, 30, 31, 150), (3, 3, 1, 150)), ((9, 28, 29, 96), (3, 3, 4, 96))])
def test_same_bits_on_any_number_of_threads(isa, rng, threads, x_shape, w_shape):
    x, w = rng.standard_normal(x_shape).astype(np.float32), rng.standard_normal(w_shape).astype(np.float32)
    window = {**SAME, "strides": (2, 2)}

    def results(n):
        threads(n)
        y = cpu.conv(x, w, **window)
        dx = cpu.conv_backward_input(y, w, input_shape=x_shape, **window)
        return y, dx, cpu.conv_backward_kernel(x, y, kernel_shape=w_shape, **window)

    alone = results(1)
    for n in (2, 7):
        for a, b in zip(alone, results(n)):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("activation", [None, "clipped_relu", "tanh"])
@pytest.mark.parametrize(("rows", "columns", "channels"), [(2, 1, 16), (3, 2, 5), (4, 5, 33), (5, 7, 48), (7, 19, 130)])
def test_two_rows_at_a_time_have_the_bits_of_one(isa, rng, stride, activation, rows, columns, channels):
    size = (rows - 1) * stride + 3, (columns - 1) * stride + 3
    x = rng.standard_normal((2, *size, channels)).astype(np.float32)
    w, bias = rng.standard_normal((3, 3, 1, channels)).astype(np.float32), np.arange(channels, dtype=np.float32)
    window = {
        "strides": (stride, stride),
        "padding": ((0, 0), (0, 0)),
        "dilation": (1, 1),
        "activation": activation,
        "alpha": 6.0,
    }
    y = cpu.conv(x, w, bias, **window)
    for row in range(rows):
        alone = cpu.conv(np.ascontiguousarray(x[:, row * stride : row * stride + 3]), w, bias, **window)
        np.testing.assert_array_equal(y[:, row : row + 1], alone)


@pytest.mark.parametrize("activation", [None, "relu", "clipped_relu", "elu", "tanh"])
@pytest.mark.parametrize("ci", [1, 4])
def test_bias_and_activation(isa, rng, activation, ci):
    x, w, bias = rng.standard_normal((2, 6, 6, 20)), rng.standard_normal((3, 3, ci, 20)), rng.standard_normal(20)
    single = [a.astype(np.float32) for a in (x, w, bias)]
    finish = {"activation": activation, "alpha": 0.3, **SAME}
    np.testing.assert_allclose(cpu.conv(*single, **finish), reference.conv(x, w, bias, **finish), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        cpu.conv_backward_input(*single, input_shape=x.shape, **finish),
        reference.conv_backward_input(x, w, bias, input_shape=x.shape, **finish),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("ci", [1, 4])
def test_nothing_is_written_outside_of_out(isa, rng, ci):
    memory = np.full(2 * 7 * 9 * 21 * 4 + 256, 12345, np.float32)
    x, w = integers(rng, 2, 7, 9, 84), integers(rng, 3, 3, ci, 84)
    out = memory[128:-128].reshape(x.shape)
    for call in (
        lambda out: cpu.conv(x, w, out=out, **SAME),
        lambda out: cpu.conv_backward_input(x, w, input_shape=x.shape, out=out, **SAME),
    ):
        assert call(out) is out
        assert (memory[:128] == 12345).all()
        assert (memory[-128:] == 12345).all()


@pytest.mark.parametrize(("ci", "stride"), [(1, 1), (1, 2), (4, 1), (8, 2)])
def test_matches_pytorch(rng, ci, stride):
    torch = pytest.importorskip("torch")
    x, w = integers(rng, 2, 15, 17, 32), integers(rng, 3, 3, ci, 32)
    window = {**SAME, "strides": (stride,) * 2}
    theirs = [torch.from_numpy(a.transpose(axes).copy()) for a, axes in ((x, (0, 3, 1, 2)), (w, (3, 2, 0, 1)))]
    for tensor in theirs:
        tensor.requires_grad_()
    expected = torch.nn.functional.conv2d(*theirs, None, stride, 1, 1, 32 // ci)
    y = cpu.conv(x, w, **window)
    np.testing.assert_array_equal(y.transpose(0, 3, 1, 2), expected.detach().numpy())
    expected.backward(expected.detach())
    dx = cpu.conv_backward_input(y, w, input_shape=x.shape, **window)
    dw = cpu.conv_backward_kernel(x, y, kernel_shape=w.shape, **window)
    np.testing.assert_allclose(dx.transpose(0, 3, 1, 2), theirs[0].grad.numpy(), rtol=1e-5, atol=1e-2)
    np.testing.assert_allclose(dw.transpose(3, 2, 0, 1), theirs[1].grad.numpy(), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sides", [(0, 0), (1, 1), (0, 1), (1, 0), (2, 2)])
def test_square_windows_beside_foreign_memory(isa, rng, stride, sides):
    """Tiles begin in the padding before a row and end in the padding after it; NaN lies around x, 7 around y."""
    window = {"strides": (stride, stride), "padding": (sides, sides), "dilation": (1, 1)}
    for size, channels in SQUARES:
        if size + sum(sides) < 3:
            continue
        x, w = integers(rng, 2, size, size, channels), integers(rng, 3, 3, 1, channels)
        y = reference.conv(x, w, **window)
        around_x, around_y = np.full(x.size + 4096, np.nan, np.float32), np.full(y.size + 256, 7, np.float32)
        inside, out = around_x[2048:-2048].reshape(x.shape), around_y[128:-128].reshape(y.shape)
        inside[...] = x
        np.testing.assert_array_equal(cpu.conv(inside, w, out=out, **window), y)
        assert (around_y[:128] == 7).all()
        assert (around_y[-128:] == 7).all()
