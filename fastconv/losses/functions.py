"""Losses as functions: a number for each element of all axes but the last."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastconv import config, ops
from fastconv.engine import lift
from fastconv.losses.settings import all_or_some_axes, as_weights, settings, some_axes
from fastconv.ops.broadcast import position
from fastconv.ops.convert import as_float, numeric
from fastconv.serialization import register


def same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both, without a last axis of size 1 that only one has; but (N,) meets (N, 1) as (N, 1), as in Keras."""
    y_true, y_pred = numeric(ops.convert_to_tensor(y_true)), numeric(ops.convert_to_tensor(y_pred))
    if y_true.ndim == y_pred.ndim + 1:
        y_pred, y_true = same_rank(y_pred, y_true)
    elif y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        if y_true.ndim == 1:
            y_true = ops.expand_dims(y_true, -1)
        else:
            y_pred = ops.squeeze(y_pred, -1)
    return y_true, y_pred


def as_single(x: Any) -> Any:
    """x as floats of `config.floatx()`, or of single or double precision if it holds them."""
    x = as_float(x)
    return ops.cast(x, config.floatx()) if x.dtype.itemsize < 4 else x


def same_shape(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and outputs of one rank, the targets as floats like the outputs."""
    y_true, y_pred = same_rank(y_true, as_single(y_pred))
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"{name}: targets must have the shape of the outputs. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    return ops.cast(y_true, y_pred.dtype), y_pred


@register("loss", "mse", "MSE")
@lift
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of (y_pred - y_true)^2."""
    y_true, y_pred = same_shape("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(y_pred - y_true), -1)


@register("loss", "mae", "MAE")
@lift
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of |y_pred - y_true|."""
    y_true, y_pred = same_shape("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.absolute(y_pred - y_true), -1)


@register("loss", "bce", "BCE")
@lift
@settings(axis=some_axes)
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """mean over `axis` of -y_true log p - (1 - y_true) log(1 - p).

    Args:
        y_true: 0, 1 or probabilities.
        y_pred: p, or logits with p = sigmoid(y_pred) where `from_logits`.
        label_smoothing: s moves the targets towards 1/2, to (1 - s) y_true + s/2; Szegedy et al. 2016, section 7.
    """
    y_true, y_pred = same_shape("binary_crossentropy", y_true, y_pred)
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits), axis)


@register("loss")
@lift
@settings()
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """-sum over the K classes on `axis` of y_true log p.

    Args:
        y_true: probabilities, such as one-hot rows.
        y_pred: p, or logits with p = softmax(y_pred) where `from_logits`.
        label_smoothing: s moves the targets towards 1/K, to (1 - s) y_true + s/K; Szegedy et al. 2016, section 7.
    """
    y_true, y_pred = same_shape("categorical_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    return ops.categorical_crossentropy(y_true, y_pred, from_logits, axis)


@register("loss")
@lift
@settings()
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """-log p[y_true], with the number of the true class on `axis`.

    Args:
        y_true: integers, of any dtype, in the shape of `y_pred` without its classes, or with 1 in their place.
        y_pred: p, or logits with p = softmax(y_pred) where `from_logits`.
        ignore_class: targets of this number, which need not be that of a class, lose 0.

    Raises:
        ValueError: a target that is no integer, or outside of the classes.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), as_single(y_pred)
    y_true = ops.reshape(y_true, classes_removed(y_true, y_pred, axis))
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis)
    counts = counted(y_true, y_pred, ignore_class, axis)
    losses = ops.sparse_categorical_crossentropy(ops.where(counts, y_true, 0), y_pred, from_logits, axis)
    return ops.where(counts, losses, 0.0)


def classes_removed(y_true: Any, y_pred: Any, axis: int) -> tuple[int, ...]:
    """The shape of class indices, that of `y_true` without the axis of size 1 that it may have for classes."""
    axis = position(axis, y_pred.ndim)
    shape = tuple(y_true.shape)
    return shape[:axis] + shape[axis + 1 :] if len(shape) == y_pred.ndim and shape[axis] == 1 else shape


def counted(y_true: Any, y_pred: Any, ignore_class: int, axis: int) -> Any:
    """Whether each target is of another class than `ignore_class`, in the shape of the losses."""
    y_true = ops.convert_to_tensor(y_true)
    return ops.not_equal(
        ops.reshape(y_true, classes_removed(y_true, ops.convert_to_tensor(y_pred), axis)), ignore_class
    )


