"""Rates that follow the size of each weight's gradients: RMSprop, Adagrad, Adadelta and Ftrl."""

from __future__ import annotations

from typing import Any

from fastconv import ops
from fastconv.arguments import as_flag, as_number, as_strength
from fastconv.engine import Variable
from fastconv.optimizers.optimizer import Optimizer, as_share
from fastconv.serialization import register


@register("optimizer", "RMSProp")
class RMSprop(Optimizer):
    """w -= rate dw / sqrt(v + epsilon), with a running mean v of dw^2; Tieleman and Hinton 2012, lecture 6.5.

    Args:
        learning_rate: the rate.
        rho: how much of v a step keeps, at least 0 and less than 1.
        momentum: how much of the last move the next one adds; at 0 moves are not kept.
        epsilon: keeps the quotient finite.
        centered: divide by the standard deviation, sqrt(v - mean^2 + epsilon); Graves 2013.
        further: what every `Optimizer` takes, by name.

    Raises:
        ValueError: rho outside [0, 1), a momentum outside [0, 1], or as for every `Optimizer`.
    """

    ARGUMENTS = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Any = 0.001,
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
    """w -= rate dw / sqrt(total + epsilon), where total adds up dw^2; Duchi et al. 2011.

    Args:
        learning_rate: the rate.
        initial_accumulator_value: what total begins with, at least 0.
        epsilon: keeps the quotient finite.
        further: what every `Optimizer` takes, by name.
    """

    ARGUMENTS = ("initial_accumulator_value", "epsilon")
    rule = "adagrad"
    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
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
    """w -= rate dw sqrt(moves + epsilon) / sqrt(squares + epsilon), with running means of both squares; Zeiler 2012.

    Args:
        learning_rate: the rate.
        rho: how much of the means a step keeps, at least 0 and less than 1.
        epsilon: keeps the quotient finite, and lets the first move be one.
        further: what every `Optimizer` takes, by name.
    """

    ARGUMENTS = ("rho", "epsilon")
    rule = "adadelta"
    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **further: Any) -> None:
        super().__init__(learning_rate, **further)
        self.rho = as_share(self, "rho", rho)
        self.epsilon = as_strength(self, "epsilon", epsilon)

    def constants(self) -> tuple[float, ...]:
        return self.rho, 1 - self.rho, self.epsilon


@register("optimizer")
class Ftrl(Optimizer):
    """Follow the regularized leader; McMahan et al. 2013, algorithm 1, with shrinkage.

    linear += dw + 2 shrinkage w - (new^p - total^p) / rate w with new = total + dw^2 and p = -learning_rate_power; then
    w = (clip(linear, -l1, l1) - linear) / (new^p / rate + 2 l2 + beta / rate).

    Args:
        learning_rate: the rate.
        learning_rate_power: how it falls with the total of squares, at most 0.
        initial_accumulator_value: what the total begins with, at least 0.
        l1_regularization_strength, l2_regularization_strength: penalties on |w| and w^2.
        l2_shrinkage_regularization_strength: a penalty on w^2 that counts in `linear` alone.
        beta: of the paper.
        further: what every `Optimizer` takes, by name.
    """

    ARGUMENTS = ("learning_rate_power", "initial_accumulator_value", "l1_regularization_strength",
                 "l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta")  # fmt: skip
    rule = "ftrl"
    slots = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: Any = 0.001,
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

    def _update_by_rule(self, grads: list[Any], variables: list[Variable], rate: Any, decays: bool = True) -> None:
        if self.learning_rate_power == -0.5:
            super()._update_by_rule(grads, variables, rate, decays)
        else:
            self._update_by_power(grads, variables, rate, decays)

    def _update_by_power(self, grads: list[Any], variables: list[Variable], rate: Any, decays: bool) -> None:
        """The rule for other powers than the root, operation by operation."""
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
