"""Variables: arrays that persist between calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

import fastconv.config as config
from fastconv.arguments import LARGEST, is_integer, plain
from fastconv.backends.gpu.backend import Gpu, gpu_backend
from fastconv.backends.gpu.transfer import native
from fastconv.device import gpu_number, is_on_gpu
from fastconv.engine.operand import Operand
from fastconv.engine.primitive import Tensor, read
from fastconv.engine.trace import Trace
from fastconv.typing import Array, ArrayLike, DTypeLike


class Variable(Operand):
    """An array that layers and optimizers read and assign.

    Args:
        initializer: the initial value: an array or numbers, a function ``f(shape, dtype)``, or the name of a function,
            for example "zeros".
        shape: ints, required if `initializer` is a function or a name.
        dtype: NumPy dtype. If None (default), arrays keep their dtype, Python integers become int32 (int64 if
            necessary), and Python floats and results of functions become `config.floatx()`.
        trainable: if True (default), training may change it by gradients.
        autocast, aggregation, synchronization, layout: no effect; present for Keras's signature.
        name: str, the last part of its path, for example "kernel".

    Raises:
        ValueError: if a function has no shape or an unknown size, if it returns another shape, if the value is not
            numbers, or if `name` is not a string.

    Attributes:
        buffer: the memory of `array`, into which plans write. It is never replaced, since plans keep references to it.
        version: the number of assignments. Values computed from the variable are recomputed when it changes.

    Example:
        >>> v = fastconv.Variable([1.0, 2.0], name="v")
        >>> v.assign_add([1.0, 1.0]).numpy().tolist()
        [2.0, 3.0]
    """

    __array_priority__ = 1000  # NumPy arrays leave `array + variable` to the variable
    initializer_of: ClassVar[Callable[[str], Any]]  # from a name to its function; set by `initializers`

    def __init__(
        self,
        initializer: ArrayLike | str | Callable[..., Array],
        shape: Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: object = None,
    ) -> None:
        name = "variable" if name is None else name
        if not isinstance(name, str):
            raise ValueError(f"Variable: name must be a string. Received: name={name!r}")
        check_choice("aggregation", aggregation, AGGREGATIONS)
        check_choice("synchronization", synchronization, SYNCHRONIZATIONS)
        self.autocast = bool(autocast)
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization or "none"
        self._hold(first_value(initializer, shape, dtype))
        self.trainable = bool(trainable)
        self.name = name
        self.path = name
        self.regularizer: Any = None
        self.constraint: Any = None
        self.version = 0

    def _hold(self, buffer: np.ndarray) -> None:
        self.buffer = buffer
        self._view = buffer.view()
        self._view.flags.writeable = False
        self._twins: dict[int, Twin] = {}  # keys: the numbers of GPUs
        self._ahead: Twin | None = None  # the twin with newer values than `buffer`

    # ---- copies --------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickles and copies: a copy of the value, and no memory into which plans write."""
        left_out = ("buffer", "_view", "_twins", "_ahead")
        kept = {key: held for key, held in vars(self).items() if key not in left_out}
        return {**kept, "buffer": np.array(self.array, order="C")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._hold(self.buffer)

    # ---- the value -----------------------------------------------------------------------------------------------

    @property
    def value(self) -> Array:
        """Return the array, for reading; inside a trace, its tensor. Use `assign` to write."""
        return self.array if Trace.current() is None else self.read()

    @property
    def array(self) -> np.ndarray:
        """Return the array, for reading, with the values from before a trace."""
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

    def on(self, gpu: Gpu) -> Array:
        """Return the array on a GPU, with the newest values. It is always the same array, and plans write into it."""
        twin = self._twins.get(gpu.number)
        if twin is None:
            twin = self._twins[gpu.number] = Twin(gpu, gpu.xp.empty(self.shape, self.dtype))
        if twin.version != self.version:
            with gpu.running():
                twin.array.set(self.array, stream=gpu.stream)
            twin.version = self.version
        return twin.array

    def changed_on(self, gpu: Gpu) -> None:
        """Note that a plan has written into the array that `on` returned."""
        self.version += 1
        self._ahead = self._twins[gpu.number]
        self._ahead.version = self.version

    def here(self) -> Array:
        """Return the array on the device on which models compute."""
        number = gpu_number()
        return self.array if number is None else self.on(gpu_backend(number))

    def read(self) -> Array:
        """Return the array; inside a trace, its tensor."""
        trace = Trace.current()
        return self.array if trace is None else trace.read(self)

    def assign(self, value: ArrayLike) -> Variable:
        """Write `value` into the array; inside a trace, note the assignment for each run of the graph.

        Args:
            value: array or numbers of the variable's shape.

        Returns:
            The variable.

        Raises:
            ValueError: if the shape of `value` differs, or if it is not numbers.
        """
        if not hasattr(value, "shape") or getattr(value, "dtype", None) in (object,):
            value = numbers(self.path, value)
        shape = value.shape
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
                return self
            self.buffer[...] = value
            self._ahead = None
            self.version += 1
        else:
            trace.assign(self, value)
        return self

    def fill(self, write: Callable[[np.ndarray], None]) -> None:
        """Let `write` put a value into the array itself, outside of traces, so that no copy of the value is needed."""
        write(self.buffer)
        self._ahead = None
        self.version += 1

    def assign_add(self, value: ArrayLike) -> Variable:
        """Add `value`, of the variable's shape or broadcast to it, and return the variable."""
        return self.assign(self + value)

    def assign_sub(self, value: ArrayLike) -> Variable:
        """Subtract `value`, of the variable's shape or broadcast to it, and return the variable."""
        return self.assign(self - value)

    def _assign_on_gpu(self, value: Array) -> None:
        gpu = gpu_backend(value.device.id)
        with gpu.running():
            self.on(gpu)[...] = value
        self.changed_on(gpu)

    def numpy(self) -> np.ndarray:
        """Return a copy of the array. Raises DataDependentError inside a trace that knows only shapes."""
        value = self.read()
        return np.array(value.numpy() if isinstance(value, Tensor) else value)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        trace = Trace.current()
        if trace is not None and trace.differentiated:
            return np.asarray(self.read())  # refuses
        return np.array(self.numpy(), dtype=dtype)

    def __bool__(self) -> bool:
        return bool(self.read())

    def __int__(self) -> int:
        return int(self.read())

    def __float__(self) -> float:
        return float(self.read())

    def __repr__(self) -> str:
        value = np.array2string(self.array, threshold=10, edgeitems=1)
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={value}>"


AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")
SYNCHRONIZATIONS = (None, "none", "auto", "on_read", "on_write")


def check_choice(name: str, value: object, allowed: Sequence[str | None]) -> None:
    """Raise ValueError if `value` is not in `allowed`."""
    if not isinstance(value, (str, type(None))) or value not in allowed:
        raise ValueError(f"Variable: {name} must be one of {allowed}. Received: {name}={value!r}")


def first_value(
    initializer: ArrayLike | str | Callable[..., Array], shape: Sequence[int] | None, dtype: DTypeLike | None
) -> np.ndarray:
    """Return the initial value of a variable as a new array in row-major order; arguments as for `Variable`."""
    if isinstance(initializer, str):
        initializer = Variable.initializer_of(initializer)
    if not callable(initializer):
        given = initializer if hasattr(initializer, "dtype") else numbers("Variable", initializer)
        array = np.array(given, dtype=dtype or natural_dtype(initializer), order="C")
        return native(numbers("Variable", array))
    sizes = known_sizes(initializer, shape)
    if initializer in (without_memory, np.zeros):  # new memory, which needs no copy
        empty: np.ndarray = initializer(sizes, dtype or config.floatx())
        return empty
    value = native(np.array(initializer(sizes, dtype or config.floatx()), dtype=dtype or config.floatx(), order="C"))
    if value.shape != sizes:
        raise ValueError(
            "Variable: an initializer must return an array of the shape that it is given. "
            f"Received: shape={sizes}, returned shape={value.shape}"
        )
    return value


def without_memory(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return zeros that take no memory and cannot be written: an initializer for models of which only shapes count."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def numbers(taker: str, value: object) -> np.ndarray:
    """Return `value` as an array. Raises ValueError, with the name of its taker, if it is not numbers."""
    array = np.asarray(value)
    if array.dtype.kind in "OSUMm":
        raise ValueError(f"{taker}: a value must be numbers. Received: {value!r}")
    return array


def natural_dtype(value: ArrayLike) -> DTypeLike | None:
    """Return None if `value` is an array with a dtype, else the dtype of a variable with this initial value."""
    if hasattr(value, "dtype") and not isinstance(value, float):  # np.float64 is a subclass of float
        return None
    array = np.asarray(value)
    fits = array.dtype.kind == "i" and np.array_equal(array, array.astype("int32"))
    return config.floatx() if array.dtype.kind == "f" else "int32" if fits else array.dtype


def known_sizes(initializer: object, shape: Sequence[int] | None) -> tuple[int, ...]:
    """Return `shape` as a tuple of ints. Raises ValueError if it is missing, or if a size is unknown or negative."""
    sizes = plain(shape)
    if not isinstance(sizes, (list, tuple)) or not all(is_integer(n) and 0 <= n <= LARGEST for n in sizes):
        raise ValueError(
            "Variable: an initializer needs a shape of ints >= 0. "
            f"Received: initializer={initializer!r}, shape={shape!r}"
        )
    return tuple(sizes)


class Twin:
    """A variable's array on a GPU, and the version of the variable that it holds."""

    def __init__(self, gpu: Gpu, array: Array) -> None:
        self.gpu = gpu
        self.array = array
        self.version = -1
