"""Errors for inputs that a layer cannot take."""

from __future__ import annotations

import reprlib
from typing import Any

from fastconv.engine.tree import map_leaves

ARRAY = "an array with the samples along the first axis"
ARRAYS = "a list of arrays with the samples along the first axis"


def check_inputs(layer: Any, args: tuple[Any, ...]) -> None:
    """Raise an error if the first argument of a call is not of the kind `layer.INPUTS`.

    It is called after another error, so that it costs nothing in other calls, and explains that error.

    Raises:
        TypeError: if there is no argument.
        ValueError: if it is of another kind.
    """
    rule = f"{layer.name}: {type(layer).__name__} takes {layer.INPUTS}. Received:"
    if not args:
        raise TypeError(f"{rule} no inputs")
    inputs = args[0]
    arrays = inputs if layer.INPUTS is ARRAYS and isinstance(inputs, (list, tuple)) else [inputs]
    if not all(getattr(x, "shape", ()) for x in arrays) or (layer.INPUTS is ARRAYS and arrays is not inputs):
        shapes = map_leaves(lambda leaf: tuple(leaf.shape) if hasattr(leaf, "shape") else leaf, inputs)
        raise ValueError(f"{rule} inputs={reprlib.repr(shapes)}")
