"""What every metric has: variables, a rule that updates them as part of a graph, and the number they stand for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv import config, initializers, ops, serialization
from fastconv.engine import Tensor, Variable, when_run
from fastconv.engine.stateless import paired, run_on
from fastconv.engine.tree import leaves, rebuild
from fastconv.losses.functions import as_single
from fastconv.losses.objects import dtype_name, weights_for
from fastconv.serialization import Configurable, register
from fastconv.utils.memory import check_memory


class Metric(Configurable):
    """Variables, a rule that updates them from a batch, written with ops, and the number that they stand for.

    A metric of the user's gets integers as int64, so that formulas mean the same for targets of every dtype; booleans
    and floats reach it as they are.

    Args:
        dtype: accepted as Keras does, for subclasses; the metrics here count in float64, so that counts stay exact.
        name: what it is called.

    Attributes:
        dtype: that of `config.floatx()` when none is given.
        variables: those of the metric and of the metrics that are its attributes.

    Raises:
        ValueError: a dtype that NumPy does not have.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
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
        """Set an attribute; variables and metrics are kept, too, to be begun again with this one."""
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
        return [*self._variables, *(v for metric in self._metrics for v in metric.variables)]

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any,
        dtype: str | None = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A new variable of the metric.

        Args:
            shape: its sizes.
            initializer: a name, a function or an initializer; what `reset_state` sets is zeros.
            dtype: that of `config.floatx()` when None.
            aggregation: accepted as Keras does; it says how several devices' values are joined.
            name: the last part of its path.
        """
        check_memory(f"{self.name}/{name or 'variable'}", shape, dtype or config.floatx())
        start = initializers.get("zeros" if initializer is None else initializer)
        variable = Variable(start, tuple(shape), dtype or config.floatx(), trainable=False, name=name or "variable")
        variable.path = f"{self.name}/{variable.name}"
        self._keep(variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: str | None = None, name: str | None = None
    ) -> Variable:
        """As `add_variable`, a single number that begins at zero if nothing is given."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account, by assigning to the variables."""
        raise NotImplementedError

    def result(self) -> Any:
        """The number, or numbers, that the variables stand for now; it may look at their values."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Begin again: every variable becomes zero."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    # ---- without side effects ------------------------------------------------------------------------------------

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Return the values of `variables` after an update, given those before it; see `update_state`.

        Raises:
            ValueError: values that are not those of `variables`.
        """
        state = self._given("stateless_update_state", metric_variables)
        return run_on(state, self.update_state, *args, **kwargs)[1]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Return what `result` returns if `variables` have these values.

        Raises:
            ValueError: values that are not those of `variables`.
        """
        return run_on(self._given("stateless_result", metric_variables), self.result)[0]

    def stateless_reset_state(self) -> list[Any]:
        """Return the values of `variables` with which the metric begins."""
        return run_on([(v, v.read()) for v in self.variables], self.reset_state)[1]

    def _given(self, method: str, values: Sequence[Any]) -> list[tuple[Variable, Any]]:
        return paired(f"{self.name}.{method}", "metric_variables", self.variables, values)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Update, then read."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}


def _is_of_this_package(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def wide_integers(x: Any) -> Any:
    """Arrays of integers, alone or in lists, tuples and dicts, as int64; all else as it is."""
    return rebuild(x, [ops.cast(leaf, "int64") if _is_narrow(leaf) else leaf for leaf in leaves(x)])


def _is_narrow(x: Any) -> bool:
    return isinstance(x, (np.ndarray, Tensor)) and x.dtype.kind in "iu" and x.dtype != np.int64


def _of_wide_integers(update_state: Callable[..., Any]) -> Callable[..., Any]:
    """`update_state`, which gets integers as int64."""

    @functools.wraps(update_state)
    def update(self: Metric, *args: Any, **kwargs: Any) -> Any:
        return update_state(self, *map(wide_integers, args), **wide_integers(kwargs))

    return update


def _when_run(result: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`result`, which within the graph of a training step is found whenever that runs."""

    def value(self: Metric) -> Any:
        found = result(self)
        return found.numpy() if isinstance(found, (Tensor, Variable)) else found

    @functools.wraps(result)
    def result_when_run(self: Metric) -> Any:
        return when_run(lambda: value(self), self.variables)

    return result_when_run


@register("metric")
class Mean(Metric):
    """The weighted mean of all values seen, 0 before there are any; kept in float64, so that counts stay exact.

    A sample, an element of the first axis, counts once, however many values it has.
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", "float64", name="total")
        self.count = self.add_variable((), "zeros", "float64", name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take `values`, of any shape, into account.

        Args:
            sample_weight: what each value counts: as many leading axes of `values` as it has, or a number, which all
                values together count.
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
    """The mean of a function ``fn(y_true, y_pred, **kwargs)`` that returns a value for each sample."""

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name or str(getattr(fn, "__name__", "mean_metric_wrapper")), dtype)
        self.fn = fn
        self.kwargs = kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take the values of a batch into account."""
        super().update_state(self._values(y_true, y_pred), sample_weight)

    def _values(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(wide_integers(y_true), wide_integers(y_pred), **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": serialization.serialize(self.fn), **self.kwargs}

    @classmethod
    def from_config(cls, config: Any) -> MeanMetricWrapper:
        found = serialization.deserialize("metric", config["fn"])
        fn = found.fn if isinstance(found, MeanMetricWrapper) else found
        return cls(**{**serialization.arguments(cls, config), "fn": fn})


@register("metric")
class Sum(Metric):
    """The weighted sum of all values seen."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", "float64", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take `values`, of any shape, into account."""
        self.total.assign(self.total + ops.cast(ops.sum(weighted(values, sample_weight)), "float64"))

    def result(self) -> float:
        return float(self.total)


def weighted(values: Any, sample_weight: Any) -> Any:
    """`values` times `sample_weight`, which has as many leading axes of them as it has, or is None."""
    values = as_single(values)
    return values if sample_weight is None else values * weights_for(values, sample_weight)
