"""Primitives: operations with a forward computation, the shape of their output, and their gradient."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastconv.backends import backend_of
from fastconv.backends.gpu.transfer import as_array, to_host
from fastconv.backends.launch import Launch, Operation
from fastconv.backends.reference import Reference
from fastconv.device import is_on_gpu
from fastconv.engine.names import NAMES
from fastconv.engine.operand import Operand
from fastconv.typing import Array, ArrayLike, DTypeLike, Shape

Spec = tuple[Shape, DTypeLike]  # the shape and dtype of a result
Gradients = tuple[Array, ...]  # the gradients of the inputs of a primitive; None for an input that has none

# NumPy's functions for operators with an array on the left.
OPERATORS = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.floor_divide: operator.floordiv,
    np.remainder: operator.mod,
    np.power: operator.pow,
    np.matmul: operator.matmul,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
    np.bitwise_and: operator.and_,
    np.bitwise_or: operator.or_,
    np.bitwise_xor: operator.xor,
}


class DataDependentError(RuntimeError):
    """Raised if a value is needed and only its shape is known."""


class Tensor(Operand):
    """A value in a graph.

    `numpy`, `float`, `int` and `bool` return the value and detach it: no gradient passes through results computed from
    it.

    Attributes:
        shape: tuple of ints (a model's symbolic inputs may have None).
        dtype: NumPy dtype.
        value: the array, or None if only the shape is known.
        call: the call that makes it, or None for an input or a constant.
    """

    __slots__ = ("__weakref__", "call", "dtype", "shape", "value")

    def __init__(self, shape: Iterable[int], dtype: DTypeLike, value: Array = None, call: Call | None = None) -> None:
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.value = value
        self.call = call

    @classmethod
    def of(cls, x: ArrayLike) -> Tensor:
        """Return `x` if it is a tensor, the tensor of its value if it is a variable, else a constant."""
        x = x if isinstance(x, Tensor) else read(x)
        if isinstance(x, Tensor):
            return x
        array = x if hasattr(x, "dtype") and hasattr(x, "shape") else as_array(x)
        return cls(array.shape, array.dtype, array)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    def known(self) -> Array:
        """Return the array on its device. Raises DataDependentError if only the shape is known."""
        if self.value is None:
            raise DataDependentError(
                "The value of a tensor is known only when its graph runs; Python code that looks at values needs "
                f"run_eagerly=True. Received: {self!r}"
            )
        return self.value

    def numpy(self) -> np.ndarray:
        """Return the array in host memory. Raises DataDependentError if only the shape is known."""
        return to_host(self.known())

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Array, **options: Any) -> Array:
        """Apply NumPy's operators, `array += tensor` included. Refuse other functions, since they lose gradients."""
        changed = options.get("out", inputs[:1])[0]  # an operator may change only its left side
        if method == "__call__" and ufunc in OPERATORS and set(options) <= {"out"} and changed is inputs[0]:
            return OPERATORS[ufunc](*map(Tensor.of, inputs))
        return self.__array__()

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError(
            "NumPy functions take a tensor's values out of the graph, and its gradient is lost; use fastconv.ops, "
            f"or tensor.numpy() for the values only. Received: {self!r}"
        )

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __float__(self) -> float:
        return float(self.numpy())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} shape={self.shape}, dtype={self.dtype}>"


