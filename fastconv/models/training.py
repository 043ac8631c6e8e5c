"""compile, fit, evaluate and predict: every step is traced once for each shape of a batch, then run from its plan."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastconv import config, optimizers
from fastconv.callbacks import Callback, CallbackList, History, ProgbarLogger
from fastconv.engine import DataDependentError, Plan, Tensor, Trace, gradients
from fastconv.engine.plan import evaluate as evaluate_graph
from fastconv.engine.tree import leaves, rebuild
from fastconv.layers.base import Layer
from fastconv.models import data as batching
from fastconv.models.feed import Arrays, Feed, Portions, Stream, makes_batches
from fastconv.models.objective import Objective, check_tensors
from fastconv.serialization import serialize

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
        self.run_eagerly = False
        self._objective: Objective | None = None
        self._structure: Any = None  # the outputs' nesting, with a number for each
        self._held = frozenset[Any]()  # the signature for which the steps of the call under way are made
        self._held_at = 0  # the change of layers after which it was taken
        super().__init__(**kwargs)

    # ---- compile -------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
    ) -> None:
        """Say how to train.

        With several outputs, `loss`, `loss_weights` and `metrics` have an entry for each: a list in their order, or a
        dict by their names, which are those of the layers that make them, or the keys where the outputs are a dict.

        Args:
            optimizer: a name or an object.
            loss: a name, an object or a function (y_true, y_pred) -> losses.
            loss_weights: how much the loss of each output counts.
            metrics: a list of names, objects or functions; for each output one of them or a list.
            weighted_metrics: the same, of those for which samples count by their weights.
            run_eagerly: run operation by operation, so that Python code in `call` may look at values.
            steps_per_execution, jit_compile: accepted as Keras does; steps are always compiled, and made one by one.

        Raises:
            ValueError: an unknown name, or metrics that are no list, tuple or dict.
        """
        self._check_initialized()
        self._objective = Objective(loss, metrics, loss_weights, weighted_metrics)
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self.run_eagerly = run_eagerly
        self._plans.clear()

    def get_compile_config(self) -> dict | None:
        """The arguments of `compile` as plain data; None where it was not called."""
        if self._objective is None:
            return None

        def plain(tree: Any) -> Any:
            return rebuild(tree, [one if isinstance(one, str) else serialize(one) for one in leaves(tree)])

        return {
            "optimizer": plain(self.optimizer),
            "loss": plain(self.loss),
            "loss_weights": self._objective.loss_weights,
            "metrics": plain(self._objective.given_metrics),
            "weighted_metrics": plain(self._objective.given_weighted_metrics),
            "run_eagerly": self.run_eagerly,
        }

    @property
    def metrics(self) -> list[Any]:
        """The running loss, that of each of several outputs, then the metrics given to `compile`."""
        return [] if self._objective is None else [*self._objective.means.values()]

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics` in logs."""
        return [] if self._objective is None else [*self._objective.means]

    def reset_metrics(self) -> None:
        """Start the running loss and all metrics again."""
        self._compiled().reset()

    def _compiled(self) -> Objective:
        if self._objective is None:
            raise ValueError(f"{self.name}: call compile(optimizer, loss) before training or evaluating")
        return self._objective

    # ---- the graphs ----------------------------------------------------------------------------------------------

    def _forward(self, x: Any, training: bool) -> Any:
        outputs = self(x, training=training)
        check_tensors(f"{self.name}: what a model returns", outputs)
        return outputs

    def _predict_graph(self, x: Any) -> list[Tensor]:
        outputs = self._forward(x, training=False)
        self._structure = rebuild(outputs, range(len(leaves(outputs))))
        return leaves(outputs)

    def _test_graph(self, x: Any, y: Any, w: Any) -> list[Tensor]:
        self._total_loss(y, self._forward(x, training=False), w)
        return []

    def _train_graph(self, x: Any, y: Any, w: Any, trace: Trace, seed: Tensor | None) -> list[Tensor]:
        loss = self._total_loss(y, self._forward(x, training=True), w)
        variables = self.trainable_weights
        if not variables:
            warnings.warn(f"{self.name}: there are no trainable weights", stacklevel=2)
            return []
        dloss = Tensor.of(np.ones(loss.shape, loss.dtype)) if seed is None else seed
        self.optimizer.apply(gradients(loss, dloss, [trace.read(v) for v in variables]), variables)
        return []

    def _total_loss(self, y: Any, y_pred: Any, w: Any) -> Any:
        return self._compiled().total(y, y_pred, self._output_names(y_pred), w, self.losses)

    def _output_names(self, y_pred: Any) -> list[str]:
        """The keys of a dict of outputs, else the names of the layers that make them, else output_1, output_2, ..."""
        n = len(leaves(y_pred))
        names = list(y_pred) if isinstance(y_pred, dict) else [t.name for t in getattr(self, "outputs", ())]
        return names if len(set(names)) == n else [f"output_{i + 1}" for i in range(n)]

    def _step(self, mode: str, arrays: tuple) -> list:
        """Run one step on a batch: `arrays` are x, or (x, y, weights or None), nested as the model takes them."""
        flat = leaves(arrays)
        key = (
            mode,
            tuple((leaf.shape, leaf.dtype.char) for leaf in flat),
            len(arrays) > 2 and arrays[2] is not None,
            self._held,
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
        if not self.run_eagerly:
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
        """One step of training on one batch. Returns the loss and the metrics of this batch alone."""
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss and the metrics of one batch."""
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def _on_batch(self, mode: str, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool) -> Any:
        objective = self._compiled()
        arrays = self._standardize(x, y, sample_weight, class_weight)
        objective.reset()
        self._step(mode, arrays)
        return _scores(objective.logs(), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, all at once."""
        return self._outputs([self._step("predict", (self._inputs(x),))])

    # ---- many batches --------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
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
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x, y: inputs and targets: arrays, memory-mapped ones included; for several inputs or outputs lists of
                arrays, or dicts by their names. Or x alone: a `utils.PyDataset`, a generator, or anything else that is
                iterated for batches (x, y) or (x, y, sample_weight).
            batch_size: samples in a step, 32 when None; the last batch of an epoch may be smaller.
            epochs: the number of the last epoch.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line an epoch.
            callbacks: objects told of the progress.
            validation_split: the fraction at the end of the data to validate with instead of training with it.
            validation_data: (x, y) or (x, y, sample_weight) to validate with, or what makes such batches.
            shuffle: whether each epoch takes the samples (of a PyDataset: the batches) in a new order.
            class_weight: how much the samples of each class count.
            sample_weight: how much each sample counts.
            initial_epoch: how many epochs have been done before.
            steps_per_epoch: batches in an epoch, after which the next one goes on where it has ended; all when None.
            validation_steps: how many batches to validate with; all when None.
            validation_batch_size: `batch_size` when None.
            validation_freq: validate after every so many epochs, or after those whose numbers, from 1 on, are given.

        Returns:
            A History; its `history` holds the loss and metrics of every epoch.

        Raises:
            ValueError: arrays that do not fit together or to the model.
        """
        self._compiled()
        size = batching.check_batch_size(batch_size)
        validation_size = batching.check_batch_size(validation_batch_size or size)
        train: Feed
        validation: Feed | None = None
        if makes_batches(x):
            if validation_split:
                raise ValueError("validation_split is for arrays; give validation_data instead")
            train = self._feed(x, y, sample_weight, class_weight, size, shuffle)
        else:
            arrays = self._standardize(x, y, sample_weight)
            if validation_split and validation_data is None:
                arrays, held_out = batching.split_validation(arrays, validation_split)
                validation = Arrays(held_out, validation_size)
            train = Arrays(batching.weigh_classes(arrays, class_weight), size, shuffle)
        if validation_data is not None:
            validation = self._validation(validation_data, validation_size)
        train = train if steps_per_epoch is None else Portions(train, steps_per_epoch)
        if validation is not None and validation_steps is not None:
            validation = Portions(validation, validation_steps)
        todo = self._callbacks(callbacks, verbose, {"epochs": epochs, "steps": train.steps})
        self.stop_training = False
        todo.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            todo.on_epoch_begin(epoch)
            logs = self._train(train, todo)
            if validation is not None and is_due(epoch + 1, validation_freq):
                scores = self._evaluate(validation, todo)
                logs.update({f"val_{name}": value for name, value in scores.items()})
            todo.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        self.optimizer.finalize_variable_values(self.trainable_weights)
        todo.on_train_end()
        assert self.history is not None
        return self.history

    def _feed(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        batch_size: int = 32,
        shuffle: bool = False,
    ) -> Feed:
        """The batches of data as `fit` and `evaluate` take it."""
        if not makes_batches(x):
            return Arrays(self._standardize(x, y, sample_weight, class_weight), batch_size, shuffle)
        if y is not None or sample_weight is not None:
            raise ValueError(f"{self.name}: where x makes batches, targets and weights are a part of them")
        return Stream(x, partial(self._standardize, class_weight=class_weight), shuffle)

    def _validation(self, data: Any, batch_size: int) -> Feed:
        """The batches of `validation_data`."""
        if makes_batches(data):
            return self._feed(data)
        x, y, *weights = batching.check_validation_data(data)
        return self._feed(x, y, weights[0] if weights else None, batch_size=batch_size)

    def _train(self, feed: Feed, callbacks: CallbackList) -> dict:
        """One epoch, until a callback stops the training."""
        objective = self._compiled()
        objective.reset()
        for step, batch in enumerate(feed.epoch()):
            callbacks.on_train_batch_begin(step)
            self._step("train", batch)
            callbacks.on_train_batch_end(step, objective.logs())
            if self.stop_training:
                break
        return objective.logs()

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics over all samples: a number, a list, or a dict with `return_dict`.

        Args:
            x, y, batch_size, verbose, sample_weight, callbacks: as in `fit`.
            steps: how many batches; all when None.
            return_dict: whether to return a dict.

        Raises:
            ValueError: arrays that do not fit together or to the model.
        """
        self._compiled()
        feed = self._feed(x, y, sample_weight, batch_size=batching.check_batch_size(batch_size))
        feed = feed if steps is None else Portions(feed, steps)
        todo = self._callbacks(callbacks, verbose, {"steps": feed.steps}, history=False)
        return _scores(self._evaluate(feed, todo), return_dict)

    def _evaluate(self, feed: Feed, callbacks: CallbackList) -> dict:
        objective = self._compiled()
        objective.reset()
        callbacks.on_test_begin()
        for step, batch in enumerate(feed.epoch()):
            callbacks.on_test_batch_begin(step)
            self._step("test", batch)
            callbacks.on_test_batch_end(step, objective.logs())
        logs = objective.logs()
        callbacks.on_test_end(logs)
        return logs

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for all samples, computed batch by batch.

        Args:
            x: inputs: an array; for several inputs a list of arrays, or a dict by their names; or what makes batches.
            batch_size: samples in a step, 32 when None.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line at the end.
            steps: how many batches; all when None.
            callbacks: objects told of the progress.

        Returns:
            An array with a row for each sample; several in the structure of the model's outputs.

        Raises:
            ValueError: arrays that do not fit together or to the model.
        """
        size = batching.check_batch_size(batch_size)
        whole = Stream(x, lambda x, *_: (self._inputs(x),)) if makes_batches(x) else Arrays((self._inputs(x),), size)
        feed: Feed = whole if steps is None else Portions(whole, steps)
        todo = self._callbacks(callbacks, verbose, {"steps": feed.steps}, history=False)
        todo.on_predict_begin()
        parts = []
        for step, batch in enumerate(feed.epoch()):
            todo.on_predict_batch_begin(step)
            parts.append(self._step("predict", batch))
            todo.on_predict_batch_end(step, {})
        todo.on_predict_end()
        if not parts and isinstance(whole, Arrays):  # of no samples, but of known shapes
            parts.append(self._step("predict", whole.arrays))
        return self._outputs(parts)

    def fit_generator(self, generator: Any, steps_per_epoch: int | None = None, epochs: int = 1, **how: Any) -> History:
        """`fit`, by the name and with the arguments of Keras 2."""
        return self.fit(generator, steps_per_epoch=steps_per_epoch, epochs=epochs, **_of_today(how))

    def evaluate_generator(self, generator: Any, steps: int | None = None, **how: Any) -> Any:
        """`evaluate`, by the name and with the arguments of Keras 2."""
        return self.evaluate(generator, steps=steps, **{"verbose": 0, **_of_today(how)})

    def predict_generator(self, generator: Any, steps: int | None = None, **how: Any) -> Any:
        """`predict`, by the name and with the arguments of Keras 2."""
        return self.predict(generator, steps=steps, **{"verbose": 0, **_of_today(how)})

    # ---- helpers -------------------------------------------------------------------------------------------------

    def _outputs(self, parts: list[list]) -> Any:
        """The outputs of successive batches as whole arrays, in the structure in which the model returns them."""
        wholes = [part[0] if len(part) == 1 else np.concatenate(part) for part in zip(*parts)]
        return rebuild(self._structure, wholes)

    def _inputs(self, x: Any) -> Any:
        """`x` as arrays, for which the model is built; steps made for other variables than it has now are passed by."""
        self._check_initialized()
        x = batching.to_arrays(x, "x")
        self._ensure_built((x,))
        if self._held_at != Layer.last_change:
            self._held_at, self._held = Layer.last_change, self._signature()
        return x

    def _standardize(self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: dict | None = None) -> tuple:
        """(x, y, weights or None) as arrays with one length, which is not 0."""
        x, y = batching.to_arrays(x, "x"), batching.to_arrays(y, "y")
        n = batching.count_samples(x, y)
        if n == 0:
            raise ValueError(f"{self.name}: there must be at least one sample. Received: arrays of length 0")
        arrays = self._inputs(x), y, batching.check_weights(sample_weight, n)
        return batching.weigh_classes(arrays, class_weight)

    def _callbacks(self, callbacks: Any, verbose: Any, params: dict, history: bool = True) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        level = _verbosity(verbose)
        extra: list[Callback] = [ProgbarLogger()] if level else []
        if history:
            self.history = History()
            extra.append(self.history)
        given = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
        for callback in given:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks must be Callback objects. Received: {callback!r}")
        return CallbackList([*given, *extra], model=self, params={**params, "verbose": level})


def is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Whether `frequency`, a number or the numbers of some epochs, asks for something after this epoch, from 1 on."""
    return epoch % frequency == 0 if isinstance(frequency, int) else epoch in frequency


def _of_today(arguments: dict[str, Any]) -> dict[str, Any]:
    """Without the arguments of Keras 2 that say how generators are run; a generator runs where it is asked."""
    return {k: v for k, v in arguments.items() if k not in ("max_queue_size", "workers", "use_multiprocessing")}


def _verbosity(verbose: Any) -> int:
    """`verbose` as a number. Raises ValueError unless it is 0, 1, 2 or "auto"."""
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(f"verbose must be 0, 1, 2 or 'auto'. Received: verbose={verbose!r}")
    return 1 if verbose == "auto" else int(verbose)


def _scores(logs: dict[str, float], return_dict: bool) -> Any:
    """The logs of an evaluation as it was asked for: a dict, a list, or the loss alone."""
    return logs if return_dict else [*logs.values()] if len(logs) > 1 else logs["loss"]


def _graph_dtypes(arrays: tuple) -> list[Any]:
    """Inputs and all other floats enter a graph as `config.floatx()`, whole numbers among targets as they are."""
    inputs, others = leaves(arrays[0]), leaves(arrays[1:])
    return [config.floatx()] * len(inputs) + [config.floatx() if a.dtype.kind == "f" else a.dtype for a in others]
