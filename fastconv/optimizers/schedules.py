"""Learning rate schedules: learning rates that change from step to step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import fastconv.ops as ops
import fastconv.serialization as serialization
from fastconv.arguments import as_flag, as_integer, as_number, optional
from fastconv.serialization import Configurable, is_of_this_package, own_arguments, register
from fastconv.typing import Array, Config

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(Configurable):
    """Base class of schedules: functions of the number of steps done that return the learning rate of the next step.

    A subclass defines `__call__`, written with ops.

    Example:
        >>> from fastconv import ops, optimizers
        >>> class Halved(optimizers.schedules.LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return ops.where(ops.cast(step, "float32") < 10, 0.5, 0.25)
        >>> schedule = Halved()
        >>> float(schedule(0)), float(schedule(10))
        (0.5, 0.25)
    """

    ARGUMENTS: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if is_of_this_package(cls):
            cls.ARGUMENTS = own_arguments(cls)

    def __call__(self, step: Array) -> Array:
        """Return the learning rate, float32, after `step` steps."""
        raise NotImplementedError

    def get_config(self) -> Config:
        return {name: getattr(self, name) for name in self.ARGUMENTS}


def _float(step: Array) -> Array:
    return ops.cast(step, "float32")


def _finite(schedule: object, name: str, value: object) -> Any:
    return as_number(schedule, name, value, below=math.inf)


def _positive(schedule: object, name: str, value: object) -> Any:
    return as_number(schedule, name, value, above=0, below=math.inf)


def _rate(schedule: object, name: str, value: object) -> Any:
    return as_number(schedule, name, value, 0, below=math.inf)


def _list(schedule: object, name: str, values: object) -> list[Any]:
    """Return `values`, a list, tuple or array of finite numbers, as a list."""
    if not isinstance(values, (list, tuple, np.ndarray)):
        raise ValueError(f"{type(schedule).__name__}: {name} must be a list of numbers. Received: {name}={values!r}")
    return [_finite(schedule, name, value) for value in values]


class Decay(LearningRateSchedule):
    """Base class of schedules with p = step / decay_steps, or floor(p) if `staircase` is true."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        self.initial_learning_rate = _rate(self, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.decay_rate = _finite(self, "decay_rate", decay_rate)
        self.staircase = as_flag(self, "staircase", staircase)
        self.name = name or type(self).__name__

    def progress(self, step: Array) -> Array:
        p = _float(step) * (1 / self.decay_steps) if self.decay_steps == 1 else _float(step) / float(self.decay_steps)
        return ops.floor(p) if self.staircase else p


@register("schedule")
class ExponentialDecay(Decay):
    """Exponential decay, initial_learning_rate decay_rate^p, with p = step / decay_steps.

    Args:
        initial_learning_rate: float, the rate before the first step.
        decay_steps: float, the number of steps in which p grows by 1.
        decay_rate: float > 0, the factor of the rate per `decay_steps` steps.
        staircase: bool, whether to use floor(p). Defaults to False.
        name: str, the name of the schedule, or None to use the name of the class.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> from fastconv.optimizers import schedules
        >>> schedule = schedules.ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
        >>> [round(float(schedule(step)), 4) for step in (0, 100, 200)]
        [0.1, 0.05, 0.025]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)
        _positive(self, "decay_rate", decay_rate)

    def __call__(self, step: Array) -> Array:
        return self.initial_learning_rate * ops.exp(self.progress(step) * math.log(self.decay_rate))


@register("schedule")
class InverseTimeDecay(Decay):
    """Decay by the inverse of time, initial_learning_rate / (1 + decay_rate p), with p = step / decay_steps.

    Args:
        initial_learning_rate: float, the rate before the first step.
        decay_steps: float, the number of steps in which p grows by 1.
        decay_rate: float, the growth of the divisor per `decay_steps` steps.
        staircase: bool, whether to use floor(p). Defaults to False.
        name: str, the name of the schedule, or None to use the name of the class.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> from fastconv.optimizers import schedules
        >>> schedule = schedules.InverseTimeDecay(0.1, decay_steps=100, decay_rate=1.0)
        >>> [round(float(schedule(step)), 4) for step in (0, 100, 300)]
        [0.1, 0.05, 0.025]
    """

    def __call__(self, step: Array) -> Array:
        return self.initial_learning_rate / (1.0 + self.decay_rate * self.progress(step))


@register("schedule")
class PiecewiseConstantDecay(LearningRateSchedule):
    """Piecewise constant rates: values[0] up to and including step boundaries[0], then values[1], and so on.

    Args:
        boundaries: sequence of float, the last step of each value, ascending.
        values: sequence of float, the rates, with one more element than `boundaries`.
        name: str, the name of the schedule. Defaults to "PiecewiseConstant".

    Raises:
        ValueError: if the number of values is not one more than the number of boundaries.

    Example:
        >>> from fastconv.optimizers import schedules
        >>> schedule = schedules.PiecewiseConstantDecay(boundaries=[100, 200], values=[0.1, 0.01, 0.001])
        >>> [round(float(schedule(step)), 4) for step in (0, 100, 101, 201)]
        [0.1, 0.1, 0.01, 0.001]
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        self.boundaries = _list(self, "boundaries", boundaries)
        self.values = _list(self, "values", values)
        self.name = name
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                "PiecewiseConstantDecay: there must be one more value than boundaries. "
                f"Received: boundaries={boundaries!r}, values={values!r}"
            )

    def __call__(self, step: Array) -> Array:
        rate: Any = ops.cast(self.values[0], "float32")
        for boundary, value in zip(self.boundaries, self.values[1:]):
            rate = ops.where(ops.cast(step, "float64") > boundary, value, rate)  # float32 skips steps from 2^24 on
        return rate


