"""Padding."""

import pytest

from benchmarks.support.cases import load


@pytest.mark.parametrize("case", load("pad"), ids=str)
def test_pad(case, measure):
    measure(case)
