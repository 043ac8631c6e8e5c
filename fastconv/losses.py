"""What training makes small: one number from targets and outputs, written with ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv import ops, serialization
from fastconv.ops.convert import as_float
from fastconv.serialization import Configurable, register

REDUCTIONS = ("sum_over_batch_size", "sum", "none", None)


class Loss(Configurable):
    """The losses of `call`, weighted and made one number.

    Args:
        name: what it is called.
        reduction: "sum_over_batch_size" for the mean over all losses, "sum", or "none" to leave them as they are.

    Raises:
        ValueError: another reduction.
    """

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size") -> None:
        self.name = name or serialization.snake_case(type(self).__name__)
        if reduction not in REDUCTIONS:
            raise ValueError(f"{self.name}: reduction must be one of {REDUCTIONS}. Received: reduction={reduction!r}")
        self.reduction = reduction

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch.

        Args:
            y_true: targets, (N, ...).
            y_pred: outputs, (N, ...).
            sample_weight: what each loss counts, (N,) or as many leading axes of the losses as it has.

        Returns:
            A scalar, or the weighted losses under reduction "none".
        """
        losses = self.call(y_true, y_pred)
        if sample_weight is not None:
            losses = losses * leading_weights(losses, sample_weight)
        if self.reduction == "sum_over_batch_size":
            return ops.mean(losses)
        return ops.sum(losses) if self.reduction == "sum" else losses

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """A loss for each sample, or for each of several places in a sample."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}


def leading_weights(values: Any, sample_weight: Any) -> Any:
    """`sample_weight` with an axis for each of `values`: its own are the leading ones, those that follow have size 1.

    A last axis of size 1 that the values lack is dropped.

    Raises:
        ValueError: an axis is neither that of the values nor of size 1.
    """
    weights = ops.cast(sample_weight, values.dtype)
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    if weights.ndim > values.ndim or any(w not in (1, n) for w, n in zip(weights.shape, values.shape)):
        raise ValueError(
            "sample_weight must have the leading axes of the values that it weighs. "
            f"Received: sample_weight.shape={tuple(weights.shape)}, values.shape={tuple(values.shape)}"
        )
    return ops.reshape(weights, (*weights.shape, *(1,) * (values.ndim - weights.ndim)))


def same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both, without a last axis of size 1 that only one has; but (N,) meets (N, 1) as (N, 1), as in Keras."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim + 1:
        y_pred, y_true = same_rank(y_pred, y_true)
    elif y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        if y_true.ndim == 1:
            y_true = ops.expand_dims(y_true, -1)
        else:
            y_pred = ops.squeeze(y_pred, -1)
    return y_true, y_pred


def _numbers(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and outputs of one rank, the targets as floats like the outputs."""
    y_true, y_pred = same_rank(y_true, as_float(y_pred))
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"{name}: targets must have the shape of the outputs. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    return ops.cast(y_true, y_pred.dtype), y_pred


# ---- functions: a loss for each element of all axes but the last ----------------------------------------------------


@register("loss", "mse", "MSE")
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of (y_pred - y_true)^2."""
    y_true, y_pred = _numbers("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(y_pred - y_true), -1)


@register("loss", "mae", "MAE")
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of |y_pred - y_true|."""
    y_true, y_pred = _numbers("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.absolute(y_pred - y_true), -1)


@register("loss", "bce", "BCE")
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """mean over `axis` of -y_true log p - (1 - y_true) log(1 - p).

    Args:
        y_true: 0, 1 or probabilities.
        y_pred: p, or logits with p = sigmoid(y_pred) where `from_logits`.
        label_smoothing: s moves the targets towards 1/2, to (1 - s) y_true + s/2; Szegedy et al. 2016, section 7.
    """
    y_true, y_pred = _numbers("binary_crossentropy", y_true, y_pred)
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits), axis)


@register("loss")
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """-sum over the K classes on `axis` of y_true log p.

    Args:
        y_true: probabilities, such as one-hot rows.
        y_pred: p, or logits with p = softmax(y_pred) where `from_logits`.
        label_smoothing: s moves the targets towards 1/K, to (1 - s) y_true + s/K; Szegedy et al. 2016, section 7.
    """
    y_true, y_pred = _numbers("categorical_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    return ops.categorical_crossentropy(y_true, y_pred, from_logits, axis)


@register("loss")
def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-log p[y_true], with the number of the true class on `axis`.

    Args:
        y_true: whole numbers, in the shape of `y_pred` without its classes (or with 1 in their place at the end).
        y_pred: p, or logits with p = softmax(y_pred) where `from_logits`.
    """
    return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
bce = BCE = binary_crossentropy


# ---- objects --------------------------------------------------------------------------------------------------------


@register("loss")
class MeanSquaredError(Loss):
    """The mean of `mean_squared_error` over the batch."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error") -> None:
        super().__init__(name, reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return mean_squared_error(y_true, y_pred)


@register("loss")
class MeanAbsoluteError(Loss):
    """The mean of `mean_absolute_error` over the batch."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error") -> None:
        super().__init__(name, reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return mean_absolute_error(y_true, y_pred)


class _Crossentropy(Loss):
    """A cross-entropy whose targets may be smoothed."""

    def __init__(self, from_logits: bool, label_smoothing: float, axis: int, reduction: str | None, name: str) -> None:
        super().__init__(name, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"{name}: label_smoothing must be from 0 to 1. Received: label_smoothing={label_smoothing!r}"
            )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing, "axis": self.axis}
        return {**super().get_config(), **own}


@register("loss")
class BinaryCrossentropy(_Crossentropy):
    """The mean of `binary_crossentropy` over the batch."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)


@register("loss")
class CategoricalCrossentropy(_Crossentropy):
    """The mean of `categorical_crossentropy` over the batch."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)


@register("loss")
class SparseCategoricalCrossentropy(Loss):
    """The mean of `sparse_categorical_crossentropy` over the batch."""

    def __init__(
        self,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
    ) -> None:
        super().__init__(name, reduction)
        self.from_logits = from_logits
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.axis)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits, "axis": self.axis}


@register("loss")
class LossFunctionWrapper(Loss):
    """A function ``fn(y_true, y_pred, **kwargs)`` that returns losses, made a Loss."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction)
        self.fn = fn
        self.kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(*same_rank(y_true, y_pred), **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": serialization.serialize(self.fn), **self.kwargs}

    @classmethod
    def from_config(cls, config: Any) -> LossFunctionWrapper:
        return cls(**{**config, "fn": serialization.deserialize("loss", config["fn"])})


def serialize(loss: Any) -> Any:
    """What `deserialize` makes `loss` from again."""
    return serialization.serialize(loss)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that was serialized. Raises ValueError for unknown names."""
    return serialization.deserialize("loss", config, custom_objects)


def get(identifier: Any) -> Any:
    """The `Loss` that a name such as "mse", a configuration, a function or an object means; None stays None.

    Raises:
        ValueError: an unknown name.
    """
    found = serialization.get("loss", identifier)
    return found if found is None or isinstance(found, Loss) else LossFunctionWrapper(found)
