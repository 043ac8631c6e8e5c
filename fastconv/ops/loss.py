"""Cross-entropies. Behind a softmax or sigmoid that is part of the graph they work on its input: exact and stable."""

from __future__ import annotations

from typing import Any

from fastconv import config
from fastconv.backends.launch import Operation
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive, Tensor
from fastconv.ops.activation import log_softmax, sigmoid
from fastconv.ops.broadcast import position, reshape, sum
from fastconv.ops.convert import as_float, as_indices, cast, convert_to_tensor
from fastconv.ops.elementwise import clip, log, log1p
from fastconv.ops.shape import transpose


def _dense_gradient(dloss: Any, loss: Any, logits: Any, target: Any) -> tuple:
    return (
        _dense_backward(dloss, logits, target),
        -log_softmax(logits) * reshape(dloss, (-1, 1)),
    )


_dense: Primitive = Primitive(
    Reference.softmax_cross_entropy, lambda logits, target: (logits.shape[:-1], logits.dtype), _dense_gradient
)
_dense_backward: Primitive = Primitive(
    Reference.softmax_cross_entropy_backward, lambda dloss, logits, target: (logits.shape, logits.dtype)
)
_sparse: Primitive = Primitive(
    Reference.sparse_softmax_cross_entropy,
    lambda logits, target: (logits.shape[:-1], logits.dtype),
    lambda dloss, loss, logits, target: (_sparse_backward(dloss, logits, target), None),
)
_sparse_backward: Primitive = Primitive(
    Reference.sparse_softmax_cross_entropy_backward, lambda dloss, logits, target: (logits.shape, logits.dtype)
)


def _like_logits(x: Any, target: Any) -> tuple:
    return x.shape, x.dtype


_sigmoid_loss: Primitive = Primitive(
    Reference.sigmoid_loss,
    _like_logits,
    lambda dloss, loss, x, target: (dloss * _sigmoid_loss_slope(x, target), -dloss * x),
    elementwise=True,
)
_sigmoid_loss_slope: Primitive = Primitive(
    Reference.sigmoid_loss_slope,
    _like_logits,
    lambda dy, y, x, target: (dy * sigmoid(x) * sigmoid(-x), -dy),
    elementwise=True,
)


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """loss[...] = -sum over k of target[..., k] log p[..., k].

    Args:
        target: probabilities, (..., K).
        output: probabilities (normalised and clipped to [epsilon, 1 - epsilon] first), or logits; (..., K).
        from_logits: whether `output` are logits, p = softmax(output). Gradient: softmax(output) - target.
        axis: the axis of the K classes.

    Returns:
        One loss for each element of the other axes.

    Raises:
        ValueError: shapes that differ.
    """
    target, output = as_float(target), as_float(output)
    if tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            "categorical_crossentropy: target and output must have one shape. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    target = cast(target, output.dtype)
    target, output = _classes_last(target, axis), _classes_last(output, axis)
    logits = output if from_logits else _behind(output, "softmax")
    if logits is not None:
        k = logits.shape[-1]
        return reshape(_dense(reshape(logits, (-1, k)), reshape(target, (-1, k))), logits.shape[:-1])
    return -sum(target * log(_probabilities(output)), -1)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """loss[...] = -log p[..., target[...]].

    Args:
        target: integers 0 <= target < K, of any dtype, in the shape of `output` without its classes; a last axis of
            size 1 is dropped.
        output: probabilities, or logits; (..., K).
        from_logits: whether `output` are logits, p = softmax(output).
        axis: the axis of the K classes.

    Returns:
        One loss for each target.

    Raises:
        ValueError: shapes that do not fit, a target that is no integer, or a target outside [0, K).
    """
    target, output = convert_to_tensor(target), _classes_last(as_float(output), axis)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = reshape(target, target.shape[:-1])
    if tuple(target.shape) != tuple(output.shape[:-1]):
        raise ValueError(
            "sparse_categorical_crossentropy: target must have the shape of output without its classes. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    target = as_indices(target)
    logits = output if from_logits else _behind(output, "softmax")
    if logits is None:
        logits = log(_probabilities(output))  # softmax(log p) = p where p sums to one
    k = logits.shape[-1]
    return reshape(_sparse(reshape(logits, (-1, k)), reshape(target, (-1,))), target.shape)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """loss = -target log p - (1 - target) log(1 - p), elementwise.

    Args:
        target: 0, 1 or probabilities.
        output: p (clipped to [epsilon, 1 - epsilon] first), or logits; the shape of `target`.
        from_logits: whether `output` are logits, p = sigmoid(output); then log(1 + e^x) - x target.

    Returns:
        An array like `output`.

    Raises:
        ValueError: shapes that differ.
    """
    output = as_float(output)
    target = cast(as_float(target), output.dtype)
    if tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            "binary_crossentropy: target and output must have one shape. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    x = output if from_logits else _behind(output, "sigmoid")
    if x is not None:
        return _sigmoid_loss(x, target)
    p = clip(output, config.epsilon(), 1 - config.epsilon())
    return -(target * log(p) + (1.0 - target) * log1p(-p))


def _probabilities(output: Any) -> Any:
    """Normalised and clipped, as Keras does with what is said to be probabilities."""
    return clip(output / sum(output, -1, True), config.epsilon(), 1 - config.epsilon())


# The operation, with its parameters, of an activation whose logits a loss can use.
MAKERS: dict[str, tuple[Operation, dict]] = {
    "softmax": (Reference.softmax, {}),
    "sigmoid": (Reference.activate, {"activation": "sigmoid"}),
}


def _behind(output: Any, activation: str) -> Any:
    """The logits, where `output` is known to be softmax or sigmoid of them; else None."""
    call = output.call if isinstance(output, Tensor) else None
    if call is None or (call.primitive.operation, call.params) != MAKERS[activation]:
        return None
    return call.inputs[0]


def _classes_last(x: Any, axis: int) -> Any:
    axis = position(axis, x.ndim)
    return transpose(x, [i for i in range(x.ndim) if i != axis] + [axis])
