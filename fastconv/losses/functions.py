"""Losses as functions: they return a number for each position in all axes but the last."""

from __future__ import annotations

import math

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.engine import lift
from fastconv.losses.settings import all_or_some_axes, as_weights, settings, some_axes
from fastconv.ops.broadcast import position
from fastconv.ops.convert import as_float, numeric
from fastconv.ops.loss import about_classes
from fastconv.serialization import register
from fastconv.typing import Array, ArrayLike, Axis


def same_rank(y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Return both arrays with equal numbers of axes, if they differ only in a last axis of size 1.

    The axis is removed, except that targets (N,) become (N, 1) for outputs (N, 1), as in Keras.
    """
    y_true, y_pred = numeric(ops.convert_to_tensor(y_true)), numeric(ops.convert_to_tensor(y_pred))
    if y_true.ndim == y_pred.ndim + 1:
        y_pred, y_true = same_rank(y_pred, y_true)
    elif y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        if y_true.ndim == 1:
            y_true = ops.expand_dims(y_true, -1)
        else:
            y_pred = ops.squeeze(y_pred, -1)
    return y_true, y_pred


def as_single(x: Array) -> Array:
    """Return x as floats: float32 and float64 unchanged, other dtypes as `config.floatx()`."""
    x = as_float(x)
    return ops.cast(x, config.floatx()) if x.dtype.itemsize < 4 else x


def same_shape(name: str, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Return targets and outputs with equal ranks and the dtype of the outputs. Raises ValueError if shapes differ."""
    y_true, y_pred = same_rank(y_true, as_single(y_pred))
    if tuple(y_true.shape) != tuple(y_pred.shape):
        advice = about_classes(y_true, y_pred) if name.startswith("categorical") else ""
        raise ValueError(
            f"{name}: targets must have the shape of the outputs{advice}. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    return ops.cast(y_true, y_pred.dtype), y_pred


@register("loss", "mse", "MSE")
@lift
def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean squared error, mean over the last axis of (y_pred - y_true)^2.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: targets, (..., K).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> [round(float(v), 4) for v in losses.mean_squared_error(y_true, y_pred)]
        [0.5, 2.0]
    """
    y_true, y_pred = same_shape("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(y_pred - y_true), -1)


@register("loss", "mae", "MAE")
@lift
def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean absolute error, mean over the last axis of |y_pred - y_true|.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: targets, (..., K).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> [round(float(v), 4) for v in losses.mean_absolute_error(y_true, y_pred)]
        [0.5, 1.0]
    """
    y_true, y_pred = same_shape("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.absolute(y_pred - y_true), -1)


@register("loss", "bce", "BCE")
@lift
@settings(axis=some_axes)
def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """Binary cross-entropy, mean over `axis` of -y_true log p - (1 - y_true) log(1 - p).

    Shapes: y_true and y_pred (..., K), result (...) if `axis` is -1.

    Args:
        y_true: targets of 0 and 1, or probabilities, (..., K).
        y_pred: probabilities p, or logits if `from_logits` is true, (..., K).
        from_logits: bool, whether y_pred holds logits, with p = sigmoid(y_pred). Defaults to False.
        label_smoothing: float s from 0 to 1, which moves targets towards 1/2, to (1 - s) y_true + s/2. Defaults to 0.
        axis: int or tuple of int, the axes of the mean. Defaults to -1.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [1.0, 1.0]], [[0.5, 0.5], [0.9, 0.9]]
        >>> [round(float(v), 4) for v in losses.binary_crossentropy(y_true, y_pred)]
        [0.6931, 0.1054]

    References:
        Szegedy et al. 2016, "Rethinking the Inception architecture", section 7 (label smoothing).
    """
    y_true, y_pred = same_shape("binary_crossentropy", y_true, y_pred)
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits), axis)


@register("loss")
@lift
@settings()
def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """Categorical cross-entropy, -sum over the K classes of y_true log p.

    Shapes: y_true and y_pred (..., K), result (...) if `axis` is -1.

    Args:
        y_true: probabilities, for example one-hot targets, (..., K).
        y_pred: probabilities p, or logits if `from_logits` is true, (..., K).
        from_logits: bool, whether y_pred holds logits, with p = softmax(y_pred). Defaults to False.
        label_smoothing: float s from 0 to 1, which moves targets towards 1/K, to (1 - s) y_true + s/K. Defaults to 0.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.9, 0.1]]
        >>> [round(float(v), 4) for v in losses.categorical_crossentropy(y_true, y_pred)]
        [0.6931, 0.1054]

    References:
        Szegedy et al. 2016, "Rethinking the Inception architecture", section 7 (label smoothing).
    """
    y_true, y_pred = same_shape("categorical_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    return ops.categorical_crossentropy(y_true, y_pred, from_logits, axis)


@register("loss")
@lift
@settings()
def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Array:
    """Categorical cross-entropy for class indices, -log p[y_true].

    Shapes: y_true (...) or (..., 1), y_pred (..., K), result (...) if `axis` is -1.

    Args:
        y_true: class indices of any dtype, (...) or (..., 1).
        y_pred: probabilities p, or logits if `from_logits` is true, (..., K).
        from_logits: bool, whether y_pred holds logits, with p = softmax(y_pred). Defaults to False.
        ignore_class: int, a class index, or another integer, whose targets have loss 0, or None.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if a target is not an integer, or is not the index of a class.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [1, 0], [[0.5, 0.5], [0.9, 0.1]]
        >>> [round(float(v), 4) for v in losses.sparse_categorical_crossentropy(y_true, y_pred)]
        [0.6931, 0.1054]
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), as_single(y_pred)
    y_true = ops.reshape(y_true, classes_removed(y_true, y_pred, axis))
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis)
    counts = counted(y_true, y_pred, ignore_class, axis)
    losses = ops.sparse_categorical_crossentropy(ops.where(counts, y_true, 0), y_pred, from_logits, axis)
    return ops.where(counts, losses, 0.0)


def classes_removed(y_true: Array, y_pred: Array, axis: int) -> tuple[int, ...]:
    """Return the shape of class indices: the shape of `y_true` without the axis of the classes, if it has size 1."""
    axis = position(axis, y_pred.ndim)
    shape = tuple(y_true.shape)
    return shape[:axis] + shape[axis + 1 :] if len(shape) == y_pred.ndim and shape[axis] == 1 else shape


def counted(y_true: Array, y_pred: Array, ignore_class: int, axis: int) -> Array:
    """Return whether each target differs from `ignore_class`, in the shape of the losses."""
    y_true = ops.convert_to_tensor(y_true)
    return ops.not_equal(
        ops.reshape(y_true, classes_removed(y_true, ops.convert_to_tensor(y_pred), axis)), ignore_class
    )


@register("loss", "mape", "MAPE")
@lift
def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean absolute percentage error, mean over the last axis of 100 |y_true - y_pred| / |y_true|.

    The divisor is at least `config.epsilon()`.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: targets, (..., K).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[1.0, 2.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> [round(float(v), 4) for v in losses.mean_absolute_percentage_error(y_true, y_pred)]
        [25.0, 25.0]
    """
    y_true, y_pred = same_shape("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * ops.mean(ops.absolute(y_true - y_pred) / ops.maximum(ops.absolute(y_true), config.epsilon()), -1)


@register("loss", "msle", "MSLE")
@lift
def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean squared logarithmic error, mean over the last axis of (log(y_pred + 1) - log(y_true + 1))^2.

    Negative numbers count as 0.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: targets, (..., K).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> [round(float(v), 4) for v in losses.mean_squared_logarithmic_error(y_true, y_pred)]
        [0.2402, 0.1305]
    """
    y_true, y_pred = same_shape("mean_squared_logarithmic_error", y_true, y_pred)
    y_true, y_pred = (ops.maximum(y, config.epsilon()) for y in (y_true, y_pred))
    return ops.mean(ops.square(_log_ratio(y_pred + 1.0, y_true + 1.0, y_pred - y_true)), -1)


def _log_ratio(a: Array, b: Array, difference: Array) -> Array:
    """Return log(a / b) for positive numbers, accurate also if a - b is small."""
    change = difference / b
    return ops.where(change < -0.5, ops.log(a / b), ops.log1p(ops.maximum(change, -0.5)))


@register("loss")
@lift
@settings()
def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> Array:
    """Huber loss, mean over the last axis of e^2 / 2 if |e| <= delta, else delta |e| - delta^2 / 2.

    e = y_pred - y_true.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: targets, (..., K).
        y_pred: outputs, (..., K).
        delta: float >= 0, the error at which the loss becomes linear. Defaults to 1.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> [round(float(v), 4) for v in losses.huber(y_true, y_pred)]
        [0.25, 0.75]

    References:
        Huber 1964, "Robust estimation of a location parameter".
    """
    y_true, y_pred = same_shape("huber", y_true, y_pred)
    error = ops.absolute(y_pred - y_true)
    return ops.mean(ops.where(error <= delta, 0.5 * ops.square(error), delta * error - 0.5 * delta**2), -1)


@register("loss", "logcosh")
@lift
def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean over the last axis of log(cosh(e)), with e = y_pred - y_true.

    It is computed as -log(1 - tanh(e)^2) / 2 near 0 and as |e| + log(1 + exp(-2 |e|)) - log 2 elsewhere; both forms are
    accurate in their range.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: targets, (..., K).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> [round(float(v), 4) for v in losses.log_cosh(y_true, y_pred)]
        [0.2169, 0.6625]
    """
    y_true, y_pred = same_shape("log_cosh", y_true, y_pred)
    error = ops.absolute(y_pred - y_true)
    near = -0.5 * ops.log1p(-ops.square(ops.tanh(ops.minimum(error, 1.0))))
    far = error + ops.log1p(ops.exp(-2.0 * error)) - math.log(2)
    return ops.mean(ops.where(error < 1.0, near, far), -1)


def _signs(y_true: Array) -> Array:
    """Return targets of -1 and 1 unchanged, and targets of 0 and 1 as -1 and 1."""
    is_binary = ops.min(ops.cast(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)), y_true.dtype))
    return y_true + is_binary * (y_true - 1.0)


@register("loss")
@lift
def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Hinge loss, mean over the last axis of max(1 - y_true y_pred, 0).

    Targets of 0 and 1 are changed to -1 and 1.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: targets of -1 and 1, or of 0 and 1, (..., K).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[1.0, -1.0], [1.0, 1.0]], [[0.5, -2.0], [-1.0, 2.0]]
        >>> [round(float(v), 4) for v in losses.hinge(y_true, y_pred)]
        [0.25, 1.0]
    """
    y_true, y_pred = same_shape("hinge", y_true, y_pred)
    return ops.mean(ops.relu(1.0 - _signs(y_true) * y_pred), -1)


@register("loss")
@lift
def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Squared hinge loss, mean over the last axis of max(1 - y_true y_pred, 0)^2.

    Targets of 0 and 1 are changed to -1 and 1.

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: targets of -1 and 1, or of 0 and 1, (..., K).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[1.0, -1.0], [1.0, 1.0]], [[0.5, -2.0], [-1.0, 2.0]]
        >>> [round(float(v), 4) for v in losses.squared_hinge(y_true, y_pred)]
        [0.125, 2.0]
    """
    y_true, y_pred = same_shape("squared_hinge", y_true, y_pred)
    return ops.mean(ops.square(ops.relu(1.0 - _signs(y_true) * y_pred)), -1)


