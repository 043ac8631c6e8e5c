"""Weighted counts compared with their definitions, and their memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from fastconv import ops
from fastconv.backends import backend_of
from fastconv.backends.cpu.stream import BLOCK, FEW_THRESHOLDS
from fastconv.backends.gpu.transfer import to_host
from fastconv.backends.reference import Reference
from fastconv.ops.counts import confusion_matrix, threshold_counts

RNG = np.random.default_rng(0)


def cells(x, real, weights, thresholds):
    """Count by the definition, element by element."""
    counts = np.zeros((4, len(thresholds), x.shape[1]))
    for (n, k), value in np.ndenumerate(x):
        for t, threshold in enumerate(thresholds):
            positive, is_real = value > threshold, real[n, k] != 0
            cell = (1 if is_real else 0) if positive else (3 if is_real else 2)
            counts[cell, t, k] += weights[n, k]
    return counts


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("count", [1, 2, FEW_THRESHOLDS, FEW_THRESHOLDS + 1])
@pytest.mark.parametrize("labels", ["bool", "uint8", "float32"])
def test_counts_match_the_definition(dtype, columns, count, labels):
    x = (RNG.integers(-2, 35, (40, columns)) / 32).astype(dtype)
    x[3, 0], x[5, 0], x[7, 0] = np.nan, np.inf, -np.inf
    real = RNG.integers(0, 2, x.shape).astype(labels)
    thresholds = RNG.permutation(np.linspace(0, 1, count)).astype(dtype)
    weights = RNG.integers(0, 9, x.shape) / np.float32(4)
    found = threshold_counts(x, real, weights, thresholds)
    np.testing.assert_array_equal(found, cells(x, real, weights, thresholds), strict=True)
    np.testing.assert_array_equal(Reference(np).threshold_counts(x, real, weights, thresholds), found, strict=True)
    alike = threshold_counts(x, real, np.full((1, 1), 0.5, "float32"), thresholds)
    np.testing.assert_array_equal(alike, cells(x, real, np.full(x.shape, 0.5), thresholds))


def test_counts_of_several_blocks_add_up():
    x, real = RNG.random((2 * BLOCK + 5, 1), "float32"), RNG.integers(0, 2, (2 * BLOCK + 5, 1))
    thresholds = np.linspace(0, 1, 200).astype("float32")
    found = threshold_counts(x, real, np.ones((1, 1)), thresholds)
    above = (x > thresholds).T
    expected = [(c & r).sum(1) for c in (above, ~above) for r in (real[:, 0] == 0, real[:, 0] != 0)]
    np.testing.assert_array_equal(found[..., 0], expected)


def test_counts_of_empty_arrays():
    found = threshold_counts(np.zeros((0, 1), "float32"), np.zeros((0, 1)), np.ones((1, 1)), np.ones(3, "float32"))
    np.testing.assert_array_equal(found, np.zeros((4, 3, 1)))
    np.testing.assert_array_equal(confusion_matrix(np.zeros(0, int), np.zeros(0, int), np.ones(1), 2), np.zeros((2, 2)))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float32"])
def test_the_confusion_matrix(dtype):
    real, called = RNG.integers(0, 6, (2, 500))
    weights = RNG.integers(0, 9, 500) / 4
    expected = np.zeros((5, 5))
    for i, j, w in zip(real, called, weights):
        if i < 5 and j < 5:
            expected[i, j] += w
    found = confusion_matrix(real.astype(dtype), called.astype(dtype), weights, 5)
    np.testing.assert_array_equal(found, expected, strict=True)
    reference = Reference(np).confusion_matrix(real, called, weights, classes=5)
    np.testing.assert_array_equal(reference, expected, strict=True)


def test_indices_out_of_range_do_not_count():
    found = confusion_matrix(np.array([-1, 0, 2, 10**12]), np.array([0, -(2**63), 2, 1]), np.ones(1), 3)
    np.testing.assert_array_equal(found, np.diag([0, 0, 1]))


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, -1e30])
def test_indices_must_be_integers(value):
    x = np.array([1.0, 0.0, value])
    for call in (
        lambda: ops.one_hot(x, 3),
        lambda: ops.take(np.arange(3.0), x),
        lambda: confusion_matrix(x, np.zeros(3, int), np.ones(1), 3),
        lambda: ops.sparse_categorical_crossentropy(x, np.ones((3, 3), "float32")),
        lambda: ops.take_along_axis(np.arange(3.0), x),
    ):
        with pytest.raises(ValueError, match=r"must be integers; .* Received: .* at position 2 of an array"):
            call()


def test_floats_may_be_indices():
    np.testing.assert_array_equal(ops.one_hot(np.array([2.0, 0.0]), 3), [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(ops.take(np.array([5.0, 6.0, 7.0]), np.array([[2.0], [0.0]], "float32")), [[7], [5]])


def test_counts_on_a_gpu(gpu):
    x, real = RNG.random((50, 2), "float32"), RNG.integers(0, 2, (50, 2), "int32")
    weights, thresholds = RNG.integers(1, 5, (50, 2)).astype("float32"), np.linspace(0, 1, 9).astype("float32")
    found = threshold_counts(*map(gpu.asarray, (x, real, weights, thresholds)))
    np.testing.assert_array_equal(to_host(found), threshold_counts(x, real, weights, thresholds))
    labels = RNG.integers(-1, 4, (2, 60))
    found = confusion_matrix(*map(gpu.asarray, labels), gpu.ones(60, "float32"), 3)
    np.testing.assert_array_equal(to_host(found), confusion_matrix(*labels, np.ones(60), 3))


def test_indices_on_a_gpu(gpu):
    x = gpu.asarray(np.array([0.0, 2.0, 1.0], "float32"))
    np.testing.assert_array_equal(to_host(ops.one_hot(x, 3)), np.eye(3)[[0, 2, 1]])
    backend_of(x).check()
    ops.one_hot(gpu.asarray(np.array([1.0, np.nan, 0.5], "float32")), 3)
    with pytest.raises(ValueError, match=r"must be integers; .* Received: another number at position 1"):
        backend_of(x).check()
    backend_of(x).check()


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_memory_does_not_grow_with_thresholds(backend):
    n = 1 << 18
    x, real, weights = RNG.random((n, 1), "float32"), RNG.integers(0, 2, (n, 1), "uint8"), np.ones((n, 1), "float32")
    methods = Reference(np) if backend == "reference" else backend_of(x)
    peaks = []
    for count in (8, 64):
        thresholds = np.linspace(0, 1, count).astype("float32")
        tracemalloc.start()
        methods.threshold_counts(x, real, weights, thresholds)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 150 * n
