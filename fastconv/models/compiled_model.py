"""compile, and the steps of training, evaluation and prediction that follow from it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

import fastconv.optimizers as optimizers
from fastconv.arguments import as_flag, as_integer
from fastconv.callbacks import History
from fastconv.callbacks.training_state import TrainingState
from fastconv.device import any_on_gpu, is_cupy_loaded
from fastconv.engine import GradientTape
from fastconv.engine.names import NAMES
from fastconv.engine.stateless import paired, run_on
from fastconv.engine.tree import leaves, ordered, rebuild
from fastconv.layers.base import Layer, layers_of
from fastconv.metrics import Metric
from fastconv.models import data
from fastconv.models.advice import warn_of_outputs
from fastconv.models.compile_config import described, revived
from fastconv.models.compiled_loss import CompiledLoss, check_tensors
from fastconv.models.compiled_metrics import CompiledMetrics
from fastconv.models.logs import flat_logs, numbers
from fastconv.models.step_cache import StepCache
from fastconv.models.step_function import StepFunction
from fastconv.models.turns import Turns
from fastconv.serialization import is_of_this_package
from fastconv.typing import Array, Config, Tree
from fastconv.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight

MAKE_LOGS = ("train_step", "test_step", "compute_metrics", "get_metrics_result", "metrics")  # methods of a model
HOLDERS = (Metric, list, tuple, dict)  # types of attributes that may hold metrics
PLAIN = {type(None), bool, int, str}  # types of most attributes, which are ruled out faster than by isinstance


class InnerMetrics:
    """The metrics of the layers inside a model, and the change of layers after which they were found."""

    metrics: tuple[Metric, ...] = ()
    change = -1


class CompiledModel(Layer):
    """A layer with an optimizer, a loss and metrics, and with steps that use them."""

    INPUTS = None  # models and layers inside check them

    TRANSIENT = Layer.TRANSIENT | {
        *("_step_cache", "_turns", "_inner_metrics", "resume_from", "history", "validates"),
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
        self.jit_compile: bool | str = "auto"
        self._compiled: tuple[CompiledLoss, CompiledMetrics] | None = None
        super().__init__(**kwargs)

    def _begin(self) -> None:
        """Make the attributes that a copy of a model does not share with it."""
        self._step_cache = StepCache()
        self._turns = Turns()
        self._inner_metrics = InnerMetrics()
        self.resume_from: TrainingState | None = None  # the place at which `fit` goes on, set when it begins
        self.history: History | None = None
        self.validates: bool | None = None  # whether `fit`, if it is running, has data for validation
        self.train_function: Any = None
        self.test_function: Any = None
        self.predict_function: Any = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._begin()

    # ---- compile -------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: str | Mapping[str, Any] | optimizers.Optimizer = "rmsprop",
        loss: Tree = None,
        loss_weights: float | Sequence[float] | Mapping[str, float] | None = None,
        metrics: Tree = None,
        weighted_metrics: Tree = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Set the optimizer, the loss and the metrics.

        If there are several outputs, `loss`, `loss_weights` and `metrics` have an entry for each: nested like the
        outputs, in a list in their order, or in a dict by their names, which are the names of the layers that make
        them, or the keys if the outputs are a dict. Logs name the losses of nested outputs by their places, as in
        "o/d1_loss" for the first of {"o": [d1, d2]}.

        Args:
            optimizer: a name or an object.
            loss: a name, an object or a function (y_true, y_pred) -> losses.
            loss_weights: factors of the losses in their sum.
            metrics: a list of names, objects or functions; or an entry or a list of entries for each output.
            weighted_metrics: likewise, metrics in which samples count by their weights.
            run_eagerly: whether to run operation by operation, so that Python code in `call` may look at values.
            steps_per_execution, jit_compile, auto_scale_loss: accepted as in Keras, without effect: steps are always
                compiled, run one by one, and compute in float32, which needs no scaling.

        Raises:
            ValueError: an unknown name, or metrics that are no list, tuple or dict.

        Warns:
            ModelWarning: the last layer does not go with the loss: a single unit has a softmax, or a crossentropy takes
                probabilities and the layer has no activation.
        """
        self._check_initialized()
        compiled_loss = CompiledLoss(self._output_names, loss, loss_weights)
        compiled_metrics = CompiledMetrics(self._output_names, metrics, weighted_metrics, compiled_loss)
        self._compiled = compiled_loss, compiled_metrics
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self.run_eagerly = as_flag(self.name, "run_eagerly", run_eagerly)
        self.steps_per_execution = as_integer(self.name, "steps_per_execution", steps_per_execution, 1)
        self.jit_compile = jit_compile
        self.train_function = self.test_function = self.predict_function = None
        self.built = self.built or type(self).call is Layer.call  # without `call`, steps of its own apply what it holds
        self._step_cache.clear()
        warn_of_outputs(self, compiled_loss, stacklevel=2)

    def get_compile_config(self) -> Config:
        """Return the arguments of `compile` as plain data; nothing if it was not called."""
        if self._compiled is None:
            return {}
        loss, metrics = self._compiled
        return {
            "optimizer": described(self.optimizer),
            "loss": described(self.loss),
            "loss_weights": loss.loss_weights,
            **{name: described(given) for name, given in metrics.arguments.items()},
            "run_eagerly": self.run_eagerly,
        }

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile with the arguments that `get_compile_config` has returned; build the optimizer of a built model.

        If a subclass overrides `compile` but not this method, nothing is compiled, and a warning says so.
        """
        if type(self).compile is not CompiledModel.compile:
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
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    def _require_compiled(self) -> tuple[CompiledLoss, CompiledMetrics]:
        if self._compiled is None:
            raise ValueError(f"{self.name}: call compile(optimizer, loss) before training or evaluating")
        return self._compiled

    def _require_optimizer(self) -> Any:
        if self.optimizer is None:
            raise ValueError(f"{self.name}: compile(optimizer, loss) must name an optimizer. Received: optimizer=None")
        return self.optimizer

    def _output_names(self, y_pred: Tree) -> Tree:
        """Return the names of outputs, nested like these, with sorted keys.

        They are the keys of a dict without nesting, else the names of the layers, else output_1, output_2 and so on.
        """
        outputs = ordered(y_pred)
        n = len(leaves(outputs))
        is_flat = isinstance(outputs, dict) and not any(isinstance(y, (list, tuple, dict)) for y in outputs.values())
        names = list(outputs) if is_flat else [t.name for t in getattr(self, "outputs", ())]
        return rebuild(outputs, names if len(set(names)) == n else [f"output_{i + 1}" for i in range(n)])

    # ---- metrics -------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Any]:
        """The running loss, the loss of each of several outputs, the metrics of `compile` as one, and the model's own.

        The model's own metrics are attributes of it, or of a layer inside it. A subclass may override this; the metrics
        in this list begin again in each epoch.
        """
        held = [value for value in vars(self).values() if type(value) not in PLAIN and isinstance(value, HOLDERS)]
        own = [metric for value in held for metric in _metrics_in(value)]
        own += self._metrics_inside()
        if self._compiled is None:
            return own
        loss, metrics = self._compiled
        given = [metrics] if leaves([*metrics.arguments.values()]) else []
        return [loss.mean, *loss.output_means, *given, *own]

    def _metrics_inside(self) -> tuple[Metric, ...]:
        """Return the metrics of the layers inside, but not those of models inside."""
        inner = self._inner_metrics
        if inner.change != Layer.last_change:
            layers = [layer for layer in layers_of(self)[1:] if not isinstance(layer, CompiledModel)]
            inner.metrics = tuple(dict.fromkeys(metric for layer in layers for metric in layer._own_metrics()))
            inner.change = Layer.last_change
        return inner.metrics

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics` in logs."""
        return [*self.get_metrics_result()]

    def names_in_logs(self) -> list[str] | None:
        """Return the names of the loss and metrics in logs; None if they are known only after a step of training.

        They are known before if the outputs are, and if no method that makes logs is overridden, neither here nor in a
        metric, whose result may be a dict.
        """
        loss, metrics = self._require_compiled()
        overridden = any(getattr(type(self), name) is not getattr(CompiledModel, name) for name in MAKE_LOGS)
        overridden = overridden or not all(map(_has_own_name_in_logs, metrics.given))
        output = getattr(self, "output", None) if getattr(self, "outputs", None) else None
        if overridden or output is None:
            return None
        names = self._output_names(output)
        found = [*loss.names_in_logs(names), *metrics.names_in_logs(names), *self.get_metrics_result()]
        return list(dict.fromkeys(found))

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the results of `metrics` by name; the entries of a metric's dict by their names in it."""
        return flat_logs({metric.name: metric.result() for metric in self.metrics})

    def reset_metrics(self) -> None:
        """Begin all `metrics` again."""
        with self._turns.lock:  # what own_metrics does, without the cost of a context manager in each step
            self._turns.take(self)
            for metric in self.metrics:
                metric.reset_state()

    @contextmanager
    def own_metrics(self) -> Iterator[None]:
        """Inside `with`, let metrics be those of the call in this Python thread."""
        with self._turns.lock:
            self._turns.take(self)
            yield

    # ---- a step --------------------------------------------------------------------------------------------------

    def _forward(self, x: Tree, training: bool) -> Tree:
        outputs = self(x, training=training)
        check_tensors(f"{self.name}: what a model returns", outputs)
        return outputs

    def train_step(self, data: Tree) -> dict[str, Any]:
        """Run one step of training; a subclass may override it.

        `fit` and `train_on_batch` call it once for each shape of a batch, and then run its operations as a graph. If it
        looks at values, they call it in every step. Random numbers must come from `fastconv.random`; those of NumPy
        would be the same in every step.

        Args:
            data: x, (x, y) or (x, y, sample_weight) as tensors; `utils.unpack_x_y_sample_weight` takes them.

        Returns:
            The logs of the step: numbers by name.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self._forward(x, training=True)
            loss = self._loss(x, y, y_pred, sample_weight, training=True)
            scaled = self._require_optimizer().scale_loss(loss)
        variables = self.trainable_weights
        if variables:
            gradients = tape.gradient(scaled, variables)
            with NAMES.inside("optimizer"):
                self.optimizer.apply_gradients(zip(gradients, variables))
        else:
            warnings.warn(f"{self.name}: there are no trainable weights", stacklevel=2)
        return self._report(x, y, y_pred, sample_weight, loss)

    def test_step(self, data: Tree) -> dict[str, Any]:
        """Evaluate a batch, for `evaluate` and for the validation in `fit`; see `train_step`."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=False)
        loss = self._loss(x, y, y_pred, sample_weight, training=False)
        return self._report(x, y, y_pred, sample_weight, loss)

    def predict_step(self, data: Tree) -> Tree:
        """Return the outputs for a batch, for `predict`; see `train_step`."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self._forward(x, training=False)

    def _loss(self, x: Tree, y: Tree, y_pred: Tree, sample_weight: Tree, training: bool) -> Array:
        """Call `compute_loss`, which need not take `training` if it is overridden."""
        takes_training = "training" in inspect.signature(self.compute_loss).parameters
        how = {"training": training} if takes_training else {}
        with NAMES.inside("loss"):
            return self.compute_loss(x, y, y_pred, sample_weight, **how)

    def compute_loss(
        self, x: Tree = None, y: Tree = None, y_pred: Tree = None, sample_weight: Tree = None, training: bool = True
    ) -> Array:
        """Return the number to minimise: the loss of `compile` and the losses that layers add.

        A subclass may override it.

        Args:
            x, training: for subclasses.
            y: targets.
            y_pred: the outputs for x.
            sample_weight: a weight for each sample, or None.

        Raises:
            ValueError: there is nothing to minimise, or targets that do not fit the outputs.
        """
        loss, _ = self._require_compiled()
        return loss.total(y, y_pred, sample_weight, self.losses)

    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Array],
        non_trainable_variables: Sequence[Array],
        metrics_variables: Sequence[Array],
        x: Tree = None,
        y: Tree = None,
        y_pred: Tree = None,
        sample_weight: Tree = None,
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
        owner = f"{self.name}.stateless_compute_loss"
        parts = [paired(owner, name, getattr(self, name), values) for name, values in given.items()]
        state = [pair for part in parts for pair in part]
        loss, after = run_on(state, partial(self._loss, training=training), x, y, y_pred, sample_weight)
        values = iter(after)
        trained, others, metrics = ([value for _, value in zip(part, values)] for part in parts)
        return loss, (trained, others, metrics)

    def compute_metrics(self, x: Tree, y: Tree, y_pred: Tree, sample_weight: Tree = None) -> dict[str, Any]:
        """Update the metrics of `compile`, and return the results of all `metrics`; a subclass may override it."""
        _, metrics = self._require_compiled()
        if metrics in self.metrics:
            metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _report(self, x: Tree, y: Tree, y_pred: Tree, sample_weight: Tree, loss: Tree) -> dict[str, Any]:
        compiled_loss, _ = self._require_compiled()
        with NAMES.inside("metrics"):
            compiled_loss.mean.update_state(loss, sample_weight=np.float32(leaves(x)[0].shape[0]))
            return self.compute_metrics(x, y, y_pred, sample_weight)

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
            self._step_cache.forget(mode)
        if mode == "predict":
            return StepFunction(self._standardize_inputs, self._begin_outputs)
        return StepFunction(self._standardize, partial(self._begin_logs, mode))

    def _begin_step(self, mode: str, batch: tuple) -> Callable[[], dict[str, Any]]:
        """Run `train_function` or `test_function` on a batch of arrays; the function returned waits for the logs."""
        function = self.train_function if mode == "train" else self.test_function
        if type(function) is StepFunction:
            return function.begin(batch)
        return partial(numbers, function(iter([pack_x_y_sample_weight(*batch)])))

    def _begin_prediction(self, batch: tuple) -> Callable[[], Any]:
        """Run `predict_function` on a batch of arrays; the function returned waits for the outputs."""
        function = self.predict_function
        if type(function) is StepFunction:
            return function.begin(batch)
        outputs = function(iter([pack_x_y_sample_weight(*batch)]))
        return lambda: outputs

    def _begin_logs(self, mode: str, batch: tuple) -> Callable[[], dict[str, Any]]:
        results = self._step_cache.run(self, mode, batch)
        return lambda: numbers(flat_logs(results.on_host()))

    def _begin_outputs(self, batch: tuple) -> Callable[[], Any]:
        """Begin to compute the outputs for a batch; the function returned waits for them, on the device of inputs."""
        results = self._step_cache.run(self, "predict", batch)
        if is_cupy_loaded() and not any_on_gpu(leaves(batch)):
            return results.sent()
        outputs = results.arrays()
        return lambda: outputs

    # ---- the arrays of a step ------------------------------------------------------------------------------------

    def _standardize(
        self, x: Tree, y: Tree = None, sample_weight: Tree = None, class_weight: dict | None = None
    ) -> tuple:
        """Return (x, y, weights or None) as arrays of one length, which is not 0; build the model for them."""
        arrays = data.standardize(self.name, x, y, sample_weight, class_weight)
        self._prepare(arrays[0])
        return arrays

    def _standardize_inputs(self, x: Tree, *_: Any) -> tuple:
        """Return (x, None, None) as arrays, which may have length 0; build the model for them."""
        arrays = data.to_arrays(x, "x")
        self._prepare(arrays)
        return arrays, None, None

    def _prepare(self, x: Tree) -> None:
        """Build the model for x, and let the next steps be those for its present layers and variables."""
        self._check_initialized()
        if self.built and self._step_cache.version == Layer.last_change:
            return
        with self._turns.lock:
            self._ensure_built((x,))
            self._step_cache.follow(self)


def _metrics_in(value: Any) -> list[Metric]:
    """Return `value`, a metric, or the metrics in a list, tuple or dict."""
    given = [value] if isinstance(value, Metric) else value.values() if isinstance(value, dict) else value
    return [element for element in given if isinstance(element, Metric)]


def _has_own_name_in_logs(metric: Any) -> bool:
    """Return whether the result of `metric` is that of this library, so that logs have it by the metric's name."""
    return is_of_this_package(type(metric).result)