@register("loss")
@lift
def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Categorical hinge loss, max(1 + largest output of the wrong classes - output of the true class, 0).

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: one-hot targets, (..., K).
        y_pred: outputs, (..., K).

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.5], [0.5, 1.0]]
        >>> [round(float(v), 4) for v in losses.categorical_hinge(y_true, y_pred)]
        [0.0, 0.5]
    """
    y_true, y_pred = same_shape("categorical_hinge", y_true, y_pred)
    return ops.relu(ops.max((1.0 - y_true) * y_pred, -1) - ops.sum(y_true * y_pred, -1) + 1.0)


@register("loss", "kld", "KLD", "kullback_leibler_divergence")
@lift
def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Kullback-Leibler divergence, sum over the last axis of y_true log(y_true / y_pred).

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: probabilities, (..., K), at least `config.epsilon()` and at most 1 after clipping.
        y_pred: probabilities, (..., K), clipped likewise.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.75, 0.25]]
        >>> [round(float(v), 4) for v in losses.kl_divergence(y_true, y_pred)]
        [0.0, 0.2877]

    References:
        Kullback and Leibler 1951, "On information and sufficiency".
    """
    y_true, y_pred = (ops.clip(y, config.epsilon(), 1.0) for y in same_shape("kl_divergence", y_true, y_pred))
    return ops.sum(y_true * _log_ratio(y_true, y_pred, y_true - y_pred), -1)


