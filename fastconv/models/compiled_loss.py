"""The number that training minimises: the losses of `compile`, each for its output."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

import fastconv.losses as losses
import fastconv.metrics as metrics
import fastconv.ops as ops
from fastconv.arguments import as_number
from fastconv.engine import Operand, Tensor
from fastconv.engine.tree import leaves, ordered, rebuild
from fastconv.models.outputs import for_outputs, names_of_losses, targets_for, weights_for
from fastconv.typing import Array, Tree

CROSSENTROPY = ("crossentropy", "ce")  # names of a loss that follows from the shapes


class CompiledLoss:
    """The weighted sum of the losses of all outputs.

    Losses and their weights are given in a list with an entry for each output, in a dict by the names of the outputs,
    or nested like these. If a single loss is given, each output has it. Targets may be left out for outputs without a
    loss.

    Args:
        names_of: returns the names of the outputs it is given, nested like these.
        loss, loss_weights: as `compile` takes them.

    Attributes:
        mean: the running mean of the sum.
        output_means: the running mean of each loss if there are several; empty before the first batch.

    Raises:
        ValueError: an unknown name, or a weight that is not a finite number.
    """

    def __init__(self, names_of: Callable[[Any], Any], loss: Tree, loss_weights: Tree) -> None:
        self.names_of = names_of
        self.losses = rebuild(loss, [loss_or_crossentropy(leaf) for leaf in leaves(loss)])
        self.loss_weights = rebuild(loss_weights, [as_factor(leaf) for leaf in leaves(loss_weights)])
        self.mean = metrics.Mean("loss")
        self.output_means: list[metrics.Mean] = []

    def total(self, y: Tree, y_pred: Tree, sample_weight: Tree, added: Sequence[Any]) -> Array:
        """Return the weighted sum of the losses and of `added`, and update `output_means`.

        Args:
            y: targets, in order or in a dict by name; None if no output has a loss.
            y_pred: outputs.
            sample_weight: a weight for each sample, for all outputs or in a list or dict for each of them, or None.
            added: penalties on weights and outputs, and the values that `add_loss` was given.

        Raises:
            ValueError: the number of losses, loss weights or targets is not the number of outputs, or nothing is left
                to minimise.
            TypeError: a loss that returns a number or a NumPy array.
        """
        names, outputs = self.names_of(y_pred), leaves(ordered(y_pred))
        functions, factors = self.for_outputs(names), self._factors(names)
        targets = targets_for(y, names, functions) if any(functions) else [None] * len(outputs)
        weights = weights_for(sample_weight, names)
        parts = [
            f and crossentropy_for(f, target, output)(target, output, weight)
            for f, target, output, weight in zip(functions, targets, outputs, weights)
        ]
        check_tensors("A loss", parts)
        terms = [p if k in (None, 1) else p * k for p, k in zip(parts, factors) if p is not None]
        terms += added
        if not terms:
            raise ValueError(
                "compile: there must be something to minimise. Received: loss=None and nothing added to it"
            )
        self._update_output_means(names, parts, outputs)
        return reduce(ops.add, terms)

    def _update_output_means(self, names: Tree, parts: list[Any], outputs: list[Any]) -> None:
        if not self.output_means:
            self.output_means = [metrics.Mean(name) for name in self.names_in_logs(names)[1:]]
        present = [(part, output) for part, output in zip(parts, outputs) if part is not None]
        for mean, (part, output) in zip(self.output_means, present):
            mean.update_state(part, sample_weight=np.float32(output.shape[0]))

    def for_outputs(self, names: Tree) -> list[Any]:
        """Return the loss of each output, or None in its place."""
        nested = isinstance(self.losses, (list, tuple, dict))
        return for_outputs("loss", self.losses, names) if nested else [self.losses] * len(leaves(names))

    def _factors(self, names: Tree) -> list[Any]:
        """Return the weight of each output's loss, or None in its place."""
        nested = isinstance(self.loss_weights, (list, tuple, dict, type(None)))
        return for_outputs("loss_weights", self.loss_weights if nested else [self.loss_weights], names)

    def names_in_logs(self, names: Tree) -> list[str]:
        """Return the names of `mean` and `output_means` for outputs with `names`; no data are needed."""
        pairs = zip(names_of_losses(names), self.for_outputs(names))
        found = [f"{name}_loss" for name, loss in pairs if loss is not None]
        return ["loss", *(found if len(found) > 1 else [])]


def as_factor(weight: Any) -> Any:
    """Return `weight`, of a loss in the sum, as a Python number; None, variables and tensors stay as they are.

    Raises:
        ValueError: it is anything else than a finite number.
    """
    if weight is None or isinstance(weight, Operand):
        return weight
    return as_number("compile", "loss_weights", weight, below=math.inf)


def loss_or_crossentropy(identifier: Any) -> Any:
    """Return the loss that `identifier` means; a name of crossentropy stays, until shapes decide between its kinds."""
    is_name = isinstance(identifier, str) and identifier.lower() in CROSSENTROPY
    return identifier if is_name else losses.get(identifier)


def crossentropy_for(function: Any, target: Tree, output: Tree) -> Any:
    """Return `function`; if it is a name, the crossentropy that "accuracy" goes with for this target and output."""
    if not isinstance(function, str):
        return function
    kind = type(metrics.accuracy_for(target.shape, output.shape)).__name__.removesuffix("Accuracy")
    return getattr(losses, f"{kind}Crossentropy")()


def check_tensors(name: str, results: Any) -> None:
    """Raise TypeError if NumPy arrays or numbers are among the results that a graph is made of."""
    for result in leaves(results):
        if not isinstance(result, Tensor):
            raise TypeError(
                f"{name} must be made with fastconv.ops or operators, which keep its gradient; NumPy and float() "
                f"lose it. Received: a result of type {type(result).__name__}"
            )
