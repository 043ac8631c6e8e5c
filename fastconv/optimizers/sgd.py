"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from fastconv.arguments import as_flag, as_number
from fastconv.optimizers.optimizer import Optimizer
from fastconv.serialization import register
from fastconv.typing import LearningRateLike


@register("optimizer")
class SGD(Optimizer):
    """Stochastic gradient descent, w -= rate dw, with or without momentum.

    With momentum, v = momentum v - rate dw and w += v. With Nesterov momentum, w += momentum v - rate dw.

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.01.
        momentum: float from 0 to 1, the part of the velocity v that a step keeps. Defaults to 0, no velocity.
        nesterov: bool, whether to use Nesterov momentum. Defaults to False.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: if `momentum` is outside [0, 1], or as in `Optimizer`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.SGD(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.95, -1.9]

    References:
        Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", section 2.
    """

    def __init__(
        self, learning_rate: LearningRateLike = 0.01, momentum: float = 0.0, nesterov: bool = False, **further: Any
    ) -> None:
        super().__init__(learning_rate, **further)
        self.momentum = as_number(self, "momentum", momentum, 0, 1)
        self.nesterov = as_flag(self, "nesterov", nesterov)
        self.slots = ("velocity",) if self.momentum else ()
        self.rule = ("nesterov" if self.nesterov else "momentum") if self.momentum else "descend"

    def constants(self) -> tuple[float, ...]:
        return (self.momentum,) if self.momentum else ()