@register("loss", "mape", "MAPE")
@lift
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of 100 |y_true - y_pred| / |y_true|, whose divisor is at least epsilon."""
    y_true, y_pred = same_shape("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * ops.mean(ops.absolute(y_true - y_pred) / ops.maximum(ops.absolute(y_true), config.epsilon()), -1)


@register("loss", "msle", "MSLE")
@lift
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of (log(y_pred + 1) - log(y_true + 1))^2; negative numbers count as 0."""
    y_true, y_pred = same_shape("mean_squared_logarithmic_error", y_true, y_pred)
    y_true, y_pred = (ops.maximum(y, config.epsilon()) for y in (y_true, y_pred))
    return ops.mean(ops.square(_log_ratio(y_pred + 1.0, y_true + 1.0, y_pred - y_true)), -1)


def _log_ratio(a: Any, b: Any, difference: Any) -> Any:
    """log(a / b) for positive numbers, with the digits of a - b when they are close."""
    change = difference / b
    return ops.where(change < -0.5, ops.log(a / b), ops.log1p(ops.maximum(change, -0.5)))


@register("loss")
@lift
@settings()
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """mean over the last axis of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2, with e = y_pred - y_true.

    Huber 1964.
    """
    y_true, y_pred = same_shape("huber", y_true, y_pred)
    error = ops.absolute(y_pred - y_true)
    return ops.mean(ops.where(error <= delta, 0.5 * ops.square(error), delta * error - 0.5 * delta**2), -1)


@register("loss", "logcosh")
@lift
def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of log(cosh(e)), with e = y_pred - y_true.

    log(cosh(e)) is -log(1 - tanh(e)^2) / 2 near 0 and |e| + log(1 + exp(-2 |e|)) - log 2 farther away: both keep their
    digits.
    """
    y_true, y_pred = same_shape("log_cosh", y_true, y_pred)
    error = ops.absolute(y_pred - y_true)
    near = -0.5 * ops.log1p(-ops.square(ops.tanh(ops.minimum(error, 1.0))))
    far = error + ops.log1p(ops.exp(-2.0 * error)) - math.log(2)
    return ops.mean(ops.where(error < 1.0, near, far), -1)


def _signs(y_true: Any) -> Any:
    """Targets of -1 and 1 as they are; those of 0 and 1 as -1 and 1."""
    is_binary = ops.min(ops.cast(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)), y_true.dtype))
    return y_true + is_binary * (y_true - 1.0)


@register("loss")
@lift
def hinge(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of max(1 - y_true y_pred, 0), with targets of -1 and 1, or 0 and 1."""
    y_true, y_pred = same_shape("hinge", y_true, y_pred)
    return ops.mean(ops.relu(1.0 - _signs(y_true) * y_pred), -1)


@register("loss")
@lift
def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of max(1 - y_true y_pred, 0)^2, with targets of -1 and 1, or 0 and 1."""
    y_true, y_pred = same_shape("squared_hinge", y_true, y_pred)
    return ops.mean(ops.square(ops.relu(1.0 - _signs(y_true) * y_pred)), -1)


@register("loss")
@lift
def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(1 + the largest output of a wrong class - that of the true class, 0), with one-hot targets."""
    y_true, y_pred = same_shape("categorical_hinge", y_true, y_pred)
    return ops.relu(ops.max((1.0 - y_true) * y_pred, -1) - ops.sum(y_true * y_pred, -1) + 1.0)


@register("loss", "kld", "KLD", "kullback_leibler_divergence")
@lift
def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """sum over the last axis of y_true log(y_true / y_pred), both at least epsilon; Kullback and Leibler 1951."""
    y_true, y_pred = (ops.clip(y, config.epsilon(), 1.0) for y in same_shape("kl_divergence", y_true, y_pred))
    return ops.sum(y_true * _log_ratio(y_true, y_pred, y_true - y_pred), -1)


@register("loss")
@lift
def poisson(y_true: Any, y_pred: Any) -> Any:
    """mean over the last axis of y_pred - y_true log(y_pred + epsilon)."""
    y_true, y_pred = same_shape("poisson", y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), -1)


