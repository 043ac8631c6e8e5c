"""What weights are held to: functions that are applied to a weight after every step of an optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv import config, ops, serialization
from fastconv.arguments import as_axes, as_number
from fastconv.serialization import Configurable, register

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
    """A function of a weight that returns the nearest weight that is allowed, written with ops."""

    def __call__(self, w: Any) -> Any:
        """The weight that takes the place of w, of the same shape."""
        raise NotImplementedError


@register("constraint")
class NonNeg(Constraint):
    """max(w, 0)."""

    def __call__(self, w: Any) -> Any:
        return ops.maximum(w, 0.0)


class NormConstraint(Constraint):
    """w, rescaled by norms sqrt(sum(w^2)) along some axes.

    Args:
        axis: the axes of one norm, an int or several: 0 for the columns of a dense kernel (inputs, units), (0, 1, 2)
            for the filters of a kernel (KH, KW, CI, CO), None for all.
    """

    def __init__(self, axis: int | Sequence[int] | None = 0) -> None:
        self.axis = None if axis is None else as_axes(self, "axis", axis)

    def wanted(self, norms: Any) -> Any:
        """What the norms are to become."""
        raise NotImplementedError

    def __call__(self, w: Any) -> Any:
        norms = ops.sqrt(ops.sum(ops.square(w), axis=self.axis, keepdims=True))
        return w * (self.wanted(norms) / (norms + config.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


@register("constraint")
class MaxNorm(NormConstraint):
    """Norms above `max_value` become that (Srivastava et al. 2014, "Dropout", section 5.1)."""

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] | None = 0) -> None:
        super().__init__(axis)
        self.max_value = as_number(self, "max_value", max_value)

    def wanted(self, norms: Any) -> Any:
        return ops.clip(norms, 0, self.max_value)

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, **super().get_config()}


@register("constraint")
class UnitNorm(NormConstraint):
    """Norms become 1."""

    def wanted(self, norms: Any) -> Any:
        return 1.0


@register("constraint")
class MinMaxNorm(NormConstraint):
    """Norms move to the range from `min_value` to `max_value`, by the share `rate` of the way."""

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] | None = 0
    ) -> None:
        super().__init__(axis)
        self.min_value = as_number(self, "min_value", min_value)
        self.max_value = as_number(self, "max_value", max_value)
        self.rate = as_number(self, "rate", rate)

    def wanted(self, norms: Any) -> Any:
        return self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms

    def get_config(self) -> dict[str, Any]:
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


def serialize(constraint: Any) -> Any:
    """What `deserialize` makes `constraint` from again."""
    return serialization.serialize_for_keras("constraint", constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The constraint that was serialized. Raises ValueError for unknown names."""
    return serialization.deserialize("constraint", config, custom_objects)


def get(identifier: Any) -> Any:
    """The constraint that a name such as "non_neg", a configuration or an object means; None stays None.

    Raises:
        ValueError: an unknown name.
    """
    return serialization.get("constraint", identifier)
