"""What a model is trained for and judged by: the losses and metrics of `compile`, brought to its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from fastconv import losses, ops
from fastconv import metrics as metrics_module
from fastconv.engine import Tensor
from fastconv.engine.tree import leaves, ordered, rebuild
from fastconv.models.outputs import for_outputs, targets_for, weights_for


class Objective:
    """The number to minimise, made of the outputs' losses, and all metrics of `compile` as one metric.

    Losses, their weights and metrics are given in a list with an entry for each output, or in a dict by the outputs'
    names. A loss alone is that of every output; a list of metrics without lists in it is that of a single output.

    Args:
        names_of: tells the names of given outputs.
        loss, metrics, loss_weights, weighted_metrics: as `compile` takes them.

    Attributes:
        loss_mean: of the number to minimise.
        loss_means: of each of several losses; they have names once data has been seen.

    Raises:
        ValueError: an unknown name, or metrics that are no list, tuple or dict.
    """

    name = "compile_metrics"

    def __init__(
        self,
        names_of: Callable[[Any], list[str]],
        loss: Any,
        metrics: Any,
        loss_weights: Any,
        weighted_metrics: Any = None,
    ) -> None:
        for name, given in {"metrics": metrics, "weighted_metrics": weighted_metrics}.items():
            if not isinstance(given, (list, tuple, dict, type(None))):
                raise ValueError(f"compile: {name} must be a list, tuple or dict. Received: {name}={given!r}")
            for metric in leaves(given):
                metrics_module.for_output(metric, (1, 1), (1, 1))  # an unknown name is an error before data is seen
        self.names_of = names_of
        self.losses = rebuild(loss, [losses.get(one) for one in leaves(loss)])
        self.loss_weights = loss_weights
        self.given_metrics = metrics
        self.given_weighted_metrics = weighted_metrics
        self.loss_mean = metrics_module.Mean("loss")
        self.loss_means: list[Any] = []
        self.metrics: dict[str, Any] = {}  # by their names in logs
        self._metrics: list[list[Any]] | None = None  # of each output, once its shape is known
        self._weighted: list[list[Any]] = []

    def total(self, y: Any, y_pred: Any, sample_weight: Any, added: Sequence[Any]) -> Any:
        """The weighted sum of the outputs' losses, and what the layers add to it; `loss_means` are updated.

        Args:
            y: targets, in order or in a dict by name; None where no output has a loss.
            y_pred: outputs.
            sample_weight: what each sample counts, for all outputs or in a list or dict for each of them, or None.
            added: penalties on weights and outputs, and what `add_loss` was given.

        Raises:
            ValueError: losses, loss weights or targets that are not as many as the outputs, or nothing to minimise.
            TypeError: a loss that returns a number or a NumPy array.
        """
        names, outputs = self.names_of(y_pred), leaves(ordered(y_pred))
        functions = self._functions(names)
        factors = for_outputs("loss_weights", self.loss_weights, names)
        targets = targets_for(y, y_pred, names, functions) if any(functions) else [None] * len(names)
        weights = weights_for(sample_weight, y_pred, names)
        parts = [f and f(target, output, w) for f, target, output, w in zip(functions, targets, outputs, weights)]
        check_tensors("A loss", parts)
        terms = [p if k in (None, 1) else p * k for p, k in zip(parts, factors) if p is not None]
        terms += added
        if not terms:
            raise ValueError(
                "compile: there must be something to minimise. Received: loss=None and nothing added to it"
            )
        found = [(name, part, output) for name, part, output in zip(names, parts, outputs) if part is not None]
        if len(found) > 1 and not self.loss_means:
            self.loss_means = [metrics_module.Mean(f"{name}_loss") for name, *_ in found]
        for mean, (_, part, output) in zip(self.loss_means, found):
            mean.update_state(part, sample_weight=np.float32(output.shape[0]))
        return reduce(ops.add, terms)

    def _functions(self, names: list[str]) -> list[Any]:
        """The loss of each output, or None."""
        nested = isinstance(self.losses, (list, tuple, dict))
        return for_outputs("loss", self.losses if nested else [self.losses] * len(names), names)

    # ---- a metric ------------------------------------------------------------------------------------------------

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account.

        Raises:
            ValueError: metrics or targets that are not as many as the outputs.
        """
        names, outputs = self.names_of(y_pred), leaves(ordered(y_pred))
        targets = targets_for(y_true, y_pred, names, self._functions(names))
        if self._metrics is None:
            self._metrics = self._resolve(targets, outputs, names)
        weights = weights_for(sample_weight, y_pred, names)
        for groups, counts in ((self._metrics, [None] * len(names)), (self._weighted, weights)):
            for group, target, output, weight in zip(groups, targets, outputs, counts):
                for metric in group:
                    metric.update_state(target, output, weight)

    @property
    def given(self) -> list[Any]:
        """The metrics that `compile` was given, those given by name as they are for one output."""
        found = leaves([self.given_metrics, self.given_weighted_metrics])
        return [metrics_module.for_output(metric, (1, 1), (1, 1)) for metric in found]

    @property
    def variables(self) -> list[Any]:
        """Those of all metrics."""
        return [v for metric in self.metrics.values() for v in metric.variables]

    def result(self) -> dict[str, Any]:
        """The metrics' results by name."""
        return {name: metric.result() for name, metric in self.metrics.items()}

    def reset_state(self) -> None:
        """Begin all metrics again."""
        for metric in self.metrics.values():
            metric.reset_state()

    def _resolve(self, targets: list, outputs: list, names: list[str]) -> list[list[Any]]:
        """The metrics of each output, entered into `metrics`: behind the output's name where there are several."""
        single = len(names) == 1
        groups = self._groups("metrics", self.given_metrics, targets, outputs, names)
        self._weighted = self._groups("weighted_metrics", self.given_weighted_metrics, targets, outputs, names)
        found = [
            (metric.name if single else f"{name}_{metric.name}", metric)
            for each in (groups, self._weighted)
            for name, group in zip(names, each)
            for metric in group
        ]
        taken = [mean.name for mean in [self.loss_mean, *self.loss_means]] + [name for name, _ in found]
        if len(set(taken)) < len(taken):
            raise ValueError(f"compile: metrics must have different names. Received: {taken}")
        self.metrics = dict(found)
        return groups

    def _groups(self, what: str, given: Any, targets: list, outputs: list, names: list[str]) -> list[list[Any]]:
        """The metrics that `given` says for each output."""
        if len(names) == 1 and not isinstance(given, dict):
            given = [leaves(given)]
        groups = for_outputs(what, given, names)
        for group, target, name in zip(groups, targets, names):
            if target is None and leaves(group):
                raise ValueError(f"Every output that has metrics needs a target. Received: none for {name!r}")
        return [
            [metrics_module.for_output(one, target.shape, output.shape) for one in leaves(group)]
            for group, target, output in zip(groups, targets, outputs)
        ]


def check_tensors(what: str, results: Any) -> None:
    """Raise TypeError where NumPy arrays or numbers are among what a graph must be made of."""
    for result in leaves(results):
        if not isinstance(result, Tensor):
            raise TypeError(
                f"{what} must be made with fastconv.ops or operators, which keep its gradient; NumPy and float() "
                f"lose it. Received: a result of type {type(result).__name__}"
            )
