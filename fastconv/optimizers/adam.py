"""Adam and its relatives: moves by running means of gradients, over what their size has been."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import ops
from fastconv.arguments import as_flag, as_strength
from fastconv.engine import Variable
from fastconv.optimizers.optimizer import Optimizer, as_share
from fastconv.serialization import register


def bias_correction(beta: float, t: Any) -> Any:
    """1 - beta^t, what a running mean of zeros and then t gradients gives to the gradients; digits kept near 0."""
    return -ops.expm1(t * (math.log(beta) if beta else -math.inf))


class Moments(Optimizer):
    """An optimizer with running means of the gradient and of its size."""

    ARGUMENTS: tuple[str, ...] = ("beta_1", "beta_2", "epsilon")
    slots: tuple[str, ...] = ("momentum", "velocity")

    def __init__(self, learning_rate: Any, beta_1: float, beta_2: float, epsilon: float, **further: Any) -> None:
        super().__init__(learning_rate, **further)
        self.beta_1 = as_share(self, "beta_1", beta_1)
        self.beta_2 = as_share(self, "beta_2", beta_2)
        self.epsilon = as_strength(self, "epsilon", epsilon)

    def constants(self) -> tuple[float, ...]:
        return 1 - self.beta_1, 1 - self.beta_2, self.epsilon


@register("optimizer")
class Adam(Moments):
    """w -= rate m / (sqrt(v) + epsilon), with running means m of the gradient and v of its square.

    Kingma and Ba 2015, "Adam: a method for stochastic optimization", in the efficient order of section 2: the bias
    correction of both means is part of the rate, learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) in step t.

    Args:
        learning_rate: the rate before its correction.
        beta_1, beta_2: how much of m and of v a step keeps, at least 0 and less than 1.
        epsilon: keeps the quotient finite.
        amsgrad: divide by the largest v so far; Reddi et al. 2018.
        further: what every `Optimizer` takes, by name.

    Raises:
        ValueError: a beta outside [0, 1), or as for every `Optimizer`.
    """

    ARGUMENTS = (*Moments.ARGUMENTS, "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **further: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **further)
        self.amsgrad = as_flag(self, "amsgrad", amsgrad)
        self.slots = (*Moments.slots, "velocity_hat") if self.amsgrad else Moments.slots
        self.rule = "amsgrad" if self.amsgrad else "adam"

    def numbers(self, rate: Any, t: Any) -> tuple[Any, ...]:
        return (rate * ops.sqrt(bias_correction(self.beta_2, t)) / bias_correction(self.beta_1, t),)


@register("optimizer")
class AdamW(Adam):
    """`Adam` with weight decay that does not pass through the running means; Loshchilov and Hutter 2019."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **further: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **further)


@register("optimizer")
class Adamax(Moments):
    """`Adam` by the maximum norm: w -= rate m / (u + epsilon), u = max(beta_2 u, |dw|); Kingma and Ba 2015, 7.1."""

    rule = "adamax"
    slots = ("momentum", "norm")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **further: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **further)

    def constants(self) -> tuple[float, ...]:
        return 1 - self.beta_1, self.beta_2, self.epsilon

    def numbers(self, rate: Any, t: Any) -> tuple[Any, ...]:
        return (rate / bias_correction(self.beta_1, t),)


@register("optimizer")
class Nadam(Moments):
    """`Adam` with Nesterov's momentum; Dozat 2016, "Incorporating Nesterov momentum into Adam".

    In step t the momentum is u_t = beta_1 (1 - 0.96^t / 2), and the product of all so far corrects the bias.
    """

    rule = "nadam"
    DECAY = 0.96

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **further: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **further)
        self.product = self._variable(np.ones((), "float32"), "u_product")

    def own_variables(self) -> list[Variable]:
        return [self.product]

    def begin_step(self, t: Any) -> None:
        self.product.assign(self.product * self._momentum(t))

    def _momentum(self, t: Any) -> Any:
        return self.beta_1 * (1.0 - 0.5 * ops.exp(t * math.log(self.DECAY)))

    def numbers(self, rate: Any, t: Any) -> tuple[Any, ...]:
        now, following, product = self._momentum(t), self._momentum(t + 1.0), self.product.read()
        of_mean = rate * following / (1.0 - product * following)
        return of_mean, rate * (1.0 - now) / (1.0 - product), 1.0 / bias_correction(self.beta_2, t)


@register("optimizer")
class Lion(Optimizer):
    """w -= rate sign(beta_1 m + (1 - beta_1) dw), then m = beta_2 m + (1 - beta_2) dw; Chen et al. 2023.

    Args:
        learning_rate: the rate: what every weight moves by.
        beta_1, beta_2: how much of m counts for the move, and how much is kept; at least 0 and less than 1.
        further: what every `Optimizer` takes, by name.
    """

    ARGUMENTS = ("beta_1", "beta_2")
    rule = "lion"
    slots = ("momentum",)

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **further: Any) -> None:
        super().__init__(learning_rate, **further)
        self.beta_1 = as_share(self, "beta_1", beta_1)
        self.beta_2 = as_share(self, "beta_2", beta_2)

    def constants(self) -> Sequence[float]:  # type: ignore[override]
        return self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2