@register("schedule")
class PolynomialDecay(LearningRateSchedule):
    """Polynomial decay to end_learning_rate, proportional to (1 - step / decay_steps)^power, then constant.

    Args:
        initial_learning_rate: float, the rate before the first step.
        decay_steps: float, the number of steps of the decay.
        end_learning_rate: float, the rate at the end. Defaults to 0.0001.
        power: float, the power of the polynomial. Defaults to 1, a linear decay.
        cycle: bool, whether the rate rises again instead of being constant; decay_steps is then replaced by its least
            multiple that is not below the step. Defaults to False.
        name: str, the name of the schedule. Defaults to "PolynomialDecay".

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> from fastconv.optimizers import schedules
        >>> schedule = schedules.PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0)
        >>> [round(float(schedule(step)), 4) for step in (0, 50, 100, 150)]
        [0.1, 0.05, 0.0, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = _rate(self, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.end_learning_rate = _rate(self, "end_learning_rate", end_learning_rate)
        self.power = _finite(self, "power", power)
        self.cycle = as_flag(self, "cycle", cycle)
        self.name = name

    def __call__(self, step: Array) -> Array:
        passed = _float(step) / float(self.decay_steps)
        left = 1.0 - (passed / ops.maximum(ops.ceil(passed), 1.0) if self.cycle else ops.minimum(passed, 1.0))
        return (self.initial_learning_rate - self.end_learning_rate) * ops.power(
            left, self.power
        ) + self.end_learning_rate


@register("schedule")
class CosineDecay(LearningRateSchedule):
    """Cosine decay, from initial_learning_rate to alpha times its value along half a cosine, then constant.

    Args:
        initial_learning_rate: float, the rate before the first step.
        decay_steps: float, the number of steps of the decay.
        alpha: float, the final rate divided by the highest rate. Defaults to 0.
        name: str, the name of the schedule. Defaults to "CosineDecay".
        warmup_target: float, the rate to which the first `warmup_steps` steps rise before the decay, or None for no
            warmup.
        warmup_steps: int, the number of steps of the warmup. Defaults to 0.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> from fastconv.optimizers import schedules
        >>> schedule = schedules.CosineDecay(0.1, decay_steps=100)
        >>> [round(float(schedule(step)), 4) for step in (0, 50, 100)]
        [0.1, 0.05, 0.0]

    References:
        Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts".
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate = _rate(self, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.alpha = _finite(self, "alpha", alpha)
        self.name = name
        self.warmup_target = optional(_rate, self, "warmup_target", warmup_target)
        self.warmup_steps = as_integer(self, "warmup_steps", warmup_steps, 0)

    def __call__(self, step: Array) -> Array:
        warm = self.warmup_steps if self.warmup_target is not None else 0
        highest = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        passed = ops.clip((_float(step) - float(warm)) / float(self.decay_steps), 0.0, 1.0)
        rate = highest * ((1 - self.alpha) * 0.5 * (1.0 + ops.cos(math.pi * passed)) + self.alpha)
        if not warm:
            return rate
        warmed = _float(step) / float(warm) * (highest - self.initial_learning_rate) + self.initial_learning_rate
        return ops.where(_float(step) < warm, warmed, rate)


@register("schedule")
class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay with restarts: each period is t_mul times longer and starts at m_mul times the rate of the previous.

    Args:
        initial_learning_rate: float, the rate before the first step.
        first_decay_steps: float, the number of steps of the first period.
        t_mul: float > 0, the factor between the lengths of periods. Defaults to 2.
        m_mul: float, the factor between the initial rates of periods. Defaults to 1.
        alpha: float, the lowest rate divided by the initial rate. Defaults to 0.
        name: str, the name of the schedule. Defaults to "SGDRDecay".

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> from fastconv.optimizers import schedules
        >>> schedule = schedules.CosineDecayRestarts(0.1, first_decay_steps=100)
        >>> [round(float(schedule(step)), 4) for step in (0, 50, 200)]
        [0.1, 0.05, 0.05]

    References:
        Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts".
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = _rate(self, "initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _positive(self, "first_decay_steps", first_decay_steps)
        self.t_mul = _positive(self, "t_mul", t_mul)
        self.m_mul = _finite(self, "m_mul", m_mul)
        self.alpha = _finite(self, "alpha", alpha)
        self.name = name

    def __call__(self, step: Array) -> Array:
        # Functions instead of operators: NumPy 1's operators compute scalars in float64. A step at a restart could then
        # fall on the other side of the restart than in a graph.
        passed = ops.divide(_float(step), float(self.first_decay_steps))
        if self.t_mul == 1:
            restarts = ops.floor(passed)
            passed = passed - restarts
        else:
            grown = ops.subtract(1.0, ops.multiply(passed, 1.0 - self.t_mul))
            restarts = ops.floor(ops.multiply(ops.log(grown), 1 / math.log(self.t_mul)))
            length = ops.exp(restarts * math.log(self.t_mul))
            passed = (passed - (1.0 - length) / (1.0 - self.t_mul)) / length
        highest = ops.power(ops.cast(self.m_mul, "float32"), restarts)
        cosine = 0.5 * highest * (1.0 + ops.cos(math.pi * passed))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """Return the configuration of a schedule as plain data.

    Args:
        learning_rate_schedule: a `LearningRateSchedule`.

    Example:
        >>> from fastconv.optimizers import schedules
        >>> schedules.serialize(schedules.CosineDecay(0.1, decay_steps=100))["config"]["decay_steps"]
        100
    """
    return serialization.serialize_for_keras("schedule", learning_rate_schedule)


def deserialize(config: Config | None, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the schedule for a configuration that `serialize` has returned.

    Args:
        config: dict, the configuration.
        custom_objects: dict of the user's classes by name, or None.

    Raises:
        ValueError: if a name is unknown.

    Example:
        >>> from fastconv.optimizers import schedules
        >>> schedules.deserialize(schedules.serialize(schedules.CosineDecay(0.1, decay_steps=100))).decay_steps
        100
    """
    return serialization.deserialize("schedule", config, custom_objects)
