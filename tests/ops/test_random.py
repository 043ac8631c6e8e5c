"""Random numbers that depend only on seed and position."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastconv import ops
from fastconv.engine import Trace, grad
from tests.check import check_op, example

X, SEED = example(40, 50, low=0.5), np.array([12345], np.uint64)


def splitmix64(seed, i):
    """The generator of Steele, Lea and Flood 2014, in Python's integers."""
    z = (seed + (i + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mask_matches_the_generator(dtype):
    y = ops.dropout(X.astype(dtype), SEED, 0.3)
    uniform = np.array([(splitmix64(12345, i) >> 40) / 2**24 for i in range(X.size)]).reshape(X.shape)
    wanted = np.where(uniform >= np.float32(0.3), X / 0.7, 0)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, wanted, rtol=1e-6)


def test_the_fraction_that_is_dropped():
    zeros = np.mean(ops.dropout(np.ones(100_000, np.float32), SEED, 0.25) == 0)
    assert abs(zeros - 0.25) < 0.005


def test_value_gradient_and_graph_use_the_same_mask():
    check_op(lambda x: ops.dropout(x, SEED, 0.5), X)
    y, d = ops.dropout(X, SEED, 0.5), grad(lambda x: ops.sum(ops.dropout(x, SEED, 0.5)))(X)
    np.testing.assert_array_equal(d, np.where(y == 0, 0, 2.0))


def test_seeds_differ_and_no_rate_is_no_op():
    assert (ops.dropout(X, SEED, 0.5) != ops.dropout(X, SEED + np.uint64(1), 0.5)).mean() > 0.4
    assert ops.dropout(X, SEED, 0.0) is X
    with Trace() as trace:
        x = trace.input(X)
        assert ops.dropout(x, SEED, 0.0) is x


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_rates_out_of_range(rate):
    with pytest.raises(ValueError, match=r"^dropout: rate must be a number at least 0 and below 1\. Received: rate="):
        ops.dropout(X, SEED, rate)


def test_uniform_numbers_match_the_generator():
    y = ops.random_uniform((3, 5), SEED)
    wanted = np.array([(splitmix64(12345, i) >> 40) / 2**24 for i in range(15)], np.float32).reshape(3, 5)
    np.testing.assert_array_equal(y, wanted)
    np.testing.assert_allclose(ops.random_uniform((3, 5), SEED, -2, 4), 6 * wanted - 2, rtol=1e-6)
    assert ops.random_uniform((2,), SEED, dtype="float64").dtype == np.float64


def test_normal_numbers_have_the_moments_of_the_distribution():
    y = ops.random_normal((200_000,), SEED, mean=3.0, stddev=2.0)
    assert np.isfinite(y).all()
    z = (y - 3) / 2
    assert abs(z.mean()) < 0.01
    assert abs(z.std() - 1) < 0.01
    assert abs((z**3).mean()) < 0.03
    assert abs((z**4).mean() - 3) < 0.06
    assert abs((np.abs(z) > 1.959964).mean() - 0.05) < 0.002


@pytest.mark.parametrize("draw", [ops.random_normal, ops.random_uniform])
def test_numbers_are_floats(draw):
    with pytest.raises(ValueError, match="dtype='int32'"):
        draw((3,), SEED, dtype="int32")


@pytest.mark.parametrize("stddev", [-1.0, np.nan])
def test_a_deviation_is_not_negative(stddev):
    with pytest.raises(ValueError, match="stddev"):
        ops.random_normal((3,), SEED, stddev=stddev)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_integers_are_uniformly_distributed(dtype):
    y = ops.random_integers((60_000,), SEED, 3, 9, dtype)
    assert y.dtype == dtype
    values, counts = np.unique(y, return_counts=True)
    assert values.tolist() == [3, 4, 5, 6, 7, 8]
    assert np.abs(counts - 10_000).max() < 500


def test_large_ranges_have_all_their_bits():
    y = ops.random_integers((2000,), SEED, -(2**31), 2**31 - 1)
    assert y.min() < -1.9e9
    assert y.max() > 1.9e9
    assert abs((y % 2).mean() - 0.5) < 0.05


@pytest.mark.parametrize("arguments", [(0, 0), (2, 1), (0, 5, "float32")])
def test_ranges_without_integers(arguments):
    with pytest.raises(ValueError, match=r"^random_integers: .* Received: "):
        ops.random_integers((3,), SEED, *arguments)


@pytest.mark.parametrize(("dtype", "error"), [("float32", 3e-6), ("float64", 3e-6)])
def test_truncated_normal_numbers_are_quantiles_of_uniform_numbers(dtype, error):
    u = ops.random_uniform((20_000,), SEED, dtype="float64")
    y = ops.random_truncated_normal((20_000,), SEED, dtype=dtype)
    share = math.erf(math.sqrt(2))
    assert y.dtype == dtype
    assert np.abs(y).max() < 2 + 1e-6
    found = [math.erf(z / math.sqrt(2)) for z in y]
    np.testing.assert_allclose(found, (2 * u - 1) * share, atol=error)
    np.testing.assert_allclose(ops.random_truncated_normal((9,), SEED, 3.0, 2.0, dtype), 3 + 2 * y[:9], atol=1e-5)


def test_classes_are_drawn_with_their_probabilities():
    p = np.array([[0.1, 0.2, 0.3, 0.4], [0.97, 0.01, 0.01, 0.01]])
    y = ops.random_categorical(np.log(p), 50_000, SEED)
    assert (y.shape, y.dtype) == ((2, 50_000), np.int32)
    found = [[(row == k).mean() for k in range(4)] for row in y]
    np.testing.assert_allclose(found, p, atol=0.01)
    with pytest.raises(ValueError, match=r"logits must have 2 axes\. Received: shape=\(4,\)"):
        ops.random_categorical(p[0], 1, SEED)


def test_shuffling_moves_whole_slices():
    x = np.arange(60).reshape(20, 3)
    y = ops.random_shuffle(x, SEED)
    assert y.tolist() != x.tolist()
    assert sorted(y.tolist()) == x.tolist()
    np.testing.assert_array_equal(ops.random_shuffle(x.T, SEED, 1), y.T)
    first = [int(ops.random_shuffle(np.arange(4), SEED + np.uint64(i))[0]) for i in range(400)]
    assert np.bincount(first).min() > 60
