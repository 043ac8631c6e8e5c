"""What a model is trained for and judged by: the losses and metrics of `compile`, brought to its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from fastconv import losses, ops
from fastconv import metrics as metrics_module
from fastconv.engine import Tensor
from fastconv.engine.tree import leaves, rebuild


class Objective:
    """The number to minimise, made of the outputs' losses, and the running means that are reported.

    Losses, their weights and metrics are given in a list with an entry for each output, or in a dict by the outputs'
    names. A loss alone is that of every output; a list of metrics without lists in it is that of a single output.

    Args:
        loss, metrics, loss_weights, weighted_metrics: as `compile` takes them.

    Raises:
        ValueError: an unknown name, or metrics that are no list, tuple or dict.
    """

    def __init__(self, loss: Any, metrics: Any, loss_weights: Any, weighted_metrics: Any = None) -> None:
        for name, given in {"metrics": metrics, "weighted_metrics": weighted_metrics}.items():
            if not isinstance(given, (list, tuple, dict, type(None))):
                raise ValueError(f"compile: {name} must be a list, tuple or dict. Received: {name}={given!r}")
            for metric in leaves(given):
                metrics_module.for_output(metric, (1, 1), (1, 1))  # an unknown name is an error before data is seen
        self.losses = rebuild(loss, [losses.get(one) for one in leaves(loss)])
        self.loss_weights = loss_weights
        self.given_metrics = metrics
        self.given_weighted_metrics = weighted_metrics
        self.means: dict[str, Any] = {"loss": metrics_module.Mean("loss")}  # by their names in logs
        self._loss_means: list[Any] = []
        self._metrics: list[list[Any]] | None = None  # of each output, once its shape is known
        self._weighted: list[list[Any]] = []

    def total(self, y: Any, y_pred: Any, names: list[str], sample_weight: Any, added: Sequence[Any]) -> Any:
        """The weighted sum of the outputs' losses, and what the layers add to it; every running mean is updated.

        Args:
            y: targets, in order or in a dict by name.
            y_pred: outputs.
            names: of the outputs.
            sample_weight: what each sample counts, or None.
            added: penalties on weights and outputs, and what `add_loss` was given.

        Raises:
            ValueError: losses, loss weights, metrics or targets that are not as many as the outputs.
            TypeError: a loss that returns a number or a NumPy array.
        """
        targets, outputs = targets_in_order(y, names), leaves(y_pred)
        nested = isinstance(self.losses, (list, tuple, dict))
        functions = for_outputs("loss", self.losses if nested else [self.losses] * len(names), names)
        factors = for_outputs("loss_weights", self.loss_weights, names)
        parts = [f and f(target, output, sample_weight) for f, target, output in zip(functions, targets, outputs)]
        check_tensors("A loss", parts)
        terms = [p if k in (None, 1) else p * k for p, k in zip(parts, factors) if p is not None]
        terms += added
        if not terms:
            raise ValueError(
                "compile: there must be something to minimise. Received: loss=None and nothing added to it"
            )
        loss = reduce(ops.add, terms)
        self._update(loss, parts, targets, outputs, names, sample_weight)
        return loss

    def _update(
        self, loss: Any, parts: list, targets: list, outputs: list, names: list[str], sample_weight: Any
    ) -> None:
        if self._metrics is None:
            self._metrics = self._resolve(targets, outputs, names)
        samples = np.float32(targets[0].shape[0])
        for mean, part in zip([self.means["loss"], *self._loss_means], [loss, *parts]):
            if part is not None:
                mean.update_state(part, sample_weight=samples)
        for groups, weights in ((self._metrics, None), (self._weighted, sample_weight)):
            for group, target, output in zip(groups, targets, outputs):
                for metric in group:
                    metric.update_state(target, output, weights)

    def _resolve(self, targets: list, outputs: list, names: list[str]) -> list[list[Any]]:
        """The metrics of each output, entered into `means`: behind the output's name where there are several."""
        single = len(names) == 1
        groups = self._groups("metrics", self.given_metrics, targets, outputs, names)
        self._weighted = self._groups("weighted_metrics", self.given_weighted_metrics, targets, outputs, names)
        self._loss_means = [] if single else [metrics_module.Mean(f"{name}_loss") for name in names]
        means = [(mean.name, mean) for mean in [self.means["loss"], *self._loss_means]]
        for each in (groups, self._weighted):
            means += [(m.name if single else f"{name}_{m.name}", m) for name, group in zip(names, each) for m in group]
        self.means = dict(means)
        if len(self.means) < len(means):
            raise ValueError(f"compile: metrics must have different names. Received: {[name for name, _ in means]}")
        return groups

    def _groups(self, what: str, given: Any, targets: list, outputs: list, names: list[str]) -> list[list[Any]]:
        """The metrics that `given` says for each output."""
        if len(names) == 1 and not isinstance(given, dict):
            given = [leaves(given)]
        return [
            [metrics_module.for_output(one, target.shape, output.shape) for one in leaves(group)]
            for group, target, output in zip(for_outputs(what, given, names), targets, outputs)
        ]

    def logs(self) -> dict[str, float]:
        """The running means by name: the loss, that of each of several outputs, and the metrics."""
        return {name: float(mean.result()) for name, mean in self.means.items()}

    def reset(self) -> None:
        """Begin all running means again."""
        for mean in self.means.values():
            mean.reset_state()


def check_tensors(what: str, results: Any) -> None:
    """Raise TypeError where NumPy arrays or numbers are among what a graph must be made of."""
    for result in leaves(results):
        if not isinstance(result, Tensor):
            raise TypeError(
                f"{what} must be made with fastconv.ops or operators, which keep its gradient; NumPy and float() "
                f"lose it. Received: a result of type {type(result).__name__}"
            )


def for_outputs(what: str, given: Any, names: Sequence[str]) -> list:
    """The entries of a list or dict in the order of the outputs; None for all where nothing is given.

    Raises:
        ValueError: another number of entries, or a name that no output has.
    """
    if given is None:
        return [None] * len(names)
    if isinstance(given, dict) and set(given) <= set(names):
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)) and len(given) == len(names):
        return list(given)
    raise ValueError(
        f"compile: {what} must be a list with an entry for each output or a dict by their names. "
        f"Received: {what}={given!r}, outputs={list(names)}"
    )


def targets_in_order(y: Any, names: Sequence[str]) -> list:
    """The targets of the outputs. Raises ValueError unless there is one for each."""
    targets = [y[name] for name in names if name in y] if isinstance(y, dict) else leaves(y)
    if len(targets) != len(names):
        found = list(y) if isinstance(y, dict) else [tuple(target.shape) for target in targets]
        raise ValueError(f"Every output needs a target. Received: outputs={list(names)}, targets={found}")
    return targets
