"""What every metric has: variables, a rule that updates them as part of a graph, and the number they stand for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv import config, initializers, ops, serialization
from fastconv.engine import Variable, when_run
from fastconv.losses.objects import leading_weights
from fastconv.serialization import Configurable, register
from fastconv.utils.memory import check_memory


class Metric(Configurable):
    """Variables, a rule that updates them from a batch, written with ops, and the number that they stand for.

    Args:
        name: what it is called.
        dtype: accepted as Keras does; numbers are kept in float64, so that counts stay exact.
    """

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        self.dtype = dtype
        self.name = name or serialization.snake_case(type(self).__name__)
        self.variables: list[Variable] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "result" in vars(cls):
            cls.result = _when_run(cls.result)  # type: ignore[method-assign, assignment]

    def add_variable(
        self, shape: Sequence[int], initializer: Any = "zeros", dtype: str | None = None, name: str = "variable"
    ) -> Variable:
        """A new variable of the metric; `dtype` None is `config.floatx()`."""
        check_memory(f"{self.name}/{name}", shape, dtype or config.floatx())
        variable = Variable(initializers.get(initializer), tuple(shape), dtype or config.floatx(), False, name=name)
        variable.path = f"{self.name}/{name}"
        self.variables.append(variable)
        return variable

    add_weight = add_variable

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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Update, then read."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def _when_run(result: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`result`, which within the graph of a training step is found whenever that runs."""

    @functools.wraps(result)
    def result_when_run(self: Metric) -> Any:
        return when_run(lambda: result(self), self.variables)

    return result_when_run


@register("metric")
class Mean(Metric):
    """The weighted mean of all values seen, 0 before there are any; kept in float64, so that counts stay exact."""

    def __init__(self, name: str = "mean", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
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

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name or str(getattr(fn, "__name__", "mean_metric_wrapper")), dtype)
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
        fn = found.fn if isinstance(found, MeanMetricWrapper) else found
        return cls(**{**serialization.arguments(cls, config), "fn": fn})


@register("metric")
class Sum(Metric):
    """The weighted sum of all values seen."""

    def __init__(self, name: str = "sum", dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable((), "zeros", "float64", "total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take `values`, of any shape, into account."""
        self.total.assign(self.total + ops.cast(ops.sum(weighted(values, sample_weight)), "float64"))

    def result(self) -> float:
        return float(self.total)


def weighted(values: Any, sample_weight: Any) -> Any:
    """`values` times `sample_weight`, which has as many leading axes of them as it has, or is None."""
    values = ops.convert_to_tensor(values)
    return values if sample_weight is None else values * leading_weights(values, sample_weight)
