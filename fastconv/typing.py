"""Types of arguments and results. `Array` is computed with; `ArrayLike` and the other `...Like` are given by users."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np


class HasArray(Protocol):
    """An array or number of NumPy, an array of another library, a tensor, or a variable."""

    def __array__(self) -> Any: ...


Array: TypeAlias = Any  # an array of NumPy or CuPy, a Tensor, or a KerasTensor: all have shape, dtype and operators
ArrayLike: TypeAlias = float | HasArray | Sequence["ArrayLike"]  # numbers, arrays, tensors, variables; nested lists
ArrayModule: TypeAlias = Any  # the module numpy or cupy
AnyModel: TypeAlias = Any  # a Model, for modules below fastconv.models.model, which cannot import its class
Tree: TypeAlias = Any  # nested lists, tuples and dicts; their leaves are arrays, shapes or other values

Shape: TypeAlias = tuple[int, ...]  # known sizes
PartialShape: TypeAlias = tuple[int | None, ...]  # the sizes of a symbolic tensor; None stands for an unknown size
ShapeLike: TypeAlias = Sequence[int | None]  # sizes that users give; None stands for an unknown size
Axis: TypeAlias = int | Sequence[int]  # an axis or several axes
IntOrInts: TypeAlias = int | Sequence[int]  # the same integer for all axes, or an integer per axis
PaddingLike: TypeAlias = str | int | Sequence[int | Sequence[int]]  # "valid", "same", or pixels at the sides of axes
DTypeLike: TypeAlias = str | type[Any] | np.dtype[Any]  # "float32", np.float32, np.dtype("float32")

LearningRateLike: TypeAlias = float | HasArray | Callable[..., Any]  # a number, or a schedule f(step) -> number
Config: TypeAlias = dict[str, Any]  # the arguments of a constructor as plain data, as `get_config` returns them
ActivationLike: TypeAlias = str | Mapping[str, Any] | Callable[..., Any]  # a name, a configuration, or f(x) -> y
InitializerLike: TypeAlias = str | Mapping[str, Any] | Callable[..., Any]  # ..., or f(shape, dtype) -> array
RegularizerLike: TypeAlias = str | Mapping[str, Any] | Callable[..., Any]  # ..., or f(weight) -> number
ConstraintLike: TypeAlias = str | Mapping[str, Any] | Callable[..., Any]  # ..., or f(weight) -> weight
LossLike: TypeAlias = str | Mapping[str, Any] | Callable[..., Any]  # ..., or f(y_true, y_pred) -> losses or values
