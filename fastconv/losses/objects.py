"""Losses as objects, which weigh what a function returns and make it one number."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv import config, ops, serialization
from fastconv.engine.symbolic import apply, is_symbolic
from fastconv.engine.tree import leaves, rebuild
from fastconv.losses import functions
from fastconv.losses.settings import checked_settings
from fastconv.serialization import Configurable, register

MEANS = ("sum_over_batch_size", "mean")
REDUCTIONS = (*MEANS, "mean_with_sample_weight", "sum", "none", None)


class Loss(Configurable):
    """The losses of `call`, weighted and made one number.

    Targets and outputs reach `call` as floats of one dtype, integers and booleans too, so that formulas mean the same
    for masks of every dtype. Class indices stay usable with `ops.one_hot`, `ops.take` and `ops.cast`.

    Args:
        name: what it is called.
        reduction: "sum_over_batch_size" or "mean" for the mean over all losses, "mean_with_sample_weight" for their sum
            over that of the weights, "sum", or "none" to leave them as they are.
        dtype: of targets and outputs in `call`; that of `config.floatx()`, or float64 for outputs of it, when None.

    Raises:
        ValueError: another reduction, or a dtype that is none.
    """

    takes_classes = False  # whether `call` takes class indices as they are

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or serialization.snake_case(type(self).__name__)
        if reduction not in REDUCTIONS:
            raise ValueError(f"{self.name}: reduction must be one of {REDUCTIONS}. Received: reduction={reduction!r}")
        self.reduction = reduction
        self.dtype = dtype_name(dtype)
        self._casts_all = dtype is not None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch.

        Args:
            y_true: targets, (N, ...).
            y_pred: outputs, (N, ...).
            sample_weight: what each loss counts, (N,) or as many leading axes of the losses as it has.

        Returns:
            A scalar, or the weighted losses under reduction "none". Losses that `call` has made one number are
            multiplied by each weight.
        """
        if is_symbolic((y_true, y_pred, sample_weight)):
            return apply(self, (y_true, y_pred), {"sample_weight": sample_weight})
        return self._of_batch(y_true, y_pred, sample_weight)

    def _of_batch(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        y_pred = map_leaves(self._as_output, y_pred)
        if not self.takes_classes:
            y_true = map_leaves(functools.partial(ops.cast, dtype=common_dtype(y_pred)), y_true)
        return self._reduced(ops.convert_to_tensor(self.call(y_true, y_pred)), sample_weight)

    def _as_output(self, y_pred: Any) -> Any:
        y_pred = ops.convert_to_tensor(y_pred)
        keeps = y_pred.dtype == np.float64 and not self._casts_all
        return y_pred if keeps else ops.cast(y_pred, self.dtype)

    def _reduced(self, losses: Any, sample_weight: Any) -> Any:
        weights = None if sample_weight is None else weights_for(losses, sample_weight)
        losses = losses if weights is None else losses * weights
        if self.reduction == "mean_with_sample_weight" and weights is not None:
            return quotient(ops.sum(losses), ops.sum(ops.broadcast_to(weights, losses.shape)))
        if self.reduction in (*MEANS, "mean_with_sample_weight"):
            return ops.mean(losses) if losses.size else ops.sum(losses)
        return ops.sum(losses) if self.reduction == "sum" else losses

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """A loss for each sample, or for each of several places in a sample."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}


def dtype_name(dtype: Any) -> str:
    """The name of a dtype or of what a policy computes in; that of `config.floatx()` for None.

    Raises:
        ValueError: no dtype of NumPy.
    """
    dtype = config.floatx() if dtype is None else getattr(dtype, "compute_dtype", dtype)
    try:
        return np.dtype(dtype).name
    except TypeError:
        raise ValueError(f"dtype must be one of NumPy's. Received: dtype={dtype!r}") from None


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """`tree`, an array or several in lists, tuples and dicts, with `function` applied to each array."""
    if hasattr(tree, "dtype") or not any(hasattr(leaf, "shape") for leaf in leaves(tree)):
        return function(tree)  # lists of numbers are arrays, too
    return rebuild(tree, [function(leaf) for leaf in leaves(tree)])


def common_dtype(tree: Any) -> np.dtype:
    """That of the arrays of `tree` together."""
    return np.result_type(*(leaf.dtype for leaf in leaves(tree)))


def quotient(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is 0."""
    is_zero = ops.equal(b, 0.0)
    return ops.where(is_zero, 0.0, a / ops.where(is_zero, 1.0, b))


def weights_for(losses: Any, sample_weight: Any) -> Any:
    """`sample_weight` to multiply `losses` by: see `leading_weights`; a single loss takes all weights."""
    return leading_weights(losses, sample_weight) if losses.ndim else ops.cast(sample_weight, losses.dtype)


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

    def __init__(self, reduction: str | None, name: str | None, dtype: Any, **arguments: Any) -> None:
        super().__init__(name, reduction, dtype)
        self.arguments = checked_settings(self, type(self).function, arguments)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return type(self).function(y_true, y_pred, **self.arguments)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.arguments}


