"""Batch normalisation, activations and softmax, and their gradients."""

import pytest

from benchmarks.support.cases import load


@pytest.mark.parametrize("case", load("batch_norm", "relu", "sigmoid", "tanh", "gelu", "silu", "softmax"), ids=str)
def test_pointwise(case, measure):
    measure(case)
