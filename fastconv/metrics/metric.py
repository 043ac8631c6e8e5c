"""The base class of all metrics, and means and sums of values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.initializers as initializers
import fastconv.ops as ops
import fastconv.serialization as serialization
from fastconv.engine import Tensor, Variable, when_run
from fastconv.engine.stateless import paired, run_on
from fastconv.engine.tree import leaves, rebuild
from fastconv.losses.functions import as_single
from fastconv.losses.objects import dtype_name, weights_for
from fastconv.serialization import Configurable, register
from fastconv.typing import Array, Config, DTypeLike, InitializerLike, Tree
from fastconv.utils.memory import check_memory


class Metric(Configurable):
    """Base class of metrics: variables, a rule that updates them from a batch, and a result computed from them.

    `update_state` is written with ops. A user's metric receives integers as int64, so that a formula gives equal
    results for targets of every integer dtype; booleans and floats are not changed.

    Args:
        dtype: accepted for compatibility with Keras and for subclasses; the metrics of this module count in float64.
        name: str, the name of the metric, or None to use the name of the class in snake case.

    Attributes:
        dtype: the name of the dtype. Defaults to `config.floatx()`.
        variables: the variables of the metric and of metrics among its attributes.

    Raises:
        ValueError: if NumPy has no such dtype.

    Example:
        >>> from fastconv import metrics, ops
        >>> class LargestError(metrics.Metric):
        ...     def __init__(self, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.largest = self.add_weight(name="largest")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         error = ops.max(ops.absolute(ops.cast(y_true, "float32") - y_pred))
        ...         self.largest.assign(ops.maximum(self.largest, error))
        ...     def result(self):
        ...         return self.largest
        >>> metric = LargestError()
        >>> metric.update_state([1, 2], [1.0, 4.0])
        >>> float(metric.result())
        2.0
    """

    def __init__(self, dtype: DTypeLike | None = None, name: str | None = None) -> None:
        self._variables: list[Variable] = []
        self._metrics: list[Metric] = []
        self.dtype = dtype_name(dtype)
        self.name = name or serialization.snake_case(type(self).__name__)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "result" in vars(cls):
            cls.result = _when_run(cls.result)  # type: ignore[method-assign, assignment]
        if "update_state" in vars(cls) and not _is_of_this_package(cls):
            cls.update_state = _of_wide_integers(cls.update_state)  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. Variables and metrics are recorded, so that `reset_state` reaches them."""
        if "_metrics" in vars(self) and name not in ("_variables", "_metrics"):
            for part in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(part, (Variable, Metric)):
                    self._keep(part)
        super().__setattr__(name, value)

    def _keep(self, part: Variable | Metric) -> None:
        kept: list[Any] = self._variables if isinstance(part, Variable) else self._metrics
        if not any(part is other for other in kept):
            kept.append(part)

    @property
    def variables(self) -> list[Variable]:
        """The variables of the metric and of metrics among its attributes."""
        return [*self._variables, *(v for metric in self._metrics for v in metric.variables)]

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: InitializerLike | None,
        dtype: DTypeLike | None = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Create a variable of the metric and return it.

        Args:
            shape: tuple of int.
            initializer: a name, a function or an initializer; `reset_state` sets zeros.
            dtype: the name of a dtype. Defaults to `config.floatx()`.
            aggregation: accepted for compatibility with Keras; it says how the values of several devices are combined.
            name: str, the last part of the path of the variable.
        """
        check_memory(f"{self.name}/{name or 'variable'}", shape, dtype or config.floatx())
        start = initializers.get("zeros" if initializer is None else initializer)
        variable = Variable(start, tuple(shape), dtype or config.floatx(), trainable=False, name=name or "variable")
        variable.path = f"{self.name}/{variable.name}"
        self._keep(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: InitializerLike | None = None,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> Variable:
        """Create a variable of the metric and return it; by default a scalar that starts at 0. See `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:
        """Update the variables for a batch; written with ops."""
        raise NotImplementedError

    def result(self) -> Tree:
        """Return the result, a number or an array, for the current values of the variables."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Set all variables to 0."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    # ---- without side effects ------------------------------------------------------------------------------------

    def stateless_update_state(self, metric_variables: Sequence[Array], *args: Array, **kwargs: Any) -> list[Array]:
        """Return the values of `variables` after an update, given their values before; see `update_state`.

        Raises:
            ValueError: if the number or a shape of the values does not fit `variables`.
        """
        state = self._given("stateless_update_state", metric_variables)
        return run_on(state, self.update_state, *args, **kwargs)[1]

    def stateless_result(self, metric_variables: Sequence[Array]) -> Tree:
        """Return the result for given values of `variables`.

        Raises:
            ValueError: if the number or a shape of the values does not fit `variables`.
        """
        return run_on(self._given("stateless_result", metric_variables), self.result)[0]

    def stateless_reset_state(self) -> list[Array]:
        """Return the initial values of `variables`."""
        return run_on([(v, v.read()) for v in self.variables], self.reset_state)[1]

    def _given(self, method: str, values: Sequence[Array]) -> list[tuple[Variable, Array]]:
        return paired(f"{self.name}.{method}", "metric_variables", self.variables, values)

    def __call__(self, *args: Array, **kwargs: Any) -> Array:
        """Update the metric, and return its result."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> Config:
        return {"name": self.name, "dtype": self.dtype}


def _is_of_this_package(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def wide_integers(x: Array) -> Array:
    """Cast arrays of integers to int64, also in lists, tuples and dicts; leave everything else unchanged."""
    return rebuild(x, [ops.cast(leaf, "int64") if _is_narrow(leaf) else leaf for leaf in leaves(x)])


def _is_narrow(x: Array) -> bool:
    return isinstance(x, (np.ndarray, Tensor)) and x.dtype.kind in "iu" and x.dtype != np.int64


def _of_wide_integers(update_state: Callable[..., Any]) -> Callable[..., Any]:
    """Return an `update_state` that receives integers as int64."""

    @functools.wraps(update_state)
    def update(self: Metric, *args: Array, **kwargs: Any) -> Any:
        return update_state(self, *map(wide_integers, args), **wide_integers(kwargs))

    return update


def _when_run(result: Callable[[Any], Tree]) -> Callable[[Any], Tree]:
    """Return a `result` that, inside the graph of a training step, is computed when the step runs."""

    def value(self: Metric) -> Any:
        found = result(self)
        return found.numpy() if isinstance(found, (Tensor, Variable)) else found

    @functools.wraps(result)
    def result_when_run(self: Metric) -> Any:
        return when_run(lambda: value(self), self.variables)

    return result_when_run


@register("metric")
class Mean(Metric):
    """Weighted mean of all values, 0 if there are none, accumulated in float64.

    A sample, which is an element of the first axis, counts once, regardless of the number of its values.

    Args:
        name: str, the name of the metric. Defaults to "mean".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.Mean()
        >>> metric.update_state([1.0, 3.0])
        >>> metric.update_state(5.0, sample_weight=2.0)
        >>> metric.result()
        3.5
    """

    def __init__(self, name: str | None = "mean", dtype: DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", "float64", name="total")
        self.count = self.add_variable((), "zeros", "float64", name="count")

    def update_state(self, values: Array, sample_weight: Array = None) -> None:  # type: ignore[override]
        """Add values to the mean.

        Args:
            values: an array of any shape.
            sample_weight: the weight of each value: an array with the leading axes of `values`, or a number for all
                values together.
        """
        values, weights, joint = as_single(values), None, False
        if sample_weight is not None:
            weights, joint = weights_for(values, sample_weight), np.ndim(sample_weight) == 0
            values = values * weights
        samples = values.shape[0] if values.ndim and not joint else 1
        total = ops.cast(ops.sum(values), "float64") * (samples / values.size if values.size else np.nan)
        self.total.assign(self.total + (total if samples else 0.0))
        count = samples if weights is None else ops.cast(ops.sum(weights), "float64") * (samples / max(1, weights.size))
        self.count.assign(self.count + count)

    def result(self) -> float:
        return float(self.total) / float(self.count) if float(self.count) else 0.0


@register("metric")
class MeanMetricWrapper(Mean):
    """Mean of a function ``fn(y_true, y_pred, **kwargs)`` that returns a value for each sample.

    Args:
        fn: the function, written with ops.
        name: str, the name of the metric, or None to use the name of the function.
        dtype: accepted for compatibility with Keras; metrics count in float64.
        kwargs: further arguments of the function.

    Example:
        >>> from fastconv import losses, metrics
        >>> metric = metrics.MeanMetricWrapper(losses.huber, delta=2.0)
        >>> metric.update_state([[0.0, 0.0]], [[1.0, 3.0]])
        >>> metric.result()
        2.25
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: DTypeLike | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name or str(getattr(fn, "__name__", "mean_metric_wrapper")), dtype)
        self.fn = fn
        self.kwargs = kwargs

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array = None) -> None:  # type: ignore[override]
        """Add the values of a batch to the mean."""
        super().update_state(self._values(y_true, y_pred), sample_weight)

    def _values(self, y_true: Array, y_pred: Array) -> Array:
        return self.fn(wide_integers(y_true), wide_integers(y_pred), **self.kwargs)

    def get_config(self) -> Config:
        return {**super().get_config(), "fn": serialization.serialize(self.fn), **self.kwargs}

    @classmethod
    def from_config(cls, config: Config) -> MeanMetricWrapper:
        found = serialization.deserialize("metric", config["fn"])
        fn = found.fn if isinstance(found, MeanMetricWrapper) else found
        return cls(**{**serialization.arguments(cls, config), "fn": fn})


@register("metric")
class Sum(Metric):
    """Weighted sum of all values, accumulated in float64.

    Args:
        name: str, the name of the metric. Defaults to "sum".
        dtype: accepted for compatibility with Keras; metrics count in float64.

    Example:
        >>> from fastconv import metrics
        >>> metric = metrics.Sum()
        >>> metric.update_state([1.0, 3.0], sample_weight=[1.0, 0.5])
        >>> metric.result()
        2.5
    """

    def __init__(self, name: str | None = "sum", dtype: DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", "float64", name="total")

    def update_state(self, values: Array, sample_weight: Array = None) -> None:  # type: ignore[override]
        """Add values of any shape to the sum."""
        self.total.assign(self.total + ops.cast(ops.sum(weighted(values, sample_weight)), "float64"))

    def result(self) -> float:
        return float(self.total)


def weighted(values: Array, sample_weight: Array) -> Array:
    """Return `values` multiplied by `sample_weight`, which has the leading axes of `values` or is None."""
    values = as_single(values)
    return values if sample_weight is None else values * weights_for(values, sample_weight)
