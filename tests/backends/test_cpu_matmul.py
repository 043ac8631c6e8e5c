"""Matrix products: exact on small integers, whose float32 sums carry no rounding."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import ops
from fastconv.backends.cpu.backend import Cpu
from fastconv.backends.reference import Reference
from tests import naive
from tests.windows import Windows

cpu, reference = Windows(Cpu()), Windows(Reference(np))


def integers(rng, *shape):
    return rng.integers(-4, 5, shape).astype(np.float32)


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (3, 5, 2), (9, 4, 6)])
def test_tiny_products_match_the_definition(rng, transpose_a, transpose_b, m, k, n):
    a, b = integers(rng, m, k), integers(rng, k, n)
    left, right = a.T if transpose_a else a, b.T if transpose_b else b
    y = cpu.matmul(left, right, transpose_a=transpose_a, transpose_b=transpose_b)
    np.testing.assert_array_equal(y, naive.matmul(a, b))


@pytest.mark.parametrize("m", [1, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 29, 130])
@pytest.mark.parametrize(
    ("k", "n"),
    [(1, 1), (9, 10), (7, 16), (64, 64), (130, 65), (700, 120), (20, 1100), (130, 3), (40, 4), (700, 10)],
)
def test_sizes_around_the_tile(isa, rng, m, k, n):
    a, b, bias = integers(rng, m, k), integers(rng, k, n), integers(rng, n)
    expected = reference.matmul(a, b, bias)
    np.testing.assert_array_equal(cpu.matmul(a, b, bias), expected)
    np.testing.assert_array_equal(cpu.matmul(a, b.T.copy(), bias, transpose_b=True), expected)
    np.testing.assert_array_equal(cpu.matmul(a.T.copy(), b, bias, transpose_a=True), expected)
    np.testing.assert_array_equal(cpu.matmul(a.T.copy(), b, transpose_a=True), reference.matmul(a, b))


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "sigmoid", "tanh", "clipped_relu"])
@pytest.mark.parametrize("m", [1, 50])
def test_bias_and_activation(isa, rng, activation, m):
    a, b, bias = rng.standard_normal((m, 40)), rng.standard_normal((40, 70)) / 6, rng.standard_normal(70)
    expected = reference.matmul(a, b, bias, activation=activation, alpha=0.3)
    actual = cpu.matmul(*(v.astype(np.float32) for v in (a, b, bias)), activation=activation, alpha=0.3)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
    turned = [v.astype(np.float32) for v in (a, b.T.copy(), bias)]
    actual = cpu.matmul(*turned, transpose_b=True, activation=activation, alpha=0.3)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_leading_axes(rng):
    a, b = integers(rng, 2, 3, 4, 5), integers(rng, 5, 6)
    np.testing.assert_array_equal(cpu.matmul(a, b), reference.matmul(a, b))
    stack = integers(rng, 3, 5, 6)
    np.testing.assert_array_equal(cpu.matmul(a, stack), reference.matmul(a, stack))
    np.testing.assert_array_equal(cpu.matmul(a.swapaxes(2, 3), b, transpose_a=True), reference.matmul(a, b))


@pytest.mark.parametrize("m", [2, 150])
def test_same_bits_on_any_number_of_threads(isa, rng, threads, m):
    a, b = rng.standard_normal((m, 900)).astype(np.float32), rng.standard_normal((900, 2100)).astype(np.float32)

    def results(n):
        threads(n)
        y = cpu.matmul(a, b)
        return y, cpu.matmul(y, b, transpose_b=True), cpu.matmul(a, y, transpose_a=True)

    alone = results(1)
    for n in (2, 7):
        for left, right in zip(alone, results(n)):
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("m", [3, 20])
def test_nothing_is_written_outside_of_out(isa, rng, m):
    a, b = integers(rng, m, 9), integers(rng, 9, 70)
    memory = np.full(m * 70 + 256, 12345, np.float32)
    out = memory[128:-128].reshape(m, 70)
    assert cpu.matmul(a, b, out=out) is out
    assert (memory[:128] == 12345).all()
    assert (memory[-128:] == 12345).all()
    np.testing.assert_array_equal(out, reference.matmul(a, b))
    assert cpu.matmul(a.T.copy(), b, transpose_a=True, out=out) is out
    assert (memory[:128] == 12345).all()
    assert (memory[-128:] == 12345).all()


def test_empty_products():
    empty, b = np.zeros((0, 4), np.float32), np.ones((4, 3), np.float32)
    assert cpu.matmul(empty, b).shape == (0, 3)
    np.testing.assert_array_equal(cpu.matmul(empty, np.zeros((0, 5), np.float32), transpose_a=True), np.zeros((4, 5)))


def test_float64_is_computed_in_float64(rng):
    a, b = rng.standard_normal((4, 30)), rng.standard_normal((30, 5))
    np.testing.assert_allclose(cpu.matmul(a, b), naive.matmul(a, b), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("k", [1, 5, 64, 70])
@pytest.mark.parametrize("n", [3, 17, 20, 56, 120])
def test_columns_that_fill_no_vector_read_nothing_of_others(isa, rng, k, n):
    """The last vector of a row of b reads the next row; the last row of b ends the array."""
    a, memory = rng.standard_normal((1, k), np.float32), np.full(k * n + 64, np.nan, np.float32)
    b = memory[: k * n].reshape(k, n)
    b[...] = rng.standard_normal((k, n), np.float32)
    b[:, 0] = np.nan
    y = ops.matmul(a, b)
    assert np.isnan(y[0, 0])
    np.testing.assert_allclose(y[:, 1:], a.astype("float64") @ b[:, 1:], rtol=1e-4, atol=1e-5)
