"""Adam and related optimizers: they divide running means of gradients by an estimate of the size of gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.ops as ops
from fastconv.arguments import as_flag, as_strength
from fastconv.engine import Variable
from fastconv.optimizers.optimizer import Optimizer, as_share
from fastconv.serialization import register
from fastconv.typing import Array, LearningRateLike


def bias_correction(beta: float, t: Array) -> Array:
    """Return 1 - beta^t, the weight of t gradients in a running mean that starts at 0; accurate for beta near 1."""
    return -ops.expm1(t * (math.log(beta) if beta else -math.inf))


class Moments(Optimizer):
    """Base class of optimizers with running means of the gradient and of its size."""

    slots: tuple[str, ...] = ("momentum", "velocity")

    def __init__(
        self, learning_rate: LearningRateLike, beta_1: float, beta_2: float, epsilon: float, **further: Any
    ) -> None:
        super().__init__(learning_rate, **further)
        self.beta_1 = as_share(self, "beta_1", beta_1)
        self.beta_2 = as_share(self, "beta_2", beta_2)
        self.epsilon = as_strength(self, "epsilon", epsilon)

    def constants(self) -> tuple[float, ...]:
        return 1 - self.beta_1, 1 - self.beta_2, self.epsilon


@register("optimizer")
class Adam(Moments):
    """Adam, w -= rate m / (sqrt(v) + epsilon), with running means m of the gradient and v of its square.

    In step t, m = beta_1 m + (1 - beta_1) dw and v = beta_2 v + (1 - beta_2) dw^2. The bias correction of both means is
    part of the rate, learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t), which is the efficient order of section 2 of
    the paper.

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.001.
        beta_1: float, the part of m that a step keeps, 0 <= beta_1 < 1. Defaults to 0.9.
        beta_2: float, the part of v that a step keeps, 0 <= beta_2 < 1. Defaults to 0.999.
        epsilon: float, added to avoid a division by zero. Defaults to 1e-7.
        amsgrad: bool, whether to divide by the largest v so far. Defaults to False.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: if a beta is outside [0, 1), or as in `Optimizer`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.Adam(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.9, -1.9]

    References:
        Kingma and Ba 2015, "Adam: a method for stochastic optimization"; Reddi et al. 2018, "On the convergence of Adam
        and beyond" (amsgrad).
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
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

    def numbers(self, rate: Array, t: Array) -> tuple[Array, ...]:
        return (rate * ops.sqrt(bias_correction(self.beta_2, t)) / bias_correction(self.beta_1, t),)


@register("optimizer")
class AdamW(Adam):
    """`Adam` with decoupled weight decay, which changes weights directly and does not enter the running means.

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.001.
        weight_decay: float; each step first multiplies weights by 1 - learning_rate weight_decay. Defaults to 0.004.
        beta_1: float, the part of m that a step keeps, 0 <= beta_1 < 1. Defaults to 0.9.
        beta_2: float, the part of v that a step keeps, 0 <= beta_2 < 1. Defaults to 0.999.
        epsilon: float, added to avoid a division by zero. Defaults to 1e-7.
        amsgrad: bool, whether to divide by the largest v so far. Defaults to False.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: as in `Adam`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.AdamW(learning_rate=0.1, weight_decay=0.1)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.89, -1.88]

    References:
        Loshchilov and Hutter 2019, "Decoupled weight decay regularization".
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
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
    """`Adam` with the maximum norm, w -= rate m / (u + epsilon), with u = max(beta_2 u, |dw|).

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.001.
        beta_1: float, the part of m that a step keeps, 0 <= beta_1 < 1. Defaults to 0.9.
        beta_2: float, the part of u that a step keeps, 0 <= beta_2 < 1. Defaults to 0.999.
        epsilon: float, added to avoid a division by zero. Defaults to 1e-7.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: if a beta is outside [0, 1), or as in `Optimizer`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.Adamax(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.9, -1.9]

    References:
        Kingma and Ba 2015, "Adam: a method for stochastic optimization", section 7.1.
    """

    rule = "adamax"
    slots = ("momentum", "norm")

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **further: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **further)

    def constants(self) -> tuple[float, ...]:
        return 1 - self.beta_1, self.beta_2, self.epsilon

    def numbers(self, rate: Array, t: Array) -> tuple[Array, ...]:
        return (rate / bias_correction(self.beta_1, t),)


@register("optimizer")
class Nadam(Moments):
    """`Adam` with Nesterov momentum.

    In step t the momentum is u_t = beta_1 (1 - 0.96^t / 2). The product of all u_t so far corrects the bias.

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.001.
        beta_1: float, the part of m that a step keeps, 0 <= beta_1 < 1. Defaults to 0.9.
        beta_2: float, the part of v that a step keeps, 0 <= beta_2 < 1. Defaults to 0.999.
        epsilon: float, added to avoid a division by zero. Defaults to 1e-7.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: if a beta is outside [0, 1), or as in `Optimizer`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.Nadam(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.8937, -1.8937]

    References:
        Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """

    rule = "nadam"
    DECAY = 0.96

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **further: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **further)
        self.product = self._variable(np.ones((), "float32"), "u_product")

    def own_variables(self) -> list[Variable]:
        return [self.product]

    def begin_step(self, t: Array) -> None:
        self.product.assign(self.product * self._momentum(t))

    def _momentum(self, t: Array) -> Array:
        return self.beta_1 * (1.0 - 0.5 * ops.exp(t * math.log(self.DECAY)))

    def numbers(self, rate: Array, t: Array) -> tuple[Array, ...]:
        current, following, product = self._momentum(t), self._momentum(t + 1.0), self.product.read()
        of_mean = rate * following / (1.0 - product * following)
        return of_mean, rate * (1.0 - current) / (1.0 - product), 1.0 / bias_correction(self.beta_2, t)


@register("optimizer")
class Lion(Optimizer):
    """Lion, w -= rate sign(beta_1 m + (1 - beta_1) dw), then m = beta_2 m + (1 - beta_2) dw.

    Every weight moves by the learning rate, so that the rate should be smaller than that of `Adam`.

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.001.
        beta_1: float, the weight of m in the step, 0 <= beta_1 < 1. Defaults to 0.9.
        beta_2: float, the part of m that a step keeps, 0 <= beta_2 < 1. Defaults to 0.99.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: if a beta is outside [0, 1), or as in `Optimizer`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.Lion(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.9, -1.9]

    References:
        Chen et al. 2023, "Symbolic discovery of optimization algorithms".
    """

    rule = "lion"
    slots = ("momentum",)

    def __init__(
        self, learning_rate: LearningRateLike = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **further: Any
    ) -> None:
        super().__init__(learning_rate, **further)
        self.beta_1 = as_share(self, "beta_1", beta_1)
        self.beta_2 = as_share(self, "beta_2", beta_2)

    def constants(self) -> Sequence[float]:  # type: ignore[override]
        return self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2
