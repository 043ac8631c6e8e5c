"""compile, fit, evaluate and predict: every step is traced once for each shape of a batch, then run from its plan."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv import config, losses, metrics, optimizers
from fastconv.callbacks import Callback, CallbackList, History, ProgbarLogger
from fastconv.engine import DataDependentError, Plan, Tensor, Trace, gradients
from fastconv.engine.plan import evaluate as evaluate_graph
from fastconv.engine.tree import leaves, rebuild
from fastconv.layers.base import Layer
from fastconv.models import data as batching
from fastconv.utils.random import generator

MAX_PLANS = 8  # shapes of batches that a model keeps buffers for; the one unused for longest goes first


class Trainer(Layer):
    """A layer that can be trained."""

    def __init__(self, **kwargs: Any) -> None:
        self._plans: OrderedDict[Any, Callable[..., list]] = OrderedDict()
        self._lock = threading.Lock()
        self.optimizer: Any = None
        self.loss: Any = None
        self.stop_training = False
        self.history: History | None = None
        self._structure: Any = None  # the outputs' nesting, with a number for each
        super().__init__(**kwargs)

    # ---- compile -------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Sequence[float] | None = None,
        run_eagerly: bool = False,
    ) -> None:
        """Say how to train.

        Args:
            optimizer: a name or an object.
            loss: a name, an object or a function (y_true, y_pred) -> losses; a list of them for several outputs.
            metrics: a list of names, objects or functions; a list of such lists for several outputs.
            loss_weights: how much the loss of each output counts.
            run_eagerly: run operation by operation, so that Python code in `call` may look at values.

        Raises:
            ValueError: an unknown name.
        """
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self.loss_weights = loss_weights
        self.run_eagerly = run_eagerly
        self._losses = [losses.get(one) for one in (loss if isinstance(loss, (list, tuple)) else [loss])]
        self._given_metrics = metrics
        self._metrics: list[list[Any]] | None = None
        self._loss_tracker = _loss_tracker()
        self._plans.clear()

    def get_compile_config(self) -> dict | None:
        """The arguments of `compile` as plain data; None where it was not called."""
        from fastconv.serialization import serialize

        if self.optimizer is None:
            return None

        def plain(thing: Any) -> Any:
            if isinstance(thing, (list, tuple)):
                return [plain(one) for one in thing]
            return thing if thing is None or isinstance(thing, str) else serialize(thing)

        return {
            "optimizer": plain(self.optimizer),
            "loss": plain(self.loss),
            "metrics": plain(self._given_metrics),
            "loss_weights": self.loss_weights,
            "run_eagerly": self.run_eagerly,
        }

    @property
    def metrics(self) -> list[Any]:
        """The running loss, then the metrics given to `compile`."""
        if self.optimizer is None:
            return []
        return [self._loss_tracker, *(m for group in self._metrics or [] for m in group)]

    @property
    def metrics_names(self) -> list[str]:
        return [m.name for m in self.metrics]

    def _compiled(self) -> None:
        if self.optimizer is None:
            raise ValueError(f"{self.name}: call compile(optimizer, loss) before training or evaluating")

    # ---- the graphs ----------------------------------------------------------------------------------------------

    def _predict_graph(self, x: Any) -> list[Tensor]:
        outputs = self(x, training=False)
        self._structure = rebuild(outputs, range(len(leaves(outputs))))
        return leaves(outputs)

    def _test_graph(self, x: Any, y: Any, w: Any) -> list[Tensor]:
        y_pred = self(x, training=False)
        self._track(self._total_loss(y, y_pred, w), y, y_pred, w)
        return []

    def _train_graph(self, x: Any, y: Any, w: Any, trace: Trace, seed: Tensor | None) -> list[Tensor]:
        y_pred = self(x, training=True)
        loss = self._total_loss(y, y_pred, w)
        variables = self.trainable_weights
        dloss = Tensor.of(np.ones(loss.shape, loss.dtype)) if seed is None else seed
        self.optimizer.apply(gradients(loss, dloss, [trace.read(v) for v in variables]), variables)
        self._track(loss, y, y_pred, w)
        return []

    def _total_loss(self, y: Any, y_pred: Any, w: Any) -> Any:
        """The weighted sum of the outputs' losses and of all penalties on weights."""
        targets, outputs = leaves(y), leaves(y_pred)
        functions = self._losses * len(outputs) if len(self._losses) == 1 else self._losses
        if not len(targets) == len(outputs) == len(functions):
            raise ValueError(
                f"{self.name}: every output needs a target and a loss. "
                f"Received: {len(outputs)} outputs, {len(targets)} targets, {len(functions)} losses"
            )
        factors = self.loss_weights or [1.0] * len(outputs)
        total: Any = None
        for function, target, output, factor in zip(functions, targets, outputs, factors):
            if function is not None:
                part = function(target, output, w)
                part = part if factor == 1.0 else part * factor
                total = part if total is None else total + part
        for v in self.trainable_weights:
            if v.regularizer is not None:
                penalty = v.regularizer(v)
                total = penalty if total is None else total + penalty
        if total is None:
            raise ValueError(f"{self.name}: there is nothing to minimise. Received: loss=None and no regularizer")
        return total

    def _track(self, loss: Any, y: Any, y_pred: Any, w: Any) -> None:
        targets, outputs = leaves(y), leaves(y_pred)
        if self._metrics is None:
            self._metrics = _resolve_metrics(self._given_metrics, targets, outputs)
        self._loss_tracker.update_state(loss, sample_weight=np.float32(targets[0].shape[0]))
        for group, target, output in zip(self._metrics, targets, outputs):
            for metric in group:
                metric.update_state(target, output)

    def _step(self, mode: str, arrays: tuple) -> list:
        """Run one step on a batch: `arrays` are x, or (x, y, weights or None), nested as the model takes them."""
        flat = leaves(arrays)
        key = (
            mode,
            tuple((leaf.shape, leaf.dtype.char) for leaf in flat),
            len(arrays) > 2 and arrays[2] is not None,
            tuple(map(id, self.trainable_weights)) if mode == "train" else None,
        )
        with self._lock:
            step = self._plans.get(key)
            if step is None:
                step = self._plans[key] = self._make_step(mode, arrays)
                if len(self._plans) > MAX_PLANS:
                    self._plans.popitem(last=False)
            else:
                self._plans.move_to_end(key)
        return step(*flat)

    def _make_step(self, mode: str, example: tuple) -> Callable[..., list]:
        """What runs a step on flat arrays: a plan, or the operations one by one where Python looks at values."""
        if not getattr(self, "run_eagerly", False):
            try:
                return self._trace(mode, example)
            except DataDependentError:
                pass
        return lambda *flat: self._record(mode, rebuild(example, flat))

    def _trace(self, mode: str, example: tuple) -> Plan:
        with Trace() as trace:
            inputs = [Tensor(leaf.shape, dtype) for leaf, dtype in zip(leaves(example), _graph_dtypes(example))]
            outputs = self._graph(mode, rebuild(example, inputs), trace, None)
        return Plan(inputs, outputs, trace.reads, trace.updates)

    def _record(self, mode: str, arrays: tuple) -> list:
        with Trace(recording=True) as trace:
            cast = zip(leaves(arrays), _graph_dtypes(arrays))
            inputs = [Tensor.of(leaf.astype(dtype, copy=False)) for leaf, dtype in cast]
            seed = Tensor((), config.floatx())
            outputs = self._graph(mode, rebuild(arrays, inputs), trace, seed)
        updates = list(trace.updates)
        wanted = [*outputs, *(trace.updates[v] for v in updates)]
        values = evaluate_graph(wanted, {seed: np.ones((), seed.dtype)})
        for variable, value in zip(updates, values[len(outputs) :]):
            variable.assign(value)
        return values[: len(outputs)]

    def _graph(self, mode: str, arrays: tuple, trace: Trace, seed: Tensor | None) -> list[Tensor]:
        if mode == "predict":
            return self._predict_graph(arrays[0])
        x, y, w = arrays
        return self._test_graph(x, y, w) if mode == "test" else self._train_graph(x, y, w, trace, seed)

    # ---- one batch -----------------------------------------------------------------------------------------------

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: dict | None = None, return_dict: bool = False
    ) -> Any:
        """One step of training on one batch. Returns the loss and the metrics of this batch."""
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss and the metrics of one batch."""
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def _on_batch(self, mode: str, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool) -> Any:
        self._compiled()
        x, y, w = self._standardize(x, y, sample_weight, class_weight)
        self.reset_metrics()
        self._step(mode, (x, y, w))
        logs = self._logs()
        return logs if return_dict else [*logs.values()] if len(logs) > 1 else logs["loss"]

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, all at once."""
        x = batching.to_arrays(x, "x")
        self._ensure_built((x,))
        return self._outputs([self._step("predict", (x,))])

    # ---- many batches --------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x, y: inputs and targets: arrays, or lists of arrays for several inputs or outputs.
            batch_size: samples in a step, 32 when None; the last batch of an epoch may be smaller.
            epochs: the number of the last epoch.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line an epoch.
            callbacks: objects told of the progress.
            validation_split: the fraction at the end of the data to validate with instead of training with it.
            validation_data: (x, y) or (x, y, sample_weight) to validate with after each epoch.
            shuffle: whether each epoch takes the samples in a new order.
            class_weight: how much the samples of each class count.
            sample_weight: how much each sample counts.
            initial_epoch: how many epochs have been done before.
            validation_batch_size: `batch_size` when None.

        Returns:
            A History; its `history` holds the loss and metrics of every epoch.

        Raises:
            ValueError: arrays that do not fit together or to the model.
        """
        self._compiled()
        size = batching.check_batch_size(batch_size)
        train = self._standardize(x, y, sample_weight, class_weight)
        if validation_split and validation_data is None:
            train, validation_data = batching.split_validation(train, validation_split)
        n = batching.count_samples(train)
        if n == 0:
            raise ValueError("fit: there must be at least one sample. Received: 0 samples")
        steps = -(-n // size)
        todo = self._callbacks(callbacks, verbose, {"epochs": epochs, "steps": steps})
        self.stop_training = False
        todo.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            self.reset_metrics()
            todo.on_epoch_begin(epoch)
            order = generator().permutation(n) if shuffle else None
            for step, index in enumerate(batching.batches(n, size, order)):
                todo.on_train_batch_begin(step)
                self._step("train", batching.take(train, index))
                todo.on_train_batch_end(step, self._logs())
            logs = self._logs()
            if validation_data is not None:
                scores = self._validate(validation_data, validation_batch_size or size, todo)
                logs.update({f"val_{name}": value for name, value in scores.items()})
            todo.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        todo.on_train_end()
        assert self.history is not None
        return self.history

    def _validate(self, data: tuple, batch_size: int, callbacks: CallbackList) -> dict:
        """Like `evaluate`, within fit: the training metrics have been read and start again."""
        return self._evaluate(self._standardize(*data), batch_size, callbacks)

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics over all samples: a number, a list, or a dict with `return_dict`.

        Raises:
            ValueError: arrays that do not fit together or to the model.
        """
        self._compiled()
        arrays = self._standardize(x, y, sample_weight)
        size = batching.check_batch_size(batch_size)
        todo = self._callbacks(callbacks, verbose, {"steps": -(-batching.count_samples(arrays) // size)}, history=False)
        logs = self._evaluate(arrays, size, todo)
        return logs if return_dict else [*logs.values()] if len(logs) > 1 else logs["loss"]

    def _evaluate(self, arrays: tuple, batch_size: int, callbacks: CallbackList) -> dict:
        self.reset_metrics()
        callbacks.on_test_begin()
        for step, index in enumerate(batching.batches(batching.count_samples(arrays), batch_size)):
            callbacks.on_test_batch_begin(step)
            self._step("test", batching.take(arrays, index))
            callbacks.on_test_batch_end(step, self._logs())
        logs = self._logs()
        callbacks.on_test_end(logs)
        return logs

    def predict(self, x: Any, batch_size: int | None = None, verbose: int | str = "auto", callbacks: Any = None) -> Any:
        """The outputs for all samples, computed batch by batch.

        Returns:
            An array with a row for each sample; several in the structure of the model's outputs.

        Raises:
            ValueError: arrays that do not fit together or to the model.
        """
        x = batching.to_arrays(x, "x")
        self._ensure_built((x,))
        size, n = batching.check_batch_size(batch_size), batching.count_samples(x)
        todo = self._callbacks(callbacks, verbose, {"steps": -(-n // size)}, history=False)
        todo.on_predict_begin()
        parts = []
        for step, index in enumerate(batching.batches(n, size) if n else [slice(0, 0)]):
            todo.on_predict_batch_begin(step)
            parts.append(self._step("predict", (batching.take(x, index),)))
            todo.on_predict_batch_end(step, {})
        todo.on_predict_end()
        return self._outputs(parts)

    # ---- helpers -------------------------------------------------------------------------------------------------

    def _outputs(self, parts: list[list]) -> Any:
        """The outputs of successive batches as whole arrays, in the structure in which the model returns them."""
        wholes = [part[0] if len(part) == 1 else np.concatenate(part) for part in zip(*parts)]
        return rebuild(self._structure, wholes)

    def _standardize(self, x: Any, y: Any, sample_weight: Any = None, class_weight: dict | None = None) -> tuple:
        """(x, y, weights or None) as arrays with one length."""
        x, y = batching.to_arrays(x, "x"), batching.to_arrays(y, "y")
        n = batching.count_samples(x, y)
        self._ensure_built((x,))
        return x, y, batching.weights_of(y, sample_weight, class_weight, n)

    def _callbacks(self, callbacks: Any, verbose: Any, params: dict, history: bool = True) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        extra: list[Callback] = []
        if history:
            self.history = History()
            extra.append(self.history)
        if verbose:
            extra.append(ProgbarLogger())
        given = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
        level = 1 if verbose == "auto" else int(verbose)
        return CallbackList([*extra, *given], model=self, params={**params, "verbose": level})

    def reset_metrics(self) -> None:
        """Start the running loss and all metrics again."""
        for metric in self.metrics:
            metric.reset_state()

    def _logs(self) -> dict[str, float]:
        return {metric.name: float(metric.result()) for metric in self.metrics}


def _graph_dtypes(arrays: tuple) -> list[Any]:
    """Inputs and all other floats enter a graph as `config.floatx()`, whole numbers among targets as they are."""
    inputs, others = leaves(arrays[0]), leaves(arrays[1:])
    return [config.floatx()] * len(inputs) + [config.floatx() if a.dtype.kind == "f" else a.dtype for a in others]


def _loss_tracker() -> Any:
    return metrics.Mean(name="loss")


def _resolve_metrics(given: Any, targets: list, outputs: list) -> list[list[Any]]:
    """A list of metric objects for each output."""
    groups = list(given or [])
    nested = len(outputs) > 1 and any(isinstance(g, (list, tuple)) for g in groups)
    groups = groups if nested else [groups] * len(outputs)
    return [
        [metrics.for_output(one, target.shape, output.shape) for one in (g if isinstance(g, (list, tuple)) else [g])]
        for g, target, output in zip(groups, targets, outputs)
    ]
