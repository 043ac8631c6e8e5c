"""Options, parameters and fixtures of the suites; docs/suites.md explains their use."""
# ruff: noqa: E402  (variables of the environment must be set before the libraries are loaded)

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from typing import Any

import pytest
from pytest_benchmark.session import PerformanceRegression

from benchmarks.support.machine import BOUND

for variable, setting in BOUND.items():
    os.environ.setdefault(variable, setting)

from benchmarks.rivals import Side
from benchmarks.support import suite_table, suites
from benchmarks.support.baseline import Baseline
from benchmarks.support.cases import Case
from benchmarks.support.measure import fma_peak, reference_seconds
from fastconv import config as settings

# Options of pytest-benchmark, if the command line does not set them. A ratio stands beside each time of a group.
OPTIONS = {"benchmark_max_time": "0.25", "benchmark_columns": ["min", "median", "rounds"]}

BASELINE = pytest.StashKey[Baseline]()
MEASURED = pytest.StashKey[list[suite_table.Measured]]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    chosen = "default (the cases of benchmarks/default.txt) or full (every case)"
    parser.addoption("--suite", choices=suites.SELECTIONS, default="default", help=f"cases to measure: {chosen}")
    config: Any = pluginmanager.get_plugin("pytestconfig")
    vars(config.option).update(OPTIONS)


def pytest_configure(config: pytest.Config) -> None:
    config.stash.setdefault(BASELINE, Baseline())
    config.stash[MEASURED] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Measure the sides of a case one after the other."""
    if "case" not in metafunc.fixturenames:
        return
    cases = suites.SELECTIONS[metafunc.config.getoption("suite")]()
    pairs = [
        pytest.param(case, side, id=f"{suites.name_of(case)}-{suites.name_of_side(side)}")
        for case, side in suites.pairs(cases)
    ]
    metafunc.parametrize(("case", "side"), pairs)


@pytest.fixture
def measure(benchmark: Any, request: pytest.FixtureRequest) -> Callable[[Case, Side], None]:
    """Return a function that measures a case on a side, and the speed of the machine before and after."""

    def run(case: Case, side: Side) -> None:
        threads = settings.get_num_threads()
        side.set_num_threads(threads)
        benchmark.group = suites.name_of(case)
        call = side.prepare(case)
        if not benchmark.enabled:
            benchmark(call)
            return
        peak = fma_peak(threads)  # begins with a pause, in which the threads of the side before fall asleep
        before = reference_seconds(threads)
        benchmark(call)
        reference = min(before, reference_seconds(threads))
        record(case, side, reference)
        benchmark.extra_info.update(
            threads=threads,
            reference_seconds=reference,
            fma_peak_gflops=round(peak, 1),
            gflops=round(case.flops / benchmark.stats.stats.min / 1e9, 1),
        )

    def record(case: Case, side: Side, reference: float) -> None:
        before = request.config.stash[BASELINE].corrected(benchmark.fullname, reference)
        shortest = benchmark.stats.stats.min
        of_case = suite_table.Measured(suites.name_of(case), side.name, side.layout, shortest, reference, before)
        request.config.stash[MEASURED].append(of_case)

    return run


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Leave the clock's present frequency out: it would make each run one of another machine."""
    for name in ("hz_actual", "hz_actual_friendly"):
        machine_info["cpu"].pop(name, None)


def pytest_benchmark_compare_machine_info(config: pytest.Config, compared_benchmark: dict[str, Any]) -> None:
    """Remember a stored run (`--benchmark-compare`), to correct its times as the cases are measured."""
    config.stash.setdefault(BASELINE, Baseline()).add(compared_benchmark["benchmarks"])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Generator[None, None, None]:
    """Write a line for each case after pytest-benchmark's tables, also if it raises an error for a slower case."""
    try:
        return (yield)
    except PerformanceRegression as error:
        pytest.exit(str(error), returncode=1)  # without the traceback of pytest-benchmark
    finally:
        if lines := suite_table.lines_of(config.stash[MEASURED]):
            terminalreporter.section("each case beside its fastest rival; the reference: NumPy's matrix products")
            terminalreporter.write_line(suite_table.table(lines))
