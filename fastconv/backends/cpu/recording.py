"""Recordings of compiled kernels, which a plan runs again without Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import fastconv.config as config
from fastconv._core import Recording

Run = Callable[[], Any]


def is_recordable(run: Run) -> bool:
    """Return True if `run` is a compiled kernel with its arguments. Compiled kernels compute only in `run_phases`, so
    that a recording misses nothing that depends on values.
    """
    return isinstance(run, partial) and str(getattr(run.func, "__module__", "")).startswith("fastconv._")


def record(steps: Iterable[tuple[Run, bool]], alike: Iterable[Recording] = ()) -> tuple[list[Run], list[Recording]]:
    """Return functions that do the same as the given functions, in the same order, and the recordings among them.

    Each series of compiled kernels becomes a recording. Together they keep at most `config.max_workspace()` bytes of
    packed weights.

    Args:
        steps: pairs of a function and True if the weights that it reads are constant.
        alike: the recordings of the same functions with other arrays and the same weights; packed weights are shared.
    """
    others = iter(alike)
    runs: list[Run] = []
    recordings: list[Recording] = []
    for is_series, group in itertools.groupby(steps, lambda step: is_recordable(step[0])):
        if not is_series:
            runs += [run for run, _ in group]
            continue
        series = [(cast("partial[Any]", run), constant) for run, constant in group]
        most = config.max_workspace() - sum(recording.kept_bytes for recording in recordings)
        launches = [(run.func, run.args, constant) for run, constant in series]
        recordings.append(Recording(launches, most, next(others, None)))
        runs.append(recordings[-1].run)
    return runs, recordings
