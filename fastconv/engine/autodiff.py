"""Reverse-mode differentiation: a walk over the graph in reverse order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv.arguments import as_axes
from fastconv.engine.names import NAMES
from fastconv.engine.plan import evaluate
from fastconv.engine.primitive import Call, Gradients, Tensor, View, calls_before, read
from fastconv.engine.trace import Trace
from fastconv.engine.tree import leaves, rebuild
from fastconv.typing import Array, ArrayLike, IntOrInts, Tree


def gradients(y: Tensor, dy: Tensor, inputs: Sequence[Tensor]) -> list[Tensor | None]:
    """Return dx for each x of `inputs`, given y and dy: the product of dy with the Jacobian of y with respect to x.

    Returns:
        Tensors with the shapes of `inputs`; None for inputs on which y does not depend.
    """
    depends = set(inputs)
    order = calls_before([y], known=lambda t: t.call is None)
    for call in order:
        if any(t in depends for t in call.inputs):
            depends.update(call.outputs)
    total = {y: dy}
    backward = _backward if NAMES.path is None else _named_backward
    for call in reversed(order):
        dys = tuple(total.get(t) for t in call.outputs)
        if depends.isdisjoint(call.inputs) or all(d is None for d in dys):
            continue
        for x, dx in zip(call.inputs, backward(call, dys)):
            if dx is not None and x in depends:
                total[x] = _sum(x, total[x], dx) if x in total else dx
    return [total.get(x) for x in inputs]


def _backward(call: Call, dys: tuple[Tensor | None, ...]) -> Gradients:
    gradient = call.primitive.gradient
    if gradient is None:
        raise NotImplementedError(f"{call.primitive.name} has no gradient: it cannot be differentiated (again)")
    if len(call.outputs) == 1:
        return gradient(dys[0], call.outputs[0], *call.inputs, **call.params)
    return gradient(dys, call.outputs, *call.inputs, **call.params)


def _named_backward(call: Call, dys: tuple[Tensor | None, ...]) -> Gradients:
    """As `_backward`, with names: "conv1 gradient of kernel" for the call that makes the gradient of a variable."""
    name = _gradient_name(call.names)
    with NAMES.given(name):
        dxs = _backward(call, dys)
    trace = Trace.current()
    variables = {} if trace is None else {t: variable.name for variable, t in trace.reads.items()}
    targets: dict[Call, list[str]] = {}
    for x, dx in zip(call.inputs, dxs):
        variable = variables.get(_viewed(x))
        if variable is not None and dx is not None and dx.call is not None and dx.call.names == (name,):
            targets.setdefault(dx.call, []).append(variable)
    for maker, names in targets.items():
        maker.names = (f"{name} of {', '.join(names)}",)
    return dxs


def _viewed(x: Tensor) -> Tensor:
    """Return the tensor whose memory `x` shares: itself, unless it is a view."""
    while x.call is not None and x.call.primitive.view is not None:
        x = x.call.inputs[0]
    return x


def _sum(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the sum of two gradients of `x`, which is used several times."""
    if NAMES.path is None:
        total: Tensor = first + second
        return total
    maker = x.call.names if x.call is not None else ()
    with NAMES.given(_gradient_name(maker)):
        total = first + second
    return total


def _gradient_name(names: tuple[str, ...]) -> str:
    """Return the name of the gradient of a call."""
    return f"{', '.join(names)} gradient".lstrip()


