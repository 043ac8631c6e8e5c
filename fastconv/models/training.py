"""compile, fit, evaluate and predict: every step is traced once for each shape of a batch, then run from its plan."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import islice
from typing import Any, TypeVar, cast

import numpy as np

from fastconv import config, optimizers
from fastconv.arguments import as_flag, as_integer, as_number, as_verbosity, optional
from fastconv.backends import backend_of
from fastconv.backends.gpu.transfer import to_current_device
from fastconv.callbacks import CallbackList, History
from fastconv.callbacks.lazy_logs import LazyLogs
from fastconv.callbacks.training_state import TrainingState
from fastconv.device import any_on_gpu
from fastconv.engine import DataDependentError, GradientTape, Tensor, Trace
from fastconv.engine.interrupts import assign_all
from fastconv.engine.stateless import paired, run_on
from fastconv.engine.tree import leaves, map_leaves, ordered, rebuild, structure
from fastconv.layers.base import Layer, layers_of
from fastconv.metrics import Metric
from fastconv.models import data as batching
from fastconv.models.batches import (
    BatchSource,
    FirstBatches,
    FixedSteps,
    IterableBatches,
    from_arrays,
    limited,
    makes_batches,
)
from fastconv.models.compile_config import described, revived
from fastconv.models.objective import Objective, check_tensors
from fastconv.models.step_function import StepFunction
from fastconv.models.steps import PlannedStep, Results, flat_logs
from fastconv.models.turns import Turns
from fastconv.serialization import is_of_this_package
from fastconv.utils import random
from fastconv.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight

MAKE_LOGS = ("train_step", "test_step", "compute_metrics", "get_metrics_result", "metrics")  # methods of a Trainer
MAX_PLANS = 8  # shapes of batches that a model keeps buffers for; the one unused for longest goes first


Method = TypeVar("Method", bound=Callable[..., Any])


def in_turns(method: Method) -> Method:
    """`method` of a model, of which other Python threads may use the metrics between two of its steps."""

    @functools.wraps(method)
    def call(self: Trainer, *args: Any, **kwargs: Any) -> Any:
        with self._turns.call(self):
            return method(self, *args, **kwargs)

    return cast("Method", call)


class MetricsInside:
    """The metrics of the layers inside a model, and the change of layers after which they were found."""

    metrics: tuple[Metric, ...] = ()
    change = -1


class Trainer(Layer):
    """A layer that can be trained.

    Several Python threads may train, evaluate and use one model: fit, evaluate, train_on_batch and test_on_batch make
    one step after another, each call with metrics of its own. Predictions wait for no step.
    """

    TRANSIENT = Layer.TRANSIENT | {
        *(
            "_plans",
            "_turns",
            "resume_from",
            "history",
            "validates",
            "_step_signature",
            "_signature_version",
            "_inside",
        ),
        *("train_function", "test_function", "predict_function"),
    }

    def __init__(self, **kwargs: Any) -> None:
        self._begin()
        self.optimizer: Any = None
        self.loss: Any = None
        self.stop_training = False
        self.stop_evaluating = False
        self.stop_predicting = False
        self.run_eagerly = False
        self.steps_per_execution = 1
        self.jit_compile: Any = "auto"
        self._objective: Objective | None = None
        super().__init__(**kwargs)

    def _begin(self) -> None:
        """Make what every model, and every copy of one, has of its own."""
        self._plans: OrderedDict[Any, Callable[..., Results]] = OrderedDict()
        self._turns = Turns()
        self.resume_from: TrainingState | None = None  # where `fit` is to go on, set when it begins
        self.history: History | None = None
        self.validates: bool | None = None  # whether the call of `fit` under way validates
        self._step_signature = frozenset[Any]()  # the signature for which the steps of the call under way are made
        self._signature_version = 0  # the change of layers after which it was taken
        self._inside = MetricsInside()
        self.train_function: Any = None
        self.test_function: Any = None
        self.predict_function: Any = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._begin()

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
        auto_scale_loss: bool = True,
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
            steps_per_execution, jit_compile, auto_scale_loss: accepted as Keras does; steps are always compiled, made
                one by one, and compute in float32, which needs no scaling.

        Raises:
            ValueError: an unknown name, or metrics that are no list, tuple or dict.
        """
        self._check_initialized()
        self._objective = Objective(self._output_names, loss, metrics, loss_weights, weighted_metrics)
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self.run_eagerly = as_flag(self.name, "run_eagerly", run_eagerly)
        self.steps_per_execution = as_integer(self.name, "steps_per_execution", steps_per_execution, 1)
        self.jit_compile = jit_compile
        self.train_function = self.test_function = self.predict_function = None
        self.built = self.built or type(self).call is Layer.call  # without `call`, steps of its own apply what it holds
        self._plans.clear()

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile` as plain data; nothing if it was not called."""
        if self._objective is None:
            return {}
        return {
            "optimizer": described(self.optimizer),
            "loss": described(self.loss),
            "loss_weights": self._objective.loss_weights,
            "metrics": described(self._objective.given_metrics),
            "weighted_metrics": described(self._objective.given_weighted_metrics),
            "run_eagerly": self.run_eagerly,
        }

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile as `get_compile_config` has told; a built model's optimizer gets its variables.

        A model whose `compile` is its own is left as it is, with a warning, unless it overrides this method, too.
        """
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                f"{self.name}: the model was not compiled, since {type(self).__name__} has a `compile` of its own. "
                "Override get_compile_config and compile_from_config, too, or call compile",
                stacklevel=2,
            )
            return
        self.compile(**revived(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self) -> list[Any]:
        """The running loss, that of each of several outputs, those given to `compile` as one, and the model's own.

        Its own are those that are attributes of it, or of a layer inside it. A subclass may override this; what is
        listed begins again in each epoch.
        """
        held = [value for value in vars(self).values() if isinstance(value, (Metric, list, tuple, dict))]
        own = [metric for value in held for metric in _metrics_in(value)]
        own += self._metrics_inside()
        objective = self._objective
        if objective is None:
            return own
        given = [objective] if leaves([objective.given_metrics, objective.given_weighted_metrics]) else []
        return [objective.loss_mean, *objective.loss_means, *given, *own]

    def _metrics_inside(self) -> tuple[Metric, ...]:
        """The metrics of the layers inside, but not those of models inside."""
        inside = self._inside
        if inside.change != Layer.last_change:
            layers = [layer for layer in layers_of(self)[1:] if not isinstance(layer, Trainer)]
            inside.metrics = tuple(dict.fromkeys(metric for layer in layers for metric in layer._own_metrics()))
            inside.change = Layer.last_change
        return inside.metrics

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics` in logs."""
        return [*self.get_metrics_result()]

    def names_in_logs(self) -> list[str] | None:
        """The names of the loss and metrics in logs; None if only a step of training shows them.

        They are known before the first step if the outputs are, and no method that makes logs is overridden, here or in
        a metric, whose result may be a dict.
        """
        overridden = any(getattr(type(self), name) is not getattr(Trainer, name) for name in MAKE_LOGS)
        overridden = overridden or any(not _result_is_ours(metric) for metric in self._compiled().given)
        output = getattr(self, "output", None) if getattr(self, "outputs", None) else None
        if overridden or output is None:
            return None
        return list(dict.fromkeys([*self._compiled().names_in_logs(output), *self.get_metrics_result()]))

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of `metrics` by name; those that a metric returns in a dict by their names in it."""
        return flat_logs({metric.name: metric.result() for metric in self.metrics})

    def reset_metrics(self) -> None:
        """Begin all `metrics` again."""
        with self.own_metrics():
            for metric in self.metrics:
                metric.reset_state()

    @contextmanager
    def own_metrics(self) -> Iterator[None]:
        """Inside `with`, metrics are those of the call that is under way in this Python thread."""
        with self._turns.lock:
            self._turns.take(self)
            yield

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._objective is not None

    def _compiled(self) -> Objective:
        if self._objective is None:
            raise ValueError(f"{self.name}: call compile(optimizer, loss) before training or evaluating")
        return self._objective

    # ---- the graphs ----------------------------------------------------------------------------------------------

    def _forward(self, x: Any, training: bool) -> Any:
        outputs = self(x, training=training)
        check_tensors(f"{self.name}: what a model returns", outputs)
        return outputs

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of training; a subclass may override it.

        `fit` and `train_on_batch` call it once for each shape of a batch, and from then on run what it did as a graph;
        where it looks at values, they call it in every step. Random numbers are those of `fastconv.random`; those of
        NumPy would be drawn once and for all.

        Args:
            data: x, (x, y) or (x, y, sample_weight) as tensors: what `utils.unpack_x_y_sample_weight` takes.

        Returns:
            What is reported of the step, numbers by name.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self._forward(x, training=True)
            loss = self._loss(x, y, y_pred, sample_weight, training=True)
            scaled = self._optimizer().scale_loss(loss)
        variables = self.trainable_weights
        if variables:
            self.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables))
        else:
            warnings.warn(f"{self.name}: there are no trainable weights", stacklevel=2)
        return self._report(x, y, y_pred, sample_weight, loss)

    def test_step(self, data: Any) -> dict[str, Any]:
        """What `evaluate`, and `fit` on its validation data, do with a batch; see `train_step`."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=False)
        loss = self._loss(x, y, y_pred, sample_weight, training=False)
        return self._report(x, y, y_pred, sample_weight, loss)

    def predict_step(self, data: Any) -> Any:
        """The outputs for a batch, as `predict` makes them; see `train_step`."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self._forward(x, training=False)

    def _loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """What `compute_loss` returns, which need not take `training` where it is overridden."""
        takes_training = "training" in inspect.signature(self.compute_loss).parameters
        how = {"training": training} if takes_training else {}
        return self.compute_loss(x, y, y_pred, sample_weight, **how)

    def _optimizer(self) -> Any:
        """The optimizer. Raises ValueError if `compile` was given none."""
        if self.optimizer is None:
            raise ValueError(f"{self.name}: compile(optimizer, loss) must name an optimizer. Received: optimizer=None")
        return self.optimizer

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The number to minimise: the loss of `compile`, and what the layers add to it; a subclass may override it.

        Args:
            x, training: for subclasses.
            y: targets.
            y_pred: what the model makes of x.
            sample_weight: what each sample counts, or None.

        Raises:
            ValueError: there is nothing to minimise, or targets that do not fit the outputs.
        """
        return self._compiled().total(y, y_pred, sample_weight, self.losses)

    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tuple[Any, tuple[list[Any], list[Any], list[Any]]]:
        """Return what `compute_loss` returns with other values of the variables; nothing is assigned.

        Args:
            trainable_variables, non_trainable_variables, metrics_variables: a value for each of the variables that the
                model has by this name.
            x, y, y_pred, sample_weight, training: as for `compute_loss`.

        Returns:
            The loss, and the three lists of values after it.

        Raises:
            ValueError: values that do not fit.
        """
        given = {
            "trainable_variables": trainable_variables,
            "non_trainable_variables": non_trainable_variables,
            "metrics_variables": metrics_variables,
        }
        what = f"{self.name}.stateless_compute_loss"
        parts = [paired(what, name, getattr(self, name), values) for name, values in given.items()]
        state = [pair for part in parts for pair in part]
        loss, after = run_on(state, partial(self._loss, training=training), x, y, y_pred, sample_weight)
        values = iter(after)
        trained, others, metrics = ([value for _, value in zip(part, values)] for part in parts)
        return loss, (trained, others, metrics)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics of `compile`, and return the results of all `metrics`; a subclass may override it."""
        objective = self._compiled()
        if objective in self.metrics:
            objective.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _report(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, loss: Any) -> dict[str, Any]:
        self._compiled().loss_mean.update_state(loss, sample_weight=np.float32(leaves(x)[0].shape[0]))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def _output_names(self, y_pred: Any) -> list[str]:
        """The keys of a dict of outputs, else the names of the layers that make them, else output_1, output_2, ..."""
        n = len(leaves(y_pred))
        keys = list(ordered(y_pred)) if isinstance(y_pred, dict) else []
        names = keys if len(keys) == n else [t.name for t in getattr(self, "outputs", ())]
        return names if len(set(names)) == n else [f"output_{i + 1}" for i in range(n)]

    def _step(self, mode: str, arrays: tuple) -> Results:
        """Run one step on a batch: `arrays` are (x, y or None, weights or None), nested as the model takes them."""
        flat = leaves(arrays)
        key = (
            mode,
            tuple((leaf.shape, leaf.dtype.char) for leaf in flat),
            structure(arrays),
            self._step_signature,
            getattr(self.optimizer, "schedule", None),
        )
        with self._turns.lock:
            step = self._plans.get(key)
            if step is None:
                step = self._plans[key] = self._make_step(mode, arrays)
                if len(self._plans) > MAX_PLANS:
                    self._plans.popitem(last=False)
            else:
                self._plans.move_to_end(key)
            if mode != "predict":  # which changes variables, so that one step at a time is done
                self._turns.take(self)
                return step(*flat)
        return step(*flat)

    def _reported(self, mode: str, batch: tuple) -> LazyLogs:
        """Run one step, and return what it reports."""
        turns = self._turns
        with turns.lock:
            turns.latest = late = LazyLogs(self._begin_step(mode, batch), turns)
        return late

    def _make_step(self, mode: str, example: tuple) -> Callable[..., Results]:
        """What runs a step on flat arrays: a plan, or the operations one by one where Python looks at values."""
        if not self.run_eagerly:
            try:
                return self._trace(mode, example)
            except DataDependentError:
                pass
        return lambda *flat: self._record(mode, rebuild(example, flat))

    def _trace(self, mode: str, example: tuple) -> PlannedStep:
        with Trace() as trace:
            inputs = [Tensor(leaf.shape, dtype) for leaf, dtype in zip(leaves(example), _graph_dtypes(example))]
            results = self._run_step(mode, rebuild(example, inputs))
            return PlannedStep(inputs, results, trace)

    def _record(self, mode: str, arrays: tuple, assign: bool = True) -> Results:
        with Trace(recording=True) as trace:
            cast = zip(leaves(arrays), _graph_dtypes(arrays))
            # copies, for Python code
            inputs = [Tensor.of(to_current_device(leaf).astype(dtype)) for leaf, dtype in cast]
            results = self._run_step(mode, rebuild(arrays, inputs))
            outputs = [Tensor.of(leaf).known() for leaf in leaves(results)]
        if assign:
            assign_all(trace.updates.items())
        return Results(results, outputs)

    def _run_step(self, mode: str, arrays: tuple) -> Any:
        """What `train_step`, `test_step` or `predict_step` returns for a batch of tensors."""
        step = getattr(self, f"{mode}_step")
        results = step(pack_x_y_sample_weight(*arrays))
        if mode != "predict" and not isinstance(results, dict):
            raise TypeError(
                f"{self.name}: {mode}_step must return a dict of what is reported. Received: {type(results).__name__}"
            )
        return results

    # ---- the functions made of steps -----------------------------------------------------------------------------

    def make_train_function(self, force: bool = False) -> Any:
        """Set `train_function`, which trains with one batch of an iterator and returns the logs; `fit` calls this.

        A subclass may set a function of its own here, which `fit` and `train_on_batch` then use.

        Args:
            force: whether to make it, and the graphs of `train_step`, again if there is one. Setting `train_function`
                to None does the same.
        """
        if self.train_function is None or force:
            self.train_function = self._new_function("train")
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """Set `test_function`, which evaluates one batch of an iterator; see `make_train_function`."""
        if self.test_function is None or force:
            self.test_function = self._new_function("test")
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Any:
        """Set `predict_function`, which returns the outputs for one batch of an iterator; see `make_train_function`."""
        if self.predict_function is None or force:
            self.predict_function = self._new_function("predict")
        return self.predict_function

    def _new_function(self, mode: str) -> StepFunction:
        with self._turns.lock:
            for key in [key for key in self._plans if key[0] == mode]:
                del self._plans[key]
        if mode == "predict":
            return StepFunction(lambda x, *_: self._outputs((self._inputs(x), None, None))(), unpack_x_y_sample_weight)
        return StepFunction(
            lambda *batch: _numbers(self._step(mode, self._standardize(*batch))), unpack_x_y_sample_weight
        )

    def _begin_step(self, mode: str, batch: tuple) -> Callable[[], dict[str, Any]]:
        """Run a step of training or evaluation; the function returned waits for its logs."""
        function = self.train_function if mode == "train" else self.test_function
        if type(function) is StepFunction:
            return partial(_numbers, self._step(mode, batch))
        logs = function(iter([pack_x_y_sample_weight(*batch)]))
        return lambda: {name: _number(value) for name, value in logs.items()}

    # ---- one batch -----------------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training on one batch. Returns the loss and the metrics of this batch alone."""
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss and the metrics of one batch."""
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def _on_batch(self, mode: str, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool) -> Any:
        self._compiled()
        arrays = self._standardize(x, y, sample_weight, batching.check_class_weight(class_weight))
        with self._turns.lock:
            self.reset_metrics()
            if mode == "train":
                self.make_train_function()
            else:
                self.make_test_function()
            return self._scores(self._begin_step(mode, arrays)(), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, all at once."""
        self.make_predict_function()
        return self._begin_prediction((self._inputs(x), None, None))()

    def _begin_prediction(self, batch: tuple) -> Callable[[], Any]:
        """Run `predict_function` on a batch; the function returned waits for the outputs."""
        function = self.predict_function
        if type(function) is StepFunction:
            return self._outputs(batch)
        outputs = function(iter([pack_x_y_sample_weight(*batch)]))
        return lambda: outputs

    def _outputs(self, batch: tuple) -> Callable[[], Any]:
        """Begin to compute the outputs for a batch; what is returned waits for them where the inputs lie."""
        results = self._step("predict", batch)
        if not any_on_gpu(leaves(batch)):
            return results.sent()
        outputs = results.arrays()
        return lambda: outputs

    # ---- many batches --------------------------------------------------------------------------------------------

    @in_turns
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
            batch_size: samples in a step; when None so many that arrays give `steps_per_epoch` batches, or 32. The last
                batch of an epoch may be smaller.
            epochs: the number of the last epoch.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line an epoch.
            callbacks: objects told of the progress.
            validation_split: the fraction at the end of the data to validate with instead of training with it.
            validation_data: (x, y) or (x, y, sample_weight) to validate with, or what makes such batches.
            shuffle: whether each epoch takes the samples (of a PyDataset: the batches) in a new order.
            class_weight: how much the samples of each class count: a dict of numbers by class, an integer; those of
                other classes count 1. Targets are integers or one-hot.
            sample_weight: how much each sample counts; for several outputs also a list, or a dict by their names.
            initial_epoch: how many epochs have been done before.
            steps_per_epoch: batches in an epoch, after which the next one goes on where it has ended; all when None.
            validation_steps: how many batches to validate with, the first ones each time; all when None.
            validation_batch_size: `batch_size` when None.
            validation_freq: validate after every so many epochs, or after those whose numbers, from 1 on, are given.

        Returns:
            A History; its `history` holds the loss and metrics of every epoch.

        Raises:
            ValueError: arrays that do not fit together or to the model, or a number that is none or too small.
        """
        self._compiled()
        epochs = as_integer("fit", "epochs", epochs, 0)
        initial_epoch = as_integer("fit", "initial_epoch", initial_epoch, 0)
        size = optional(as_integer, "fit", "batch_size", batch_size, 1)
        steps = optional(as_integer, "fit", "steps_per_epoch", steps_per_epoch, 1)
        validation_size = optional(as_integer, "fit", "validation_batch_size", validation_batch_size, 1) or size
        validation_steps = optional(as_integer, "fit", "validation_steps", validation_steps, 1)
        frequency = batching.check_frequency("fit", validation_freq)
        train: BatchSource
        validation: BatchSource | None = None
        share = as_number("fit", "validation_split", 0 if validation_split is None else validation_split, 0, below=1)
        if makes_batches(x):
            if share:
                raise ValueError("validation_split is for arrays; give validation_data instead")
            train = self._source(x, y, sample_weight, class_weight, size, steps, shuffle)
        else:
            arrays = self._standardize(x, y, sample_weight)
            if share and validation_data is None:
                arrays, held_out = batching.split_validation(arrays, share)
                validation = from_arrays(held_out, validation_size, validation_steps)
            arrays = batching.weigh_classes(arrays, batching.check_class_weight(class_weight))
            train = from_arrays(arrays, size, steps, shuffle)
        if validation_data is not None:
            has_targets = makes_batches(x) or y is not None
            validation = self._validation(validation_data, has_targets, validation_size, validation_steps)
        train = limited(train, steps, FixedSteps)
        validation = validation and limited(validation, validation_steps, FirstBatches)
        todo = self._callbacks(callbacks, verbose, {"epochs": epochs, "steps": train.steps})
        self.stop_training = False
        logs: dict[str, Any] = {}
        with todo, self._validating(validation is not None):
            todo.on_train_begin()
            resumed, self.resume_from = self.resume_from, None
            first = initial_epoch
            if resumed is not None:
                first = resumed.place["epoch"]
                self._replay(
                    resumed, train, validation, [is_due(n + 1, frequency) for n in range(initial_epoch, first)]
                )
            for epoch in range(first, first if self.stop_training else epochs):
                todo.on_epoch_begin(epoch)
                logs = self._train(train, todo, resumed if epoch == first else None)
                if validation is not None and is_due(epoch + 1, frequency):
                    scores = self._evaluate(validation, todo)
                    logs.update({f"val_{name}": value for name, value in scores.items()})
                todo.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            if self.optimizer is not None:
                self.optimizer.finalize_variable_values(self.trainable_weights)
            todo.on_train_end(logs)
        return cast("History", todo.history or self.history)

    @contextmanager
    def _validating(self, validates: bool) -> Iterator[None]:
        """Let callbacks see, inside `with`, whether there are data for validation."""
        self.validates = validates
        try:
            yield
        finally:
            self.validates = None

    def _source(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: bool = False,
    ) -> BatchSource:
        """The batches of data as `fit` and `evaluate` take it."""
        if not makes_batches(x):
            return from_arrays(self._standardize(x, y, sample_weight), batch_size, steps, shuffle)
        if y is not None or sample_weight is not None:
            raise ValueError(f"{self.name}: where x makes batches, targets and weights are a part of them")
        by_class = batching.check_class_weight(class_weight)
        return IterableBatches(x, partial(self._standardize, class_weight=by_class), shuffle)

    def _validation(self, data: Any, has_targets: bool, batch_size: int | None, steps: int | None) -> BatchSource:
        """The batches of `validation_data`."""
        if makes_batches(data):
            return self._source(data, steps=steps)
        x, y, sample_weight = unpack_x_y_sample_weight(batching.check_validation_data(data, has_targets))
        return self._source(x, y, sample_weight, batch_size=batch_size, steps=steps)

    def _train(self, source: BatchSource, callbacks: CallbackList, resumed: TrainingState | None) -> dict:
        """One epoch, or what is left of it, until a callback stops the training."""
        self.reset_metrics()
        self.make_train_function()
        batches = enumerate(source.epoch())
        logs: Mapping[str, Any] | None = None
        if resumed is not None and resumed.place["batch"]:
            logs = self._skip(batches, resumed)
        for step, batch in batches:
            callbacks.on_train_batch_begin(step)
            logs = self._reported("train", batch)
            callbacks.on_train_batch_end(step, logs)
            if self.stop_training:
                break
        return self._report_of_nothing() if logs is None else dict(logs)

    def _report_of_nothing(self) -> dict:
        """NaN for all metrics, which no comparison takes for the best."""
        warnings.warn(f"{self.name}: the data gave no batch, so that there is no loss and no metric", stacklevel=4)
        with self.own_metrics():
            found = self.get_metrics_result()
        return {name: np.full(np.shape(value), np.nan)[()] for name, value in found.items()}

    def _replay(
        self, resumed: TrainingState, train: BatchSource, validation: BatchSource | None, validated: list[bool]
    ) -> None:
        """Bring data and random numbers to where they were at `resumed`; `validated` has an entry for each epoch."""
        random.set_state(resumed.place["random"]["fit"])
        for due in validated:
            train.replay()
            if validation is not None and due:
                validation.replay()
        random.set_state(resumed.place["random"]["now"])
        self.stop_training = resumed.place["stopped"]

    def _skip(self, batches: Iterator[tuple[int, Any]], resumed: TrainingState) -> dict:
        """Pass by the batches before `resumed`, and return what was reported of the last one."""
        *_, (_, last) = islice(batches, resumed.place["batch"])
        self._record("train", last, assign=False)  # so that all metrics exist
        resumed.restore_metrics(self)
        random.set_state(resumed.place["random"]["now"])
        return resumed.place["logs"]

    @in_turns
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
            steps: how many batches, the first ones; all when None.
            return_dict: whether to return a dict.

        Raises:
            ValueError: arrays that do not fit together or to the model.
        """
        self._compiled()
        size = optional(as_integer, "evaluate", "batch_size", batch_size, 1)
        steps = optional(as_integer, "evaluate", "steps", steps, 1)
        source = limited(self._source(x, y, sample_weight, batch_size=size, steps=steps), steps, FirstBatches)
        todo = self._callbacks(callbacks, verbose, {"epochs": 1, "steps": source.steps}, history=False)
        with todo:
            return self._scores(self._evaluate(source, todo), return_dict)

    def _evaluate(self, source: BatchSource, callbacks: CallbackList) -> dict:
        self.reset_metrics()
        self.make_test_function()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        late = None
        for step, batch in enumerate(source.epoch()):
            callbacks.on_test_batch_begin(step)
            late = self._reported("test", batch)
            callbacks.on_test_batch_end(step, late)
            if self.stop_evaluating:
                break
        logs = self._report_of_nothing() if late is None else dict(late)
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
            steps: how many batches, the first ones; all when None.
            callbacks: objects told of the progress.

        Returns:
            An array with a row for each sample; several in the structure of the model's outputs.

        Raises:
            ValueError: arrays that do not fit together or to the model, or an iterable without batches.
        """
        size = optional(as_integer, "predict", "batch_size", batch_size, 1)
        steps = optional(as_integer, "predict", "steps", steps, 1)
        whole: tuple | None = None
        if makes_batches(x):
            source: BatchSource = IterableBatches(x, lambda x, *_: (self._inputs(x), None, None))
        else:
            whole = self._inputs(x), None, None
            source = from_arrays(whole, size, steps)
        source = limited(source, steps, FirstBatches)
        todo = self._callbacks(callbacks, verbose, {"epochs": 1, "steps": source.steps}, history=False)
        parts: list[Any] = []
        begun: Callable[[], Any] | None = None
        self.stop_predicting = False
        self.make_predict_function()
        with todo:
            todo.on_predict_begin()
            for step, batch in enumerate(source.epoch()):
                todo.on_predict_batch_begin(step)
                before, begun = begun, cache(self._begin_prediction(batch))
                if before is not None:
                    parts.append(before())
                todo.on_predict_batch_end(step, LazyLogs(partial(_as_logs, begun)))
                if self.stop_predicting:
                    break
            todo.on_predict_end()
        if begun is None and whole is not None:  # of no samples, but of known shapes
            begun = self._begin_prediction(whole)
        if begun is None:
            raise ValueError(f"{self.name}: predict needs at least one batch. Received: none")
        return _joined([*parts, begun()])

    def fit_generator(self, generator: Any, steps_per_epoch: int | None = None, epochs: int = 1, **how: Any) -> Any:
        """`fit`, by the name and with the arguments of Keras 2."""
        return self.fit(generator, steps_per_epoch=steps_per_epoch, epochs=epochs, **_of_today(how))

    def evaluate_generator(self, generator: Any, steps: int | None = None, **how: Any) -> Any:
        """`evaluate`, by the name and with the arguments of Keras 2."""
        return self.evaluate(generator, steps=steps, **{"verbose": 0, **_of_today(how)})

    def predict_generator(self, generator: Any, steps: int | None = None, **how: Any) -> Any:
        """`predict`, by the name and with the arguments of Keras 2."""
        return self.predict(generator, steps=steps, **{"verbose": 0, **_of_today(how)})

    def _scores(self, logs: dict[str, Any], return_dict: bool) -> Any:
        """The logs of an evaluation as it was asked for: a dict, or a list in the order of Keras, or the only value.

        The list begins with those that have the names of `metrics`, in this order; the others follow by their names.
        """
        if return_dict or len(logs) == 1:
            return logs if return_dict else next(iter(logs.values()))
        named = [name for metric in self.metrics for name in getattr(metric, "names_in_order", [metric.name])]
        first = [name for name in dict.fromkeys(named) if name in logs]
        return [logs[name] for name in [*first, *sorted(logs.keys() - set(first))]]

    # ---- helpers -------------------------------------------------------------------------------------------------

    def _inputs(self, x: Any) -> Any:
        """`x` as arrays, for which the model is built; steps made for other variables than it has now are passed by."""
        self._check_initialized()
        x = batching.to_arrays(x, "x")
        with self._turns.lock:
            self._ensure_built((x,))
        if self._signature_version != Layer.last_change:
            self._signature_version, self._step_signature = Layer.last_change, self._signature()
        return x

    def _standardize(self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: dict | None = None) -> tuple:
        """(x, y, weights or None) as arrays with one length, which is not 0."""
        x, y = batching.to_arrays(x, "x"), None if y is None else batching.to_arrays(y, "y")
        n = batching.count_samples(x, y)
        if n == 0:
            raise ValueError(f"{self.name}: there must be at least one sample. Received: arrays of length 0")
        arrays = self._inputs(x), y, batching.check_weights(sample_weight, n)
        return batching.weigh_classes(arrays, class_weight)

    def _callbacks(self, callbacks: Any, verbose: Any, params: dict, history: bool = True) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        level = as_verbosity(self.name, verbose)
        return CallbackList(callbacks, history, bool(level), self, **params, verbose=level)


def is_due(epoch: int, frequency: int | Container[int]) -> bool:
    """Whether `frequency`, a number or the numbers of some epochs, asks for something after this epoch, from 1 on."""
    return epoch % frequency == 0 if isinstance(frequency, int) else epoch in frequency


def _of_today(arguments: dict[str, Any]) -> dict[str, Any]:
    """Without the arguments of Keras 2 that say how generators are run; a generator runs where it is asked."""
    return {k: v for k, v in arguments.items() if k not in ("max_queue_size", "workers", "use_multiprocessing")}


def _metrics_in(value: Any) -> list[Metric]:
    """`value`, a metric, or those in a list, tuple or dict."""
    given = [value] if isinstance(value, Metric) else value.values() if isinstance(value, dict) else value
    return [one for one in given if isinstance(one, Metric)]


def _result_is_ours(metric: Any) -> bool:
    """Whether the result of `metric` is that of a metric of this library, which has the metric's name in logs."""
    return is_of_this_package(type(metric).result)


def _numbers(results: Results) -> dict[str, Any]:
    """What a step has reported, with Python's numbers in place of arrays of one number."""
    logs = flat_logs(results.on_host())
    return {name: value if isinstance(value, float) else _number(value) for name, value in logs.items()}


def _number(value: Any) -> Any:
    return float(value) if np.size(value) == 1 else value


def _as_logs(outputs: Callable[[], Any]) -> dict[str, Any]:
    """What callbacks are told of a batch of prediction: arrays that are theirs."""
    return {"outputs": map_leaves(lambda x: x.copy(), outputs())}


def _joined(parts: list[Any]) -> Any:
    """The outputs of successive batches as whole arrays, in the structure in which the model returns them."""
    columns = zip(*map(leaves, parts))
    joined = [c[0] if len(c) == 1 else backend_of(*c).xp.concatenate(c) for c in columns]
    return rebuild(parts[0], joined)


def _graph_dtypes(arrays: tuple) -> list[Any]:
    """Inputs and all other floats enter a graph as `config.floatx()`, whole numbers among targets as they are."""
    inputs, others = leaves(arrays[0]), leaves(arrays[1:])
    return [config.floatx()] * len(inputs) + [config.floatx() if a.dtype.kind == "f" else a.dtype for a in others]
