"""State: an array that outlives one call."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.engine.operand import Operand
from fastconv.engine.trace import Trace


class Variable(Operand):
    """An array that layers and optimizers read and assign, the same object for as long as the model lives.

    Args:
        initializer: the first value, an array, or ``f(shape, dtype)`` that makes it.
        shape: needed where `initializer` is a function.
        dtype: a NumPy dtype; of `initializer` where it is an array and `dtype` is None.
        trainable: whether training may change it by gradient.
        name: the last part of its path, such as "kernel".
    """

    __array_priority__ = 1000  # NumPy arrays leave `array + variable` to the variable

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: str | None = None,
        trainable: bool = True,
        name: str = "variable",
    ) -> None:
        value = initializer(shape, dtype) if callable(initializer) else initializer
        self._value = np.array(value, dtype=dtype, order="C")
        self.trainable = trainable
        self.name = name
        self.path = name
        self.regularizer: Any = None
        self.constraint: Any = None
        self.version = 0

    @property
    def value(self) -> np.ndarray:
        """The array itself. It is written in place and never replaced: compiled plans hold on to it."""
        return self._value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def dtype(self) -> np.dtype:
        return self._value.dtype

    @property
    def ndim(self) -> int:
        return self._value.ndim

    @property
    def size(self) -> int:
        return self._value.size

    def read(self) -> Any:
        """The array; inside a trace the tensor that stands for it."""
        trace = Trace.current()
        return self._value if trace is None else trace.read(self)

    def assign(self, value: Any) -> None:
        """Write `value` into the array; inside a trace note that this is to be done whenever the graph runs.

        Raises:
            ValueError: the shape of `value` is another.
        """
        shape = np.shape(value) if not hasattr(value, "shape") else value.shape
        if tuple(shape) != self.shape:
            raise ValueError(
                f"{self.path}: a value must have the shape of its variable. "
                f"Received: value.shape={tuple(shape)}, variable.shape={self.shape}"
            )
        trace = Trace.current()
        if trace is None:
            self._value[...] = value.read() if isinstance(value, Variable) else value
            self.version += 1
        else:
            trace.assign(self, value)

    def numpy(self) -> np.ndarray:
        """A copy of the array."""
        return self._value.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._value, dtype=dtype)

    def __float__(self) -> float:
        return float(self._value)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self._value}>"
