"""The graph made ready to run again and again: neighbours fused, buffers assigned."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastconv.backends import gpu_backend, settings
from fastconv.backends.gpu.transfer import to_host
from fastconv.device import gpu_number
from fastconv.engine.cuda_graph import CudaGraphExecutable
from fastconv.engine.executable import ALIGNMENT, Executable, nbytes
from fastconv.engine.fusion import fuse
from fastconv.engine.primitive import CAST, Call, Tensor, calls_before

if TYPE_CHECKING:
    from fastconv.engine.variable import Variable


def evaluate(outputs: Sequence[Tensor], feeds: Mapping[Tensor, Any]) -> list[Any]:
    """The arrays of `outputs`, computed once, call by call, given those of `feeds`."""
    values = dict(feeds)

    def value(t: Tensor) -> Any:
        return values.get(t, t.value)

    for call in calls_before(outputs, known=lambda t: t.value is not None or t in values):
        arrays = [value(t) for t in call.inputs]
        result = call.primitive.prepare(tuple(arrays), call.params).run()
        values.update(zip(call.outputs, result if isinstance(result, tuple) else (result,)))
    return [value(t) for t in outputs]


class Plan:
    """A graph as a list of kernels over buffers that are kept from run to run.

    Calling it copies the given arrays into the input buffers, runs every step, writes the assigned variables and
    returns copies of the outputs. Steps that depend on variables alone run again only after one of these was assigned.
    Several Python threads may call it at once: each gets buffers of its own.

    Args:
        inputs: tensors without a value, the arguments.
        outputs: tensors to return.
        reads: the tensor that stands for each variable (`Trace.reads`).
        updates: the tensor whose value each variable is to get (`Trace.updates`).
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
        steps = fuse(steps, kept, invariant_tensors(steps, fixed))
        own_constants([*kept, *(t for step in steps for t in step.inputs)])
        invariant = invariant_tensors(steps, fixed)
        self.prologue = [step for step in steps if invariant.issuperset(step.outputs)]
        varying = [step for step in steps if not invariant.issuperset(step.outputs)]
        self.steps, self.in_place = self._updates_last(varying)
        self.buffers, self.sizes = assign_buffers(self.steps, set(kept) | invariant, self.in_place)
        self.watched = [v for v, t in self.reads.items() if t in fixed]
        self._idle: list[Executable] = []

    def __call__(self, *arrays: Any) -> list[Any]:
        """The outputs for `arrays`, where models compute; NumPy's arrays, or CuPy's where that is a GPU.

        Raises:
            ValueError: their number or shapes are not those of the inputs.
        """
        if [array.shape for array in arrays] != [t.shape for t in self.inputs]:
            raise ValueError(
                "Plan: arrays must have the shapes of the graph's inputs. "
                f"Received: shapes={[array.shape for array in arrays]}, inputs={[t.shape for t in self.inputs]}"
            )
        number = gpu_number()
        try:
            ready = self._idle.pop()
        except IndexError:
            ready = self._bind(number)
        if ready.settings != settings() or ready.number != number:  # by which kernels were chosen
            ready = self._bind(number)
        try:
            return ready.run(arrays)
        finally:
            self._idle.append(ready)

    def _bind(self, number: int | None) -> Executable:
        return Executable(self) if number is None else CudaGraphExecutable(self, gpu_backend(number))

    def _updates_last(self, steps: list[Call]) -> tuple[list[Call], dict[Tensor, Variable]]:
        """`steps`, those last that can write straight into variables, and the variable that each result is for.

        Such a step works elementwise; what it makes goes into one variable each, and to nobody else; the former values
        of these variables are read, element by element, by the step itself, or by steps that run earlier.
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

        def reads_alone(step: Call) -> bool:
            formers = [self.reads[target[t]] for t in step.outputs if target[t] in self.reads]
            return all(
                reader not in finals or (reader is step and t is former)
                for former in formers
                for reader, t in readers[former]
            )

        last = {step for step in finals if reads_alone(step)}
        ordered = sorted(steps, key=last.__contains__)
        return ordered, {t: target[t] for step in ordered if step in last for t in step.outputs}

    def _copies_of_former_values(self, steps: list[Call]) -> list[Call]:
        """Steps that copy those results which are the memory of a variable, or part of it, before it is assigned."""
        owner = owners(steps)
        assigned = {self.reads[variable] for variable in self.updates if variable in self.reads}
        copies = {t: Tensor(t.shape, t.dtype) for t in (*self.outputs, *self.updates.values()) if owner(t) in assigned}
        self.outputs = [copies.get(t, t) for t in self.outputs]
        self.updates = {variable: copies.get(t, t) for variable, t in self.updates.items()}
        return [Call(CAST, (t,), {"dtype": t.dtype.name}, (copy,)) for t, copy in copies.items()]


def own_constants(tensors: Iterable[Tensor]) -> None:
    """Replace the arrays of constants by copies, so that a graph stays as it is when somebody changes them."""
    for t in dict.fromkeys(tensors):
        if t.value is not None:
            t.value = t.value.copy()


def merge_duplicates(steps: Iterable[Call]) -> tuple[list[Call], dict[Tensor, Tensor]]:
    """`steps` without those that compute again what an earlier one does; and which tensor serves instead of which."""
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
            first[key] = Call(step.primitive, inputs, step.params, step.outputs)
            merged.append(first[key])
    return merged, same


def invariant_tensors(steps: Iterable[Call], fixed: set[Tensor]) -> set[Tensor]:
    """`fixed` and all that is computed from it and from constants alone."""
    invariant = set(fixed)
    for step in steps:
        if all(t.value is not None or t in invariant for t in step.inputs):
            invariant.update(step.outputs)
    return invariant


def owners(steps: Iterable[Call]) -> Callable[[Tensor], Tensor]:
    """A function that returns the tensor in whose memory a tensor lies: itself, unless it is a view."""
    base = {step.outputs[0]: step.inputs[0] for step in steps if step.primitive.view is not None}

    def owner(t: Tensor) -> Tensor:
        while t in base:
            t = base[t]
        return t

    return owner


def assign_buffers(
    steps: Sequence[Call], kept: set[Tensor], elsewhere: Iterable[Tensor]
) -> tuple[dict[Tensor, int], list[int]]:
    """A buffer's number for every tensor that a step makes, and the size of each buffer in bytes.

    A buffer is taken again as soon as the last step that reads its tensor, or a view of it, has run; by that very step,
    where it works elementwise and reads that memory through no view.

    Args:
        steps: in the order in which they run.
        kept: tensors whose buffers are not to be taken again.
        elsewhere: tensors that have memory of their own.
    """
    owner = owners(steps)
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
        dying = {owner(t) for t in step.inputs if last_use[owner(t)] == i}
        dying = {t for t in dying if t in number and t not in kept}
        for y in step.outputs:
            if owner(y) is not y or y in has_memory:
                continue
            x = next((t for t in step.inputs if t in dying and may_overwrite(step, t, y)), None)
            if x is not None:
                dying.discard(x)
                number[y] = number[x]
            else:
                number[y] = take(nbytes(y))
        unread = {y for y in step.outputs if y in number and last_use[y] == i and y not in kept}
        free.extend(sorted({number[t] for t in itertools.chain(dying, unread)}))
    return number, sizes
