"""Fixtures of the suites: a test runs a case on one side and records the FMA peak of the same minute."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.rivals import SIDES, Side
from benchmarks.support.cases import Case
from benchmarks.support.measure import fma_peak
from fastconv import config


@pytest.fixture(params=SIDES, ids=lambda side: f"{side.name}_{side.layout}")
def side(request) -> Side:
    if not request.param.available():
        pytest.skip(f"{request.param.name} is not installed")
    request.param.set_num_threads(config.get_num_threads())
    return request.param


@pytest.fixture
def measure(benchmark, side) -> Callable[[Case], None]:
    def run(case: Case) -> None:
        if not side.takes(case):
            pytest.skip(f"{side.name} computes this alike in every layout")
        benchmark.group = str(case)
        benchmark.extra_info["threads"] = config.get_num_threads()
        benchmark.extra_info["fma_peak_gflops"] = round(fma_peak(config.get_num_threads()), 1)
        benchmark(side.prepare(case))
        if case.flops and benchmark.stats:
            benchmark.extra_info["gflops"] = round(case.flops / benchmark.stats.stats.median / 1e9, 1)

    return run
