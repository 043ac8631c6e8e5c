"""Matching of a file's arrays to the optimizer's variables.

Before the first training step, Keras stores the number of steps and the learning rate, and afterwards also the state of
each weight. If the arrays do not belong to the model's optimizer, it starts anew, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from fastconv.engine import Variable
from fastconv.models.model import Model
from fastconv.saving.building import optimizer_state
from fastconv.saving.hdf5 import Dataset
from fastconv.saving.keras.from_keras import SCALING
from fastconv.saving.matching import Pairs, check_fit

BEFORE_TRAINING = 4  # variables of both optimizers: two counts of steps, two learning rates


def matched(model: Model, arrays: Sequence[Dataset], filepath: str, is_new: bool = True) -> Pairs:
    """Return the optimizer's variables with their arrays; if they do not fit, warn and return an empty list.

    Args:
        model: a model that may be compiled.
        arrays: the arrays of its optimizer.
        filepath: named in the warning.
        is_new: whether the optimizer has done no step. The state of a used optimizer is replaced completely or not at
            all.
    """
    if model.optimizer is None or not arrays:
        return []
    state = optimizer_state(model)
    if not model.optimizer.slots and len(arrays) > len(state):
        arrays = arrays[:1]  # Keras 2 also stores velocities that SGD does not use
    variables = _owners(model, state, arrays) if is_new or len(arrays) == len(state) else None
    try:
        if variables is None:
            raise ValueError(f"{len(state)} arrays are needed, of {[v.path for v in state]}. Received: {len(arrays)}")
        return [(v, _read(array, v)) for v, array in zip(variables, arrays)]
    except ValueError as error:
        warnings.warn(
            f"{filepath}: the state of the optimizer {model.optimizer.name} is of another form, so that it "
            f"{'begins anew' if is_new else 'keeps its own'}; the model's weights were read. {error}",
            stacklevel=2,
        )
        return []


def without_scaling(arrays: Sequence[Dataset], optimizer_config: Any) -> Sequence[Dataset]:
    """Return the arrays of a `LossScaleOptimizer`'s inner optimizer, which are last; for other optimizers, all."""
    if not isinstance(optimizer_config, Mapping) or optimizer_config.get("class_name") not in SCALING:
        return arrays
    return arrays[2 if len(arrays) <= BEFORE_TRAINING else 4 :]


def _owners(model: Model, state: list[Variable], arrays: Sequence[Dataset]) -> list[Variable] | None:
    """Return the optimizer variables that a file with these arrays holds; None if their number does not match."""
    head = [v for v in state if v.name in ("iteration", "learning_rate")]
    without_rate = [v for v in state if v.name != "learning_rate"]  # as Keras 2 writes it
    orders = (state, _with_own_first(model, state), without_rate, head, head[:1])
    as_many = [owners for owners in orders if len(owners) == len(arrays)]
    fitting = [owners for owners in as_many if all(v.shape == tuple(a.shape) for v, a in zip(owners, arrays))]
    return next(iter(fitting or as_many), None)


def _with_own_first(model: Model, state: list[Variable]) -> list[Variable]:
    """Return the order of Keras until 3.6: variables of no weight come before the state of the weights."""
    own, slots = model.optimizer.own_variables(), len(model.optimizer.slots) * len(model.trainable_weights)
    rest = state[: len(state) - len(own)]
    return [*rest[: len(rest) - slots], *own, *rest[len(rest) - slots :]]


def _read(dataset: Dataset, variable: Variable) -> Any:
    check_fit(f"the array {dataset.name}", variable, dataset.shape, dataset.dtype)
    return dataset.array()
