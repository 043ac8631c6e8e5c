"""What is watched while a model is trained: numbers updated batch by batch as part of the graph, and read between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv import config, initializers, losses, ops, serialization
from fastconv.engine import Variable
from fastconv.losses.functions import same_rank
from fastconv.losses.objects import leading_weights
from fastconv.serialization import Configurable, register


class Metric(Configurable):
    """Variables, a rule that updates them from a batch, written with ops, and the number that they stand for.

    Args:
        name: what it is called.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or serialization.snake_case(type(self).__name__)
        self.variables: list[Variable] = []

    def add_variable(
        self, shape: Sequence[int], initializer: Any = "zeros", dtype: str | None = None, name: str = "variable"
    ) -> Variable:
        """A new variable of the metric; `dtype` None is `config.floatx()`."""
        variable = Variable(initializers.get(initializer), tuple(shape), dtype or config.floatx(), False, name)
        variable.path = f"{self.name}/{name}"
        self.variables.append(variable)
        return variable

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account, by assigning to the variables."""
        raise NotImplementedError

    def result(self) -> float:
        """The number that the variables stand for now."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Begin again: every variable becomes zero."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        """Update, then read."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


@register("metric")
class Mean(Metric):
    """The weighted mean of all values seen, 0 before there are any; kept in float64, so that counts stay exact."""

    def __init__(self, name: str = "mean") -> None:
        super().__init__(name)
        self.total = self.add_variable((), "zeros", "float64", "total")
        self.count = self.add_variable((), "zeros", "float64", "count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take `values`, of any shape, into account.

        Args:
            sample_weight: what each value counts: a scalar, or as many leading axes of `values` as it has.
        """
        values = ops.convert_to_tensor(values)
        if sample_weight is None:
            count: Any = float(np.prod(values.shape))
        else:
            weights = ops.broadcast_to(leading_weights(values, sample_weight), values.shape)
            values = values * weights
            count = ops.cast(ops.sum(weights), "float64")
        self.total.assign(self.total + ops.cast(ops.sum(values), "float64"))
        self.count.assign(self.count + count)

    def result(self) -> float:
        return float(self.total) / float(self.count) if float(self.count) else 0.0


@register("metric")
class MeanMetricWrapper(Mean):
    """The mean of a function ``fn(y_true, y_pred, **kwargs)`` that returns a value for each sample."""

    def __init__(self, fn: Callable[..., Any], name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name or str(getattr(fn, "__name__", "mean_metric_wrapper")))
        self.fn = fn
        self.kwargs = kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take the values of a batch into account."""
        super().update_state(self.fn(y_true, y_pred, **self.kwargs), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": serialization.serialize(self.fn), **self.kwargs}

    @classmethod
    def from_config(cls, config: Any) -> MeanMetricWrapper:
        found = serialization.deserialize("metric", config["fn"])
        return cls(**{**config, "fn": found.fn if isinstance(found, MeanMetricWrapper) else found})


# ---- functions: a value for each sample -----------------------------------------------------------------------------


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where y_pred equals y_true, else 0."""
    return _hits(*same_rank(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where y_pred > threshold says what y_true says, else 0."""
    y_true, y_pred = same_rank(y_true, y_pred)
    return _hits(y_true, ops.cast(y_pred > threshold, y_true.dtype))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_pred (N, ..., K) is at the place of the largest of y_true (N, ..., K), else 0."""
    return _hits(ops.argmax(y_true, -1), ops.argmax(y_pred, -1))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_pred (N, ..., K) is at y_true (N, ...) or (N, ..., 1), else 0."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return _hits(y_true, ops.argmax(y_pred, -1))


def _hits(expected: Any, found: Any) -> Any:
    if tuple(expected.shape) != tuple(found.shape):
        raise ValueError(
            "accuracy: there must be one target for each prediction. "
            f"Received: targets of shape {tuple(expected.shape)}, predictions of shape {tuple(found.shape)}"
        )
    return ops.cast(ops.equal(expected, found), config.floatx())


# ---- objects --------------------------------------------------------------------------------------------------------


class _MeanOfFunction(MeanMetricWrapper):
    """`MeanMetricWrapper` with the function settled by the class."""

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, **self.kwargs}

    @classmethod
    def from_config(cls, config: Any) -> Any:
        return cls(**config)


@register("metric", "acc")
class Accuracy(_MeanOfFunction):
    """How often outputs equal targets."""

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(accuracy, name)


@register("metric")
class BinaryAccuracy(_MeanOfFunction):
    """How often outputs above `threshold` have target 1, and the others 0."""

    def __init__(self, name: str = "binary_accuracy", threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, threshold=threshold)


@register("metric")
class CategoricalAccuracy(_MeanOfFunction):
    """How often the most probable class is that of a one-hot target."""

    def __init__(self, name: str = "categorical_accuracy") -> None:
        super().__init__(categorical_accuracy, name)


@register("metric")
class SparseCategoricalAccuracy(_MeanOfFunction):
    """How often the most probable class is the target, a whole number."""

    def __init__(self, name: str = "sparse_categorical_accuracy") -> None:
        super().__init__(sparse_categorical_accuracy, name)


@register("metric", "mse", "MSE")
class MeanSquaredError(_MeanOfFunction):
    """The mean of (y_pred - y_true)^2."""

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(losses.mean_squared_error, name)


@register("metric", "mae", "MAE")
class MeanAbsoluteError(_MeanOfFunction):
    """The mean of |y_pred - y_true|."""

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(losses.mean_absolute_error, name)


def serialize(metric: Any) -> Any:
    """What `deserialize` makes `metric` from again; the state of its variables is not part of it."""
    return serialization.serialize(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that was serialized. Raises ValueError for unknown names."""
    return serialization.deserialize("metric", config, custom_objects)


def get(identifier: Any) -> Any:
    """The metric that a name such as "mse", a configuration or an object means; None stays None.

    Raises:
        ValueError: an unknown name.
    """
    return serialization.get("metric", identifier)


def accuracy_for(y_true_shape: Sequence[int], y_pred_shape: Sequence[int], name: str = "accuracy") -> Metric:
    """The metric that "accuracy" means for targets and outputs of these shapes, as in Keras.

    One output a sample: binary; targets that lack the classes or have 1 in their place: sparse; else categorical.
    """
    if y_pred_shape[-1] == 1:
        return BinaryAccuracy(name)
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return SparseCategoricalAccuracy(name)
    return CategoricalAccuracy(name)


def for_output(identifier: Any, y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> Metric:
    """The metric that an entry of ``compile(metrics=[...])`` means for one output, named as it was given there.

    Args:
        identifier: a name, a configuration, a metric, or a function (y_true, y_pred) -> values, whose mean is taken.

    Raises:
        ValueError: an unknown name.
    """
    if identifier in ("accuracy", "acc"):
        return accuracy_for(y_true_shape, y_pred_shape, identifier)
    metric = get(identifier)
    metric = metric if isinstance(metric, Metric) else MeanMetricWrapper(metric)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric
