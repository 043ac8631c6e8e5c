"""Optimizers whose rates adapt to the gradients of each weight: RMSprop, Adagrad, Adadelta and Ftrl."""

from __future__ import annotations

from typing import Any

import fastconv.ops as ops
from fastconv.arguments import as_flag, as_number, as_strength
from fastconv.engine import Variable
from fastconv.optimizers.optimizer import Optimizer, as_share
from fastconv.serialization import register
from fastconv.typing import Array, LearningRateLike


@register("optimizer", "RMSProp")
class RMSprop(Optimizer):
    """RMSprop, w -= rate dw / sqrt(v + epsilon), with a running mean v of dw^2.

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.001.
        rho: float, the part of v that a step keeps, 0 <= rho < 1. Defaults to 0.9.
        momentum: float from 0 to 1, the part of the last move that is added to the next. Defaults to 0, no momentum.
        epsilon: float, added to avoid a division by zero. Defaults to 1e-7.
        centered: bool, whether to divide by the standard deviation, sqrt(v - mean^2 + epsilon), with a running mean of
            the gradient. Defaults to False.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: if `rho` is outside [0, 1), `momentum` is outside [0, 1], or as in `Optimizer`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.RMSprop(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.6838, -1.6838]

    References:
        Tieleman and Hinton 2012, "Neural networks for machine learning", lecture 6.5; Graves 2013, "Generating
        sequences with recurrent neural networks" (centered).
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **further: Any,
    ) -> None:
        super().__init__(learning_rate, **further)
        self.rho = as_share(self, "rho", rho)
        self.momentum = as_number(self, "momentum", momentum, 0, 1)
        self.epsilon = as_strength(self, "epsilon", epsilon)
        self.centered = as_flag(self, "centered", centered)
        kept = {"momentum": bool(self.momentum), "average_gradient": self.centered}
        self.slots = ("velocity", *(slot for slot, is_kept in kept.items() if is_kept))
        self.rule = "rmsprop" + "_centered" * self.centered + "_momentum" * bool(self.momentum)

    def constants(self) -> tuple[float, ...]:
        return self.rho, 1 - self.rho, self.epsilon, self.momentum


@register("optimizer")
class Adagrad(Optimizer):
    """Adagrad, w -= rate dw / sqrt(total + epsilon), with the sum `total` of all dw^2.

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.001.
        initial_accumulator_value: float >= 0, the initial value of total. Defaults to 0.1.
        epsilon: float, added to avoid a division by zero. Defaults to 1e-7.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: if `initial_accumulator_value` is negative, or as in `Optimizer`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.Adagrad(learning_rate=0.1, initial_accumulator_value=0.0)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.9, -1.9]

    References:
        Duchi et al. 2011, "Adaptive subgradient methods for online learning and stochastic optimization".
    """

    rule = "adagrad"
    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **further: Any,
    ) -> None:
        super().__init__(learning_rate, **further)
        self.initial_accumulator_value = as_strength(self, "initial_accumulator_value", initial_accumulator_value)
        self.epsilon = as_strength(self, "epsilon", epsilon)

    def initial_value(self, slot: str) -> float:
        return self.initial_accumulator_value

    def constants(self) -> tuple[float, ...]:
        return (self.epsilon,)


@register("optimizer")
class Adadelta(Optimizer):
    """Adadelta, w -= rate dw sqrt(moves + epsilon) / sqrt(squares + epsilon).

    `squares` is a running mean of dw^2, and `moves` is a running mean of the squared changes of w before the rate is
    applied.

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.001.
        rho: float, the part of the means that a step keeps, 0 <= rho < 1. Defaults to 0.95.
        epsilon: float, added to avoid a division by zero, and to make the first step differ from 0. Defaults to 1e-7.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: if `rho` is outside [0, 1), or as in `Optimizer`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.Adadelta(learning_rate=1.0, epsilon=0.01)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.6667, -1.5918]

    References:
        Zeiler 2012, "ADADELTA: an adaptive learning rate method".
    """

    rule = "adadelta"
    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self, learning_rate: LearningRateLike = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **further: Any
    ) -> None:
        super().__init__(learning_rate, **further)
        self.rho = as_share(self, "rho", rho)
        self.epsilon = as_strength(self, "epsilon", epsilon)

    def constants(self) -> tuple[float, ...]:
        return self.rho, 1 - self.rho, self.epsilon


@register("optimizer")
class Ftrl(Optimizer):
    """FTRL-Proximal ("follow the regularized leader"), which makes weights exactly 0 if l1 is large enough.

    With p = -learning_rate_power and new = total + dw^2, a step computes
    linear += dw + 2 shrinkage w - (new^p - total^p) / rate w, then
    w = (clip(linear, -l1, l1) - linear) / (new^p / rate + 2 l2 + beta / rate), and total = new.

    Args:
        learning_rate: float, a `schedules.LearningRateSchedule`, or a function; see `Optimizer`. Defaults to 0.001.
        learning_rate_power: float <= 0, the power of total in the rate. Defaults to -0.5.
        initial_accumulator_value: float >= 0, the initial value of total. Defaults to 0.1.
        l1_regularization_strength: float >= 0, l1, the penalty on |w|. Defaults to 0.
        l2_regularization_strength: float >= 0, l2, the penalty on w^2. Defaults to 0.
        l2_shrinkage_regularization_strength: float >= 0, shrinkage, a penalty on w^2 that enters only `linear`.
            Defaults to 0.
        beta: float >= 0, beta of the paper. Defaults to 0.
        further: keyword arguments of `Optimizer`, for example `weight_decay`, `clipnorm` or `name`.

    Raises:
        ValueError: if an argument is out of its range, or as in `Optimizer`.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> optimizer = optimizers.Ftrl(learning_rate=0.1)
        >>> optimizer.apply([np.array([0.5, -1.0], "float32")], [w])
        >>> [round(float(v), 4) for v in w.numpy()]
        [0.381, -1.3016]

    References:
        McMahan et al. 2013, "Ad click prediction: a view from the trenches", algorithm 1.
    """

    rule = "ftrl"
    slots = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **further: Any,
    ) -> None:
        super().__init__(learning_rate, **further)
        self.learning_rate_power = as_number(self, "learning_rate_power", learning_rate_power, high=0)
        self.initial_accumulator_value = as_strength(self, "initial_accumulator_value", initial_accumulator_value)
        self.l1_regularization_strength = as_strength(self, "l1_regularization_strength", l1_regularization_strength)
        self.l2_regularization_strength = as_strength(self, "l2_regularization_strength", l2_regularization_strength)
        self.l2_shrinkage_regularization_strength = as_strength(
            self, "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength
        )
        self.beta = as_strength(self, "beta", beta)

    def initial_value(self, slot: str) -> float:
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def constants(self) -> tuple[float, ...]:
        return (
            self.l1_regularization_strength,
            2 * self.l2_regularization_strength,
            self.beta,
            2 * self.l2_shrinkage_regularization_strength,
        )

    def _update_by_rule(self, grads: list[Array], variables: list[Variable], rate: Array, decays: bool = True) -> None:
        if self.learning_rate_power == -0.5:
            super()._update_by_rule(grads, variables, rate, decays)
        else:
            self._update_by_power(grads, variables, rate, decays)

    def _update_by_power(self, grads: list[Array], variables: list[Variable], rate: Array, decays: bool) -> None:
        """Apply the rule for powers other than -1/2, operation by operation."""
        l1, power = self.l1_regularization_strength, -self.learning_rate_power
        for w, dw in zip(variables, grads):
            rate = ops.cast(rate, w.dtype)
            total, linear = self.state_of(w)
            kept = w * self._kept(rate) if decays and self.decays(w) else w.read()
            grown = total + ops.square(dw)
            shrunk = dw + kept * (2 * self.l2_shrinkage_regularization_strength)
            moved = (ops.power(grown, power) - ops.power(total, power)) / rate
            new_linear = linear + shrunk - moved * kept
            quadratic = ops.power(grown, power) / rate + (2 * self.l2_regularization_strength + self.beta / rate)
            w.assign((ops.clip(new_linear, -l1, l1) - new_linear) / quadratic)
            linear.assign(new_linear)
            total.assign(grown)
