"""Layers that make one tensor of several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from fastconv import ops
from fastconv.layers.base import Layer
from fastconv.serialization import register


def _check(layer: Layer, inputs: Any) -> None:
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(f"{layer.name}: {type(layer).__name__} takes a list of inputs. Received: {inputs!r}")


@register("layer")
class Add(Layer):
    """The elementwise sum of a list of inputs, broadcast as NumPy does."""

    def call(self, inputs: Sequence[Any]) -> Any:
        _check(self, inputs)
        return reduce(ops.add, inputs)


@register("layer")
class Concatenate(Layer):
    """A list of inputs one behind another along `axis`, which counts the batch."""

    ARGUMENTS = ("axis",)

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Sequence[Any]) -> Any:
        _check(self, inputs)
        return ops.concatenate(inputs, self.axis)


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Add` applied to `inputs`."""
    return Add(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate` applied to `inputs`."""
    return Concatenate(axis=axis, **kwargs)(inputs)
