"""What a model is trained for and judged by: the losses and metrics of `compile`, brought to its outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from functools import reduce
from itertools import chain, count
from typing import Any

import numpy as np

from fastconv import losses, ops
from fastconv import metrics as metrics_module
from fastconv.arguments import as_number
from fastconv.engine import Operand, Tensor
from fastconv.engine.tree import leaves, ordered, rebuild
from fastconv.models.outputs import for_outputs, targets_for, weights_for

CROSSENTROPY = ("crossentropy", "ce")  # names of a loss that follows from the shapes


class Objective:
    """The number to minimise, made of the outputs' losses, and all metrics of `compile` as one metric.

    Losses, their weights and metrics are given in a list with an entry for each output, or in a dict by the outputs'
    names. A single loss is that of every output; a plain list of metrics is that of every output, too, unless it is as
    long as there are outputs. Targets may be left out for outputs that have no loss.

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
        self.losses = rebuild(loss, [loss_or_crossentropy(one) for one in leaves(loss)])
        self.loss_weights = rebuild(loss_weights, [as_factor(one) for one in leaves(loss_weights)])
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
        functions = self._losses_of(names)
        factors = self._loss_weights_of(names)
        targets = targets_for(y, y_pred, names, functions) if any(functions) else [None] * len(names)
        weights = weights_for(sample_weight, y_pred, names)
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
        several = [(name, part, output) for name, part, output in zip(names, parts, outputs) if part is not None]
        if len(several) > 1 and not self.loss_means:
            self.loss_means = [metrics_module.Mean(f"{name}_loss") for name, _, _ in several]
        for mean, (_, part, output) in zip(self.loss_means, several):
            mean.update_state(part, sample_weight=np.float32(output.shape[0]))
        return reduce(ops.add, terms)

    def _losses_of(self, names: list[str]) -> list[Any]:
        """The loss of each output, or None."""
        nested = isinstance(self.losses, (list, tuple, dict))
        return for_outputs("loss", self.losses if nested else [self.losses] * len(names), names)

    def _loss_weights_of(self, names: list[str]) -> list[Any]:
        """How much the loss of each output counts, or None."""
        nested = isinstance(self.loss_weights, (list, tuple, dict, type(None)))
        return for_outputs("loss_weights", self.loss_weights if nested else [self.loss_weights], names)

    # ---- a metric ------------------------------------------------------------------------------------------------

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account.

        Raises:
            ValueError: metrics or targets that are not as many as the outputs.
        """
        names, outputs = self.names_of(y_pred), leaves(ordered(y_pred))
        given = [
            self._given_to_outputs("metrics", self.given_metrics, names),
            self._given_to_outputs("weighted_metrics", self.given_weighted_metrics, names),
        ]
        functions = self._losses_of(names)
        needed = [any(leaves([f, *entries])) for f, *entries in zip(functions, *given)]
        targets = targets_for(y_true, y_pred, names, needed)
        if self._metrics is None:
            self._metrics, self._weighted = self._resolve(given, targets, outputs, names)
        weights = weights_for(sample_weight, y_pred, names)
        for groups, factors in ((self._metrics, [None] * len(names)), (self._weighted, weights)):
            for group, target, output, factor in zip(groups, targets, outputs, factors):
                for metric in group:
                    metric.update_state(target, output, factor)

    @property
    def given(self) -> list[Any]:
        """The metrics that `compile` was given, those given by name as they are for one output."""
        found = leaves([self.given_metrics, self.given_weighted_metrics])
        return [metrics_module.for_output(metric, (1, 1), (1, 1)) for metric in found]

    @property
    def names_in_order(self) -> list[str]:
        """The names in logs, in the order of scores; those of several outputs follow by their names, as in Keras."""
        one_output = self._metrics is not None and len(self._metrics) == 1
        return [*self.metrics] if one_output else []

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

    def _given_to_outputs(self, what: str, given: Any, names: list[str]) -> list[Any]:
        """What `compile` was given for each output: a metric, a list, or None."""
        if isinstance(given, dict):
            return for_outputs(what, given, names)
        nested = any(entry is None or isinstance(entry, (list, tuple, dict)) for entry in given or ())
        if len(names) == 1 or (len(given or ()) != len(names) and not nested):
            return [leaves(given)] * len(names)
        return for_outputs(what, given, names)

    def _resolve(self, given: list[list[Any]], targets: list, outputs: list, names: list[str]) -> list[Any]:
        """The metrics and the weighted metrics of each output, entered into `metrics` by their names in logs.

        These begin with the output's name if there are several. A name that is taken goes on with "_1", "_2" and so on;
        a weighted metric is called "weighted_" before that.
        """
        found = [
            [
                [metrics_module.for_output(metric, target.shape, output.shape) for metric in leaves(entry)]
                for entry, target, output in zip(entries, targets, outputs)
            ]
            for entries in given
        ]
        self.metrics = by_names_in_logs(found, names, [mean.name for mean in [self.loss_mean, *self.loss_means]])
        return found

    def names_in_logs(self, y_pred: Any) -> list[str]:
        """The names of the losses and metrics of outputs, also of symbolic ones, before any data was seen."""
        names = self.names_of(y_pred)
        several = [f"{name}_loss" for name, loss in zip(names, self._losses_of(names)) if loss is not None]
        given = {"metrics": self.given_metrics, "weighted_metrics": self.given_weighted_metrics}
        found = [
            [
                [metrics_module.for_output(metric, (1, 1), (1, 1)) for metric in leaves(entry)]
                for entry in self._given_to_outputs(what, entries, names)
            ]
            for what, entries in given.items()
        ]
        losses_named = ["loss", *(several if len(several) > 1 else [])]
        return [*losses_named, *by_names_in_logs(found, names, losses_named)]


def by_names_in_logs(found: list[list[Any]], names: list[str], taken: Sequence[str]) -> dict[str, Any]:
    """The metrics and the weighted metrics `found` for each output by their names in logs; see `Objective._resolve`."""
    prefixes = [""] if len(names) == 1 else [f"{name}_" for name in names]
    named: dict[str, Any] = {}
    for groups, first_name in zip(found, ("{}{}", "{}weighted_{}")):
        for prefix, group in zip(prefixes, groups):
            for metric in group:
                wanted = [f"{prefix}{metric.name}", first_name.format(prefix, metric.name)]
                named[free_name(wanted, {*taken, *named})] = metric
    return named


def free_name(names: Sequence[str], taken: Collection[str]) -> str:
    """The first of `names` that is not taken, or the last of them with the first number that makes it free."""
    numbered = (f"{names[-1]}_{i}" for i in count(1))
    return next(name for name in chain(names, numbered) if name not in taken)


def as_factor(weight: Any) -> Any:
    """`weight`, how much a loss counts, as a Python number; None, variables and tensors stay as they are.

    Raises:
        ValueError: it is something else than a finite number.
    """
    if weight is None or isinstance(weight, Operand):
        return weight
    return as_number("compile", "loss_weights", weight, below=math.inf)


def loss_or_crossentropy(identifier: Any) -> Any:
    """The loss that `identifier` means; a name of crossentropy stays, until shapes tell which it is."""
    is_name = isinstance(identifier, str) and identifier.lower() in CROSSENTROPY
    return identifier if is_name else losses.get(identifier)


def crossentropy_for(function: Any, target: Any, output: Any) -> Any:
    """`function`, or the crossentropy that its name means for a target and an output, as "accuracy" among metrics."""
    if not isinstance(function, str):
        return function
    kind = type(metrics_module.accuracy_for(target.shape, output.shape)).__name__.removesuffix("Accuracy")
    return getattr(losses, f"{kind}Crossentropy")()


def check_tensors(what: str, results: Any) -> None:
    """Raise TypeError where NumPy arrays or numbers are among what a graph must be made of."""
    for result in leaves(results):
        if not isinstance(result, Tensor):
            raise TypeError(
                f"{what} must be made with fastconv.ops or operators, which keep its gradient; NumPy and float() "
                f"lose it. Received: a result of type {type(result).__name__}"
            )
