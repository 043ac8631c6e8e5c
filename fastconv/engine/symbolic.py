"""Functions applied to data that is not there yet: how functional models are drawn."""

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

Shape = tuple[int | None, ...]

_serial = itertools.count()

# What an unknown size is taken for while the shape of a result is found: whatever differs between the two is unknown in
# turn. The first axis, the batch, gets small numbers, since constants of that size may be made on the way.
PROBES = ({"batch": 2, "other": 211}, {"batch": 3, "other": 223})


class KerasTensor(Operand):
    """The shape, with None for unknown sizes, and dtype of data to come, and the node that will make it.

    Args:
        shape: sizes, batch first.
        dtype: a NumPy dtype.
        sparse, ragged: only False.
        record_history: accepted as Keras does.
        name: of the tensor.
        node: the `Node` it comes from.
    """

    __array_priority__ = 1000  # NumPy arrays leave `array + tensor` to the tensor

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        node: Node | None = None,
    ) -> None:
        if sparse or ragged:
            raise ValueError(f"KerasTensor: sparse and ragged must be False. Received: {sparse=}, {ragged=}")
        self.shape: Shape = as_shape("KerasTensor", "shape", shape)
        self.dtype = np.dtype(dtype)
        self.node = node
        self.name = name or ""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name!r}>"

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError(f"A symbolic tensor has no values: pass arrays to a model made of it. Received: {self!r}")

    def __bool__(self) -> bool:
        raise TypeError(f"A symbolic tensor is neither true nor false. Received: {self!r}")

    def __iter__(self) -> Any:
        raise TypeError(f"A symbolic tensor cannot be iterated; see ops.split. Received: {self!r}")


class Node:
    """One application, `outputs = operation(*args, **kwargs)`, with symbolic tensors somewhere in the arguments."""

    def __init__(self, operation: Callable[..., Any], args: tuple, kwargs: dict) -> None:
        self.operation = operation
        self.args: tuple = map_leaves(owned, args)
        self.kwargs: dict = map_leaves(owned, kwargs)
        self.inputs: list[KerasTensor] = [t for t in leaves([args, kwargs]) if isinstance(t, KerasTensor)]
        self.outputs: list[KerasTensor] = []
        self.serial = next(_serial)  # nodes are made in an order in which they can run

    def run(self, values: dict[KerasTensor, Any]) -> Any:
        """The operation applied to what `values` has for its symbolic arguments."""
        args, kwargs = substitute((self.args, self.kwargs), values.__getitem__)
        return self.operation(*args, **kwargs)


def substitute(tree: Any, value_of: Callable[[KerasTensor], Any]) -> Any:
    """`tree` with every symbolic tensor replaced."""
    return rebuild(tree, [value_of(leaf) if isinstance(leaf, KerasTensor) else leaf for leaf in leaves(tree)])


# What most arguments are, and what cannot hold a symbolic tensor: asked first, since every op asks at every call.
PLAIN = frozenset([np.ndarray, int, float, bool, str, type(None)])


def is_symbolic(trees: Iterable[Any]) -> bool:
    """Whether a symbolic tensor is among the leaves of `trees`."""
    for tree in trees:
        if type(tree) in PLAIN or is_plain(tree):
            continue
        if isinstance(tree, KerasTensor):
            return True
        if isinstance(tree, (list, tuple, dict)) and is_symbolic(tree.values() if isinstance(tree, dict) else tree):
            return True
    return False


def probe(t: KerasTensor, sizes: dict[str, int]) -> Tensor:
    """A tensor of known shape in place of `t`."""
    shape = [(sizes["other"] if i else sizes["batch"]) if n is None else n for i, n in enumerate(t.shape)]
    return Tensor(shape, t.dtype)


def apply(operation: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
    """Draw a node and return its symbolic outputs, in the structure in which `operation` returns them."""
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


def draw_again(operation: Callable[..., Any], args: tuple, results: Any) -> Any:
    """Draw a node as `apply` does, for results of the shapes and dtypes of `results`; the operation does not run."""
    return with_outputs(Node(operation, args, {}), results, [t.shape for t in leaves(results)])


def with_outputs(node: Node, results: Any, shapes: Sequence[Shape]) -> Any:
    """The new symbolic outputs of a node, nested and of the dtypes as `results`."""
    name = getattr(node.operation, "name", None) or node.operation.__name__
    node.outputs += [KerasTensor(s, leaf.dtype, name=name, node=node) for s, leaf in zip(shapes, leaves(results))]
    return rebuild(results, node.outputs)


def lift(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which also takes symbolic tensors and then draws a node."""

    @functools.wraps(function)
    def lifted(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args) or (kwargs and is_symbolic(kwargs.values())):
            return apply(function, args, kwargs)
        return function(*args, **kwargs)

    return lifted