@register("loss")
class MeanSquaredError(FunctionLoss):
    """The mean of `mean_squared_error` over the batch."""

    function = staticmethod(functions.mean_squared_error)

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class MeanAbsoluteError(FunctionLoss):
    """The mean of `mean_absolute_error` over the batch."""

    function = staticmethod(functions.mean_absolute_error)

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class MeanAbsolutePercentageError(FunctionLoss):
    """The mean of `mean_absolute_percentage_error` over the batch."""

    function = staticmethod(functions.mean_absolute_percentage_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class MeanSquaredLogarithmicError(FunctionLoss):
    """The mean of `mean_squared_logarithmic_error` over the batch."""

    function = staticmethod(functions.mean_squared_logarithmic_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class LogCosh(FunctionLoss):
    """The mean of `log_cosh` over the batch."""

    function = staticmethod(functions.log_cosh)

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class Hinge(FunctionLoss):
    """The mean of `hinge` over the batch."""

    function = staticmethod(functions.hinge)

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class SquaredHinge(FunctionLoss):
    """The mean of `squared_hinge` over the batch."""

    function = staticmethod(functions.squared_hinge)

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class CategoricalHinge(FunctionLoss):
    """The mean of `categorical_hinge` over the batch."""

    function = staticmethod(functions.categorical_hinge)

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class KLDivergence(FunctionLoss):
    """The mean of `kl_divergence` over the batch."""

    function = staticmethod(functions.kl_divergence)

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class Poisson(FunctionLoss):
    """The mean of `poisson` over the batch."""

    function = staticmethod(functions.poisson)

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class CosineSimilarity(FunctionLoss):
    """The mean of `cosine_similarity` over the batch."""

    function = staticmethod(functions.cosine_similarity)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, axis=axis)


@register("loss")
class Huber(FunctionLoss):
    """The mean of `huber` over the batch."""

    function = staticmethod(functions.huber)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, delta=delta)


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
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            reduction,
            name,
            dtype,
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
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            reduction,
            name,
            dtype,
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
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            reduction,
            name,
            dtype,
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
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@register("loss")
class SparseCategoricalCrossentropy(FunctionLoss):
    """The mean of `sparse_categorical_crossentropy` over the batch."""

    takes_classes = True
    function = staticmethod(functions.sparse_categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def _of_batch(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """As for every loss; targets of the ignored class weigh nothing, and a mean goes over the others."""
        ignored = self.arguments["ignore_class"]
        if ignored is not None:
            counts = functions.counted(y_true, y_pred, ignored, self.arguments["axis"])
            counts = ops.cast(counts, self._as_output(y_pred).dtype)
            weights = counts * quotient(float(counts.size), ops.sum(counts)) if self.reduction in MEANS else counts
            sample_weight = weights if sample_weight is None else weights * leading_weights(weights, sample_weight)
        return super()._of_batch(y_true, y_pred, sample_weight)


@register("loss")
class Dice(FunctionLoss):
    """The mean of `dice` over the batch."""

    function = staticmethod(functions.dice)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, axis=axis)


@register("loss")
class Tversky(FunctionLoss):
    """The mean of `tversky` over the batch."""

    function = staticmethod(functions.tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


@register("loss")
class LossFunctionWrapper(Loss):
    """A function ``fn(y_true, y_pred, **kwargs)`` that returns losses, made a Loss."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self.kwargs = kwargs
        self.takes_classes = fn is functions.sparse_categorical_crossentropy

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if hasattr(y_pred, "shape"):
            y_true, y_pred = functions.same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": serialization.serialize(self.fn), **self.kwargs}

    @classmethod
    def from_config(cls, config: Any) -> LossFunctionWrapper:
        return cls(**{**serialization.arguments(cls, config), "fn": serialization.deserialize("loss", config["fn"])})
