"""Recordings of compiled kernels, which a plan runs again without Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import fastconv.config as config
from fastconv._core import Recording
from fastconv.backends.cpu.algorithms.choose import choose_for_constant
from fastconv.backends.cpu.compiled import compiled
from fastconv.geometry import Convolution

Run = Callable[[], Any]
Launch = tuple[Callable[..., None], tuple[Any, ...], bool]  # function, arguments, True if its weights are constant


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
    steps = [(compiled(run), constant) for run, constant in steps]
    runs: list[Run] = []
    recordings: list[Recording] = []
    for is_series, group in itertools.groupby(steps, lambda step: is_recordable(step[0])):
        if not is_series:
            runs += [run for run, _ in group]
            continue
        most = config.max_workspace() - sum(recording.kept_bytes for recording in recordings)
        series = [(cast("partial[Any]", run), constant) for run, constant in group]
        recordings.append(Recording(_launches(series, most), most, next(others, None)))
        runs.append(recordings[-1].run)
    return runs, recordings


def counted(run: Run, constant: bool) -> None:
    """Call a kernel for `observe_tasks` to count its tasks, as a plan runs it if its weights are constant."""
    if constant:
        ((run,), _) = record([(run, constant)])
    run()


def separate(runs: Iterable[Run]) -> list[Run]:
    """Return a function for each step of `runs`, a result of `record`. Recordings must have run before."""
    return list(itertools.chain.from_iterable(map(_kernels, runs)))


def _kernels(run: Run) -> list[Run]:
    """Return a function for each kernel of a recording, or `run` if it belongs to none."""
    recording = getattr(run, "__self__", None)
    if not isinstance(recording, Recording):
        return [run]
    return [partial(recording.run_kernel, i) for i in range(len(recording.launches))]


def kernel_of(run: Run) -> Run:
    """Return the kernel with its arguments that a function of `separate` runs."""
    recording = getattr(getattr(run, "func", None), "__self__", None)
    if not isinstance(recording, Recording):
        return run
    function, arguments, _ = recording.launches[cast("partial[Any]", run).args[0]]
    return partial(function, *arguments)


def _launches(series: Iterable[tuple[partial[Any], bool]], most: int) -> list[Launch]:
    """Return the kernels of a series. If weights are constant and can be kept in `most` bytes, the choice of an
    algorithm depends on it.
    """
    launches: list[Launch] = []
    for run, constant in series:
        launch = (run.func, run.args, constant)
        if constant:
            launch, kept = _with_constant_weights(launch, most)
            most -= kept
        launches.append(launch)
    return launches


def _with_constant_weights(launch: Launch, most: int) -> tuple[Launch, int]:
    """Return the kernel that takes the place of `launch`, whose weights are constant, and the bytes that it keeps."""
    function, arguments, _ = launch
    if arguments and isinstance(arguments[0], Convolution):
        chosen = choose_for_constant(function, arguments[0])
        kept = Recording([(chosen, arguments, True)], most).kept_bytes
        if kept or chosen is function:
            return (chosen, arguments, True), kept
    return launch, Recording([launch], most).kept_bytes
