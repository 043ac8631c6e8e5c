"""Functions whose state is given and returned, instead of variables that are read and assigned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastconv.engine.primitive import Tensor
from fastconv.engine.trace import Trace
from fastconv.engine.tree import map_leaves
from fastconv.engine.variable import Variable
from fastconv.typing import Array


def paired(
    owner: str, name: str, variables: Sequence[Variable], values: Sequence[Array]
) -> list[tuple[Variable, Array]]:
    """Return pairs of a variable and its value.

    Args:
        owner, name: names of the function and of its argument, for errors.
        variables: the variables.
        values: an array or tensor for each variable, of its shape.

    Raises:
        ValueError: if the number of values or a shape differs.
    """
    values = list(values)
    found, expected = [tuple(getattr(v, "shape", ())) for v in values], [v.shape for v in variables]
    if found != expected:
        paths = [v.path for v in variables]
        raise ValueError(
            f"{owner}: {name} must hold a value for each of {paths}, of its shape. "
            f"Received: shapes={found}, expected={expected}"
        )
    return list(zip(variables, values))


def run_on(
    state: Sequence[tuple[Variable, Array]], function: Callable[..., Any], *args: Array, **kwargs: Any
) -> tuple[Any, list[Any]]:
    """Return the result of a function if variables hold given values, and their values after it. Nothing is assigned.

    Tensors of an enclosing tape or training step keep their gradients.

    Args:
        state: pairs of a variable and its value.
        function: called with `args` and `kwargs`, with their arrays as tensors.
    """
    outer = Trace.current()
    inherited = () if outer is None else (outer.recording, outer, outer.differentiated)
    with Trace(*inherited or (True,)) as trace:
        trace.reads.update((variable, _value(variable, value)) for variable, value in state)
        args, kwargs = map_leaves(_as_tensor, (args, kwargs))
        result = function(*args, **kwargs)
        after = [trace.updates.get(variable, trace.reads[variable]) for variable, _ in state]
    return (result, after) if outer is not None else map_leaves(_as_array, (result, after))


def _value(variable: Variable, value: Array) -> Tensor:
    """Return `value` in the dtype of `variable`."""
    if isinstance(value, Tensor) or value.dtype == variable.dtype:
        return Tensor.of(value)
    return Tensor.of(value.astype(variable.dtype))


def _as_tensor(x: Array) -> Array:
    is_array = hasattr(x, "shape") and hasattr(x, "dtype")
    return Tensor.of(x) if is_array and not isinstance(x, (Tensor, Variable)) else x


def _as_array(x: Array) -> Array:
    return x.known() if isinstance(x, Tensor) else x
