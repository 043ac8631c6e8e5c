"""Which compiled kernels a plan can record and run again without Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import fastconv._core as _core


def is_recordable(run: Callable[[], Any]) -> bool:
    """Return True if `run` is a compiled kernel with its arguments. Compiled kernels compute only in `run_phases`, so
    that a recording misses nothing that depends on values.
    """
    return isinstance(run, partial) and str(getattr(run.func, "__module__", "")).startswith("fastconv._")


def recorded(runs: Iterable[Callable[[], Any]]) -> list[Callable[[], Any]]:
    """Return functions that do the same as `runs`, in the same order; each series of compiled kernels becomes one."""
    functions: list[Callable[[], Any]] = []
    for is_series, group in itertools.groupby(runs, is_recordable):
        if is_series:
            series = cast("list[partial[Any]]", list(group))
            functions.append(_core.Recording([(run.func, run.args) for run in series]).run)
        else:
            functions += group
    return functions
