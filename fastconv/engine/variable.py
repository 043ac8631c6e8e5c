"""State: an array that outlives one call."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.backends.gpu import Gpu, gpu
from fastconv.device import gpu_number, is_on_gpu
from fastconv.engine.operand import Operand
from fastconv.engine.primitive import Tensor, read
from fastconv.engine.trace import Trace


class Variable(Operand):
    """An array that layers and optimizers read and assign, the same object for as long as the model lives.

    Args:
        initializer: the first value, an array, or ``f(shape, dtype)`` that makes it.
        shape: needed where `initializer` is a function.
        dtype: a NumPy dtype; of `initializer` where it is an array and `dtype` is None.
        trainable: whether training may change it by gradient.
        name: the last part of its path, such as "kernel".

    Attributes:
        buffer: the memory of `value`, for plans to write into. It is never replaced: plans hold on to it.
        version: how often it was assigned; what is computed from it anew follows this count.
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
        self._hold(np.array(value, dtype=dtype, order="C"))
        self.trainable = trainable
        self.name = name
        self.path = name
        self.regularizer: Any = None
        self.constraint: Any = None
        self.version = 0

    def _hold(self, buffer: np.ndarray) -> None:
        self.buffer = buffer
        self._view = buffer.view()
        self._view.flags.writeable = False
        self._twins: dict[int, Twin] = {}  # by the numbers of GPUs
        self._ahead: Twin | None = None  # that which holds what `buffer` does not hold yet

    # ---- copies --------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """What pickles and copies hold: a copy of the value, wherever it is, and no memory that plans write into."""
        left_out = ("buffer", "_view", "_twins", "_ahead")
        kept = {key: held for key, held in vars(self).items() if key not in left_out}
        return {**kept, "buffer": np.array(self.value, order="C")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._hold(self.buffer)

    # ---- the value -----------------------------------------------------------------------------------------------

    @property
    def value(self) -> np.ndarray:
        """The array, for reading; `assign` writes."""
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            ahead.array.get(stream=ahead.gpu.stream, out=self.buffer)
        return self._view

    @property
    def shape(self) -> tuple[int, ...]:
        return self._view.shape

    @property
    def dtype(self) -> np.dtype:
        return self._view.dtype

    @property
    def ndim(self) -> int:
        return self._view.ndim

    @property
    def size(self) -> int:
        return self._view.size

    # ---- on a GPU ------------------------------------------------------------------------------------------------

    def on(self, gpu: Gpu) -> Any:
        """The array on a GPU, always the same one, with the newest values; plans write into it, too."""
        twin = self._twins.get(gpu.number)
        if twin is None:
            twin = self._twins[gpu.number] = Twin(gpu, gpu.xp.empty(self.shape, self.dtype))
        if twin.version != self.version:
            with gpu.running():
                twin.array.set(self.value, stream=gpu.stream)
            twin.version = self.version
        return twin.array

    def changed_on(self, gpu: Gpu) -> None:
        """Note that a plan has written into what `on` has returned."""
        self.version += 1
        self._ahead = self._twins[gpu.number]
        self._ahead.version = self.version

    def here(self) -> Any:
        """The array where models compute."""
        number = gpu_number()
        return self.value if number is None else self.on(gpu(number))

    def read(self) -> Any:
        """The array; inside a trace the tensor that stands for it."""
        trace = Trace.current()
        return self.value if trace is None else trace.read(self)

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
            value = read(value)
            value = value.known() if isinstance(value, Tensor) else value
            if is_on_gpu(value):
                self._assign_on_gpu(value)
                return
            self.buffer[...] = value
            self._ahead = None
            self.version += 1
        else:
            trace.assign(self, value)

    def _assign_on_gpu(self, value: Any) -> None:
        where = gpu(value.device.id)
        with where.running():
            self.on(where)[...] = value
        self.changed_on(where)

    def numpy(self) -> np.ndarray:
        """A copy of the array. Raises DataDependentError inside a trace that knows only shapes."""
        now = self.read()
        return np.array(now.numpy() if isinstance(now, Tensor) else now)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        trace = Trace.current()
        if trace is not None and trace.differentiated:
            return self.read().__array__()  # refuses
        return np.array(self.numpy(), dtype=dtype)

    def __bool__(self) -> bool:
        return bool(self.read())

    def __int__(self) -> int:
        return int(self.read())

    def __float__(self) -> float:
        return float(self.read())

    def __repr__(self) -> str:
        value = np.array2string(self.value, threshold=10, edgeitems=1)
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={value}>"


class Twin:
    """A variable's array on a GPU, and which version of the variable it holds."""

    def __init__(self, gpu: Gpu, array: Any) -> None:
        self.gpu = gpu
        self.array = array
        self.version = -1
