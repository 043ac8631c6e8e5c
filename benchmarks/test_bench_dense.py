"""Dense layers: forward and both gradients."""

import pytest

from benchmarks.support.cases import load


@pytest.mark.parametrize("case", load("dense"), ids=str)
def test_dense(case, measure):
    measure(case)
