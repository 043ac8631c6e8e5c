"""The list of steps that rules rewrite, and what several rules ask about a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fastconv.backends.launch import Operation
from fastconv.engine.primitive import Call, Tensor


class FusionGraph:
    """A list of steps while it is rewritten: producers and numbers of uses of tensors, and the invariant tensors."""

    def __init__(self, kept: Iterable[Tensor], invariant: set[Tensor], steps: list[Call]) -> None:
        self.invariant = invariant
        self.uses = Counter(t for step in steps for t in step.inputs)
        self.uses.update(kept)
        self.producer: dict[Tensor, Call] = {}
        self.steps: dict[Call, None] = {}
        self.names: tuple[str, ...] = ()  # of the step that is being rewritten

    def sole_producer(self, t: Tensor, operations: tuple[Operation, ...]) -> Call | None:
        """Return the step, one of `operations`, that makes `t` for a single user; else None."""
        step = self.producer.get(t)
        return step if step is not None and step.primitive.operation in operations and self.uses[t] == 1 else None

    def are_invariant(self, tensors: Iterable[Tensor]) -> bool:
        """Return True if `tensors` are constants or the same in every run."""
        return all(t.value is not None or t in self.invariant for t in tensors)

    def append(self, step: Call) -> None:
        self.steps[step] = None
        step.names = step.names or self.names
        self.producer.update((t, step) for t in step.outputs)

    def append_invariant(self, step: Call, like: Tensor) -> Tensor:
        """Append a step, and return its result, an invariant tensor with the shape and dtype of `like`."""
        result = Tensor(like.shape, like.dtype)
        self.append(Call(step.primitive, step.inputs, step.params, (result,)))
        self.invariant.add(result)
        return result

    def replace(self, former: Call, step: Call) -> None:
        """Replace `former` and its only user by `step`, which computes both."""
        del self.steps[former]
        step.names = joined(former.names, self.names)
        self.append(step)

    def drop_use(self, step: Call) -> None:
        """Note that the result of `step` has a user less; remove the step after its last user."""
        self.uses[step.outputs[0]] -= 1
        if not self.uses[step.outputs[0]]:
            del self.steps[step]

    def replace_in_place(self, former: Call, step: Call) -> None:
        """Replace as `replace` does, at the place of `former`: its other results may have users further on."""
        later = list(self.steps)
        del later[: later.index(former)]
        self.replace(former, step)
        for other in later[1:]:
            self.steps[other] = self.steps.pop(other)


def either_way(step: Call, operation: Operation) -> list[tuple[Tensor, Tensor]]:
    """Return (a, b) and (b, a) for a step of a commutative `operation`, and nothing for any other step."""
    if step.primitive.operation is not operation:
        return []
    a, b = step.inputs
    return [(a, b), (b, a)]


def joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of both, each once."""
    return tuple(dict.fromkeys((*first, *second)))


def is_linear(product: Call) -> bool:
    return product.params.get("activation") is None


def is_channel_vector(b: Tensor, y: Tensor) -> bool:
    return b.shape == y.shape[-1:] and b.dtype == y.dtype and y.ndim > 1