@register("loss")
@lift
def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Poisson loss, mean over the last axis of y_pred - y_true log(y_pred + epsilon).

    Shapes: y_true and y_pred (..., K), result (...).

    Args:
        y_true: counts, (..., K).
        y_pred: positive rates, (..., K).

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [2.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]]
        >>> [round(float(v), 4) for v in losses.poisson(y_true, y_pred)]
        [1.0, -0.0794]
    """
    y_true, y_pred = same_shape("poisson", y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), -1)


def _unit(x: Array, axis: int) -> Array:
    """Return x divided by its length along `axis`, or by epsilon if the length is smaller.

    x is first divided by its largest element, so that squares do not overflow.
    """
    largest = ops.stop_gradient(ops.maximum(ops.max(ops.absolute(x), axis, True), config.epsilon()))
    x = x / largest
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis, True), ops.square(config.epsilon() / largest)))


@register("loss")
@lift
@settings()
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Negative cosine of the angle between targets and outputs along `axis`.

    The result is -1 if they have the same direction, 0 if they are orthogonal, and 1 if they have opposite directions.

    Shapes: y_true and y_pred of equal shapes; the result lacks `axis`.

    Args:
        y_true: targets, (..., K).
        y_pred: outputs, (..., K).
        axis: int, the axis of the vectors. Defaults to -1.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [3.0, 4.0]], [[0.0, -2.0], [3.0, 4.0]]
        >>> [round(float(v), 4) for v in losses.cosine_similarity(y_true, y_pred)]
        [1.0, -1.0]
    """
    y_true, y_pred = same_shape("cosine_similarity", y_true, y_pred)
    return -ops.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis)


