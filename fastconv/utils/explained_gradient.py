"""Explain the gradient of a small function: record it, and differentiate with respect to each intermediate result."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from fastconv.engine.autodiff import NESTING, as_input, gradients_as_arrays
from fastconv.engine.primitive import Call, Tensor, calls_before, read
from fastconv.typing import ArrayLike
from fastconv.utils.gradient_graph import INPUT, GradientGraph, GradientNode

SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "true_divide": "/", "power": "**", "matmul": "@",
}  # fmt: skip


def explain_gradient(f: Callable[..., Any], /, **values: ArrayLike) -> GradientGraph:
    """Return the graph of f(**values) with the value and the derivative of the result at each node.

    This is backpropagation as it is done by hand: values from the inputs to the result, then derivatives from the
    result back to the inputs. Nodes have the names of the local variables of `f`; a result that replaces an argument
    has no name. Python control flow may depend on values, since operations are recorded as they run.

    Args:
        f: function of ops and operators that returns a scalar; its arguments are given by name.
        values: numbers or arrays, the arguments of `f`. Integers become float64.

    Returns:
        A `utils.GradientGraph`: `print` it for a table, or call its method `plot` for a picture.

    Raises:
        ValueError: if `f` does not return a scalar that ops computed from its arguments.
        TypeError: if a value does not hold real numbers.

    Example:
        >>> def loss(w, x, target):
        ...     error = target - w * x
        ...     return error**2
        >>> graph = utils.explain_gradient(loss, w=0.5, x=2.0, target=3.0)
        >>> print(graph)
        node    formula      value  derivative
        w       input        0.5    -8
        x       input        2      -2
        target  input        3      4
        t1      w * x        1      -4
        error   target - t1  2      4
        t2      error ** 2   4      1
        >>> float(graph["w"].derivative)
        -8.0
    """
    inputs = {name: as_input(_floats(value)) for name, value in values.items()}
    names = {id(t): name for name, t in inputs.items()}
    y, locals_of_f = _called(f, inputs)
    if not isinstance(y, Tensor) or y.size != 1:
        given = f"shape={tuple(y.shape)}" if hasattr(y, "shape") else f"a result of type {type(y).__name__}"
        raise ValueError(
            "explain_gradient: the function must return a scalar that fastconv.ops or operators make of its arguments. "
            f"Received: {given}"
        )
    for name, held in locals_of_f.items():
        if isinstance(held, Tensor) and name not in inputs:
            names.setdefault(id(held), name)
    calls = calls_before([y], known=lambda t: t.call is None)
    results = [t for call in calls for t in call.outputs]
    tensors = [*inputs.values(), *results]
    free = (name for name in map("t{}".format, itertools.count(1)) if name not in {*inputs, *locals_of_f})
    names.update((id(t), next(free)) for t in results if id(t) not in names)
    found = gradients_as_arrays(y, tensors)
    makers = {id(t): call for call in calls for t in call.outputs}
    return GradientGraph([_node(t, makers.get(id(t)), names, d) for t, d in zip(tensors, found)])


def _floats(value: ArrayLike) -> Any:
    """Return a value as an array of floats, or unchanged if it is a variable."""
    value = read(value)
    array = np.asarray(value) if not hasattr(value, "dtype") else value
    return array.astype(np.float64) if array.dtype.kind in "biu" else array


def _called(f: Callable[..., Any], inputs: dict[str, Tensor]) -> tuple[Any, dict[str, Any]]:
    """Return the result of f and its local variables at the end of the call."""
    code, found = getattr(f, "__code__", None), {}
    outer = sys.getprofile()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "return" and frame.f_code is code:
            found.update(frame.f_locals)

    sys.setprofile(note)
    try:
        with NESTING:
            y = read(f(**inputs))
    finally:
        sys.setprofile(outer)
    return y, found


def _node(t: Tensor, call: Call | None, names: dict[int, str], derivative: Any) -> GradientNode:
    value = t.numpy()[()]
    derivative = np.zeros_like(value)[()] if derivative is None else derivative
    if call is None:
        return GradientNode(names[id(t)], INPUT, value, derivative, ())
    sources = tuple(names[id(x)] for x in call.inputs if id(x) in names)
    return GradientNode(names[id(t)], formula_of(call, names), value, derivative, sources)


def formula_of(call: Call, names: dict[int, str]) -> str:
    """Return a call as text, with the names of its inputs and the values of constants."""
    function = call.params.get("function") or call.params.get("activation") or call.primitive.name
    terms = [names.get(id(t)) or _constant(t) for t in call.inputs]
    if function in SIGNS and len(terms) == 2:
        return f" {SIGNS[function]} ".join(terms)
    return f"-{terms[0]}" if function == "negative" else f"{function}({', '.join(terms)})"


def _constant(t: Tensor) -> str:
    return f"{t.numpy():.4g}" if not t.shape else f"constant {t.shape}"
