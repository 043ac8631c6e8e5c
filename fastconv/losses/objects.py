"""Losses as objects, which weigh what a function returns and make it one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv import config, ops, serialization
from fastconv.losses import functions
from fastconv.serialization import Configurable, register

MEANS = ("sum_over_batch_size", "mean")
REDUCTIONS = (*MEANS, "mean_with_sample_weight", "sum", "none", None)


class Loss(Configurable):
    """The losses of `call`, weighted and made one number.

    Args:
        name: what it is called.
        reduction: "sum_over_batch_size" or "mean" for the mean over all losses, "mean_with_sample_weight" for their sum
            over that of the weights, "sum", or "none" to leave them as they are.

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
            weights = ops.broadcast_to(leading_weights(losses, sample_weight), losses.shape)
            losses = losses * weights
        if self.reduction == "mean_with_sample_weight" and sample_weight is not None:
            return ops.sum(losses) / (ops.sum(weights) + config.epsilon())
        if self.reduction in (*MEANS, "mean_with_sample_weight"):
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


class FunctionLoss(Loss):
    """The losses of `function`, whose further arguments are given when the object is made."""

    function: Callable[..., Any]

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None, **arguments: Any
    ) -> None:
        super().__init__(name or type(self).function.__name__, reduction)
        self.arguments = arguments

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return type(self).function(y_true, y_pred, **self.arguments)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.arguments}


@register("loss")
class MeanSquaredError(FunctionLoss):
    """The mean of `mean_squared_error` over the batch."""

    function = staticmethod(functions.mean_squared_error)


@register("loss")
class MeanAbsoluteError(FunctionLoss):
    """The mean of `mean_absolute_error` over the batch."""

    function = staticmethod(functions.mean_absolute_error)


@register("loss")
class MeanAbsolutePercentageError(FunctionLoss):
    """The mean of `mean_absolute_percentage_error` over the batch."""

    function = staticmethod(functions.mean_absolute_percentage_error)


@register("loss")
class MeanSquaredLogarithmicError(FunctionLoss):
    """The mean of `mean_squared_logarithmic_error` over the batch."""

    function = staticmethod(functions.mean_squared_logarithmic_error)


@register("loss")
class LogCosh(FunctionLoss):
    """The mean of `log_cosh` over the batch."""

    function = staticmethod(functions.log_cosh)


@register("loss")
class Hinge(FunctionLoss):
    """The mean of `hinge` over the batch."""

    function = staticmethod(functions.hinge)


@register("loss")
class SquaredHinge(FunctionLoss):
    """The mean of `squared_hinge` over the batch."""

    function = staticmethod(functions.squared_hinge)


@register("loss")
class CategoricalHinge(FunctionLoss):
    """The mean of `categorical_hinge` over the batch."""

    function = staticmethod(functions.categorical_hinge)


@register("loss")
class KLDivergence(FunctionLoss):
    """The mean of `kl_divergence` over the batch."""

    function = staticmethod(functions.kl_divergence)


@register("loss")
class Poisson(FunctionLoss):
    """The mean of `poisson` over the batch."""

    function = staticmethod(functions.poisson)


@register("loss")
class CosineSimilarity(FunctionLoss):
    """The mean of `cosine_similarity` over the batch."""

    function = staticmethod(functions.cosine_similarity)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
    ) -> None:
        super().__init__(reduction, name, axis=axis)


@register("loss")
class Huber(FunctionLoss):
    """The mean of `huber` over the batch."""

    function = staticmethod(functions.huber)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
    ) -> None:
        super().__init__(reduction, name, delta=delta)


def check_smoothing(name: str, label_smoothing: float) -> None:
    """Raise ValueError unless it is from 0 to 1."""
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be from 0 to 1. Received: label_smoothing={label_smoothing!r}")


@register("loss")
class BinaryCrossentropy(FunctionLoss):
    """The mean of `binary_crossentropy` over the batch."""

    function = staticmethod(functions.binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
    ) -> None:
        check_smoothing(name, label_smoothing)
        super().__init__(
            reduction,
            name,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@register("loss")
class CategoricalCrossentropy(FunctionLoss):
    """The mean of `categorical_crossentropy` over the batch."""

    function = staticmethod(functions.categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
    ) -> None:
        check_smoothing(name, label_smoothing)
        super().__init__(
            reduction,
            name,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@register("loss")
class BinaryFocalCrossentropy(FunctionLoss):
    """The mean of `binary_focal_crossentropy` over the batch."""

    function = staticmethod(functions.binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
    ) -> None:
        check_smoothing(name, label_smoothing)
        super().__init__(
            reduction,
            name,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@register("loss")
class CategoricalFocalCrossentropy(FunctionLoss):
    """The mean of `categorical_focal_crossentropy` over the batch."""

    function = staticmethod(functions.categorical_focal_crossentropy)

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
    ) -> None:
        check_smoothing(name, label_smoothing)
        super().__init__(
            reduction,
            name,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@register("loss")
class SparseCategoricalCrossentropy(FunctionLoss):
    """The mean of `sparse_categorical_crossentropy` over the batch."""

    function = staticmethod(functions.sparse_categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
    ) -> None:
        super().__init__(reduction, name, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of which the ignored ones are 0 and the others count for them, too, in a mean."""
        losses, ignored = super().call(y_true, y_pred), self.arguments["ignore_class"]
        if ignored is None or self.reduction not in MEANS:
            return losses
        counted = ops.sum(ops.cast(ops.not_equal(y_true, ignored), losses.dtype))
        return losses * (losses.size / ops.maximum(counted, 1.0))


@register("loss")
class Dice(FunctionLoss):
    """The mean of `dice` over the batch."""

    function = staticmethod(functions.dice)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: Any = None,
    ) -> None:
        super().__init__(reduction, name, axis=axis)


@register("loss")
class Tversky(FunctionLoss):
    """The mean of `tversky` over the batch."""

    function = staticmethod(functions.tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: Any = None,
    ) -> None:
        super().__init__(reduction, name, alpha=alpha, beta=beta, axis=axis)


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
        return self.fn(*functions.same_rank(y_true, y_pred), **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": serialization.serialize(self.fn), **self.kwargs}

    @classmethod
    def from_config(cls, config: Any) -> LossFunctionWrapper:
        return cls(**{**serialization.arguments(cls, config), "fn": serialization.deserialize("loss", config["fn"])})