@register("loss")
@lift
@settings(axis=some_axes)
def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Binary focal loss, mean over `axis` of (1 - p_t)^gamma (-log p_t).

    p_t is the probability of the true class: p if y_true is 1, and 1 - p if it is 0.

    Shapes: y_true and y_pred (..., K), result (...) if `axis` is -1.

    Args:
        y_true: targets of 0 and 1, or probabilities, (..., K).
        y_pred: probabilities p, or logits if `from_logits` is true, (..., K).
        apply_class_balancing: bool, whether losses are multiplied by alpha if y_true is 1, and by 1 - alpha if it is 0.
            Defaults to False.
        alpha: float, the weight of class 1. Defaults to 0.25.
        gamma: float >= 0, which reduces the loss of examples that are already classified well. Defaults to 2.
        from_logits: bool, whether y_pred holds logits, with p = sigmoid(y_pred). Defaults to False.
        label_smoothing: float s from 0 to 1, which moves targets towards 1/2, to (1 - s) y_true + s/2. Defaults to 0.
        axis: int or tuple of int, the axes of the mean. Defaults to -1.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [1.0, 1.0]], [[0.5, 0.5], [0.9, 0.9]]
        >>> [round(float(v), 4) for v in losses.binary_focal_crossentropy(y_true, y_pred)]
        [0.1733, 0.0011]

    References:
        Lin et al. 2017, "Focal loss for dense object detection".
    """
    y_true, y_pred = same_shape("binary_focal_crossentropy", y_true, y_pred)
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true
    p, not_p = (ops.sigmoid(y_pred), ops.sigmoid(-y_pred)) if from_logits else (y_pred, 1.0 - y_pred)
    complement = y_true * not_p + (1.0 - y_true) * p
    complement = complement if from_logits else ops.maximum(complement, config.epsilon())  # like p in the cross-entropy
    losses = _focus(complement, gamma) * ops.binary_crossentropy(y_true, y_pred, from_logits)
    if apply_class_balancing:
        losses = losses * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ops.mean(losses, axis)


def _focus(complement: Array, gamma: float) -> Array:
    """Return complement^gamma. Its slope at 0, infinite for gamma < 1, counts as 0."""
    return ops.power(ops.maximum(complement, np.finfo(complement.dtype).tiny), gamma)


@register("loss")
@lift
@settings(alpha=as_weights)
def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Categorical focal loss, sum over the K classes of -alpha (1 - p)^gamma y_true log p.

    Shapes: y_true and y_pred (..., K), result (...) if `axis` is -1.

    Args:
        y_true: probabilities, for example one-hot targets, (..., K).
        y_pred: probabilities p, or logits if `from_logits` is true, (..., K).
        alpha: float, the weight of the losses, or a list with a number for each class if `axis` is the last. Defaults
            to 0.25.
        gamma: float >= 0, which reduces the loss of examples that are already classified well. Defaults to 2.
        from_logits: bool, whether y_pred holds logits, with p = softmax(y_pred). Defaults to False.
        label_smoothing: float s from 0 to 1, which moves targets towards 1/K, to (1 - s) y_true + s/K. Defaults to 0.
        axis: int, the axis of the classes. Defaults to -1.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.9, 0.1]]
        >>> [round(float(v), 4) for v in losses.categorical_focal_crossentropy(y_true, y_pred)]
        [0.0433, 0.0003]

    References:
        Lin et al. 2017, "Focal loss for dense object detection".
    """
    y_true, y_pred = same_shape("categorical_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    if from_logits:
        log_p = ops.log_softmax(y_pred, axis)
        complement = -ops.expm1(log_p)
        log_p = ops.where(ops.equal(y_true, 0.0), 0.0, log_p)  # log_p may be infinite
    else:
        p = ops.clip(y_pred / ops.sum(y_pred, axis, True), config.epsilon(), 1.0 - config.epsilon())
        log_p, complement = ops.log(p), 1.0 - p
    return -ops.sum(ops.cast(alpha, y_pred.dtype) * _focus(complement, gamma) * y_true * log_p, axis)


@register("loss")
@lift
@settings(axis=all_or_some_axes)
def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: Axis | None = None) -> Array:
    """Dice loss, 1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)).

    It is common in segmentation, because its value does not depend on the size of the background.

    Args:
        y_true: targets from 0 to 1, of any shape.
        y_pred: outputs from 0 to 1, of the same shape.
        axis: int or tuple of int, the axes of the sums, or None for all axes. Defaults to None.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]
        >>> round(float(losses.dice(y_true, y_pred)), 4)
        0.5

    References:
        Milletari et al. 2016, "V-Net".
    """
    y_true, y_pred = same_shape("dice", y_true, y_pred)
    mismatch = ops.sum(y_true * (1.0 - y_pred) + (1.0 - y_true) * y_pred, axis)
    everything = ops.sum(y_true, axis) + ops.sum(y_pred, axis)
    return (mismatch + config.epsilon()) / (
        everything + config.epsilon()
    )  # avoids a difference of large numbers, so that small losses are accurate


