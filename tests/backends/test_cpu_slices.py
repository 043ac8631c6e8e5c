"""Kernels that read or write slices of channels of larger arrays: the bits are those of arrays in C order."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv._arrays import is_slice
from fastconv.backends.cpu.algorithms.choose import choose
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.cpu.kernel import run_into
from fastconv.backends.reference import Reference
from fastconv.geometry import Convolution
from tests.backends.cases import normal, positive

cpu = Cpu()


def slice_of(x, before, after):
    """Return an array that equals x, a slice of the channels of an array filled with 7."""
    whole = np.full((*x.shape[:-1], before + x.shape[-1] + after), 7, np.float32)
    part = whole[..., before : before + x.shape[-1]]
    part[...] = x
    return part


def assert_only_slice_changed(part, before):
    """Check that the array of which `part` is a slice is still 7 elsewhere."""
    assert (part.base[..., :before] == 7).all()
    assert (part.base[..., before + part.shape[-1] :] == 7).all()


SLICES = {
    "an array": (np.zeros((2, 3, 4), np.float32), True),
    "channels": (np.zeros((2, 3, 9), np.float32)[..., 2:5], True),
    "a channel": (np.zeros((2, 3, 9), np.float32)[..., 2:3], True),
    "channels of a row": (np.zeros((1, 1, 9), np.float32)[..., 2:5], True),
    "no array": (None, True),
    "every other channel": (np.zeros((2, 3, 8), np.float32)[..., ::2], False),
    "columns": (np.zeros((2, 3, 4), np.float32)[:, :2], False),
    "every other row": (np.zeros((4, 3, 4), np.float32)[::2], False),
    "reversed rows": (np.zeros((4, 4), np.float32)[::-1], False),
    "transposed axes": (np.zeros((2, 3, 4), np.float32).transpose(1, 0, 2), False),
    "one row for all": (np.broadcast_to(np.zeros((1, 4), np.float32), (3, 4)), False),
    "float64": (np.zeros((2, 3)), False),
}


@pytest.mark.parametrize("name", SLICES)
def test_slices_are_recognized(name):
    array, expected = SLICES[name]
    assert is_slice(array) is expected


@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
@pytest.mark.parametrize(("rows", "channels"), [(1, 1), (25, 5), (300, 24), (99, 64), (150, 1100)])
def test_normalization_reads_slices(isa, threads, rng, activation, rows, channels):
    x = normal(rng, rows, channels)
    others = [normal(rng, channels), positive(rng, channels), normal(rng, channels), normal(rng, channels)]
    parameters = {"epsilon": 1e-3, "activation": activation}
    expected = cpu.normalize(x, *others, **parameters)
    for before, after in ((0, 3), (5, 0), (16, 16)):
        part = slice_of(x, before, after)
        launch = cpu.prepare(Reference.normalize, (part, *others), parameters)
        assert launch.function is not cpu._compute_on_copies
        for n in (1, 2, 7):
            threads(n)
            np.testing.assert_array_equal(launch.run(), expected)


CONVOLUTIONS = {
    "direct": [((2, 9, 9, 5), (3, 3, 5, 7), 2), ((1, 14, 14, 96), (1, 1, 96, 40), 1), ((2, 30, 16), (4, 16, 20), 1)],
    "winograd": [((1, 28, 28, 64), (3, 3, 64, 32), 1), ((2, 15, 13, 48), (3, 3, 48, 70), 1)],
}


@pytest.mark.parametrize(
    ("algorithm", "case"), [(name, case) for name, cases in CONVOLUTIONS.items() for case in cases]
)
def test_convolutions_write_slices(isa, threads, rng, algorithm, case):
    x_shape, w_shape, strides = case
    axes = len(x_shape) - 2
    c = Convolution.of(x_shape, w_shape, (strides,) * axes, ((1, 1),) * axes, (1,) * axes)
    assert choose("forward", c).algorithm.name == algorithm
    x, w, bias = normal(rng, *x_shape), normal(rng, *w_shape), normal(rng, w_shape[-1])
    parameters = {"convolution": c, "activation": "relu"}
    assert cpu.writes_slices(Reference.conv, 3, parameters)
    expected = cpu.conv(x, w, bias, **parameters)
    for before, after in ((0, 3), (16, 16)):
        for n in (1, 2, 7):
            threads(n)
            part = slice_of(np.zeros_like(expected), before, after)
            launch = cpu.prepare(Reference.conv, (x, w, bias), parameters, part)
            assert launch.function is not run_into
            assert launch.run() is part
            np.testing.assert_array_equal(part, expected)
            assert_only_slice_changed(part, before)


def test_other_algorithms_write_slices_by_way_of_a_copy(rng):
    c = Convolution.of((2, 9, 9, 8), (3, 3, 1, 8), (1, 1), ((1, 1), (1, 1)), (1, 1))
    x, w = normal(rng, 2, 9, 9, 8), normal(rng, 3, 3, 1, 8)
    assert not cpu.writes_slices(Reference.conv, 2, {"convolution": c})
    part = slice_of(np.zeros(c.output_shape, np.float32), 2, 3)
    cpu.conv(x, w, convolution=c, out=part)
    np.testing.assert_array_equal(part, cpu.conv(x, w, convolution=c))
    assert_only_slice_changed(part, 2)


@pytest.mark.parametrize("rows", [1, 7, 3000])
def test_concatenation_of_slices_into_a_slice(threads, rng, rows):
    xs = [normal(rng, rows, c) for c in (3, 64, 1, 20)]
    parts = [slice_of(x, i, 2) for i, x in enumerate(xs)]
    expected = np.concatenate(xs, 1)
    for n in (1, 2, 7):
        threads(n)
        out = slice_of(np.zeros_like(expected), 3, 5)
        assert cpu.concatenate(*parts, axis=1, out=out) is out
        np.testing.assert_array_equal(out, expected)
        assert_only_slice_changed(out, 3)


def test_parts_in_their_places_are_not_copied(rng):
    out = np.zeros((50, 12), np.float32)
    first, last = out[:, :5], out[:, 9:]
    first[...], last[...] = normal(rng, 50, 5), normal(rng, 50, 3)
    middle = normal(rng, 50, 4)
    expected = np.concatenate([first, middle, last], 1)
    np.testing.assert_array_equal(cpu.concatenate(first, middle, last, axis=1, out=out), expected)


def test_slices_joined_along_another_axis(rng):
    x = slice_of(normal(rng, 4, 5, 3), 1, 2)
    np.testing.assert_array_equal(cpu.concatenate(x, x, axis=1), np.concatenate([x, x], 1))
