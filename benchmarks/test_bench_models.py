"""Whole nets: a training step with Adam, and inference."""

import pytest

from benchmarks.support.cases import load


@pytest.mark.parametrize("case", load("model"), ids=str)
def test_model(case, measure):
    measure(case)
