"""State of a training, saved to resume it after an interruption."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastconv.callbacks.callback import Callback
from fastconv.engine import Variable
from fastconv.engine.interrupts import assign_all
from fastconv.optimizers import Optimizer
from fastconv.random import set_shared_seed, shared_seed
from fastconv.typing import AnyModel, Tree
from fastconv.utils.files import DAMAGE, write_whole

ARRAY = "array"  # {"array": i} in JSON stands for the i-th array


class TrainingState:
    """Variables of a model, its metrics and optimizers, state of callbacks, and the position within `fit`.

    Args:
        place: plain data: "epoch" and "batch" of the next step, "logs" reported last, and "random", the random states
            when `fit` began, when the epoch began, and at the time of saving.
        arrays: lists of the variables' arrays, by group.
        callbacks: list of pairs: the class name and the state of each callback.
    """

    def __init__(self, place: dict[str, Any], arrays: dict[str, list[np.ndarray]], callbacks: list[Any]) -> None:
        self.place = place
        self.arrays = arrays
        self.callbacks = callbacks

    @classmethod
    def take(cls, model: AnyModel, callbacks: Iterable[Callback], place: dict[str, Any]) -> TrainingState:
        """Return the current state; arrays are copied only when it is written.

        Raises:
            ValueError: an optimizer has state for a variable that does not belong to the model.
        """
        position = {v: i for i, v in enumerate(model.variables)}
        with model.own_metrics():
            metrics = [v.numpy() for v in metric_variables(model)]
        arrays = {"model": [v.value for v in position], "metrics": metrics}
        trained = []
        for i, optimizer in enumerate(optimizers_of(model)):
            variables = optimizer.known_variables()
            if not position.keys() >= set(variables):
                raise ValueError(
                    f"BackupAndRestore: {optimizer.name} must only train variables of the model to be saved. "
                    f"Received: {[v.path for v in variables if v not in position]}"
                )
            trained.append([position[v] for v in variables])
            arrays[f"optimizer_{i}"] = [v.value for v in optimizer.saved_state(variables)]
        states = [[type(c).__name__, {name: getattr(c, name) for name in c.STATE}] for c in callbacks]
        return cls({**place, "trained": trained, "shared_seed": shared_seed()}, arrays, states)

    def restore(self, model: AnyModel, callbacks: Sequence[Callback]) -> None:
        """Restore everything except the metrics, which may not exist yet.

        Raises:
            ValueError: the model, optimizers or callbacks differ from the saved training; then nothing is changed.
        """
        variables, optimizers = model.variables, optimizers_of(model)
        names = [type(c).__name__ for c in callbacks]
        pairs = self._pairs("model", variables)
        if len(optimizers) != len(self.place["trained"]) or names != [name for name, _ in self.callbacks]:
            raise ValueError(
                "BackupAndRestore: optimizers and callbacks must be those of the interrupted training. "
                f"Received: {len(optimizers)} optimizers, {names}"
            )
        for i, (optimizer, trained) in enumerate(zip(optimizers, self.place["trained"])):
            pairs += self._pairs(f"optimizer_{i}", optimizer.saved_state([variables[k] for k in trained]))
        assign_all(pairs)
        if self.place["shared_seed"] is not None:
            set_shared_seed(self.place["shared_seed"])
        for callback, (_, state) in zip(callbacks, self.callbacks):
            for name, value in state.items():
                setattr(callback, name, value)

    def restore_metrics(self, model: AnyModel) -> None:
        """Restore the metrics' state within the epoch. Raises ValueError if the metrics differ."""
        with model.own_metrics():
            assign_all(self._pairs("metrics", metric_variables(model)))

    def _pairs(self, group: str, variables: Sequence[Variable]) -> list[tuple[Variable, np.ndarray]]:
        arrays = self.arrays[group]
        found, wanted = [(a.shape, a.dtype) for a in arrays], [(v.shape, v.dtype) for v in variables]
        if found != wanted:
            raise ValueError(
                f"BackupAndRestore: the state of {group} must fit. Received: shapes={[s for s, _ in found]}, "
                f"wanted={[s for s, _ in wanted]}"
            )
        return list(zip(variables, arrays))

    # ---- files ---------------------------------------------------------------------------------------------------

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, completely or not at all."""
        arrays: list[np.ndarray] = []
        plain = to_plain([self.place, self.arrays, self.callbacks], arrays)
        text = np.frombuffer(json.dumps(plain).encode(), np.uint8)
        content = io.BytesIO()
        np.savez(content, text, *arrays)
        write_whole(path, lambda file: file.write(content.getbuffer()))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> TrainingState:
        """Read a file written by `write`. Raises ValueError if it is damaged; its content is never executed."""
        try:
            with np.load(path, allow_pickle=False) as file:
                text, *arrays = (file[f"arr_{i}"] for i in range(len(file.files)))
            return cls(*from_plain(json.loads(text.tobytes()), arrays))
        except (ValueError, *DAMAGE) as e:
            raise ValueError(f"{os.fspath(path)}: the file is damaged, or was not written by fastconv ({e})") from e


def metric_variables(model: AnyModel) -> list[Variable]:
    return [v for metric in model.metrics for v in metric.variables]


def optimizers_of(model: AnyModel) -> list[Optimizer]:
    """Return the model's optimizer and any optimizers in other attributes, without duplicates."""
    return list(dict.fromkeys(value for value in vars(model).values() if isinstance(value, Optimizer)))


def to_plain(tree: Tree, arrays: list[np.ndarray]) -> Tree:
    """Return `tree` in a form for JSON; its arrays are appended to `arrays`."""
    if isinstance(tree, np.ndarray):
        arrays.append(tree)
        return {ARRAY: len(arrays) - 1}
    if isinstance(tree, dict):
        return {key: to_plain(value, arrays) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [to_plain(value, arrays) for value in tree]
    return tree.item() if isinstance(tree, np.generic) else tree


def from_plain(tree: Tree, arrays: Sequence[np.ndarray]) -> Tree:
    """Invert `to_plain`; tuples become lists."""
    if isinstance(tree, dict):
        is_array = set(tree) == {ARRAY}
        return arrays[tree[ARRAY]] if is_array else {key: from_plain(value, arrays) for key, value in tree.items()}
    return [from_plain(value, arrays) for value in tree] if isinstance(tree, list) else tree
