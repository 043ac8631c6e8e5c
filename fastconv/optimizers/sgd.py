"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from fastconv import ops
from fastconv.engine import Variable
from fastconv.optimizers.optimizer import Optimizer
from fastconv.serialization import register


@register("optimizer")
class SGD(Optimizer):
    """w -= rate dw; with momentum v = momentum v - rate dw and w += v, or w += momentum v - rate dw with Nesterov's.

    Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", section 2.

    Args:
        learning_rate: the rate.
        momentum: 0 <= momentum <= 1; at 0 no velocity is kept.
        nesterov: whether the gradient counts as if taken one step ahead.
        clipnorm: the largest norm that each gradient may have.
        clipvalue: the largest absolute value that each element of a gradient may have.
        global_clipnorm: the largest norm that all gradients together may have; at most one of the three.
        name: the first part of the path of its variables; that of the class in snake case, when None.

    Raises:
        ValueError: a momentum outside [0, 1], or as for every `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
    ) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f"SGD: momentum must be from 0 to 1. Received: momentum={momentum!r}")
        super().__init__(learning_rate, clipnorm, clipvalue, global_clipnorm, name)
        self.momentum = momentum
        self.nesterov = nesterov
        self.slots = ("velocity",) if momentum else ()

    def update_variables(self, grads: list[Any], variables: list[Variable], step: Any) -> None:
        rate = self.learning_rate
        for w, dw in zip(variables, grads):
            if not self.momentum:
                w.assign(ops.descend(w, dw, rate))
                continue
            (velocity,) = self.state_of(w)
            new_w, new_velocity = ops.sgd_update(w, dw, velocity, rate, self.momentum, self.nesterov)
            w.assign(new_w)
            velocity.assign(new_velocity)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
