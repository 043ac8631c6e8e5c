"""A graph as a list of steps over numbered buffers: neighbours fused, buffers assigned."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fastconv.backends import backend_of, gpu_backend
from fastconv.backends.gpu.transfer import to_host
from fastconv.backends.reference import Reference
from fastconv.device import gpu_number
from fastconv.engine.concatenation import Slice, is_in_place, slices_of_concatenations
from fastconv.engine.fusion import fuse
from fastconv.engine.primitive import CAST, Call, Tensor, calls_before
from fastconv.engine.strides import move_strides_up
from fastconv.engine.variable import Variable

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


class Schedule:
    """The steps of a graph in the order in which they run, and a buffer for each of their results.

    It is made once and holds no memory; an `Executable` gives it memory.

    Args:
        inputs: tensors without a value, the arguments.
        outputs: tensors to return.
        reads: the tensor that stands for each variable (`Trace.reads`).
        updates: the tensor whose value each variable gets (`Trace.updates`).

    Attributes:
        inputs, outputs, reads, updates: the arguments; equal results are the same tensor.
        prologue: steps that depend only on variables and constants; they run again only after an assignment.
        steps: the other steps.
        in_place: the variable that each of some results is written into.
        slices: the place of each result that is a slice of the channels of another: see `slices_of_concatenations`.
        buffers: the number of the buffer of each other result of `steps`.
        sizes: the size of each buffer in bytes.
        invariant: the tensors that depend only on variables and constants.
        watched: the variables on which they may depend.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        reads: Mapping[Variable, Tensor] | None = None,
        updates: Mapping[Variable, Tensor] | None = None,
    ) -> None:
        self.inputs = list(inputs)
        self.reads = dict(reads or {})
        kept = [*outputs, *(updates or {}).values()]
        steps, same = merge_duplicates(calls_before(kept, known=lambda t: t.value is not None))
        self.outputs = [same.get(t, t) for t in outputs]
        self.updates = {variable: same.get(t, t) for variable, t in (updates or {}).items()}
        steps += self._copies_of_former_values(steps)
        kept = [*self.outputs, *self.updates.values()]
        fixed = {t for variable, t in self.reads.items() if variable not in self.updates}
        steps = move_strides_up(steps, kept)
        steps = fuse(steps, kept, invariant_tensors(steps, fixed))
        own_constants([*kept, *(t for step in steps for t in step.inputs)])
        invariant = invariant_tensors(steps, fixed)
        self.prologue = [step for step in steps if invariant.issuperset(step.outputs)]
        varying = [step for step in steps if not invariant.issuperset(step.outputs)]
        self.steps, self.in_place = self._updates_last(varying)
        lasting = set(kept) | invariant
        self.slices = slices_of_concatenations(self.steps, lasting.union(self.in_place), _backend())
        self.steps = [step for step in self.steps if not is_in_place(step, self.slices)]
        self.buffers, self.sizes = assign_buffers(self.steps, lasting, self.in_place, self.slices)
        self.invariant = invariant
        self.watched = [v for v, t in self.reads.items() if t in fixed]

    def _updates_last(self, steps: list[Call]) -> tuple[list[Call], dict[Tensor, Variable]]:
        """Return `steps`, with those that can write directly into variables last, and the variables of their results.

        Such a step is elementwise. Each of its results is assigned to a single variable and used nowhere else. The
        former values of these variables are read, element by element, only by the step itself or by steps that run
        earlier.
        """
        owner = owners(steps)
        assignments = Counter(self.updates.values())
        target = {t: variable for variable, t in self.updates.items() if assignments[t] == 1}
        used = {t for step in steps for t in step.inputs}.union(self.outputs)
        readers: dict[Tensor, list[tuple[Call, Tensor]]] = defaultdict(list)
        for step in steps:
            for t in step.inputs if step.primitive.view is None else ():
                readers[owner(t)].append((step, t))

        def fits(t: Tensor) -> bool:
            return t in target and t not in used and (t.shape, t.dtype) == (target[t].shape, target[t].dtype)

        finals = {step for step in steps if step.primitive.elementwise and all(fits(t) for t in step.outputs)}

        def only_reader(step: Call) -> bool:
            formers = [self.reads[target[t]] for t in step.outputs if target[t] in self.reads]
            return all(
                reader not in finals or (reader is step and t is former)
                for former in formers
                for reader, t in readers[former]
            )

        last = {step for step in finals if only_reader(step)}
        ordered = sorted(steps, key=last.__contains__)
        return ordered, {t: target[t] for step in ordered if step in last for t in step.outputs}

    def _copies_of_former_values(self, steps: list[Call]) -> list[Call]:
        """Return steps that copy the results that share memory with a variable, before the variable is assigned."""
        owner = owners(steps)
        assigned = {self.reads[variable] for variable in self.updates if variable in self.reads}
        copies = {t: Tensor(t.shape, t.dtype) for t in (*self.outputs, *self.updates.values()) if owner(t) in assigned}
        self.outputs = [copies.get(t, t) for t in self.outputs]
        self.updates = {variable: copies.get(t, t) for variable, t in self.updates.items()}
        return [Call(CAST, (t,), {"dtype": t.dtype.name}, (copy,)) for t, copy in copies.items()]