def value_and_grad(f: Callable[..., Any], argnums: IntOrInts = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that computes ``(f(*args), df/darg)`` for a scalar function `f` of ops and operators.

    Python control flow may depend on values, since operations are recorded as they run. Calls may be nested, for second
    derivatives. `float()`, functions of `math` and `.numpy()` detach: their results are constants to the gradient.

    Args:
        f: function that returns a scalar, or ``(scalar, anything)`` if `has_aux` is True.
        argnums: int or ints, default 0, the positions of the arguments to differentiate. These must be float arrays, or
            lists, tuples and dicts of them. Python numbers count as float64; integer arrays must be cast first.
        has_aux: if True, `f` returns a pair. Default False.

    Returns:
        Function of the same arguments as `f`. Its gradient has the structure of the argument; a tuple for several
        arguments.

    Raises:
        ValueError: if `f` does not return a scalar, or returns a value that ops did not compute, or if `argnums` is not
            a position of an argument.
        TypeError: if an argument to differentiate is not of floats.

    Example:
        >>> value, slope = value_and_grad(lambda x: x * x)(3.0)
        >>> float(value), float(slope)
        (9.0, 6.0)
    """
    axes = as_axes("value_and_grad", "argnums", argnums)
    positions = (axes,) if isinstance(axes, int) else tuple(axes)

    def value_and_gradient(*args: Tree, **kwargs: Any) -> Any:
        given_tensors = any(isinstance(leaf, Tensor) for leaf in leaves([args, kwargs]))
        inside = given_tensors or NESTING.depth > 0 or Trace.current() is not None
        wrapped = list(args)
        if not all(-len(args) <= i < len(args) for i in positions):
            raise ValueError(
                "value_and_grad: argnums must be positions of arguments. "
                f"Received: argnums={argnums}, {len(args)} positional arguments"
            )
        for i in positions:
            wrapped[i] = rebuild(args[i], [as_input(leaf) for leaf in leaves(args[i])])
        with NESTING:
            result = f(*wrapped, **kwargs)
        y, aux = result if has_aux else (result, None)
        y = read(y)
        if not isinstance(y, Tensor):
            raise ValueError(
                "value_and_grad: the function must return what fastconv.ops or operators make of its arguments; "
                f"NumPy, math, float() and .numpy() lose the gradient. Received: a result of type {type(y).__name__}"
            )
        if y.size != 1:
            raise ValueError(f"value_and_grad: the function must return a scalar. Received: shape={y.shape}")
        inputs = [leaf for i in positions for leaf in leaves(wrapped[i])]
        found = gradients_inside(y, inputs) if inside else gradients_as_arrays(y, inputs)
        zero = Tensor.of if inside else _scalar
        parts = iter(zero(np.zeros(x.shape, x.dtype)) if d is None else d for x, d in zip(inputs, found))
        grads = tuple(rebuild(args[i], [next(parts) for _ in leaves(args[i])]) for i in positions)
        answer = (y, aux) if inside else (_plain(y), rebuild(aux, [_plain(leaf) for leaf in leaves(aux)]))
        return (answer if has_aux else answer[0]), (grads[0] if isinstance(axes, int) else grads)

    return value_and_gradient


def grad(f: Callable[..., Any], argnums: IntOrInts = 0) -> Callable[..., Any]:
    """Return a function that computes df/darg for a scalar function `f`; see `value_and_grad`.

    Args:
        f: function that returns a scalar.
        argnums: int or ints, default 0, the positions of the arguments to differentiate.

    Returns:
        Function of the same arguments as `f`.

    Raises:
        ValueError, TypeError: as `value_and_grad` does.

    Example:
        >>> float(grad(lambda x: x * x)(3.0))
        6.0
    """
    both = value_and_grad(f, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


class _Nesting(threading.local):
    """The number of differentiated functions and tapes that are active in this Python thread."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


NESTING = _Nesting()
_identity = View("identity", lambda x: x, lambda x: (x.shape, x.dtype), lambda dy, y, x: (dy,))


def gradients_inside(y: Tensor, inputs: list[Tensor]) -> list[Tensor | None]:
    """Return gradients as tensors, to be differentiated again: within another differentiation or a trace."""
    return gradients(y, Tensor.of(np.ones(y.shape, y.dtype)), inputs)


def gradients_as_arrays(y: Tensor, inputs: list[Tensor]) -> list[Array]:
    """Return gradients as arrays. The walk only records, since dy has no value yet. Then needed values are computed."""
    seed = Tensor(y.shape, y.dtype)
    found = gradients(y, seed, inputs)
    values = iter(_separate(evaluate([d for d in found if d is not None], {seed: np.ones(y.shape, y.dtype)})))
    return [None if d is None else next(values) for d in found]


def _separate(arrays: Sequence[Array]) -> list[Array]:
    """Return `arrays`, with copies of views and repeated arrays, so that a caller may write into each of them."""
    separate: list[Any] = []
    seen: set[int] = set()
    for array in arrays:
        shared = array.base is not None or id(array) in seen
        seen.add(id(array))
        separate.append(_scalar(array.copy() if shared else array))
    return separate


def _scalar(array: Array) -> Array:
    """Return `array`, or its number if it has no axes."""
    return array[()] if array.ndim == 0 else array


def as_input(x: ArrayLike) -> Tensor:
    """Return a new tensor to differentiate with respect to, with the value of `x`. Python numbers become float64.

    Raises:
        TypeError: if `x` is not of floats.
    """
    x = read(float(x) if isinstance(x, int) else x)
    tensor = Tensor.of(x)
    if tensor.dtype.kind != "f":
        raise TypeError(
            f"grad: only floats can be differentiated by; cast with ops.cast or astype. Received: dtype={tensor.dtype}"
        )
    return _identity(tensor) if tensor is x else tensor


def _plain(x: Array) -> Array:
    return x.numpy()[()] if isinstance(x, Tensor) else x
