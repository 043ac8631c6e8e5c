"""Pooling and padding of images: exact on small integers, which also makes ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.reference import Reference
from tests import naive
from tests.windows import Windows

cpu, reference = Windows(Cpu()), Windows(Reference(np))
HALVES = {"size": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}
OVERLAPPING = {"size": (3, 3), "strides": (2, 2), "padding": ((1, 1), (1, 1))}
STACKED = {"size": (5, 1), "strides": (1, 1), "padding": ((2, 2), (0, 0))}
GAPS = {"size": (2, 2), "strides": (4, 3), "padding": ((1, 3), (3, 0))}


def integers(rng, *shape):
    return rng.integers(-3, 4, shape).astype(np.float32)


def assert_pools_match(oracle, rng, shape, window, dilation, nans=0):
    """Check max, min and average pooling and their gradients against the oracle."""
    x = integers(rng, *shape)
    x.flat[rng.integers(0, x.size, nans)] = np.nan
    for name in ("max_pool", "min_pool"):
        y, argmax = getattr(oracle, name + "_argmax")(x, **window, dilation=dilation)
        np.testing.assert_array_equal(getattr(cpu, name)(x, **window, dilation=dilation), y)
        ours, our_argmax = getattr(cpu, name + "_argmax")(x, **window, dilation=dilation)
        np.testing.assert_array_equal(ours, y)
        np.testing.assert_array_equal(our_argmax, argmax)
        dy = integers(rng, *y.shape)
        how = {**window, "dilation": dilation, "input_shape": shape}
        dx = cpu.extreme_pool_backward(dy, our_argmax, **how)
        np.testing.assert_array_equal(dx, oracle.extreme_pool_backward(dy, argmax, **how))


def assert_averages_match(oracle, rng, shape, window):
    for count_padding in (False, True):
        x = integers(rng, *shape)
        y = cpu.average_pool(x, **window, count_padding=count_padding)
        np.testing.assert_allclose(y, oracle.average_pool(x, **window, count_padding=count_padding), rtol=1e-6)
        dy = integers(rng, *y.shape)
        np.testing.assert_allclose(
            cpu.average_pool_backward(dy, input_shape=shape, **window, count_padding=count_padding),
            oracle.average_pool_backward(dy, input_shape=shape, **window, count_padding=count_padding),
            rtol=1e-5,
            atol=1e-5,
        )


class Naive:
    """The definitions, under the method names of a backend."""

    average_pool = staticmethod(naive.average_pool)
    average_pool_backward = staticmethod(naive.average_pool_backward)

    extreme_pool_backward = staticmethod(naive.extreme_pool_backward)

    def max_pool_argmax(self, x, **window):
        return naive.extreme_pool(x, 1, **window)

    def min_pool_argmax(self, x, **window):
        return naive.extreme_pool(x, -1, **window)


@st.composite
def geometries(draw, largest, channels):
    """Draw (x.shape, window, dilation) with at least one output pixel."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    shape = (draw(st.integers(1, 3)), *draw(st.tuples(*[st.integers(1, largest)] * 2)), draw(st.integers(1, channels)))
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
    window = {"size": draw(pair), "strides": draw(pair), "padding": (draw(sides), draw(sides))}
    dilation = draw(st.tuples(*[st.integers(1, 3)] * 2))
    for n, k, p, d in zip(shape[1:3], window["size"], window["padding"], dilation):
        assume(n + sum(p) > (k - 1) * d)
    return shape, window, dilation