def _backend() -> Reference:
    """Return the backend on which models compute now."""
    number = gpu_number()
    return backend_of() if number is None else gpu_backend(number)


def own_constants(tensors: Iterable[Tensor]) -> None:
    """Replace the arrays of constants by copies, so that later changes of these arrays do not change the graph."""
    for t in dict.fromkeys(tensors):
        if t.value is not None:
            t.value = t.value.copy()


def merge_duplicates(steps: Iterable[Call]) -> tuple[list[Call], dict[Tensor, Tensor]]:
    """Return `steps` without repeated computations, and a dict from dropped tensors to their equals that are kept."""
    same: dict[Tensor, Tensor] = {}
    first: dict[Any, Call] = {}
    merged = []

    def identity(t: Tensor) -> Any:
        if t.value is not None and t.size == 1:
            return (t.shape, t.dtype, to_host(t.value).tobytes())
        return id(t)

    for step in steps:
        inputs = tuple(same.get(t, t) for t in step.inputs)
        key = (step.primitive, tuple(identity(t) for t in inputs), repr(sorted(step.params.items())))
        if key in first:
            same.update(zip(step.outputs, first[key].outputs))
        else:
            first[key] = Call(step.primitive, inputs, step.params, step.outputs, step.names)
            merged.append(first[key])
    return merged, same


def invariant_tensors(steps: Iterable[Call], fixed: set[Tensor]) -> set[Tensor]:
    """Return `fixed` and all tensors that are computed only from it and from constants."""
    invariant = set(fixed)
    for step in steps:
        if all(t.value is not None or t in invariant for t in step.inputs):
            invariant.update(step.outputs)
    return invariant


def owners(steps: Iterable[Call], slices: Mapping[Tensor, Slice] | None = None) -> Callable[[Tensor], Tensor]:
    """Return a function from a tensor to the tensor that owns its memory: itself, unless it is a view or a slice."""
    base = {step.outputs[0]: step.inputs[0] for step in steps if step.primitive.view is not None}
    base.update((t, place.whole) for t, place in (slices or {}).items())

    def owner(t: Tensor) -> Tensor:
        while t in base:
            t = base[t]
        return t

    return owner


def assign_buffers(
    steps: Sequence[Call], kept: set[Tensor], elsewhere: Iterable[Tensor], slices: Mapping[Tensor, Slice]
) -> tuple[dict[Tensor, int], list[int]]:
    """Return a buffer number for every tensor that owns the memory of a step's result, and the size of each buffer.

    A buffer is reused as soon as the last step that reads its tensor, or a view of it, has run. If that step is
    elementwise and reads the memory through no view, it reuses the buffer for its own result.

    Args:
        steps: in the order in which they run.
        kept: tensors whose buffers must not be reused.
        elsewhere: tensors that have their own memory.
        slices: the places of tensors in others; a buffer is taken for the whole when its first slice is written.
    """
    owner = owners(steps, slices)
    last_use = {owner(t): i for i, step in enumerate(steps) for t in (*step.inputs, *step.outputs)}
    kept = {owner(t) for t in kept}
    has_memory = set(elsewhere)
    number: dict[Tensor, int] = {}
    sizes: list[int] = []
    free: list[int] = []

    def may_overwrite(step: Call, x: Tensor, y: Tensor) -> bool:
        alike = (x.shape, x.dtype) == (y.shape, y.dtype)
        return step.primitive.elementwise and alike and all(t is x for t in step.inputs if owner(t) is x)

    def take(size: int) -> int:
        fits = [b for b in free if size <= sizes[b] <= 2 * size + ALIGNMENT]
        if fits:
            best = min(fits, key=lambda b: sizes[b])
            free.remove(best)
            return best
        sizes.append(size)
        return len(sizes) - 1

    for i, step in enumerate(steps):
        last_reads = {owner(t) for t in step.inputs if last_use[owner(t)] == i}
        last_reads = {t for t in last_reads if t in number and t not in kept}
        for y in step.outputs:
            if y in slices and owner(y) not in number:
                number[owner(y)] = take(nbytes(owner(y)))
            if owner(y) is not y or y in has_memory or y in number:
                continue
            x = next((t for t in step.inputs if t in last_reads and may_overwrite(step, t, y)), None)
            if x is not None:
                last_reads.discard(x)
                number[y] = number[x]
            else:
                number[y] = take(nbytes(y))
        unread = {y for y in step.outputs if y in number and last_use[y] == i and y not in kept}
        free.extend(sorted({number[t] for t in itertools.chain(last_reads, unread)}))
    return number, sizes


def nbytes(t: Tensor) -> int:
    """Return the size of the array of `t` in bytes."""
    return t.size * t.dtype.itemsize