def _unit(x: Any, axis: int) -> Any:
    """x over its length along `axis`, which counts as epsilon at least; squares are taken of numbers of at most 1."""
    largest = ops.stop_gradient(ops.maximum(ops.max(ops.absolute(x), axis, True), config.epsilon()))
    x = x / largest
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis, True), ops.square(config.epsilon() / largest)))


@register("loss")
@lift
@settings()
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between targets and outputs along `axis`, negative: -1 where they point the same way."""
    y_true, y_pred = same_shape("cosine_similarity", y_true, y_pred)
    return -ops.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis)


@register("loss")
@lift
@settings(axis=some_axes)
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """mean over `axis` of (1 - p_t)^gamma (-log p_t), where p_t is the probability of the true class; Lin et al. 2017.

    Args:
        y_true: 0, 1 or probabilities.
        y_pred: p, or logits with p = sigmoid(y_pred) where `from_logits`.
        apply_class_balancing: whether losses count `alpha` where y_true is 1 and 1 - alpha where it is 0.
        alpha, gamma: how much class 1 counts, and how little what is certain already.
        label_smoothing: s moves the targets towards 1/2, to (1 - s) y_true + s/2.
    """
    y_true, y_pred = same_shape("binary_focal_crossentropy", y_true, y_pred)
    y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true
    p, not_p = (ops.sigmoid(y_pred), ops.sigmoid(-y_pred)) if from_logits else (y_pred, 1.0 - y_pred)
    doubt = y_true * not_p + (1.0 - y_true) * p
    doubt = doubt if from_logits else ops.maximum(doubt, config.epsilon())  # as the cross-entropy of probabilities is
    losses = _focus(doubt, gamma) * ops.binary_crossentropy(y_true, y_pred, from_logits)
    if apply_class_balancing:
        losses = losses * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ops.mean(losses, axis)


def _focus(doubt: Any, gamma: float) -> Any:
    """doubt^gamma, whose slope at 0, infinite for gamma < 1, counts as 0."""
    return ops.power(ops.maximum(doubt, np.finfo(doubt.dtype).tiny), gamma)


@register("loss")
@lift
@settings(alpha=as_weights)
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """sum over the K classes on `axis` of -alpha (1 - p)^gamma y_true log p; Lin et al. 2017.

    Args:
        y_true: probabilities, such as one-hot rows.
        y_pred: p, or logits with p = softmax(y_pred) where `from_logits`.
        alpha: how much losses count: a number, or a list of numbers, one for each class, when `axis` is the last.
        gamma: how little what is certain already counts.
        label_smoothing: s moves the targets towards 1/K, to (1 - s) y_true + s/K.
    """
    y_true, y_pred = same_shape("categorical_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    if from_logits:
        log_p = ops.log_softmax(y_pred, axis)
        doubt = -ops.expm1(log_p)
        log_p = ops.where(ops.equal(y_true, 0.0), 0.0, log_p)  # which may be infinite
    else:
        p = ops.clip(y_pred / ops.sum(y_pred, axis, True), config.epsilon(), 1.0 - config.epsilon())
        log_p, doubt = ops.log(p), 1.0 - p
    return -ops.sum(ops.cast(alpha, y_pred.dtype) * _focus(doubt, gamma) * y_true * log_p, axis)


@register("loss")
@lift
@settings(axis=all_or_some_axes)
def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)), over `axis`, or all axes; Milletari et al. 2016."""
    y_true, y_pred = same_shape("dice", y_true, y_pred)
    apart = ops.sum(y_true * (1.0 - y_pred) + (1.0 - y_true) * y_pred, axis)
    everything = ops.sum(y_true, axis) + ops.sum(y_pred, axis)
    return (apart + config.epsilon()) / (
        everything + config.epsilon()
    )  # small losses are no difference of large numbers


@register("loss")
@lift
@settings(axis=all_or_some_axes)
def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Any:
    """1 - both / (both + alpha missed + beta wrong), over `axis`, or all axes; Salehi et al. 2017.

    both = sum(y_true y_pred), missed = sum(y_true (1 - y_pred)) and wrong = sum((1 - y_true) y_pred).
    """
    y_true, y_pred = same_shape("tversky", y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis)
    missed, wrong = ops.sum(y_true * (1.0 - y_pred), axis), ops.sum((1.0 - y_true) * y_pred, axis)
    apart = missed * alpha + wrong * beta + config.epsilon()
    return apart / (both + apart)


# Shorter names.
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
