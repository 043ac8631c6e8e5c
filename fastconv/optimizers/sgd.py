"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from fastconv.arguments import as_flag, as_number
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
        further: what every `Optimizer` takes, by name.

    Raises:
        ValueError: a momentum outside [0, 1], or as for every `Optimizer`.
    """

    ARGUMENTS = ("momentum", "nesterov")

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **further: Any
    ) -> None:
        super().__init__(learning_rate, **further)
        self.momentum = as_number(self, "momentum", momentum, 0, 1)
        self.nesterov = as_flag(self, "nesterov", nesterov)
        self.slots = ("velocity",) if self.momentum else ()
        self.rule = ("nesterov" if self.nesterov else "momentum") if self.momentum else "descend"

    def constants(self) -> tuple[float, ...]:
        return (self.momentum,) if self.momentum else ()
