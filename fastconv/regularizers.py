"""Penalties on weights, added to the loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv import ops, serialization
from fastconv.arguments import as_choice, as_strength
from fastconv.serialization import Configurable, register

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer(Configurable):
    """A function of a weight that returns a scalar, written with ops."""

    def __call__(self, x: Any) -> Any:
        """The penalty on x, of any shape."""
        raise NotImplementedError


@register("regularizer")
class L1(Regularizer):
    """l1 sum(|x|)."""

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = float(as_strength(self, "l1", 0.0 if l1 is None else l1))

    def __call__(self, x: Any) -> Any:
        return ops.sum(ops.absolute(x)) * self.l1

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


@register("regularizer")
class L2(Regularizer):
    """l2 sum(x^2)."""

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = float(as_strength(self, "l2", 0.0 if l2 is None else l2))

    def __call__(self, x: Any) -> Any:
        return ops.sum(ops.square(x)) * self.l2

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


@register("regularizer", "l1_l2")
class L1L2(Regularizer):
    """l1 sum(|x|) + l2 sum(x^2)."""

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = float(as_strength(self, "l1", 0.0 if l1 is None else l1))
        self.l2 = float(as_strength(self, "l2", 0.0 if l2 is None else l2))

    def __call__(self, x: Any) -> Any:
        return ops.sum(ops.absolute(x)) * self.l1 + ops.sum(ops.square(x)) * self.l2

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


@register("regularizer")
class OrthogonalRegularizer(Regularizer):
    """factor times the mean of |cosines| between the rows of a matrix, or its columns; Bansal et al. 2018.

    Args:
        factor: the strength.
        mode: "rows" or "columns".

    Raises:
        ValueError: another mode, or a weight that is no matrix.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = float(as_strength(self, "factor", factor))
        self.mode = as_choice(self, "mode", mode, ("rows", "columns"))

    def __call__(self, x: Any) -> Any:
        if len(x.shape) != 2:
            raise ValueError(f"OrthogonalRegularizer: a weight must be a matrix. Received: shape={tuple(x.shape)}")
        rows = x if self.mode == "rows" else ops.transpose(x)
        rows = rows * ops.rsqrt(ops.maximum(ops.sum(ops.square(rows), 1, True), 1e-14))
        count = rows.shape[0]
        cosines = ops.matmul(rows, ops.transpose(rows)) * (1 - np.eye(count, dtype=rows.dtype))
        return ops.sum(ops.absolute(cosines)) * (0.5 * self.factor / max(count * (count - 1) / 2, 1))

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer


def serialize(regularizer: Any) -> Any:
    """What `deserialize` makes `regularizer` from again."""
    return serialization.serialize_for_keras("regularizer", regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The regularizer that was serialized. Raises ValueError for unknown names."""
    return serialization.deserialize("regularizer", config, custom_objects)


def get(identifier: Any) -> Any:
    """The regularizer that a name such as "l2", a configuration or an object means; None stays None.

    Raises:
        ValueError: an unknown name.
    """
    return serialization.get("regularizer", identifier)
