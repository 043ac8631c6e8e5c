"""Pooling, also over whole images, and its gradient."""

import pytest

from benchmarks.support.cases import load


@pytest.mark.parametrize("case", load("max_pool", "average_pool", "global_max_pool", "global_average_pool"), ids=str)
def test_pool(case, measure):
    measure(case)
