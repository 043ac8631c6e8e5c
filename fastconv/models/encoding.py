"""The arguments of a drawn graph's operations as plain data, and back: what JSON can hold, and nothing that runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv import ops
from fastconv.engine import KerasTensor

GETITEM = "getitem"  # x[...]; all other operations are functions of ops


def encode(tree: Any, number: Callable[[KerasTensor], list[int]]) -> dict[str, Any]:
    """`tree` as nested dicts with one entry each, the kind and the content; `number` says which tensor one is.

    Raises:
        ValueError: something that is neither a symbolic tensor, an array, nor plain data.
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
    raise ValueError(f"A model is saved if its operations take tensors, arrays and plain data. Received: {tree!r}")


def decode(data: dict[str, Any], tensor: Callable[[list[int]], KerasTensor]) -> Any:
    """What `encode` was given. Raises ValueError for an unknown kind."""
    if len(data) != 1:
        raise ValueError(f"A graph holds one kind of thing in each place. Received: {sorted(data)}")
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
    raise ValueError(f"A graph holds tensors, arrays and plain data. Received: {kind!r}")


def operation_name(operation: Callable[..., Any]) -> str:
    """The name of what a node applies. Raises ValueError unless it is a function of ops, or x[...]."""
    try:
        return _names_of_operations()[operation]
    except KeyError:
        rule = "A model is saved if it is made of layers and functions of ops"
        raise ValueError(f"{rule}. Received: {operation!r}") from None


@functools.cache
def _names_of_operations() -> dict[Callable[..., Any], str]:
    names = reversed((GETITEM, *ops.__all__))  # of several names of one function, the first
    return {inspect.unwrap(named_operation(name)): name for name in names}


def named_operation(name: str) -> Callable[..., Any]:
    """The function that `operation_name` has named. Raises ValueError for another name."""
    if name == GETITEM:
        return KerasTensor.__getitem__
    if name not in ops.__all__:
        raise ValueError(f"A model is made of layers and of functions of ops. Received: {name!r}")
    return getattr(ops, name)
