"""What every optimizer has: a learning rate, a count of steps, state beside each weight, clipping of gradients."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import ops
from fastconv.engine import Variable
from fastconv.serialization import Configurable, snake_case


class Optimizer(Configurable):
    """A rule that assigns new values to weights, given the gradient of the loss with respect to each.

    Everything it does is made of ops and assignments: inside a trace a step becomes part of the training graph, outside
    of one it is done at once. A subclass defines `update_variables`, and `slots` if it keeps state beside each weight.

    Args:
        learning_rate: a number; assigning another one to the attribute takes effect at the next step.
        clipnorm: the largest norm that each gradient may have.
        clipvalue: the largest absolute value that each element may have.
        global_clipnorm: the largest norm that all gradients together may have.
        name: the first part of the path of its variables; that of the class in snake case, when None.

    Raises:
        ValueError: a learning rate that is no finite number from 0 on, more than one way of clipping, or one that is
            not positive.
    """

    slots: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: float = 0.01,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        limits = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {key: limit for key, limit in limits.items() if limit is not None}
        if len(given) > 1 or any(not limit > 0 for limit in given.values()):
            raise ValueError(
                f"{self.name}: at most one of clipnorm, clipvalue and global_clipnorm, and positive. Received: {given}"
            )
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.iterations = self._variable(np.zeros((), "int64"), "iteration")
        self._learning_rate = self._variable(self._rate(learning_rate), "learning_rate")
        self._state: dict[Variable, tuple[Variable, ...]] = {}

    @property
    def learning_rate(self) -> Variable:
        """A scalar variable, float32; finite numbers from 0 on may be assigned to this attribute."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._learning_rate.assign(self._rate(value))

    @property
    def variables(self) -> list[Variable]:
        """All that a saved optimizer needs: the count of steps, the learning rate, the state of each weight in turn."""
        return [self.iterations, self._learning_rate, *(slot for state in self._state.values() for slot in state)]

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state of each of `variables`, zeros; those that have it keep it."""
        for variable in variables:
            if variable not in self._state:
                path = variable.path.replace("/", "_")
                zeros = np.zeros(variable.shape, variable.dtype)
                self._state[variable] = tuple(self._variable(zeros, f"{path}_{slot}") for slot in self.slots)

    def apply(self, grads: Sequence[Any], variables: Sequence[Variable] | None = None) -> None:
        """Assign new values to `variables`, to their state and to `iterations`: one step, then what constraints ask.

        Args:
            grads: for each variable an array of its shape, or None where the loss does not depend on it.
            variables: those that `build` was given, when None.

        Raises:
            ValueError: another number of gradients than variables, another shape, or None for all of them.
        """
        variables = list(self._state if variables is None else variables)
        self._check(grads, variables)
        self.build(variables)
        pairs = [(g, v) for g, v in zip(grads, variables) if g is not None]
        clipped = self._clipped([g for g, _ in pairs])
        step = ops.add(self.iterations, 1)
        self.update_variables(clipped, [v for _, v in pairs], step)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))
        self.iterations.assign(step)

    def update_variables(self, grads: list[Any], variables: list[Variable], step: Any) -> None:
        """Assign new values to `variables` and their state; `step` is 1 in the first step."""
        raise NotImplementedError

    def state_of(self, variable: Variable) -> tuple[Variable, ...]:
        """The state beside `variable`, one variable of its shape for each of `slots`."""
        return self._state[variable]

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "learning_rate": float(self._learning_rate),
            "clipnorm": self.clipnorm,
            "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
        }

    def _rate(self, value: Any) -> np.ndarray:
        """`value` as the learning rate is kept. Raises ValueError unless it is a finite number from 0 on."""
        rate = np.asarray(value)
        if rate.ndim or rate.dtype.kind not in "fiu" or not 0 <= rate < np.inf:
            raise ValueError(f"{self.name}: learning_rate must be a finite number from 0 on. Received: {value!r}")
        return rate.astype("float32")

    def _variable(self, value: np.ndarray, name: str) -> Variable:
        variable = Variable(value, trainable=False, name=name)
        variable.path = f"{self.name}/{name}"
        return variable

    def _check(self, grads: Sequence[Any], variables: Sequence[Variable]) -> None:
        shapes = [None if g is None else tuple(g.shape) for g in grads]
        wanted = [v.shape for v in variables]
        if len(shapes) != len(wanted) or any(s not in (None, w) for s, w in zip(shapes, wanted)):
            raise ValueError(
                f"{self.name}: every variable needs a gradient of its shape. "
                f"Received: gradients of {shapes}, variables of {wanted}"
            )
        missing = [v.path for v, shape in zip(variables, shapes) if shape is None]
        if len(missing) == len(variables):
            raise ValueError(f"{self.name}: the loss must depend on a variable. Received: no gradient for {missing}")
        if missing:
            warnings.warn(f"{self.name}: the loss does not depend on {', '.join(missing)}", stacklevel=3)

    def _clipped(self, grads: list[Any]) -> list[Any]:
        if self.clipvalue is not None:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.clipnorm is not None:
            return [_within(g, ops.sum(ops.square(g)), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            total = _sum([ops.sum(ops.square(g)) for g in grads])
            return [_within(g, total, self.global_clipnorm) for g in grads]
        return grads


def _within(grad: Any, squared_norm: Any, limit: float) -> Any:
    """grad, scaled so that a norm above `limit` becomes `limit`; Pascanu et al. 2013, algorithm 1."""
    return grad * (limit / ops.maximum(ops.sqrt(squared_norm), limit))


def _sum(numbers: list[Any]) -> Any:
    total = numbers[0]
    for number in numbers[1:]:
        total = total + number
    return total
