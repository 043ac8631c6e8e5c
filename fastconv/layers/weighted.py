"""Base classes of layers with weights such as kernels, biases and scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import fastconv.activations as activations
import fastconv.constraints as constraints
import fastconv.initializers as initializers
import fastconv.regularizers as regularizers
from fastconv.engine import Variable
from fastconv.layers.base import Layer

CHOICES: dict[str, Callable[[Any], Any]] = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}


class Activated(Layer):
    """A layer whose `activation` may be given, and set later, as a name, a function or None."""

    activation: Any  # the function or layer that makes the output

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, activations.get(value) if name == "activation" else value)


class Weighted(Layer):
    """A layer whose arguments choose the initializer, regularizer and constraint of each weight.

    For a weight in the role "kernel" these arguments are `kernel_initializer`, `kernel_regularizer` and
    `kernel_constraint`: names, configurations or functions. `choose` turns them into attributes, and `weight` reads
    these.
    """

    def choose(self, **given: Any) -> None:
        for name, identifier in given.items():
            setattr(self, name, CHOICES[name.rpartition("_")[2]](identifier))

    def weight(self, role: str, shape: Sequence[int], name: str = "", trainable: bool = True) -> Variable:
        """Return a new variable, named after its role if `name` is empty."""
        return self.add_weight(
            shape,
            getattr(self, f"{role}_initializer"),
            trainable=trainable,
            regularizer=getattr(self, f"{role}_regularizer", None),
            constraint=getattr(self, f"{role}_constraint", None),
            name=name or role,
        )