class Call:
    """An application of a primitive: `outputs = primitive(*inputs, **params)`.

    A tensor holds the call that makes it, and a call holds its outputs weakly. Without a reference cycle, arrays are
    freed together with the last tensor that is computed from them.

    Attributes:
        names: the layers that recorded it, several if steps were fused; empty if nothing was named (`NAMES`).
    """

    __slots__ = ("_made", "_outputs", "inputs", "names", "params", "primitive")

    def __init__(
        self,
        primitive: Primitive,
        inputs: tuple[Tensor, ...],
        params: dict[str, Any],
        outputs: tuple[Tensor, ...],
        names: tuple[str, ...] = (),
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.params = params
        self.names = names
        self._made = [(t.shape, t.dtype, t.value) for t in outputs]
        self._outputs = [weakref.ref(t) for t in outputs]

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The tensors that the call makes; a new tensor replaces each that was freed."""
        return tuple([self._output(i) for i in range(len(self._outputs))])

    def _output(self, i: int) -> Tensor:
        output = self._outputs[i]()
        if output is None:
            output = Tensor(*self._made[i], self)
            self._outputs[i] = weakref.ref(output)
        return output


class Primitive:
    """An operation on arrays. Every public function of `ops` is composed of primitives.

    Args:
        operation: the method of `Reference` that defines it. Backends have kernels for many of them.
        shape: ``(*inputs, **params) -> (shape, dtype)`` of the output, or a list of pairs for several outputs. Inputs
            have `.shape` and `.dtype`.
        gradient: ``(dy, y, *inputs, **params) -> (dx, ...)``, one per input, None if there is none, written with ops.
            With several outputs `dy` and `y` are tuples, and `dy` is None for outputs on which nothing depends.
        elementwise: if True, the output may overwrite an input of the same size.
        broadcasts: if True, the shapes of all inputs must broadcast to each other; by default, if it is elementwise.
    """

    view: Callable[..., Array] | None = None  # set by `View`

    def __init__(
        self,
        operation: Operation,
        shape: Callable[..., Spec | list[Spec]],
        gradient: Callable[..., Gradients] | None = None,
        *,
        elementwise: bool = False,
        broadcasts: bool | None = None,
    ) -> None:
        self.operation = operation
        self.shape = shape
        self.gradient = gradient
        self.elementwise = elementwise
        self.broadcasts = elementwise if broadcasts is None else broadcasts

    @property
    def name(self) -> str:
        return self.operation.__name__

    def __call__(self, *inputs: Array, **params: Any) -> Array:
        """Compute on arrays. If an input is a tensor, record the call too."""
        try:
            for x in inputs:
                if type(x) is not np.ndarray:
                    inputs = tuple(map(read, inputs))
                    if any(isinstance(x, Tensor) for x in inputs):
                        return self._record(inputs, params)
                    break
            if self.view is not None:
                return own_view(self.view(*inputs, **params), inputs[0])
            result, function, arguments = self.prepare(inputs, params)
            returned = function(*arguments)
            return returned if result is None else result
        except ValueError:
            shapes = [tuple(x.shape) for x in inputs]
            if self.broadcasts and not broadcast(*shapes):
                name = params.get("function", self.name)
                raise ValueError(
                    f"{name}: shapes must be equal, or broadcast to each other. Received: {shapes=}"
                ) from None
            raise

    def prepare(self, inputs: tuple[Array, ...], params: dict[str, Any], out: Array = None) -> Launch:
        """Return the launch of this operation on the device of `inputs`; see `Backend.prepare`."""
        return backend_of(*inputs).prepare(self.operation, inputs, params, out)

    def _record(self, inputs: tuple[Array, ...], params: dict[str, Any]) -> Array:
        tensors = tuple([Tensor.of(x) for x in inputs])
        names: tuple[str, ...] = ()
        if all(t.value is not None for t in tensors):
            result = self.prepare(tuple([t.value for t in tensors]), params).run()
            results = result if isinstance(result, tuple) else (result,)
            outputs = tuple([Tensor(r.shape, r.dtype, r) for r in results])
        else:
            result = self.shape(*tensors, **params)
            outputs = tuple([Tensor(*spec) for spec in (result if isinstance(result, list) else [result])])
            names = (NAMES.path,) if NAMES.path else ()
        call = Call(self, tensors, params, outputs, names)
        for output in outputs:
            output.call = call
        return outputs if isinstance(result, (tuple, list)) and len(outputs) > 1 else outputs[0]

    def __repr__(self) -> str:
        return f"<Primitive {self.name}>"


class View(Primitive):
    """An operation that computes nothing: its output shares the memory of its input.

    Args:
        name: for messages.
        view: ``(x, **params) -> array``.
        shape, gradient: as for `Primitive`.
    """

    def __init__(
        self,
        name: str,
        view: Callable[..., Array],
        shape: Callable[..., Spec | list[Spec]],
        gradient: Callable[..., Gradients] | None = None,
    ) -> None:
        super().__init__(view, shape, gradient)
        self.view = view
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def prepare(self, inputs: tuple[Array, ...], params: dict[str, Any], out: Array = None) -> Launch:
        """Return the launch that takes a view of the input, or copies the view to `out` if it is given."""
        return Launch(None, self._take, (*inputs, params, out))

    def _take(self, x: Array, params: dict[str, Any], out: Array) -> Array:
        view = self.operation(x, **params)
        if out is None:
            return view
        backend_of(out).xp.copyto(out, view)
        return out


CAST: Primitive = Primitive(
    Reference.cast,
    lambda x, *, dtype: (x.shape, np.dtype(dtype)),
    lambda dy, y, x, *, dtype: (CAST(dy, dtype=x.dtype.name) if x.dtype.kind == y.dtype.kind == "f" else None,),
)
DETACH = View("identity", lambda x: x, lambda x: (x.shape, x.dtype), lambda dy, y, x: (None,))


def broadcast(*shapes: Sequence[int]) -> bool:
    """Return True if the shapes are equal, or broadcast to each other."""
    try:
        np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        return False
    return True


def own_view(view: Array, x: Array) -> Array:
    """Return `view` of x, or a copy if x is read-only: a variable's array, which will change."""
    return view.copy() if isinstance(x, np.ndarray) and not x.flags.writeable else view


def owned(x: Array) -> Array:
    """Return a copy of an array, so that its owner may change it; any other value unchanged."""
    if isinstance(x, np.ndarray) or is_on_gpu(x):
        return x.copy()
    is_array = hasattr(x, "__array__") and not isinstance(x, (Operand, np.generic))
    return np.array(x) if is_array else x


def read(x: Array) -> Array:
    """Return the value of a variable; any other `x` unchanged."""
    if type(x) is np.ndarray:
        return x
    return x.read() if hasattr(x, "read") and hasattr(x, "assign") else x


def calls_before(outputs: Iterable[Tensor], known: Callable[[Tensor], bool]) -> list[Call]:
    """Return every call that `outputs` need, each after the calls that it needs. The walk ends at `known` tensors."""
    order: list[Call] = []
    seen: set[Call] = set()

    def producers(tensors: Iterable[Tensor]) -> list[tuple[Call, bool]]:
        return [
            (t.call, False)
            for t in reversed(list(tensors))
            if t.call is not None and t.call not in seen and not known(t)
        ]

    stack = producers(outputs)
    while stack:
        call, entered = stack.pop()
        if entered:
            order.append(call)
        elif call not in seen:
            seen.add(call)
            stack.append((call, True))
            stack.extend(producers(call.inputs))
    return order
