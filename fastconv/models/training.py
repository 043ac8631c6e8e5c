"""fit, evaluate and predict: the loops over batches, and what they report."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar, cast

import numpy as np

from fastconv.arguments import as_integer, as_number, as_verbosity, optional
from fastconv.backends import backend_of
from fastconv.callbacks import CallbackList, History
from fastconv.callbacks.callback import Callback
from fastconv.callbacks.lazy_logs import LazyLogs
from fastconv.callbacks.training_state import TrainingState
from fastconv.engine.tree import leaves, map_leaves, rebuild
from fastconv.models.batches import BatchFactory, Batching, BatchSource, FixedSteps
from fastconv.models.compiled_model import CompiledModel
from fastconv.models.data import check_class_weight, check_frequency, is_due
from fastconv.models.logs import in_order
from fastconv.models.resuming import replay_epochs, skip_batches
from fastconv.typing import Tree

Method = TypeVar("Method", bound=Callable[..., Any])


def in_turns(method: Method) -> Method:
    """Let other Python threads use the metrics of a model between two steps of `method`."""

    @functools.wraps(method)
    def call(self: Trainer, *args: Any, **kwargs: Any) -> Tree:
        with self._turns.call(self):
            return method(self, *args, **kwargs)

    return cast("Method", call)


class Trainer(CompiledModel):
    """A layer that can be trained.

    Several Python threads may train, evaluate and use one model: fit, evaluate, train_on_batch and test_on_batch make
    one step after another, each call with metrics of its own. Predictions wait for no step.
    """

    # ---- one batch -----------------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Tree,
        y: Tree = None,
        sample_weight: Tree = None,
        class_weight: dict | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Run one step of training. Return the loss and the metrics of this batch."""
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x: Tree, y: Tree = None, sample_weight: Tree = None, return_dict: bool = False) -> Any:
        """Return the loss and the metrics of one batch."""
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def _on_batch(self, mode: str, x: Tree, y: Tree, sample_weight: Tree, class_weight: Any, return_dict: bool) -> Any:
        self._require_compiled()
        arrays = self._standardize(x, y, sample_weight, check_class_weight(class_weight))
        with self._turns.lock:
            self.reset_metrics()
            if mode == "train":
                self.make_train_function()
            else:
                self.make_test_function()
            return self._scores(self._begin_step(mode, arrays)(), return_dict)

    def predict_on_batch(self, x: Tree) -> Tree:
        """Return the outputs for one batch, all at once."""
        self.make_predict_function()
        return self._begin_prediction(self._standardize_inputs(x))()

    # ---- many batches --------------------------------------------------------------------------------------------

    @in_turns
    def fit(
        self,
        x: Tree = None,
        y: Tree = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callback | Sequence[Callback] | CallbackList | None = None,
        validation_split: float = 0.0,
        validation_data: Tree = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Tree = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x, y: inputs and targets: arrays, which may be memory-mapped; for several inputs or outputs lists of arrays,
                or dicts by their names. Or only x: a `utils.PyDataset`, a generator, or anything else that is iterated
                for batches (x, y) or (x, y, sample_weight).
            batch_size: samples in a step; if None, the size with which arrays have `steps_per_epoch` batches, or 32.
                The last batch of an epoch may be smaller.
            epochs: the number of the last epoch.
            verbose: 0 for silence, 1 or "auto" for a progress bar, 2 for a line in each epoch.
            callbacks: objects whose methods are called as training goes on.
            validation_split: the fraction at the end of the data to validate with instead of training with it.
            validation_data: (x, y) or (x, y, sample_weight) to validate with, or an iterable of such batches.
            shuffle: whether each epoch takes the samples (of a PyDataset: the batches) in a new order.
            class_weight: weights of samples by their class, which is an integer; other classes count 1. Targets are
                integers or one-hot.
            sample_weight: a weight for each sample; for several outputs also a list, or a dict by their names.
            initial_epoch: the number of epochs that were done before.
            steps_per_epoch: batches in an epoch, after which the next epoch goes on at the next batch; all when None.
            validation_steps: batches to validate with, the first of each pass; all when None.
            validation_batch_size: `batch_size` when None.
            validation_freq: the number of epochs between validations, or the numbers of the epochs, from 1 on, that end
                with a validation.

        Returns:
            A History; its `history` holds the loss and metrics of every epoch.

        Raises:
            ValueError: arrays that do not fit together or to the model, or a number that is none or too small.
        """
        self._require_compiled()
        epochs = as_integer("fit", "epochs", epochs, 0)
        initial_epoch = as_integer("fit", "initial_epoch", initial_epoch, 0)
        size = optional(as_integer, "fit", "batch_size", batch_size, 1)
        steps = optional(as_integer, "fit", "steps_per_epoch", steps_per_epoch, 1)
        validation_size = optional(as_integer, "fit", "validation_batch_size", validation_batch_size, 1) or size
        validation_steps = optional(as_integer, "fit", "validation_steps", validation_steps, 1)
        frequency = check_frequency("fit", validation_freq)
        fraction = as_number("fit", "validation_split", validation_split or 0, 0, below=1)
        train, validation = BatchFactory(self.name, self._standardize).make_for_fit(
            Batching(size, steps, shuffle, FixedSteps),
            Batching(validation_size, validation_steps),
            (x, y, sample_weight),
            class_weight,
            fraction,
            validation_data,
        )
        todo = self._callbacks(callbacks, verbose, {"epochs": epochs, "steps": train.steps})
        self.stop_training = False
        with todo, self._validating(validation is not None):
            self._run_epochs(range(initial_epoch, epochs), train, validation, frequency, todo)
        return cast("History", todo.history or self.history)

    @contextmanager
    def _validating(self, validates: bool) -> Iterator[None]:
        """Let callbacks see, inside `with`, whether there are data for validation."""
        self.validates = validates
        try:
            yield
        finally:
            self.validates = None

    def _run_epochs(
        self,
        epochs: range,
        train: BatchSource,
        validation: BatchSource | None,
        frequency: int | Container[int],
        callbacks: CallbackList,
    ) -> None:
        logs: dict[str, Any] = {}
        callbacks.on_train_begin()
        resumed, self.resume_from = self.resume_from, None
        first = epochs.start
        if resumed is not None:
            first = resumed.place["epoch"]
            validated = [is_due(epoch + 1, frequency) for epoch in range(epochs.start, first)]
            replay_epochs(self, resumed, train, validation, validated)
        for epoch in range(first, first if self.stop_training else epochs.stop):
            callbacks.on_epoch_begin(epoch)
            logs = self._train(train, callbacks, resumed if epoch == first else None)
            if validation is not None and is_due(epoch + 1, frequency):
                scores = self._evaluate(validation, callbacks)
                logs.update({f"val_{name}": value for name, value in scores.items()})
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if self.optimizer is not None:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        callbacks.on_train_end(logs)

    def _train(self, source: BatchSource, callbacks: CallbackList, resumed: TrainingState | None) -> dict:
        """Train for an epoch, or for the rest of it, until a callback stops the training; return the logs."""
        self.reset_metrics()
        self.make_train_function()
        batches = enumerate(source.epoch())
        logs: Mapping[str, Any] | None = None
        if resumed is not None and resumed.place["batch"]:
            logs = skip_batches(self, resumed, batches)
        for step, batch in batches:
            callbacks.on_train_batch_begin(step)
            logs = self._lazy_logs("train", batch)
            callbacks.on_train_batch_end(step, logs)
            if self.stop_training:
                break
        return self._logs_of_nothing() if logs is None else dict(logs)

    def _lazy_logs(self, mode: str, batch: tuple) -> LazyLogs:
        """Run one step, and return its logs."""
        turns = self._turns
        with turns.lock:
            turns.latest = logs = LazyLogs(self._begin_step(mode, batch), turns)
        return logs

    def _logs_of_nothing(self) -> dict:
        """Return NaN for all metrics, which compares as worse than any other value."""
        warnings.warn(f"{self.name}: the data gave no batch, so that there is no loss and no metric", stacklevel=4)
        with self.own_metrics():
            found = self.get_metrics_result()
        return {name: np.full(np.shape(value), np.nan)[()] for name, value in found.items()}

    @in_turns
    def evaluate(
        self,
        x: Tree = None,
        y: Tree = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Tree = None,
        steps: int | None = None,
        callbacks: Callback | Sequence[Callback] | CallbackList | None = None,
        return_dict: bool = False,
    ) -> Tree:
        """Return the loss and the metrics over all samples: a number, a list, or a dict with `return_dict`.

        Args:
            x, y, batch_size, verbose, sample_weight, callbacks: as in `fit`.
            steps: batches, the first ones; all when None.
            return_dict: whether to return a dict.

        Raises:
            ValueError: arrays that do not fit together or to the model.
        """
        self._require_compiled()
        how = self._batching("evaluate", batch_size, steps)
        source = BatchFactory(self.name, self._standardize).make(how, x, y, sample_weight)
        todo = self._callbacks(callbacks, verbose, {"epochs": 1, "steps": source.steps}, history=False)
        with todo:
            return self._scores(self._evaluate(source, todo), return_dict)

    def _evaluate(self, source: BatchSource, callbacks: CallbackList) -> dict:
        self.reset_metrics()
        self.make_test_function()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        lazy = None
        for step, batch in enumerate(source.epoch()):
            callbacks.on_test_batch_begin(step)
            lazy = self._lazy_logs("test", batch)
            callbacks.on_test_batch_end(step, lazy)
            if self.stop_evaluating:
                break
        logs = self._logs_of_nothing() if lazy is None else dict(lazy)
        callbacks.on_test_end(logs)
        return logs

    def predict(
        self,
        x: Tree,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callback | Sequence[Callback] | CallbackList | None = None,
    ) -> Tree:
        """Return the outputs for all samples, computed batch by batch.

        Args:
            x: inputs: an array; for several inputs a list of arrays, or a dict by their names; or an iterable of
                batches.
            batch_size: samples in a step, 32 when None.
            verbose: 0 for silence, 1 or "auto" for a progress bar, 2 for a line at the end.
            steps: batches, the first ones; all when None.
            callbacks: objects whose methods are called as prediction goes on.

        Returns:
            An array with a row for each sample; several in the structure of the model's outputs.

        Raises:
            ValueError: arrays that do not fit together or to the model, or an iterable without batches.
        """
        self._check_initialized()
        how = self._batching("predict", batch_size, steps)
        source = BatchFactory(self.name, self._standardize_inputs).make(how, x)
        todo = self._callbacks(callbacks, verbose, {"epochs": 1, "steps": source.steps}, history=False)
        self.stop_predicting = False
        self.make_predict_function()
        with todo:
            todo.on_predict_begin()
            parts = self._predict(source, todo)
            todo.on_predict_end()
        empty = source.without_samples()
        if not parts and empty is not None:
            parts = [self._begin_prediction(empty)()]
        if not parts:
            raise ValueError(f"{self.name}: predict needs at least one batch. Received: none")
        return _joined(parts)

    def _predict(self, source: BatchSource, callbacks: CallbackList) -> list[Any]:
        """Return the outputs for each batch; each step begins before the outputs of the step before are awaited."""
        parts: list[Any] = []
        begun: Callable[[], Any] | None = None
        for step, batch in enumerate(source.epoch()):
            callbacks.on_predict_batch_begin(step)
            before, begun = begun, cache(self._begin_prediction(batch))
            if before is not None:
                parts.append(before())
            callbacks.on_predict_batch_end(step, LazyLogs(partial(_as_logs, begun)))
            if self.stop_predicting:
                break
        return parts if begun is None else [*parts, begun()]

    def fit_generator(self, generator: Any, steps_per_epoch: int | None = None, epochs: int = 1, **how: Any) -> Any:
        """Call `fit`, by the name and with the arguments of Keras 2."""
        return self.fit(generator, steps_per_epoch=steps_per_epoch, epochs=epochs, **_of_today(how))

    def evaluate_generator(self, generator: Any, steps: int | None = None, **how: Any) -> Any:
        """Call `evaluate`, by the name and with the arguments of Keras 2."""
        return self.evaluate(generator, steps=steps, **{"verbose": 0, **_of_today(how)})

    def predict_generator(self, generator: Any, steps: int | None = None, **how: Any) -> Any:
        """Call `predict`, by the name and with the arguments of Keras 2."""
        return self.predict(generator, steps=steps, **{"verbose": 0, **_of_today(how)})

    # ---- helpers -------------------------------------------------------------------------------------------------

    def _batching(self, method: str, batch_size: Any, steps: Any) -> Batching:
        size = optional(as_integer, method, "batch_size", batch_size, 1)
        return Batching(size, optional(as_integer, method, "steps", steps, 1))

    def _callbacks(
        self,
        callbacks: Callback | Sequence[Callback] | CallbackList | None,
        verbose: int | str,
        params: dict,
        history: bool = True,
    ) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        level = as_verbosity(self.name, verbose)
        return CallbackList(callbacks, history, bool(level), self, **params, verbose=level)

    def _scores(self, logs: dict[str, Any], return_dict: bool) -> Any:
        """Return logs as a dict if asked for, else the values in the order of Keras, or the only value."""
        if return_dict:
            return logs
        return next(iter(logs.values())) if len(logs) == 1 else in_order(logs, self.metrics)


def _of_today(arguments: dict[str, Any]) -> dict[str, Any]:
    """Drop the arguments of Keras 2 that say how generators are run; here the calling thread iterates them."""
    return {k: v for k, v in arguments.items() if k not in ("max_queue_size", "workers", "use_multiprocessing")}


def _as_logs(outputs: Callable[[], Any]) -> dict[str, Any]:
    """Return the logs of a batch of prediction, for callbacks: copies of the arrays."""
    return {"outputs": map_leaves(lambda x: x.copy(), outputs())}


def _joined(parts: list[Any]) -> Any:
    """Return the outputs of successive batches as whole arrays, in the structure in which the model returns them."""
    columns = zip(*map(leaves, parts))
    joined = [c[0] if len(c) == 1 else backend_of(*c).xp.concatenate(c) for c in columns]
    return rebuild(parts[0], joined)
