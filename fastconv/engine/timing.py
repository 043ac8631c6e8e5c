"""Times and tasks of the steps of a plan, measured while it runs on copies of the variables that it assigns."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fastconv.backends import gpu_backend
from fastconv.backends.balance import THREADS, Phase, phases_of
from fastconv.backends.cpu.recording import counted, kernel_of, separate
from fastconv.backends.gpu.backend import Gpu
from fastconv.device import gpu_number
from fastconv.engine.cuda_graph import CudaGraphExecutable
from fastconv.engine.executable import Executable, shaped
from fastconv.engine.primitive import Call, Tensor
from fastconv.engine.schedule import Schedule, nbytes
from fastconv.engine.variable import Variable

# If no number of passes is given: the seconds that they take together, the fewest and the most passes.
SECONDS, FEWEST, MOST = 0.5, 5, 1000
SHORTEST = 1e-8  # seconds, of a step

Run = Callable[[], Any]


class OnCopies(Executable):
    """An executable that keeps the kernel of each step, and writes into copies of the variables."""

    def __init__(self, schedule: Schedule, *gpu: Any) -> None:
        self.schedule = schedule
        self.kernels: dict[Call, Run] = {}
        self.singles: dict[Call, Run] = {}
        self.copies: dict[Variable, Any] = {}
        super().__init__(schedule, *gpu)

    def held(self, variable: Variable) -> Any:
        return self.target(variable) if variable in self.schedule.updates else super().held(variable)

    def target(self, variable: Variable) -> Any:
        if variable not in self.copies:
            like = Tensor(variable.shape, variable.dtype)
            self.copies[variable] = shaped(self.bytes(nbytes(like)), like)
            self.copies[variable][...] = super().held(variable)
        return self.copies[variable]

    def _bind(self, step: Call) -> Run:
        self.kernels[step] = super()._bind(step)
        return self.kernels[step]

    def _recorded(self, steps: Sequence[tuple[Call, Run]]) -> list[Run]:
        """As `Executable._recorded`, and find the part of the recordings that runs each step."""
        runs = super()._recorded(steps)
        self.singles.update(zip((step for step, _ in steps), separate(runs)))
        return runs

    def bound_steps(self) -> list[tuple[Call, Run]]:
        """Return the steps that run each time, in their order, and the functions that run them."""
        steps = [step for step in self.schedule.steps if step in self.kernels]
        return [(step, self.singles.get(step, self.kernels[step])) for step in steps]

    def begin(self, arrays: Sequence[Any]) -> None:
        """Copy `arrays` into the input buffers, and compute the steps that depend only on variables."""
        for buffer, array in zip(self.inputs, arrays):
            buffer[...] = array
        self.prepare()

    def end(self) -> None:
        """Write the copies of variables that no step writes itself."""
        for target, array in self.writes:
            target[...] = array

    def copied_outputs(self) -> list[Any]:
        """Return copies of the outputs."""
        return [self.xp.array(array) for array in self.outputs]


class OnCopiesOnGpu(OnCopies, CudaGraphExecutable):
    """The same on a GPU."""

    gpu: Gpu

    def begin(self, arrays: Sequence[Any]) -> None:
        super().begin([self.gpu.array(array) for array in arrays])


class StepTime(NamedTuple):
    """A step of a plan with its time.

    Attributes:
        call: the operation, its inputs and its results.
        run: the kernel with its arguments.
        seconds: the shortest time of the passes.
        phases: the tasks that its kernels distributed, and their times; empty if it has no such kernels.
        predicted: the tasks that they would distribute on other numbers of threads.
    """

    call: Call
    run: Run
    seconds: float
    phases: list[Phase]
    predicted: dict[int, list[Phase]]


class PlanTimes(NamedTuple):
    """The times of a plan.

    Attributes:
        steps: the steps that run each time, in their order.
        seconds: the shortest time of the whole plan, with copies of inputs and outputs.
        between: the shortest time of a whole plan that none of its steps takes.
        passes: the number of times that each was measured.
    """

    steps: list[StepTime]
    seconds: float
    between: float
    passes: int


def time_plan(plan: Schedule, arrays: Sequence[Any], passes: int | None = None) -> PlanTimes:
    """Return the times of a plan and of its steps for `arrays`. No variable changes.

    A pass runs the steps in their order and reads the clock between them, so that each step finds the values and the
    caches of a real run. Passes alternate with runs of the whole plan.

    Args:
        plan: the plan.
        arrays: its inputs.
        passes: the number of passes; None for the number that takes half a second, between 5 and 1000.
    """
    number = gpu_number()
    if number is None:
        return _time(OnCopies(plan), arrays, passes)
    gpu = gpu_backend(number)
    with gpu.running():
        return _time(OnCopiesOnGpu(plan, gpu), arrays, passes, gpu.stream.synchronize)


def _time(executable: OnCopies, arrays: Sequence[Any], passes: int | None, wait: Run | None = None) -> PlanTimes:
    steps = executable.bound_steps()
    runs = [run if wait is None else _waiting(run, wait) for _, run in steps]
    whole, between = min(_whole(executable, arrays, wait) for _ in range(3)), float("inf")  # touches all memory
    if passes is None:
        passes = max(FEWEST, min(MOST, int(SECONDS / 2 / whole)))
    shortest = [float("inf")] * len(runs)
    for _ in range(passes):
        seconds, rest = _pass(executable, arrays, runs)
        shortest, between = list(map(min, shortest, seconds)), min(between, rest)
        whole = min(whole, _whole(executable, arrays, wait))
    reading = _clock_seconds()
    shortest = [max(seconds - reading, SHORTEST) for seconds in shortest]
    phases = _phases(executable, arrays, runs) if wait is None else [[] for _ in runs]
    kernels = [(kernel_of(run), executable._has_constant_weights(step)) for step, run in steps]
    predicted = [
        {n: phases_of(functools.partial(counted, *kernel), n) for n in THREADS if found}
        for kernel, found in zip(kernels, phases)
    ]
    times = zip((step for step, _ in steps), (run for run, _ in kernels), shortest, phases, predicted)
    rows = [StepTime(*row) for row in times]
    return PlanTimes(rows, whole, max(between - reading * len(runs), 0.0), passes)


def _pass(executable: OnCopies, arrays: Sequence[Any], runs: Sequence[Run]) -> tuple[list[float], float]:
    """Run a plan step by step, and return the time of each step, with a reading of the clock, and the rest."""
    clock = time.perf_counter
    times = []
    begun = clock()
    executable.begin(arrays)
    for run in runs:
        started = clock()
        run()
        times.append(clock() - started)
    executable.end()
    outputs = executable.copied_outputs()
    whole = clock() - begun
    del outputs
    return times, whole - sum(times)


def _clock_seconds() -> float:
    """Return the time to read the clock."""
    clock = time.perf_counter
    return min(-(clock() - clock()) for _ in range(1000))


def _phases(executable: OnCopies, arrays: Sequence[Any], runs: Sequence[Run]) -> list[list[Phase]]:
    """Run a plan step by step, and return the phases of each step."""
    executable.begin(arrays)
    phases = [phases_of(run) for run in runs]
    executable.end()
    return phases


def _whole(executable: OnCopies, arrays: Sequence[Any], wait: Run | None) -> float:
    """Run a plan as `Executable.run` does, and return its time."""
    started = time.perf_counter()
    executable.begin(arrays)
    executable.compute()
    outputs = executable.copied_outputs()
    if wait is not None:
        wait()
    del outputs
    return time.perf_counter() - started


def _waiting(run: Run, wait: Run) -> Run:
    """Return a function that runs a step and waits until the GPU has computed it."""

    def run_and_wait() -> None:
        run()
        wait()

    return run_and_wait