@given(geometries(largest=5, channels=2), st.integers(0, 2), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_tiny_images_match_the_definition(geometry, nans, seed):
    shape, window, dilation = geometry
    assert_pools_match(Naive(), np.random.default_rng(seed), shape, window, dilation, nans)


@given(geometries(largest=5, channels=2), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_tiny_averages_match_the_definition(geometry, seed):
    assert_averages_match(Naive(), np.random.default_rng(seed), *geometry[:2])


@pytest.mark.parametrize("window", [HALVES, OVERLAPPING, GAPS], ids=["halves", "overlapping", "gaps"])
@pytest.mark.parametrize("channels", [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 32, 35])
def test_channels_around_the_vector(isa, rng, channels, window):
    for images in (1, 3):
        shape = (images, 11, 10, channels)
        assert_pools_match(reference, rng, shape, window, (1, 1), nans=3)
        assert_averages_match(reference, rng, shape, window)
    assert_pools_match(reference, rng, (2, 11, 12, channels), window, (2, 3))


@pytest.mark.parametrize(
    "window", [HALVES, OVERLAPPING, GAPS, STACKED], ids=["halves", "overlapping", "gaps", "stacked"]
)
@pytest.mark.parametrize(("width", "channels"), [(400, 3), (40, 21)])
def test_images_of_several_bands(isa, rng, width, channels, window):
    """The gradient of a tall image is cut between rows; windows may reach over the cut."""
    shape = (1, 75, width, channels)
    assert_pools_match(reference, rng, shape, window, (1, 1), nans=3)
    assert_averages_match(reference, rng, shape, window)
    assert_pools_match(reference, rng, shape, window, (3, 2))


def test_the_first_of_equals_gets_the_gradient(isa):
    x = np.array([[1, 2, 2], [2, 0, 2]], np.float32).reshape(1, 2, 3, 1)
    assert gradient_of_one_window("max_pool", x) == (2, [0, 5, 0, 0, 0, 0])


@pytest.mark.parametrize("name", ["max_pool", "min_pool"])
def test_the_first_nan_gets_the_gradient(isa, name):
    x = np.array([[np.inf, 2, np.nan], [np.nan, -np.inf, 2]], np.float32).reshape(1, 2, 3, 1)
    y, dx = gradient_of_one_window(name, x)
    assert np.isnan(y)
    assert dx == [0, 0, 5, 0, 0, 0]


@pytest.mark.parametrize(("name", "worst"), [("max_pool", -np.inf), ("min_pool", np.inf)])
def test_padding_gets_no_gradient_even_if_all_values_are_minus_infinity(isa, name, worst):
    x = np.full((1, 1, 1, 1), worst, np.float32)
    window = {"size": (2, 2), "strides": (1, 1), "padding": ((1, 0), (1, 1))}
    y, argmax = getattr(cpu, name + "_argmax")(x, **window)
    np.testing.assert_array_equal(y.ravel(), [worst, worst])
    np.testing.assert_array_equal(argmax.ravel(), [3, 2])
    np.testing.assert_array_equal(cpu.extreme_pool_backward(y, argmax, input_shape=x.shape, **window), 2 * x)


def gradient_of_one_window(name, x):
    """Return (y, dx) of a window over the whole of x (1, H, W, 1), with dy = 5."""
    window = {"size": x.shape[1:3], "strides": (1, 1), "padding": ((0, 0), (0, 0))}
    y, argmax = getattr(cpu, name + "_argmax")(x, **window)
    dx = cpu.extreme_pool_backward(np.full_like(y, 5), argmax, input_shape=x.shape, **window)
    return y.item(), dx.ravel().tolist()


@pytest.mark.parametrize("channels", [512, 525])
def test_large_windows(isa, rng, channels):
    window = {"size": (4, 5), "strides": (3, 2), "padding": ((1, 0), (2, 3))}
    assert_pools_match(reference, rng, (2, 7, 6, channels), window, (1, 1), nans=3)
    assert_pools_match(reference, rng, (1, 9, 9, channels), window, (2, 1))
    assert_averages_match(reference, rng, (2, 7, 6, channels), window)


@pytest.mark.parametrize("window", [HALVES, OVERLAPPING], ids=["halves", "overlapping"])
def test_rows_of_several_tasks(isa, rng, window):
    """Long rows of sound are cut between pixels."""
    whole = {"size": 1, "strides": 1, "padding": (0, 0)}
    long = {name: (whole[name], values[1]) for name, values in window.items()}
    assert_pools_match(reference, rng, (2, 1, 5001, 5), long, (1, 1), nans=3)
    assert_averages_match(reference, rng, (2, 1, 5001, 5), long)


@pytest.mark.parametrize("count_padding", [False, True])
def test_the_average_and_its_gradient_are_adjoint(isa, rng, count_padding):
    x, dy = rng.standard_normal((2, 9, 8, 5), np.float32), rng.standard_normal((2, 5, 4, 5), np.float32)
    y = cpu.average_pool(x, **OVERLAPPING, count_padding=count_padding)
    dx = cpu.average_pool_backward(dy, input_shape=x.shape, **OVERLAPPING, count_padding=count_padding)
    assert np.vdot(dy.astype(float), y) == pytest.approx(np.vdot(dx.astype(float), x), rel=1e-5)


@pytest.mark.parametrize("shape", [(0, 6, 6, 3), (2, 6, 6, 0)])
def test_empty_arrays(shape):
    x = np.zeros(shape, np.float32)
    y = cpu.max_pool(x, **HALVES)
    assert y.shape == (shape[0], 3, 3, shape[3])
    assert cpu.extreme_pool_backward(y, y.astype(np.int32), input_shape=shape, **HALVES).shape == shape
    assert cpu.average_pool_backward(y, input_shape=shape, **HALVES).shape == shape


@pytest.mark.parametrize("window", [HALVES, OVERLAPPING], ids=["halves", "overlapping"])
def test_same_bits_at_any_number_of_threads(threads, rng, window):
    x = rng.standard_normal((9, 40, 40, 33), np.float32)
    results = []
    for n in (1, 2, 7):
        threads(n)
        mean, (y, argmax) = cpu.average_pool(x, **window), cpu.max_pool_argmax(x, **window)
        dx = cpu.extreme_pool_backward(mean, argmax, input_shape=x.shape, **window)
        results.append((y, argmax, mean, dx, cpu.average_pool_backward(y, input_shape=x.shape, **window)))
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a.view(np.int32), b.view(np.int32))


@pytest.mark.parametrize("window", [HALVES, OVERLAPPING], ids=["halves", "overlapping"])
def test_pytorch_agrees(rng, window):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((3, 13, 12, 20), np.float32)
    planes = torch.from_numpy(x).permute(0, 3, 1, 2).requires_grad_()
    size, stride, padding = window["size"], window["strides"], window["padding"][0][0]
    y, argmax = cpu.max_pool_argmax(x, **window)
    how = {**window, "input_shape": x.shape}
    for ours, gradient, theirs in (
        (
            y,
            lambda dy: cpu.extreme_pool_backward(dy, argmax, **how),
            torch.nn.functional.max_pool2d(planes, size, stride, padding),
        ),
        (
            cpu.average_pool(x, **window),
            lambda dy: cpu.average_pool_backward(dy, **how),
            torch.nn.functional.avg_pool2d(planes, size, stride, padding, count_include_pad=False),
        ),
    ):
        dy = rng.standard_normal(ours.shape, np.float32)
        planes.grad = None
        theirs.backward(torch.from_numpy(dy).permute(0, 3, 1, 2))
        np.testing.assert_allclose(ours, theirs.detach().permute(0, 2, 3, 1).numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(gradient(dy), planes.grad.permute(0, 2, 3, 1).numpy(), rtol=1e-5, atol=1e-6)


# ---- padding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("shape", [(2, 4, 5, 1), (1, 7, 3, 17), (3, 2, 2, 16)])
@pytest.mark.parametrize("pad_width", [((0, 0), (1, 5), (3, 2), (0, 0)), ((0, 0), (0, 0), (0, 0), (0, 0))])
def test_padding(isa, rng, shape, pad_width, mode):
    """The forward pass equals numpy.pad; the gradient is its adjoint, exactly in integers."""
    x = integers(rng, *shape)
    extra = {"constant_values": 1.5} if mode == "constant" else {}
    y = cpu.pad(x, pad_width=pad_width, mode=mode, value=1.5)
    np.testing.assert_array_equal(y, np.pad(x, pad_width, mode=mode, **extra))
    dy = integers(rng, *y.shape)
    dx = cpu.pad_backward(dy, pad_width=pad_width, mode=mode)
    expected = np.zeros(x.size)
    extra = {"constant_values": -1} if mode == "constant" else {}
    source = np.pad(np.arange(x.size).reshape(shape), pad_width, mode=mode, **extra)
    np.add.at(expected, source[source >= 0], dy[source >= 0])
    np.testing.assert_array_equal(dx, expected.reshape(shape))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize(
    "pad_width",
    [
        ((2, 1),),
        ((0, 0), (0, 0)),
        ((1, 1), (0, 2), (3, 0)),
        ((0, 0), (1, 2), (0, 0)),
        ((1, 0), (1, 1), (0, 0), (0, 2)),
        ((0, 0), (1, 2), (3, 0), (1, 1), (0, 0)),
        ((0, 1), (0, 0), (0, 0), (2, 0), (0, 0)),
    ],
)
def test_padding_of_any_axes(rng, pad_width, mode):
    x = integers(rng, *range(4, 4 + len(pad_width)))
    y = cpu.pad(x, pad_width=pad_width, mode=mode)
    np.testing.assert_array_equal(y, np.pad(x, pad_width, mode=mode))
    dy = integers(rng, *y.shape)
    for out in (None, np.full_like(x, np.nan)):
        np.testing.assert_array_equal(
            cpu.pad_backward(dy, pad_width=pad_width, mode=mode, out=out),
            reference.pad_backward(dy, pad_width=pad_width, mode=mode),
        )


def test_nothing_is_written_beside_the_output(isa, rng):
    """The bytes on both sides of `out` keep their value, for every tail of the last vector."""
    for channels in (1, 5, 16, 19):
        x = integers(rng, 1, 5, 7, channels)
        y, argmax = cpu.max_pool_argmax(x, **OVERLAPPING)
        how = {**OVERLAPPING, "input_shape": x.shape}
        for shape, call in (
            (y.shape, lambda out, x=x: cpu.max_pool(x, **OVERLAPPING, out=out)),
            (y.shape, lambda out, x=x: cpu.average_pool(x, **OVERLAPPING, out=out)),
            (y.shape, lambda out, x=x, y=y: cpu.max_pool_argmax(x, **OVERLAPPING, out=(np.empty_like(y), out))[1]),
            (x.shape, lambda out, y=y, w=argmax, how=how: cpu.extreme_pool_backward(y, w, **how, out=out)),
            (x.shape, lambda out, y=y, how=how: cpu.average_pool_backward(y, **how, out=out)),
        ):
            size = int(np.prod(shape))
            memory = np.full(size + 16, 77, np.float32)
            assert np.shares_memory(call(memory[8 : 8 + size].reshape(shape)), memory)
            assert np.all(memory[:8] == 77)
            assert np.all(memory[8 + size :] == 77)


@pytest.mark.parametrize("channels", [1, 3, 16, 33])
@pytest.mark.parametrize("strides", [(1, 2, 2, 1), (1, 3, 1, 1), (1, 9, 4, 1), (2, 1, 2, 1), (1, 2, 2, 2)])
def test_every_nth_pixel_keeps_its_bits(isa, rng, strides, channels):
    x = rng.standard_normal((3, 7, 8, channels), np.float32)
    x.flat[:: 2 * channels] = np.resize(np.array([-0.0, np.inf, -np.inf, 1e-30, np.nan], np.float32), 84)
    y = cpu.subsample(x, strides=strides)
    assert y.tobytes() == x[tuple(slice(None, None, s) for s in strides)].tobytes()
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize("shape", [(0, 4, 4, 2), (2, 4, 4, 0), (5, 3), (2, 3, 4, 5, 6)])
def test_every_nth_element_of_other_arrays(rng, shape):
    x, strides = rng.standard_normal(shape, np.float32), tuple(range(1, len(shape) + 1))
    np.testing.assert_array_equal(cpu.subsample(x, strides=strides), x[tuple(slice(None, None, s) for s in strides)])


@pytest.mark.parametrize("shape", [(1, 4099, 4099, 1), (1, 1, 2**24 + 5, 1)])
def test_argmax_indices_exceed_the_integers_of_float32(shape):
    """Windows of more than 2**24 taps: float32 represents only every other count of taps."""
    x = np.zeros(shape, np.float32)
    place = 2**24 + 3
    x.flat[place] = 1
    window = {"size": shape[1:3], "strides": (1, 1), "padding": ((0, 0), (0, 0))}
    y, argmax = cpu.max_pool_argmax(x, **window)
    assert (y.item(), argmax.item(), argmax.dtype) == (1, place, np.int32)
    dx = cpu.extreme_pool_backward(y, argmax, input_shape=shape, **window)
    assert np.flatnonzero(dx).tolist() == [place]
