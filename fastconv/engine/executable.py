"""Schedules with memory: every kernel is bound to its arrays."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv._arrays import copies, copy_into
from fastconv.backends.cpu.recording import Recording, record
from fastconv.backends.gpu.transfer import to_host
from fastconv.backends.reference import Reference
from fastconv.device import is_cupy_loaded
from fastconv.engine.interrupts import uninterrupted
from fastconv.engine.primitive import Call, Tensor
from fastconv.engine.schedule import ALIGNMENT, Schedule, nbytes
from fastconv.engine.variable import Variable
from fastconv.engine.weights import Weights
from fastconv.typing import Array


class Executable:
    """A set of buffers for a schedule, and its steps bound to them.

    Args:
        schedule: the schedule.
        weights: those of another executable of the schedule, to be shared; None for new ones.

    Attributes:
        number: the number of their GPU; None for the processor's memory.
    """

    xp: Any = np
    number: int | None = None

    def __init__(self, schedule: Schedule, weights: Weights | None = None) -> None:
        self.weights = Weights(schedule.watched) if weights is None else weights
        storage = self._storage(schedule.sizes)
        self.arrays: dict[Tensor, Any] = {t: self.held(variable) for variable, t in schedule.reads.items()}
        self.arrays.update((t, self.target(variable)) for t, variable in schedule.in_place.items())
        for t in schedule.inputs:
            self.arrays[t] = shaped(self.bytes(nbytes(t)), t)
        for t, number in schedule.buffers.items():
            self.arrays[t] = shaped(storage[number], t)
        for t, (whole, first) in schedule.slices.items():
            self.arrays[t] = self.arrays[whole][..., first : first + t.shape[-1]]
        self.invariant = schedule.invariant
        if weights is None:
            self._bind_prologue(schedule)
        self.arrays.update(self.weights.arrays)
        self.recordings: list[Recording] = []
        steps = [(step, self._bind(step)) for step in schedule.steps if not self._is_free(step)]
        self.steps = self._recorded([pair for pair in steps if pair[0].outputs[0] not in schedule.in_place])
        self.last_steps = self._recorded([pair for pair in steps if pair[0].outputs[0] in schedule.in_place])
        self.inputs = [self._array(t) for t in schedule.inputs]
        self.outputs = [self._array(t) for t in schedule.outputs]
        self.writes = [
            (self.target(v), self._array(t)) for v, t in schedule.updates.items() if t not in schedule.in_place
        ]
        self.variables = [*schedule.reads, *schedule.updates]
        self.updated = list(schedule.updates)
        if weights is None:
            self.weights.recordings = self.recordings

    # ---- the memory ----------------------------------------------------------------------------------------------

    def bytes(self, size: int) -> Array:
        """Return new memory."""
        return aligned_empty(size)

    def _storage(self, sizes: Sequence[int]) -> list[Array]:
        """Return new memory of each of `sizes`, in one block, since large blocks lie on large pages.

        They are some bytes apart: NumPy takes arrays that touch each other for overlapping ones, and computes them more
        slowly, and its older versions with other bits.
        """
        ends = list(itertools.accumulate((size // ALIGNMENT + 2) * ALIGNMENT for size in sizes))
        block = self.bytes(ends[-1] if ends else 0)
        return [block[start : start + size] for start, size in zip([0, *ends], sizes)]

    def held(self, variable: Variable) -> Array:
        """Return the array of a variable, for reading."""
        return variable.array

    def target(self, variable: Variable) -> Array:
        """Return the array of a variable, for writing."""
        return variable.buffer

    def constant(self, value: Array) -> Array:
        """Return a constant of the graph in memory that the kernels can read."""
        return value

    def shares_weights(self) -> bool:
        """Return True unless it packs weights of its own, of which the other executables of the plan do not know.

        A setting that changes during the binding may lead to other places of packed weights.
        """
        return not any(recording.owns_weights for recording in self.recordings)

    # ---- running -------------------------------------------------------------------------------------------------

    def acquire(self) -> bool:
        """Prepare a run, which `release` ends.

        Returns:
            False if the executable cannot run now, because other runs read weights that have changed.
        """
        if is_cupy_loaded():
            for variable in self.variables:
                self.held(variable)  # copies values that a GPU has changed
        return self.weights.acquire(self.recordings)

    def release(self) -> None:
        """End a run."""
        self.weights.release()

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Return the outputs for `arrays`, between `acquire` and `release`."""
        if is_cupy_loaded():
            arrays = [to_host(array) for array in arrays]
        for buffer, array in zip(self.inputs, arrays):
            copy_into(buffer, array)
        for step in self.steps:
            step()
        if self.updated:
            uninterrupted(self._update)
        return copies(self.outputs)

    def prepare(self) -> None:
        """Compute the weights, which no other executable shares, if a variable was assigned since."""
        if self.weights.acquire(self.recordings):
            self.weights.release()

    def compute(self) -> None:
        """Run all steps, and write the variables that the steps do not write themselves."""
        for step in self.steps:
            step()
        self.write()

    def write(self) -> None:
        """Run the steps that write into variables, and write the other variables."""
        for step in self.last_steps:
            step()
        for target, array in self.writes:
            target[...] = array

    def _update(self) -> None:
        """Write all variables and count their versions."""
        self.write()
        for variable in self.updated:
            variable.version += 1

    # ---- binding -------------------------------------------------------------------------------------------------

    def _array(self, t: Tensor) -> Array:
        if t not in self.arrays and t.value is not None:
            self.arrays[t] = self.constant(t.value)
        return self.arrays[t]

    def _output(self, t: Tensor) -> Array:
        if t not in self.arrays:  # results of the prologue have their own arrays
            self.arrays[t] = shaped(self.bytes(nbytes(t)), t)
        return self.arrays[t]

    def _is_free(self, step: Call) -> bool:
        """Return True if `step` is a view that can be taken now for all runs, so that no step is left to run."""
        if step.primitive.view is None:
            return False
        x = self._array(step.inputs[0])
        y = step.primitive.view(x, **step.params)
        if y.size and not self.xp.may_share_memory(x, y):
            return False
        self.arrays[step.outputs[0]] = y
        return True

    def _bind_prologue(self, schedule: Schedule) -> None:
        """Bind the prologue to new arrays, which the weights hold."""
        steps = [(self._bind(step), False) for step in schedule.prologue if not self._is_free(step)]
        self.weights.prologue, _ = record(steps)
        self.weights.arrays = {t: self.arrays[t] for step in schedule.prologue for t in step.outputs}

    def _recorded(self, steps: Sequence[tuple[Call, Callable[[], Any]]]) -> list[Callable[[], Any]]:
        """Return functions that run `steps`.

        A recording keeps the packed weights of its kernels, or shares those of the first executable.
        """
        kernels = [(run, self._has_constant_weights(step)) for step, run in steps]
        runs, recordings = record(kernels, self.weights.recordings[len(self.recordings) :])
        self.recordings += recordings
        return runs

    def _has_constant_weights(self, step: Call) -> bool:
        """Return True if the numbers that a kernel may pack are constant in this plan.

        They are the weights of a convolution or matrix product, or the statistics, scale and shift of a normalization.
        """
        is_normalization = step.primitive.operation is Reference.normalize
        weights = step.inputs[1:] if is_normalization else step.inputs[1:2]
        return bool(weights) and all(t.value is not None or t in self.invariant for t in weights)

    def _bind(self, step: Call) -> Callable[[], Any]:
        inputs = tuple(self._array(t) for t in step.inputs)
        outputs = [self._output(t) for t in step.outputs]
        out = outputs[0] if len(outputs) == 1 else tuple(outputs)
        _, function, arguments = step.primitive.prepare(inputs, step.params, out)
        return functools.partial(function, *arguments)


def shaped(memory: Array, t: Tensor) -> Array:
    """Return the beginning of `memory`, bytes, as an array for `t`."""
    return memory[: nbytes(t)].view(t.dtype).reshape(t.shape)


def aligned_empty(size: int) -> np.ndarray:
    """Return `size` bytes that begin at a multiple of ALIGNMENT."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]
