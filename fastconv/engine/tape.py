"""Gradients of the computation in a block of code."""

from __future__ import annotations

from fastconv.engine.autodiff import NESTING, as_input, gradients_as_arrays, gradients_inside
from fastconv.engine.interrupts import assign_all
from fastconv.engine.primitive import Tensor, owned
from fastconv.engine.trace import Trace
from fastconv.engine.tree import leaves, map_leaves, rebuild
from fastconv.engine.variable import Variable
from fastconv.typing import Array, ArrayLike, Tree


class GradientTape:
    """Record the computation in a `with` block, and return its gradients.

    Variables are recorded when they are read, and arrays if `watch` has made tensors of them. Tapes may be nested, for
    second derivatives, and work within `Model.train_step` as in any loop. Variables that are assigned within the block
    hold their new values from there on, also after the block.

    Args:
        persistent: no effect; present for Keras's signature. Every tape may return gradients several times.

    Example:
        >>> w = Variable(np.array([1.0, 2.0]))
        >>> with GradientTape() as tape:
        ...     loss = w[0] * w[1] * 3.0
        >>> tape.gradient(loss, w).tolist()
        [6.0, 3.0]
    """

    def __init__(self, persistent: bool = False) -> None:
        self.persistent = persistent
        self._trace: Trace | None = None

    def __enter__(self) -> GradientTape:
        if self._trace is not None:
            raise RuntimeError("GradientTape: a tape records one block of code; make a new one for the next")
        outer = Trace.current()
        self._trace = Trace(outer is None or outer.recording, outer, differentiated=True)
        self._trace.__enter__()
        NESTING.__enter__()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        assert self._trace is not None
        NESTING.__exit__()
        self._trace.__exit__()
        if kind is None:
            assign_all(self._trace.updates.items())

    def watch(self, x: ArrayLike) -> Array:
        """Return `x` as tensors to compute with and to differentiate by. Tensors and variables are returned unchanged.

        Args:
            x: floats: an array, a number, a tensor or a variable, or lists, tuples and dicts of them.

        Raises:
            TypeError: if `x` is not of floats.
        """
        as_is = (Tensor, Variable)
        return map_leaves(lambda leaf: leaf if isinstance(leaf, as_is) else as_input(owned(leaf)), x)

    def gradient(self, target: Tree, sources: Tree) -> Tree:
        """Return d target / d source for each of `sources`. If `target` is not a scalar, its sum is differentiated.

        Args:
            target: tensor computed in the block.
            sources: a variable or tensor, or lists, tuples and dicts of them.

        Returns:
            Arrays in the structure of `sources` (tensors within another tape or the step of a model). None for sources
            on which `target` does not depend. The gradient with respect to a variable is that for its value when it was
            first read.

        Raises:
            RuntimeError: if the tape has recorded nothing yet.
            ValueError: if `target` is not a tensor, or if a source is neither tensor nor variable.
        """
        if self._trace is None:
            raise RuntimeError(
                "GradientTape: gradients require a computation recorded in `with GradientTape() as tape:`"
            )
        if not isinstance(target, Tensor):
            raise ValueError(
                "GradientTape: the target must be made with fastconv.ops or operators from variables or watched "
                f"tensors, within the block. Received: {type(target).__name__}"
            )
        wanted = leaves(sources)
        if not all(isinstance(x, (Tensor, Variable)) for x in wanted):
            raise ValueError(
                "GradientTape: sources must be variables or tensors; x = tape.watch(x) makes a tensor of an array. "
                f"Received: {[type(x).__name__ for x in wanted]}"
            )
        trace = self._trace
        tensors = [trace.reads.get(x) if isinstance(x, Variable) else x for x in wanted]
        inputs = list(dict.fromkeys(t for t in tensors if t is not None))
        inside = NESTING.depth > 0 or not trace.recording
        by_tensor = dict(zip(inputs, (gradients_inside if inside else gradients_as_arrays)(target, inputs)))
        found = [None if t is None else by_tensor[t] for t in tensors]
        return rebuild(sources, found)
