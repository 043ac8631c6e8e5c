"""Symbolic tensors and nodes: the graph of a functional model."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastconv._core import is_plain
from fastconv.arguments import as_shape
from fastconv.engine.operand import Operand
from fastconv.engine.primitive import Tensor, owned
from fastconv.engine.trace import Trace
from fastconv.engine.tree import leaves, map_leaves, rebuild
from fastconv.typing import Array, DTypeLike, PartialShape, Tree

_serial = itertools.count()

# Sizes that stand for unknown sizes while the shape of a result is found. A size that differs between the two probes is
# unknown too. The batch axis, the first, gets small sizes, since the operation may make constants of that size.
PROBES = ({"batch": 2, "other": 211}, {"batch": 3, "other": 223})


class KerasTensor(Operand):
    """A symbolic tensor: the shape and dtype of future data, and the node that will make it.

    Args:
        shape: ints, batch first, with None for unknown sizes.
        dtype: NumPy dtype, default "float32".
        sparse, ragged: must be False.
        record_history: no effect; present for Keras's signature.
        name: str, name of the tensor.
        node: the `Node` that makes it, or None.

    Raises:
        ValueError: if `sparse` or `ragged` is True.

    Example:
        >>> x = layers.Input((28, 28, 1))
        >>> (x * 2.0).shape
        (None, 28, 28, 1)
    """

    __array_priority__ = 1000  # NumPy arrays leave `array + tensor` to the tensor

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: DTypeLike = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        node: Node | None = None,
    ) -> None:
        if sparse or ragged:
            raise ValueError(f"KerasTensor: sparse and ragged must be False. Received: {sparse=}, {ragged=}")
        self.shape: PartialShape = as_shape("KerasTensor", "shape", shape)
        self.dtype = np.dtype(dtype)
        self.node = node
        self.name = name or ""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name!r}>"

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError(f"A symbolic tensor has no values: pass arrays to a model made of it. Received: {self!r}")

    def __bool__(self) -> bool:
        raise TypeError(f"A symbolic tensor is neither true nor false. Received: {self!r}")

    def __iter__(self) -> Tree:
        raise TypeError(f"A symbolic tensor cannot be iterated; see ops.split. Received: {self!r}")


class Node:
    """An application, `outputs = operation(*args, **kwargs)`, with symbolic tensors among the arguments."""

    def __init__(self, operation: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.operation = operation
        self.args: tuple[Any, ...] = map_leaves(owned, args)
        self.kwargs: dict[str, Any] = map_leaves(owned, kwargs)
        self.inputs: list[KerasTensor] = [t for t in leaves([args, kwargs]) if isinstance(t, KerasTensor)]
        self.outputs: list[KerasTensor] = []
        self.serial = next(_serial)  # nodes are made in an order in which they can run

    def run(self, values: dict[KerasTensor, Array]) -> Tree:
        """Return the result of the operation, with `values` in place of the symbolic arguments."""
        args, kwargs = substitute((self.args, self.kwargs), values.__getitem__)
        return self.operation(*args, **kwargs)


def substitute(tree: Tree, value_of: Callable[[KerasTensor], Array]) -> Tree:
    """Return `tree` with every symbolic tensor replaced by its value."""
    return rebuild(tree, [value_of(leaf) if isinstance(leaf, KerasTensor) else leaf for leaf in leaves(tree)])


# Types that cannot hold a symbolic tensor. They are checked first, since every call of an op needs this check.
PLAIN = frozenset([np.ndarray, int, float, bool, str, type(None)])


def is_symbolic(trees: Iterable[Tree]) -> bool:
    """Return True if a symbolic tensor is among the leaves of `trees`."""
    for tree in trees:
        if type(tree) in PLAIN or is_plain(tree):
            continue
        if isinstance(tree, KerasTensor):
            return True
        if isinstance(tree, (list, tuple, dict)) and is_symbolic(tree.values() if isinstance(tree, dict) else tree):
            return True
    return False


def probe(t: KerasTensor, sizes: dict[str, int]) -> Tensor:
    """Return a tensor of known shape in place of `t`."""
    shape = [(sizes["other"] if i else sizes["batch"]) if n is None else n for i, n in enumerate(t.shape)]
    return Tensor(shape, t.dtype)


def apply(operation: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tree:
    """Record a node, and return its symbolic outputs in the structure of the operation's result."""
    node = Node(operation, args, kwargs)
    unknown = any(None in t.shape for t in node.inputs)
    results = []
    for sizes in PROBES if unknown else PROBES[:1]:
        with Trace():
            probed: dict[int, Tensor] = {}
            value_of = lambda t: probed.setdefault(id(t), probe(t, sizes))  # noqa: B023, E731
            probed_args, probed_kwargs = substitute((args, kwargs), value_of)
            results.append(operation(*probed_args, **probed_kwargs))
    shapes = [[tuple(leaf.shape) for leaf in leaves(r)] for r in results]
    found = [
        tuple(n if all(s[i][axis] == n for s in shapes) else None for axis, n in enumerate(shapes[0][i]))
        for i in range(len(shapes[0]))
    ]
    return with_outputs(node, results[0], found)


def record_again(operation: Callable[..., Any], args: tuple[Any, ...], results: Tree) -> Tree:
    """Record a node as `apply` does, with the shapes and dtypes of `results`. The operation does not run."""
    return with_outputs(Node(operation, args, {}), results, [t.shape for t in leaves(results)])


def with_outputs(node: Node, results: Tree, shapes: Sequence[PartialShape]) -> Tree:
    """Return new symbolic outputs of a node, in the structure and dtypes of `results`."""
    name = getattr(node.operation, "name", None) or node.operation.__name__
    node.outputs += [KerasTensor(s, leaf.dtype, name=name, node=node) for s, leaf in zip(shapes, leaves(results))]
    return rebuild(results, node.outputs)


def lift(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, extended to symbolic tensors, for which it records a node."""

    @functools.wraps(function)
    def lifted(*args: Tree, **kwargs: Any) -> Tree:
        if is_symbolic(args) or (kwargs and is_symbolic(kwargs.values())):
            return apply(function, args, kwargs)
        return function(*args, **kwargs)

    return lifted
