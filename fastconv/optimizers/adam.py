"""Adam."""

from __future__ import annotations

import math
from typing import Any

from fastconv import ops
from fastconv.engine import Variable
from fastconv.optimizers.optimizer import Optimizer
from fastconv.serialization import register


@register("optimizer")
class Adam(Optimizer):
    """w -= rate m / (sqrt(v) + epsilon), with running means m of the gradient and v of its square.

    Kingma and Ba 2015, "Adam: a method for stochastic optimization", in the efficient order of section 2: the bias
    correction of both means is part of the rate, learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) in step t.

    Args:
        learning_rate: the rate before its correction.
        beta_1, beta_2: how much of m and of v a step keeps, at least 0 and less than 1.
        epsilon: keeps the quotient finite.
        clipnorm: the largest norm that each gradient may have.
        clipvalue: the largest absolute value that each element of a gradient may have.
        global_clipnorm: the largest norm that all gradients together may have; at most one of the three.
        name: the first part of the path of its variables; that of the class in snake case, when None.

    Raises:
        ValueError: a beta outside [0, 1), or as for every `Optimizer`.
    """

    slots = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
    ) -> None:
        if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1):
            raise ValueError(
                f"Adam: betas must be at least 0 and less than 1. Received: beta_1={beta_1!r}, beta_2={beta_2!r}"
            )
        super().__init__(learning_rate, clipnorm, clipvalue, global_clipnorm, name)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def update_variables(self, grads: list[Any], variables: list[Variable], step: Any) -> None:
        t = ops.cast(step, "float32")
        rate = self.learning_rate * ops.sqrt(_part_filled(self.beta_2, t)) / _part_filled(self.beta_1, t)
        for w, dw in zip(variables, grads):
            m, v = self.state_of(w)
            updated = ops.adam_update(w, dw, m, v, rate, self.beta_1, self.beta_2, self.epsilon)
            for variable, value in zip((w, m, v), updated):
                variable.assign(value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


def _part_filled(beta: float, t: Any) -> Any:
    """1 - beta^t, what a running mean of zeros and then t gradients gives to the gradients; digits kept near 0."""
    return -ops.expm1(t * (math.log(beta) if beta else -math.inf))
