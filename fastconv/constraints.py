"""Constraints: functions that are applied to weights after every step of an optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fastconv.config as config
import fastconv.ops as ops
import fastconv.serialization as serialization
from fastconv.arguments import as_axes, as_number
from fastconv.serialization import Configurable, register
from fastconv.typing import Array, Axis, Config, ConstraintLike

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


class Constraint(Configurable):
    """Base class of constraints: functions of a weight that return the nearest allowed weight, written with ops.

    Example:
        >>> from fastconv import constraints, ops
        >>> class AtMostOne(constraints.Constraint):
        ...     def __call__(self, w):
        ...         return ops.minimum(w, 1.0)
        >>> AtMostOne()(ops.convert_to_tensor([0.5, 2.0])).tolist()
        [0.5, 1.0]
    """

    def __call__(self, w: Array) -> Array:
        """Return the weight that replaces w, of the same shape."""
        raise NotImplementedError


@register("constraint")
class NonNeg(Constraint):
    """Set negative weights to 0, max(w, 0).

    Example:
        >>> from fastconv import constraints
        >>> constraints.NonNeg()([-1.0, 2.0]).tolist()
        [0.0, 2.0]
    """

    def __call__(self, w: Array) -> Array:
        return ops.maximum(w, 0.0)


class NormConstraint(Constraint):
    """Base class of constraints that change norms sqrt(sum(w^2)) along some axes.

    Args:
        axis: int or sequence of int, the axes of a norm: 0 for the columns of a dense kernel (inputs, units), (0, 1, 2)
            for the filters of a kernel (KH, KW, CI, CO), None for all axes. Defaults to 0.
    """

    def __init__(self, axis: Axis | None = 0) -> None:
        self.axis = None if axis is None else as_axes(self, "axis", axis)

    def wanted(self, norms: Array) -> Array:
        """Return the new norms."""
        raise NotImplementedError

    def __call__(self, w: Array) -> Array:
        norms = ops.sqrt(ops.sum(ops.square(w), axis=self.axis, keepdims=True))
        return w * (self.wanted(norms) / (norms + config.epsilon()))

    def get_config(self) -> Config:
        return {"axis": self.axis}


@register("constraint")
class MaxNorm(NormConstraint):
    """Reduce norms above `max_value` to `max_value`.

    Args:
        max_value: float, the largest norm. Defaults to 2.
        axis: int or sequence of int, the axes of a norm: 0 for the columns of a dense kernel (inputs, units), (0, 1, 2)
            for the filters of a kernel (KH, KW, CI, CO), None for all axes. Defaults to 0.

    Example:
        >>> import numpy as np
        >>> from fastconv import constraints
        >>> w = constraints.MaxNorm(1.0)(np.array([[3.0], [4.0]], "float32"))
        >>> [round(float(v), 4) for v in w.ravel()]
        [0.6, 0.8]

    References:
        Srivastava et al. 2014, "Dropout", section 5.1.
    """

    def __init__(self, max_value: float = 2, axis: Axis | None = 0) -> None:
        super().__init__(axis)
        self.max_value = as_number(self, "max_value", max_value)

    def wanted(self, norms: Array) -> Array:
        return ops.clip(norms, 0, self.max_value)

    def get_config(self) -> Config:
        return {"max_value": self.max_value, **super().get_config()}


@register("constraint")
class UnitNorm(NormConstraint):
    """Scale weights to norm 1.

    Args:
        axis: int or sequence of int, the axes of a norm; see `MaxNorm`. Defaults to 0.

    Example:
        >>> import numpy as np
        >>> from fastconv import constraints
        >>> w = constraints.UnitNorm()(np.array([[3.0], [4.0]], "float32"))
        >>> [round(float(v), 4) for v in w.ravel()]
        [0.6, 0.8]
    """

    def wanted(self, norms: Array) -> Array:
        return 1.0


@register("constraint")
class MinMaxNorm(NormConstraint):
    """Move norms towards the range from `min_value` to `max_value`.

    A norm n becomes rate clip(n, min_value, max_value) + (1 - rate) n.

    Args:
        min_value: float, the smallest norm. Defaults to 0.
        max_value: float, the largest norm. Defaults to 1.
        rate: float, the part of the distance that is moved in a step. Defaults to 1.
        axis: int or sequence of int, the axes of a norm; see `MaxNorm`. Defaults to 0.

    Example:
        >>> import numpy as np
        >>> from fastconv import constraints
        >>> w = constraints.MinMaxNorm(max_value=1.0, rate=0.5)(np.array([[3.0], [4.0]], "float32"))
        >>> [round(float(v), 4) for v in w.ravel()]
        [1.8, 2.4]
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis | None = 0
    ) -> None:
        super().__init__(axis)
        self.min_value = as_number(self, "min_value", min_value)
        self.max_value = as_number(self, "max_value", max_value)
        self.rate = as_number(self, "rate", rate)

    def wanted(self, norms: Array) -> Array:
        return self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms

    def get_config(self) -> Config:
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            **super().get_config(),
        }


max_norm = MaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
min_max_norm = MinMaxNorm


def serialize(constraint: ConstraintLike | None) -> Any:
    """Return the configuration of `constraint` as plain data.

    Args:
        constraint: a `Constraint` or a function.

    Example:
        >>> from fastconv import constraints
        >>> constraints.serialize(constraints.UnitNorm())["config"]
        {'axis': 0}
    """
    return serialization.serialize_for_keras("constraint", constraint)


def deserialize(config: str | Config | None, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the constraint for a name or for a configuration that `serialize` has returned.

    Args:
        config: str or dict, the name or the configuration.
        custom_objects: dict of the user's classes and functions by name, or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import constraints
        >>> constraints.deserialize(constraints.serialize(constraints.UnitNorm(axis=1))).axis
        1
    """
    return serialization.deserialize("constraint", config, custom_objects)


def get(identifier: ConstraintLike | None) -> Any:
    """Return the constraint for a name such as "non_neg", a configuration or a constraint; None for None.

    Args:
        identifier: str, dict, `Constraint`, function or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import constraints
        >>> constraints.get("non_neg")([-1.0, 2.0]).tolist()
        [0.0, 2.0]
    """
    return serialization.get("constraint", identifier)
