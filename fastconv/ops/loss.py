"""Cross-entropies.

If their input is the output of a softmax or sigmoid in the same graph, they use its logits: exact and stable.
"""

from __future__ import annotations

from typing import Any

import fastconv.config as config
from fastconv.backends.launch import Operation
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive, Tensor
from fastconv.engine.primitive import Gradients, Spec
from fastconv.ops.activation import log_softmax, sigmoid
from fastconv.ops.broadcast import position, reshape, sum
from fastconv.ops.convert import as_float, as_indices, cast, convert_to_tensor
from fastconv.ops.elementwise import clip, log, log1p
from fastconv.ops.shape import transpose
from fastconv.typing import Array, ArrayLike


def _dense_gradient(dloss: Array, loss: Array, logits: Array, target: Array) -> Gradients:
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


def _like_logits(x: Array, target: Array) -> Spec:
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


def categorical_crossentropy(target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1) -> Array:
    """loss[...] = -sum over k of target[..., k] log p[..., k].

    Args:
        target: probabilities, (..., K).
        output: probabilities (normalised and clipped to [epsilon, 1 - epsilon] first), or logits; (..., K).
        from_logits: if True, `output` are logits and p = softmax(output), with gradient softmax(output) - target.
            Default False.
        axis: int, the axis of the K classes. Default -1.

    Returns:
        Array of losses with the shape of `output` without `axis`.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> ops.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).tolist()
        [0.693...]
    """
    target, output = as_float(target), as_float(output)
    if tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            f"categorical_crossentropy: target and output must have the same shape{about_classes(target, output)}. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    target = cast(target, output.dtype)
    target, output = _classes_last(target, axis), _classes_last(output, axis)
    logits = output if from_logits else _logits_of(output, "softmax")
    if logits is not None:
        k = logits.shape[-1]
        return reshape(_dense(reshape(logits, (-1, k)), reshape(target, (-1, k))), logits.shape[:-1])
    return -sum(target * log(_probabilities(output)), -1)


def about_classes(target: Array, output: Array) -> str:
    """Return the advice for targets that look like class indices, or an empty string."""
    shape = tuple(target.shape[:-1] if target.ndim == output.ndim and target.shape[-1] == 1 else target.shape)
    are_classes = shape == tuple(output.shape[:-1])
    return "; class indices need sparse_categorical_crossentropy, or utils.to_categorical first" * are_classes


def sparse_categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> Array:
    """loss[...] = -log p[..., target[...]].

    Args:
        target: integers 0 <= target < K, of any dtype, in the shape of `output` without its classes. A last axis of
            size 1 is dropped.
        output: probabilities, or logits; (..., K).
        from_logits: if True, `output` are logits and p = softmax(output). Default False.
        axis: int, the axis of the K classes. Default -1.

    Returns:
        Array of losses with the shape of `target`.

    Raises:
        ValueError: if the shapes do not fit, or if a target is not an integer in [0, K).

    Example:
        >>> ops.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).tolist()
        [0.693...]
    """
    target, output = convert_to_tensor(target), _classes_last(as_float(output), axis)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = reshape(target, target.shape[:-1])
    if tuple(target.shape) != tuple(output.shape[:-1]):
        one_hot = "; one-hot targets need categorical_crossentropy" * (tuple(target.shape) == tuple(output.shape))
        raise ValueError(
            f"sparse_categorical_crossentropy: target must have the shape of output without its classes{one_hot}. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    target = as_indices(target)
    logits = output if from_logits else _logits_of(output, "softmax")
    if logits is None:
        logits = log(_probabilities(output))  # softmax(log p) = p, since p sums to 1
    k = logits.shape[-1]
    return reshape(_sparse(reshape(logits, (-1, k)), reshape(target, (-1,))), target.shape)


def binary_crossentropy(target: ArrayLike, output: ArrayLike, from_logits: bool = False) -> Array:
    """loss = -target log p - (1 - target) log(1 - p), elementwise.

    Args:
        target: 0, 1 or probabilities, of any shape.
        output: p (clipped to [epsilon, 1 - epsilon] first), or logits; the shape of `target`.
        from_logits: if True, `output` are logits x and p = sigmoid(x); then loss = log(1 + e^x) - x target. Default
            False.

    Returns:
        Array with the shape of `output`.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> ops.binary_crossentropy([0.0, 1.0], [0.5, 0.5]).tolist()
        [0.693..., 0.693...]
    """
    output = as_float(output)
    target = cast(as_float(target), output.dtype)
    if tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            "binary_crossentropy: target and output must have the same shape. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    x = output if from_logits else _logits_of(output, "sigmoid")
    if x is not None:
        return _sigmoid_loss(x, target)
    p = clip(output, config.epsilon(), 1 - config.epsilon())
    return -(target * log(p) + (1.0 - target) * log1p(-p))


def _probabilities(output: Array) -> Array:
    """Normalise and clip `output`, as Keras does if `from_logits` is False."""
    return clip(output / sum(output, -1, True), config.epsilon(), 1 - config.epsilon())


# The operation and parameters of each activation whose logits a loss can use.
MAKERS: dict[str, tuple[Operation, dict[str, Any]]] = {
    "softmax": (Reference.softmax, {}),
    "sigmoid": (Reference.activate, {"activation": "sigmoid"}),
}


def _logits_of(output: Array, activation: str) -> Array:
    """Return the logits if `output` is softmax or sigmoid of them, else None."""
    call = output.call if isinstance(output, Tensor) else None
    if call is None or (call.primitive.operation, call.params) != MAKERS[activation]:
        return None
    return call.inputs[0]


def _classes_last(x: Array, axis: int) -> Array:
    axis = position(axis, x.ndim)
    return x if axis == x.ndim - 1 else transpose(x, [i for i in range(x.ndim) if i != axis] + [axis])
