"""Losses as objects: weighted means or sums of loss functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
import fastconv.serialization as serialization
from fastconv.engine.symbolic import apply, is_symbolic
from fastconv.engine.tree import leaves, rebuild
from fastconv.losses import functions
from fastconv.losses.settings import checked_settings
from fastconv.serialization import Configurable, register
from fastconv.typing import Array, Axis, Config, DTypeLike, Tree

MEANS = ("sum_over_batch_size", "mean")
REDUCTIONS = (*MEANS, "mean_with_sample_weight", "sum", "none", None)


class Loss(Configurable):
    """Base class of losses: weights and reduces the result of `call`.

    `call` receives targets and outputs as floats of the same dtype, also if they are integers or booleans, so that a
    formula gives equal results for masks of every dtype. `ops.one_hot`, `ops.take` and `ops.cast` accept class indices
    in this form.

    Args:
        name: str, the name of the loss, or None to use the name of the class in snake case.
        reduction: "sum_over_batch_size" or "mean" for the mean of all losses, "mean_with_sample_weight" for their
            weighted sum divided by the sum of the weights, "sum", or "none" for no reduction. Defaults to
            "sum_over_batch_size".
        dtype: the name of the dtype of targets and outputs in `call`. Defaults to `config.floatx()`, and to float64 for
            outputs of float64.

    Raises:
        ValueError: if the reduction or the dtype is unknown.

    Example:
        >>> from fastconv import losses, ops
        >>> class MaximumError(losses.Loss):
        ...     def call(self, y_true, y_pred):
        ...         return ops.max(ops.absolute(y_true - y_pred), -1)
        >>> float(MaximumError()([[0, 1], [2, 3]], [[1.0, 1.0], [2.0, 6.0]]))
        2.0
    """

    takes_classes = False  # whether `call` receives class indices without a cast

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: DTypeLike | None = None
    ) -> None:
        self.name = name or serialization.snake_case(type(self).__name__)
        if reduction not in REDUCTIONS:
            raise ValueError(f"{self.name}: reduction must be one of {REDUCTIONS}. Received: reduction={reduction!r}")
        self.reduction = reduction
        self.dtype = dtype_name(dtype)
        self._casts_all = dtype is not None

    def __call__(self, y_true: Tree, y_pred: Tree, sample_weight: Tree = None) -> Array:
        """Return the loss of a batch.

        Args:
            y_true: targets, (N, ...).
            y_pred: outputs, (N, ...).
            sample_weight: the weight of each loss: a number, an array (N,), or an array with the leading axes of the
                losses.

        Returns:
            A scalar, or the weighted losses if the reduction is "none". If `call` returns a scalar, each weight
                multiplies it.
        """
        if is_symbolic((y_true, y_pred, sample_weight)):
            return apply(self, (y_true, y_pred), {"sample_weight": sample_weight})
        return self._of_batch(y_true, y_pred, sample_weight)

    def _of_batch(self, y_true: Array, y_pred: Array, sample_weight: Array) -> Array:
        y_pred = map_leaves(self._as_output, y_pred)
        if not self.takes_classes:
            y_true = map_leaves(functools.partial(ops.cast, dtype=common_dtype(y_pred)), y_true)
        return self._reduced(ops.convert_to_tensor(self.call(y_true, y_pred)), sample_weight)

    def _as_output(self, y_pred: Array) -> Array:
        y_pred = ops.convert_to_tensor(y_pred)
        keeps = y_pred.dtype == np.float64 and not self._casts_all
        return y_pred if keeps else ops.cast(y_pred, self.dtype)

    def _reduced(self, losses: Array, sample_weight: Array) -> Array:
        weights = None if sample_weight is None else weights_for(losses, sample_weight)
        losses = losses if weights is None else losses * weights
        if self.reduction == "mean_with_sample_weight" and weights is not None:
            return quotient(ops.sum(losses), ops.sum(ops.broadcast_to(weights, losses.shape)))
        if self.reduction in (*MEANS, "mean_with_sample_weight"):
            return ops.mean(losses) if losses.size else ops.sum(losses)
        return ops.sum(losses) if self.reduction == "sum" else losses

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """Return a loss for each sample, or for each position in a sample."""
        raise NotImplementedError

    def get_config(self) -> Config:
        return {"name": self.name, "reduction": self.reduction}


def dtype_name(dtype: DTypeLike | None) -> str:
    """Return the name of a dtype, or of the compute dtype of a policy; `config.floatx()` for None.

    Raises:
        ValueError: if NumPy has no such dtype.
    """
    dtype = config.floatx() if dtype is None else getattr(dtype, "compute_dtype", dtype)
    try:
        return np.dtype(dtype).name
    except TypeError:
        raise ValueError(f"dtype must be a dtype of NumPy. Received: dtype={dtype!r}") from None


def map_leaves(function: Callable[[Any], object], tree: Tree) -> Tree:
    """Apply `function` to each array in `tree`, which is an array or nested lists, tuples and dicts of arrays."""
    if hasattr(tree, "dtype") or not any(hasattr(leaf, "shape") for leaf in leaves(tree)):
        return function(tree)  # lists of numbers count as arrays
    return rebuild(tree, [function(leaf) for leaf in leaves(tree)])


def common_dtype(tree: Tree) -> np.dtype:
    """Return the common dtype of the arrays of `tree`."""
    return np.result_type(*(leaf.dtype for leaf in leaves(tree)))


def quotient(a: Array, b: Array) -> Array:
    """Return a / b, and 0 if b is 0."""
    is_zero = ops.equal(b, 0.0)
    return ops.where(is_zero, 0.0, a / ops.where(is_zero, 1.0, b))


def weights_for(losses: Array, sample_weight: Array) -> Array:
    """Return `sample_weight` so that it multiplies `losses`; see `leading_weights`. A scalar loss takes all weights."""
    return leading_weights(losses, sample_weight) if losses.ndim else ops.cast(sample_weight, losses.dtype)


def leading_weights(values: Array, sample_weight: Array) -> Array:
    """Return `sample_weight` with axes of size 1 appended, up to the number of axes of `values`.

    A last axis of size 1 that the values lack is removed.

    Raises:
        ValueError: if a size is neither 1 nor the size of the same axis of the values.
    """
    weights = ops.cast(sample_weight, values.dtype)
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    if weights.ndim > values.ndim or any(w not in (1, n) for w, n in zip(weights.shape, values.shape)):
        raise ValueError(
            "sample_weight must have the leading axes of the values that it weights. "
            f"Received: sample_weight.shape={tuple(weights.shape)}, values.shape={tuple(values.shape)}"
        )
    return ops.reshape(weights, (*weights.shape, *(1,) * (values.ndim - weights.ndim)))


class FunctionLoss(Loss):
    """A loss made of `function`, whose further arguments are given to the constructor."""

    function: Callable[..., Any]

    def __init__(self, reduction: str | None, name: str | None, dtype: DTypeLike | None, **arguments: Any) -> None:
        super().__init__(name, reduction, dtype)
        self.arguments = checked_settings(self, type(self).function, arguments)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return type(self).function(y_true, y_pred, **self.arguments)

    def get_config(self) -> Config:
        return {**super().get_config(), **self.arguments}


@register("loss")
class MeanSquaredError(FunctionLoss):
    """Mean squared error, mean of (y_pred - y_true)^2.

    See `losses.mean_squared_error` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "mean_squared_error".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> loss = losses.MeanSquaredError()
        >>> round(float(loss(y_true, y_pred)), 4)
        1.25
        >>> round(float(loss(y_true, y_pred, sample_weight=[1.0, 0.0])), 4)
        0.25
    """

    function = staticmethod(functions.mean_squared_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class MeanAbsoluteError(FunctionLoss):
    """Mean absolute error, mean of |y_pred - y_true|.

    See `losses.mean_absolute_error` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "mean_absolute_error".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> loss = losses.MeanAbsoluteError()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.75
    """

    function = staticmethod(functions.mean_absolute_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class MeanAbsolutePercentageError(FunctionLoss):
    """Mean absolute percentage error, mean of 100 |y_true - y_pred| / |y_true|.

    See `losses.mean_absolute_percentage_error` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "mean_absolute_percentage_error".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[1.0, 2.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> loss = losses.MeanAbsolutePercentageError()
        >>> round(float(loss(y_true, y_pred)), 4)
        25.0
    """

    function = staticmethod(functions.mean_absolute_percentage_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class MeanSquaredLogarithmicError(FunctionLoss):
    """Mean squared logarithmic error, mean of (log(y_pred + 1) - log(y_true + 1))^2.

    See `losses.mean_squared_logarithmic_error` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "mean_squared_logarithmic_error".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> loss = losses.MeanSquaredLogarithmicError()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.1853
    """

    function = staticmethod(functions.mean_squared_logarithmic_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class LogCosh(FunctionLoss):
    """Mean of log(cosh(y_pred - y_true)).

    See `losses.log_cosh` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "log_cosh".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> loss = losses.LogCosh()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.4397
    """

    function = staticmethod(functions.log_cosh)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class Hinge(FunctionLoss):
    """Hinge loss, mean of max(1 - y_true y_pred, 0).

    See `losses.hinge` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "hinge".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[1.0, -1.0], [1.0, 1.0]], [[0.5, -2.0], [-1.0, 2.0]]
        >>> loss = losses.Hinge()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.625
    """

    function = staticmethod(functions.hinge)

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class SquaredHinge(FunctionLoss):
    """Squared hinge loss, mean of max(1 - y_true y_pred, 0)^2.

    See `losses.squared_hinge` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "squared_hinge".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[1.0, -1.0], [1.0, 1.0]], [[0.5, -2.0], [-1.0, 2.0]]
        >>> loss = losses.SquaredHinge()
        >>> round(float(loss(y_true, y_pred)), 4)
        1.0625
    """

    function = staticmethod(functions.squared_hinge)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class CategoricalHinge(FunctionLoss):
    """Mean categorical hinge loss over the batch.

    See `losses.categorical_hinge` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "categorical_hinge".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.5], [0.5, 1.0]]
        >>> loss = losses.CategoricalHinge()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.25
    """

    function = staticmethod(functions.categorical_hinge)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class KLDivergence(FunctionLoss):
    """Mean Kullback-Leibler divergence of outputs from targets over the batch.

    See `losses.kl_divergence` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "kl_divergence".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.75, 0.25]]
        >>> loss = losses.KLDivergence()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.1438

    References:
        Kullback and Leibler 1951, "On information and sufficiency".
    """

    function = staticmethod(functions.kl_divergence)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class Poisson(FunctionLoss):
    """Poisson loss, mean of y_pred - y_true log(y_pred + epsilon).

    See `losses.poisson` for the formula of a single sample.

    Args:
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "poisson".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> loss = losses.Poisson()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.4603
    """

    function = staticmethod(functions.poisson)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


@register("loss")
class CosineSimilarity(FunctionLoss):
    """Mean over the batch of the negative cosine of the angle between targets and outputs.

    See `losses.cosine_similarity` for the formula of a single sample.

    Args:
        axis: int, the axis of the vectors. Defaults to -1.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "cosine_similarity".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [3.0, 4.0]], [[0.0, 2.0], [3.0, 4.0]]
        >>> loss = losses.CosineSimilarity()
        >>> round(float(loss(y_true, y_pred)), 4)
        -1.0
    """

    function = staticmethod(functions.cosine_similarity)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype, axis=axis)


@register("loss")
class Huber(FunctionLoss):
    """Huber loss, quadratic for errors up to delta and linear beyond.

    See `losses.huber` for the formula of a single sample.

    Args:
        delta: float >= 0, the error at which the loss becomes linear. Defaults to 1.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "huber_loss".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> loss = losses.Huber()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.5

    References:
        Huber 1964, "Robust estimation of a location parameter".
    """

    function = staticmethod(functions.huber)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype, delta=delta)


@register("loss")
class BinaryCrossentropy(FunctionLoss):
    """Binary cross-entropy, mean of -y_true log p - (1 - y_true) log(1 - p).

    See `losses.binary_crossentropy` for the formula of a single sample.

    Args:
        from_logits: bool, whether y_pred holds logits, with p = sigmoid(y_pred). Defaults to False.
        label_smoothing: float s from 0 to 1, which moves targets towards 1/2, to (1 - s) y_true + s/2. Defaults to 0.
        axis: int or tuple of int, the axes of the mean. Defaults to -1.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "binary_crossentropy".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0], [1.0]], [[0.0], [2.0]]
        >>> loss = losses.BinaryCrossentropy(from_logits=True)
        >>> round(float(loss(y_true, y_pred)), 4)
        0.41

    References:
        Szegedy et al. 2016, "Rethinking the Inception architecture", section 7 (label smoothing).
    """

    function = staticmethod(functions.binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike | None = None,
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
    """Categorical cross-entropy for one-hot targets, mean over the batch of -sum(y_true log p).

    See `losses.categorical_crossentropy` for the formula of a single sample.

    Args:
        from_logits: bool, whether y_pred holds logits, with p = softmax(y_pred). Defaults to False.
        label_smoothing: float s from 0 to 1, which moves targets towards 1/K, to (1 - s) y_true + s/K. Defaults to 0.
        axis: int, the axis of the classes. Defaults to -1.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "categorical_crossentropy".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.9, 0.1]]
        >>> loss = losses.CategoricalCrossentropy()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.3993

    References:
        Szegedy et al. 2016, "Rethinking the Inception architecture", section 7 (label smoothing).
    """

    function = staticmethod(functions.categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
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
    """Binary focal loss, mean of (1 - p_t)^gamma (-log p_t), with the probability p_t of the true class.

    See `losses.binary_focal_crossentropy` for the formula of a single sample.

    Args:
        apply_class_balancing: bool, whether losses are multiplied by alpha if y_true is 1, and by 1 - alpha if it is 0.
            Defaults to False.
        alpha: float, the weight of class 1. Defaults to 0.25.
        gamma: float >= 0, which reduces the loss of examples that are already classified well. Defaults to 2.
        from_logits: bool, whether y_pred holds logits, with p = sigmoid(y_pred). Defaults to False.
        label_smoothing: float s from 0 to 1, which moves targets towards 1/2, to (1 - s) y_true + s/2. Defaults to 0.
        axis: int or tuple of int, the axes of the mean. Defaults to -1.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "binary_focal_crossentropy".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [1.0, 1.0]], [[0.5, 0.5], [0.9, 0.9]]
        >>> loss = losses.BinaryFocalCrossentropy()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.0872

    References:
        Lin et al. 2017, "Focal loss for dense object detection".
    """

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
        dtype: DTypeLike | None = None,
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
    """Categorical focal loss, mean over the batch of -alpha sum((1 - p)^gamma y_true log p).

    See `losses.categorical_focal_crossentropy` for the formula of a single sample.

    Args:
        alpha: float, the weight of the losses, or a list with a number for each class if `axis` is the last. Defaults
            to 0.25.
        gamma: float >= 0, which reduces the loss of examples that are already classified well. Defaults to 2.
        from_logits: bool, whether y_pred holds logits, with p = softmax(y_pred). Defaults to False.
        label_smoothing: float s from 0 to 1, which moves targets towards 1/K, to (1 - s) y_true + s/K. Defaults to 0.
        axis: int, the axis of the classes. Defaults to -1.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "categorical_focal_crossentropy".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.9, 0.1]]
        >>> loss = losses.CategoricalFocalCrossentropy()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.0218

    References:
        Lin et al. 2017, "Focal loss for dense object detection".
    """

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
        dtype: DTypeLike | None = None,
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
    """Categorical cross-entropy for class indices, mean over the batch of -log p[y_true].

    See `losses.sparse_categorical_crossentropy` for the formula of a single sample.

    Args:
        from_logits: bool, whether y_pred holds logits, with p = softmax(y_pred). Defaults to False.
        ignore_class: int, a class index, or another integer, whose targets are left out of the loss, or None.
        axis: int, the axis of the classes. Defaults to -1.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "sparse_categorical_crossentropy".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [1, 0], [[0.5, 0.5], [0.9, 0.1]]
        >>> loss = losses.SparseCategoricalCrossentropy()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.3993
    """

    takes_classes = True
    function = staticmethod(functions.sparse_categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def _of_batch(self, y_true: Array, y_pred: Array, sample_weight: Array) -> Array:
        """Return the reduced loss. Targets of the ignored class have weight 0, and a mean is over the other targets."""
        ignored = self.arguments["ignore_class"]
        if ignored is not None:
            counts = functions.counted(y_true, y_pred, ignored, self.arguments["axis"])
            counts = ops.cast(counts, self._as_output(y_pred).dtype)
            weights = counts * quotient(float(counts.size), ops.sum(counts)) if self.reduction in MEANS else counts
            sample_weight = weights if sample_weight is None else weights * leading_weights(weights, sample_weight)
        return super()._of_batch(y_true, y_pred, sample_weight)


@register("loss")
class Dice(FunctionLoss):
    """Dice loss, 1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)), for segmentation.

    See `losses.dice` for the formula of a single sample.

    Args:
        axis: int or tuple of int, the axes of the sums, or None for all axes. Defaults to None.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "dice".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]
        >>> loss = losses.Dice()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.5

    References:
        Milletari et al. 2016, "V-Net".
    """

    function = staticmethod(functions.dice)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axis | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype, axis=axis)


@register("loss")
class Tversky(FunctionLoss):
    """Tversky loss, 1 - both / (both + alpha missed + beta wrong), for segmentation.

    See `losses.tversky` for the formula of a single sample.

    Args:
        alpha: float, the weight of missed elements. Defaults to 0.5.
        beta: float, the weight of wrong elements. Defaults to 0.5.
        axis: int or tuple of int, the axes of the sums, or None for all axes. Defaults to None.
        reduction: "sum_over_batch_size" or "mean", "mean_with_sample_weight", "sum", or "none"; see `Loss`. Defaults to
            "sum_over_batch_size".
        name: str, the name of the loss. Defaults to "tversky".
        dtype: the name of the dtype of the computation. Defaults to `config.floatx()`.

    Raises:
        ValueError: if the reduction or another argument is invalid.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]
        >>> loss = losses.Tversky()
        >>> round(float(loss(y_true, y_pred)), 4)
        0.5

    References:
        Salehi et al. 2017, "Tversky loss function for image segmentation using 3D fully convolutional deep networks".
    """

    function = staticmethod(functions.tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axis | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


@register("loss")
class LossFunctionWrapper(Loss):
    """Loss made of a function ``fn(y_true, y_pred, **kwargs)`` that returns a loss for each sample.

    Args:
        fn: the function, written with ops.
        reduction: as in `Loss`.
        name: str, the name of the loss, or None to use the name of the function.
        dtype: as in `Loss`.
        kwargs: further arguments of the function.

    Example:
        >>> from fastconv import losses
        >>> loss = losses.LossFunctionWrapper(losses.huber, delta=2.0)
        >>> float(loss([[0.0, 0.0]], [[1.0, 3.0]]))
        2.25
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: DTypeLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self.kwargs = kwargs
        self.takes_classes = fn is functions.sparse_categorical_crossentropy

    def call(self, y_true: Array, y_pred: Array) -> Array:
        if hasattr(y_pred, "shape"):
            y_true, y_pred = functions.same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self.kwargs)

    def get_config(self) -> Config:
        return {**super().get_config(), "fn": serialization.serialize(self.fn), **self.kwargs}

    @classmethod
    def from_config(cls, config: Config) -> LossFunctionWrapper:
        return cls(**{**serialization.arguments(cls, config), "fn": serialization.deserialize("loss", config["fn"])})
