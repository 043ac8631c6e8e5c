"""The metrics of `compile`, each for its output, as a single metric."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import chain, count
from typing import Any

import fastconv.metrics as metrics
from fastconv.engine.tree import leaves, ordered
from fastconv.models.compiled_loss import CompiledLoss
from fastconv.models.outputs import for_outputs, targets_for, weights_for
from fastconv.typing import Tree

ONE_NUMBER = ((1, 1), (1, 1))  # shapes of targets and outputs, for names that are needed before there are data


class CompiledMetrics:
    """All metrics of `compile` as a single metric, whose result is a dict.

    Metrics are given in a list with an entry for each output, in a dict by the names of the outputs, or nested like
    these. A plain list is that of every output, too, unless it is as long as there are outputs.

    Args:
        names_of: returns the names of the outputs it is given, nested like these.
        metrics, weighted_metrics: as `compile` takes them.
        loss: its names in logs are not free for metrics; outputs with a loss need a target.

    Attributes:
        arguments: `metrics` and `weighted_metrics` by these names.
        metrics: all of them by their names in logs; empty before the first batch.

    Raises:
        ValueError: an unknown name, or metrics that are no list, tuple or dict.
    """

    name = "compile_metrics"

    def __init__(
        self, names_of: Callable[[Any], Any], metrics: Tree, weighted_metrics: Tree, loss: CompiledLoss
    ) -> None:
        self.names_of = names_of
        self.arguments = {"metrics": metrics, "weighted_metrics": weighted_metrics}
        for name, given in self.arguments.items():
            if not isinstance(given, (list, tuple, dict, type(None))):
                raise ValueError(f"compile: {name} must be a list, tuple or dict. Received: {name}={given!r}")
            for_one_output(given)  # an unknown name is an error before there are data
        self.loss = loss
        self.metrics: dict[str, Any] = {}
        self._groups: list[list[list[Any]]] | None = None  # metrics and weighted metrics of each output

    @property
    def given(self) -> list[Any]:
        """The metrics that `compile` was given; names become the metrics that they mean for outputs of one number."""
        return for_one_output([*self.arguments.values()])

    def update_state(self, y_true: Tree, y_pred: Tree, sample_weight: Tree = None) -> None:
        """Take a batch into account.

        Raises:
            ValueError: the number of metrics or targets is not the number of outputs.
        """
        names, outputs = self.names_of(y_pred), leaves(ordered(y_pred))
        given = self._given_to_outputs(names)
        needed = [any(leaves([loss, *entries])) for loss, *entries in zip(self.loss.for_outputs(names), *given)]
        targets = targets_for(y_true, names, needed)
        if self._groups is None:
            shapes = [(getattr(target, "shape", None), output.shape) for target, output in zip(targets, outputs)]
            self._groups = metrics_for(given, shapes)
            taken = [mean.name for mean in (self.loss.mean, *self.loss.output_means)]
            self.metrics = by_names_in_logs(self._groups, leaves(names), taken)
        weights = weights_for(sample_weight, names)
        for groups, factors in zip(self._groups, ([None] * len(outputs), weights)):
            for group, target, output, factor in zip(groups, targets, outputs, factors):
                for metric in group:
                    metric.update_state(target, output, factor)

    @property
    def names_in_order(self) -> list[str]:
        """The names in logs, in the order of scores; those of several outputs follow by their names, as in Keras."""
        one_output = self._groups is not None and len(self._groups[0]) == 1
        return [*self.metrics] if one_output else []

    @property
    def variables(self) -> list[Any]:
        """The variables of all metrics."""
        return [v for metric in self.metrics.values() for v in metric.variables]

    def result(self) -> dict[str, Any]:
        """Return the results of the metrics by name."""
        return {name: metric.result() for name, metric in self.metrics.items()}

    def reset_state(self) -> None:
        """Begin all metrics again."""
        for metric in self.metrics.values():
            metric.reset_state()

    def names_in_logs(self, names: Tree) -> list[str]:
        """Return the names of the metrics for outputs with `names`; no data are needed."""
        flat = leaves(names)
        found = metrics_for(self._given_to_outputs(names), [ONE_NUMBER] * len(flat))
        return [*by_names_in_logs(found, flat, self.loss.names_in_logs(names))]

    def _given_to_outputs(self, names: Tree) -> list[list[Any]]:
        """Return an entry of the metrics, and one of the weighted metrics, for each output."""
        return [given_to_outputs(argument, given, names) for argument, given in self.arguments.items()]


def for_one_output(given: Tree) -> list[Any]:
    """Return the metrics `given`, by name or as objects, that fit outputs of one number."""
    return [metrics.for_output(metric, *ONE_NUMBER) for metric in leaves(given)]


def given_to_outputs(argument: str, given: Tree, names: Tree) -> list[Any]:
    """Return the argument `argument` of `compile` for each output: a metric, a list, or None."""
    n = len(leaves(names))
    if not isinstance(given, dict):
        nested = any(entry is None or isinstance(entry, (list, tuple, dict)) for entry in given or ())
        if n == 1 or (len(given or ()) != n and not nested):
            return [leaves(given)] * n
    return for_outputs(argument, given, names, lists=True)


def metrics_for(given: list[list[Any]], shapes: Sequence[tuple[Any, Any]]) -> list[list[list[Any]]]:
    """Return the metrics of each output; `shapes` are those of its target and of the output itself."""
    return [
        [[metrics.for_output(metric, *shape) for metric in leaves(entry)] for entry, shape in zip(entries, shapes)]
        for entries in given
    ]


def by_names_in_logs(found: list[list[list[Any]]], names: list[str], taken: Sequence[str]) -> dict[str, Any]:
    """Return the metrics and the weighted metrics `found` for each output by their names in logs.

    These begin with the name of the output if there are several. If a name is taken, "_1", "_2" and so on is appended;
    a weighted metric is called "weighted_" before that.
    """
    prefixes = [""] if len(names) == 1 else [f"{name}_" for name in names]
    named: dict[str, Any] = {}
    for groups, first_name in zip(found, ("{}{}", "{}weighted_{}")):
        for prefix, group in zip(prefixes, groups):
            for metric in group:
                wanted = [f"{prefix}{metric.name}", first_name.format(prefix, metric.name)]
                named[free_name(wanted, {*taken, *named})] = metric
    return named


def free_name(names: Sequence[str], taken: Collection[str]) -> str:
    """Return the first of `names` that is not taken, or the last of them with the first number that makes it free."""
    numbered = (f"{names[-1]}_{i}" for i in count(1))
    return next(name for name in chain(names, numbered) if name not in taken)