@register("loss")
@lift
@settings(axis=all_or_some_axes)
def tversky(
    y_true: ArrayLike, y_pred: ArrayLike, alpha: float = 0.5, beta: float = 0.5, axis: Axis | None = None
) -> Array:
    """Tversky loss, 1 - both / (both + alpha missed + beta wrong).

    both = sum(y_true y_pred), missed = sum(y_true (1 - y_pred)) and wrong = sum((1 - y_true) y_pred).

    Args:
        y_true: targets from 0 to 1, of any shape.
        y_pred: outputs from 0 to 1, of the same shape.
        alpha: float, the weight of missed elements. Defaults to 0.5.
        beta: float, the weight of wrong elements. Defaults to 0.5.
        axis: int or tuple of int, the axes of the sums, or None for all axes. Defaults to None.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> from fastconv import losses
        >>> y_true, y_pred = [1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]
        >>> round(float(losses.tversky(y_true, y_pred)), 4)
        0.5

    References:
        Salehi et al. 2017, "Tversky loss function for image segmentation using 3D fully convolutional deep networks".
    """
    y_true, y_pred = same_shape("tversky", y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis)
    missed, wrong = ops.sum(y_true * (1.0 - y_pred), axis), ops.sum((1.0 - y_true) * y_pred, axis)
    mismatch = missed * alpha + wrong * beta + config.epsilon()
    return mismatch / (both + mismatch)


# Shorter names.
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
