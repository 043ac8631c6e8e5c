"""Conversion of the arguments in a graph to plain data for JSON, and back; nothing in the data is executed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import fastconv.ops as ops
from fastconv.engine import KerasTensor
from fastconv.typing import Tree

GETITEM = "getitem"  # x[...]; all other operations are functions of ops


def encode(tree: Tree, number: Callable[[KerasTensor], list[int]]) -> dict[str, Any]:
    """Return `tree` as nested dicts with a single entry, kind: content; `number` gives the position of a tensor.

    Raises:
        ValueError: an object is neither a symbolic tensor, an array, nor plain data.
    """
    if isinstance(tree, KerasTensor):
        return {"tensor": number(tree)}
    if isinstance(tree, dict):
        return {"dict": {key: encode(item, number) for key, item in tree.items()}}
    if isinstance(tree, (list, tuple)):
        return {type(tree).__name__: [encode(item, number) for item in tree]}
    if isinstance(tree, slice):
        return {"slice": [encode(end, number) for end in (tree.start, tree.stop, tree.step)]}
    if isinstance(tree, (np.ndarray, np.generic)):
        return {"array": {"dtype": tree.dtype.name, "values": tree.tolist()}}
    if tree is Ellipsis:
        return {"ellipsis": None}
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return {"value": tree}
    raise ValueError(f"A saved model's operations must take tensors, arrays and plain data. Received: {tree!r}")


def decode(data: dict[str, Any], tensor: Callable[[list[int]], KerasTensor]) -> Any:
    """Invert `encode`. Raises ValueError if a kind is unknown."""
    if len(data) != 1:
        raise ValueError(f"A graph must have a single kind in each place. Received: {sorted(data)}")
    ((kind, content),) = data.items()
    if kind == "tensor":
        return tensor(content)
    if kind == "dict":
        return {key: decode(item, tensor) for key, item in content.items()}
    if kind == "list":
        return [decode(item, tensor) for item in content]
    if kind == "tuple":
        return tuple(decode(item, tensor) for item in content)
    if kind == "slice":
        return slice(*(decode(end, tensor) for end in content))
    if kind == "array":
        return np.array(content["values"], content["dtype"])
    if kind == "ellipsis":
        return Ellipsis
    if kind == "value":
        return content
    raise ValueError(f"A graph must consist of tensors, arrays and plain data. Received: {kind!r}")


def operation_name(operation: Callable[..., Any]) -> str:
    """Return the name of an operation. Raises ValueError unless it is a function of ops, or x[...]."""
    try:
        return _names_of_operations()[operation]
    except KeyError:
        rule = "A saved model must consist of layers and functions of ops"
        raise ValueError(f"{rule}. Received: {operation!r}") from None


@functools.cache
def _names_of_operations() -> dict[Callable[..., Any], str]:
    names = reversed((GETITEM, *ops.__all__))  # if a function has several names, the first
    return {inspect.unwrap(named_operation(name)): name for name in names}


def named_operation(name: str) -> Callable[..., Any]:
    """Return the function with a name from `operation_name`. Raises ValueError if the name is unknown."""
    if name == GETITEM:
        return KerasTensor.__getitem__
    if name not in ops.__all__:
        raise ValueError(f"A model must consist of layers and functions of ops. Received: {name!r}")
    return getattr(ops, name)
