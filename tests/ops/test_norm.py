"""Batch normalisation with given statistics: arguments that the table of ops does not pass."""

from __future__ import annotations

import numpy as np

from fastconv import ops
from fastconv.ops.norm import standardize
from tests.check import check_op, example

X = example(2, 3, 4)
MEAN, GAMMA, BETA = example(4, seed=1), example(4, seed=2), example(4, seed=3)
VARIANCE = example(4, seed=4, low=0.3, high=2.0)


def test_every_argument_has_a_gradient():
    check_op(
        lambda x, mean, variance, beta, gamma: ops.batch_normalization(x, mean, variance, -1, beta, gamma),
        X, MEAN, VARIANCE, BETA, GAMMA,
        oracle=lambda x, mean, variance, beta, gamma: gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta,
    )  # fmt: skip


def test_channels_on_any_axis():
    first = ops.batch_normalization(np.moveaxis(X, 2, 0), MEAN, VARIANCE, 0, BETA, GAMMA)
    last = ops.batch_normalization(X, MEAN, VARIANCE, 2, BETA, GAMMA)
    np.testing.assert_allclose(np.moveaxis(first, 0, 2), last, rtol=1e-12)


def test_standardizing_has_two_gradients():
    for axes in ((2,), (0, 1), (0, 2)):
        check_op(
            lambda x: standardize(x, axes, 1e-3),  # noqa: B023
            X,
            oracle=lambda x: (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3),  # noqa: B023
        )
