"""Convolution, also transposed: forward and both gradients."""

import pytest

from benchmarks.support.cases import load


@pytest.mark.parametrize("case", load("conv", "conv_transpose"), ids=str)
def test_conv(case, measure):
    measure(case)
