"""Regularizers: penalties on weights that are added to the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import fastconv.ops as ops
import fastconv.serialization as serialization
from fastconv.arguments import as_choice, as_strength
from fastconv.serialization import Configurable, register
from fastconv.typing import Array, Config, RegularizerLike

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
    """Base class of regularizers: functions of a weight that return a scalar, written with ops.

    Example:
        >>> from fastconv import ops, regularizers
        >>> class Largest(regularizers.Regularizer):
        ...     def __call__(self, x):
        ...         return ops.max(ops.absolute(x))
        >>> float(Largest()(ops.convert_to_tensor([1.0, -3.0])))
        3.0
    """

    def __call__(self, x: Array) -> Array:
        """Return the penalty on x, which has any shape."""
        raise NotImplementedError


@register("regularizer")
class L1(Regularizer):
    """Penalty on absolute values, l1 sum(|x|).

    Args:
        l1: float >= 0, the strength. Defaults to 0.01.

    Raises:
        ValueError: if `l1` is negative or not finite.

    Example:
        >>> from fastconv import regularizers
        >>> float(regularizers.L1(0.5)([1.0, -3.0]))
        2.0
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = float(as_strength(self, "l1", 0.0 if l1 is None else l1))

    def __call__(self, x: Array) -> Array:
        return ops.sum(ops.absolute(x)) * self.l1

    def get_config(self) -> Config:
        return {"l1": self.l1}


@register("regularizer")
class L2(Regularizer):
    """Penalty on squares, l2 sum(x^2).

    Args:
        l2: float >= 0, the strength. Defaults to 0.01.

    Raises:
        ValueError: if `l2` is negative or not finite.

    Example:
        >>> from fastconv import regularizers
        >>> float(regularizers.L2(0.5)([1.0, -3.0]))
        5.0
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = float(as_strength(self, "l2", 0.0 if l2 is None else l2))

    def __call__(self, x: Array) -> Array:
        return ops.sum(ops.square(x)) * self.l2

    def get_config(self) -> Config:
        return {"l2": self.l2}


@register("regularizer", "l1_l2")
class L1L2(Regularizer):
    """Penalty on absolute values and squares, l1 sum(|x|) + l2 sum(x^2).

    Args:
        l1: float >= 0, the strength of the penalty on |x|. Defaults to 0.
        l2: float >= 0, the strength of the penalty on x^2. Defaults to 0.

    Raises:
        ValueError: if a strength is negative or not finite.

    Example:
        >>> from fastconv import regularizers
        >>> float(regularizers.L1L2(l1=0.5, l2=0.5)([1.0, -3.0]))
        7.0
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = float(as_strength(self, "l1", 0.0 if l1 is None else l1))
        self.l2 = float(as_strength(self, "l2", 0.0 if l2 is None else l2))

    def __call__(self, x: Array) -> Array:
        return ops.sum(ops.absolute(x)) * self.l1 + ops.sum(ops.square(x)) * self.l2

    def get_config(self) -> Config:
        return {"l1": self.l1, "l2": self.l2}


@register("regularizer")
class OrthogonalRegularizer(Regularizer):
    """Penalty on the mean |cosine| between different rows of a matrix, or between its columns.

    Args:
        factor: float >= 0, the strength. Defaults to 0.01.
        mode: "rows" or "columns". Defaults to "rows".

    Raises:
        ValueError: if the mode is unknown, or if a weight is not a matrix.

    Example:
        >>> import numpy as np
        >>> from fastconv import regularizers
        >>> float(regularizers.OrthogonalRegularizer(factor=0.5)(np.eye(2, dtype="float32")))
        0.0
        >>> round(float(regularizers.OrthogonalRegularizer(factor=0.5)(np.ones((2, 2), "float32"))), 4)
        0.5

    References:
        Bansal et al. 2018, "Can we gain more from orthogonality regularizations in training deep networks?".
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = float(as_strength(self, "factor", factor))
        self.mode = as_choice(self, "mode", mode, ("rows", "columns"))

    def __call__(self, x: Array) -> Array:
        if len(x.shape) != 2:
            raise ValueError(f"OrthogonalRegularizer: a weight must be a matrix. Received: shape={tuple(x.shape)}")
        rows = x if self.mode == "rows" else ops.transpose(x)
        rows = rows * ops.rsqrt(ops.maximum(ops.sum(ops.square(rows), 1, True), 1e-14))
        count = rows.shape[0]
        cosines = ops.matmul(rows, ops.transpose(rows)) * (1 - np.eye(count, dtype=rows.dtype))
        return ops.sum(ops.absolute(cosines)) * (0.5 * self.factor / max(count * (count - 1) / 2, 1))

    def get_config(self) -> Config:
        return {"factor": self.factor, "mode": self.mode}


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer


def serialize(regularizer: RegularizerLike | None) -> Any:
    """Return the configuration of `regularizer` as plain data.

    Args:
        regularizer: a `Regularizer` or a function.

    Example:
        >>> from fastconv import regularizers
        >>> regularizers.serialize(regularizers.L1(0.5))["config"]
        {'l1': 0.5}
    """
    return serialization.serialize_for_keras("regularizer", regularizer)


def deserialize(config: str | Config | None, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the regularizer for a name or for a configuration that `serialize` has returned.

    Args:
        config: str or dict, the name or the configuration.
        custom_objects: dict of the user's classes and functions by name, or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import regularizers
        >>> regularizers.deserialize(regularizers.serialize(regularizers.L1(0.5))).l1
        0.5
    """
    return serialization.deserialize("regularizer", config, custom_objects)


def get(identifier: RegularizerLike | None) -> Any:
    """Return the regularizer for a name such as "l2", a configuration or a regularizer; None for None.

    Args:
        identifier: str, dict, `Regularizer`, function or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import regularizers
        >>> regularizers.get("l2").l2
        0.01
    """
    return serialization.get("regularizer", identifier)
