"""Activation functions. Kernels compute some of them while they write their output; the others are composed of ops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv.arguments import as_number
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive, lift
from fastconv.ops.broadcast import position, positions, reshape, sum
from fastconv.ops.convert import as_float, cast, convert_to_tensor, stop_gradient
from fastconv.ops.elementwise import absolute, clip, exp, maximum, minimum, reciprocal, sign, sqrt, square, where
from fastconv.ops.reduce import max as largest_of
from fastconv.ops.shape import expand_dims, part, transpose
from fastconv.typing import Array, ArrayLike, Axis

# Every activation but relu and gelu, which take more arguments in Keras's activations. This list defines the functions
# of `ops` and of `activations`, the names that layers accept and the names in files.
__all__ = [
    "celu",
    "elu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "step",
    "tanh",
    "tanh_shrink",
    "threshold",
]

_activate: Primitive = Primitive(
    Reference.activate,
    lambda x, **_: (x.shape, x.dtype),
    lambda dy, y, x, **params: (_activate_backward(dy, y, **params),),
    elementwise=True,
)
_activate_backward: Primitive = Primitive(
    Reference.activate_backward,
    lambda dy, y, **_: (y.shape, y.dtype),
    lambda ddx, dx, dy, y, **params: (
        _activate_backward(ddx, y, **params),
        ddx * dy * SECOND[params["activation"]](y),
    ),
    elementwise=True,
)

# d/dy of f'(x) as a function of y = f(x), for the second derivative of each activation.
SECOND: dict[str, Callable[[Any], Any]] = {
    "relu": lambda y: 0.0,
    "leaky_relu": lambda y: 0.0,
    "elu": lambda y: cast(y <= 0, y.dtype),
    "sigmoid": lambda y: 1 - 2 * y,
    "tanh": lambda y: -2 * y,
    "clipped_relu": lambda y: 0.0,
}


_gate: Primitive = Primitive(
    Reference.gate,
    lambda x, **_: (x.shape, x.dtype),
    lambda dy, y, x, **params: (_gate_backward(dy, x, **params),),
    elementwise=True,
)
_gate_backward: Primitive = Primitive(
    Reference.gate_backward,
    lambda dy, x, **_: (x.shape, x.dtype),
    lambda ddx, dx, dy, x, **params: (
        _gate_backward(ddx, x, **params),
        ddx * dy * _gate_curvature(x, **params),
    ),
    elementwise=True,
)


def _gate_curvature(x: Array, *, linear: float, cubic: float) -> Array:
    """Return the second derivative of x s, with s = sigmoid(p) and p = x (linear + cubic x^2)."""
    s = sigmoid(x * (linear + cubic * x * x))
    slope = linear + 3 * cubic * x * x
    return s * (1 - s) * (2 * slope + x * ((1 - 2 * s) * slope * slope + 6 * cubic * x))


# Constants of the gates x sigmoid(x (linear + cubic x^2)).
SILU = {"linear": 1.0, "cubic": 0.0}
GELU = {"linear": math.sqrt(8 / math.pi), "cubic": math.sqrt(8 / math.pi) * 0.044715}


_gelu: Primitive = Primitive(
    Reference.gelu, lambda x: (x.shape, x.dtype), lambda dy, y, x: (_gelu_backward(dy, x),), elementwise=True
)
_gelu_backward: Primitive = Primitive(
    Reference.gelu_backward,
    lambda dy, x: (x.shape, x.dtype),
    lambda ddx, dx, dy, x: (
        _gelu_backward(ddx, x),
        ddx * dy * exp(square(x) * -0.5) * (2.0 - square(x)) * (1 / math.sqrt(2 * math.pi)),
    ),
    elementwise=True,
)


_smooth = Primitive(
    Reference.smooth,
    lambda x, **_: (x.shape, x.dtype),
    lambda dy, y, x, *, function, constants=(): (dy * SLOPES[function](x, y),),
    elementwise=True,
)

# The derivatives f'(x) of the functions y = f(x) in formulas.SMOOTH, as functions of x and y.
SLOPES: dict[str, Callable[[Array, Array], Array]] = {
    "softplus": lambda x, y: sigmoid(x),
    "softsign": lambda x, y: square(reciprocal(absolute(x) + 1)),
    "squareplus": lambda x, y: reciprocal(2 - finite(x) / finite(y)),
    "tanh_shrink": lambda x, y: square(tanh(x)),
}


def finite(x: Array) -> Array:
    """Return x with infinities replaced by the largest finite numbers of its dtype."""
    largest = float(np.finfo(x.dtype).max)
    return clip(x, -largest, largest)


def relu(x: ArrayLike) -> Array:
    """Return max(x, 0).

    The derivative at 0 is 0.

    Args:
        x: array of any shape. Integers stay integers.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.relu([-1.0, 0.0, 2.0]).tolist()
        [0.0, 0.0, 2.0]
    """
    x = convert_to_tensor(x)
    if x.dtype.kind in "iu":
        return maximum(x, 0)
    return _activate(x if x.dtype.kind == "f" else as_float(x), activation="relu")


def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Array:
    """Return x if x > 0, else negative_slope x.

    Args:
        x: array of any shape.
        negative_slope: float of at least 0, default 0.2.

    Returns:
        Array with the shape of x.

    Raises:
        ValueError: if `negative_slope` is negative or not a finite number.

    Example:
        >>> ops.leaky_relu([-1.0, 2.0], negative_slope=0.25).tolist()
        [-0.25, 2.0]
    """
    slope = _at_least_zero("leaky_relu", "negative_slope", negative_slope)
    if slope == 0:
        return relu(x)
    return _activate(as_float(x), activation="leaky_relu", alpha=slope)


def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """Return x if x > 0, else alpha (e^x - 1); Clevert et al. 2016.

    Args:
        x: array of any shape.
        alpha: float of at least 0, default 1.

    Returns:
        Array with the shape of x.

    Raises:
        ValueError: if `alpha` is negative or not a finite number.

    Example:
        >>> ops.elu([-1.0, 0.0, 2.0]).tolist()
        [-0.632..., 0.0, 2.0]
    """
    return _activate(as_float(x), activation="elu", alpha=_at_least_zero("elu", "alpha", alpha))


def _at_least_zero(op: str, name: str, value: object) -> float:
    """Return `value` as a float. Raises ValueError unless it is a finite number of at least 0."""
    if type(value) is float and 0 <= value < math.inf:
        return value
    return float(as_number(op, name, value, 0, below=math.inf))


def sigmoid(x: ArrayLike) -> Array:
    """Return 1 / (1 + e^-x).

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.sigmoid([-100.0, 0.0, 100.0]).round(3).tolist()
        [0.0, 0.5, 1.0]
    """
    return _activate(as_float(x), activation="sigmoid")


def tanh(x: ArrayLike) -> Array:
    """Return the hyperbolic tangent of x.

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.tanh([0.0, 1.0]).tolist()
        [0.0, 0.761...]
    """
    return _activate(as_float(x), activation="tanh")


def linear(x: ArrayLike) -> Array:
    """Return x unchanged.

    Args:
        x: array of any shape.

    Example:
        >>> ops.linear(np.array([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    return x


def relu6(x: ArrayLike) -> Array:
    """Return min(max(x, 0), 6).

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.relu6([-1.0, 3.0, 8.0]).tolist()
        [0.0, 3.0, 6.0]
    """
    return clipped_relu(x, 6.0)


@lift
def clipped_relu(x: ArrayLike, max_value: float) -> Array:
    """Return min(max(x, 0), max_value). The derivative at both ends is 0."""
    return _activate(
        as_float(x), activation="clipped_relu", alpha=float(as_number("clipped_relu", "max_value", max_value))
    )


def softplus(x: ArrayLike) -> Array:
    """Return log(1 + e^x), without overflow.

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.softplus([0.0, 100.0]).tolist()
        [0.693..., 100.0]
    """
    return _smooth(as_float(x), function="softplus")


def softsign(x: ArrayLike) -> Array:
    """Return x / (1 + |x|).

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.softsign([-1.0, 0.0, 3.0]).tolist()
        [-0.5, 0.0, 0.75]
    """
    return _smooth(as_float(x), function="softsign")


def silu(x: ArrayLike) -> Array:
    """Return x sigmoid(x), also called swish.

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.silu([0.0, 1.0]).tolist()
        [0.0, 0.731...]
    """
    return _gate(as_float(x), **SILU)


def gelu(x: ArrayLike, approximate: bool = True) -> Array:
    """Return x Phi(x), with the standard normal cumulative distribution function Phi; Hendrycks and Gimpel 2016.

    Args:
        x: array of any shape.
        approximate: if True (default), return x (1 + tanh(p/2)) / 2 = x sigmoid(p) with p = sqrt(8/pi) (x + 0.044715
            x^3), which differs from x Phi(x) by at most 5e-4.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.gelu([0.0, 1.0], approximate=False).tolist()
        [0.0, 0.841...]
    """
    return _gate(as_float(x), **GELU) if approximate else _gelu(as_float(x))


def hard_sigmoid(x: ArrayLike) -> Array:
    """Return min(max(x/6 + 1/2, 0), 1).

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.hard_sigmoid([-3.0, 0.0, 4.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return clipped_relu(as_float(x) * (1 / 6) + 0.5, 1.0)


def selu(x: ArrayLike) -> Array:
    """Return 1.0507 elu(x, 1.67326); Klambauer et al. 2017.

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.selu([0.0, 1.0]).tolist()
        [0.0, 1.050...]
    """
    return elu(x, 1.6732632423543772) * 1.0507009873554805


def celu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """Return x if x > 0, else alpha (e^(x / alpha) - 1); Barron 2017.

    Args:
        x: array of any shape.
        alpha: float above 0, default 1.

    Returns:
        Array with the shape of x.

    Raises:
        ValueError: if `alpha` is not a finite number above 0.

    Example:
        >>> ops.celu([-2.0, 3.0], alpha=2.0).tolist()
        [-1.264..., 3.0]
    """
    alpha = as_number("celu", "alpha", alpha, above=0, below=math.inf)
    x = as_float(x)
    return where(x > 0, x, elu(x / alpha) * alpha)


def glu(x: ArrayLike, axis: int = -1) -> Array:
    """Return a sigmoid(b), with the halves a and b of x along `axis`; Dauphin et al. 2017.

    Args:
        x: array with an even size along `axis`.
        axis: int, default -1.

    Returns:
        Array with the shape of x, but half its size along `axis`.

    Raises:
        ValueError: if the size of the axis is odd.

    Example:
        >>> ops.glu([2.0, 4.0, 0.0, 0.0]).tolist()
        [1.0, 2.0]
    """
    x = as_float(x)
    at = position(axis, x.ndim)
    half, odd = divmod(x.shape[at], 2)
    if odd:
        raise ValueError(f"glu: the size of the axis must be even. Received: x.shape={tuple(x.shape)}, axis={axis}")
    before = (slice(None),) * at
    return part(x, (*before, slice(half))) * sigmoid(part(x, (*before, slice(half, None))))


def hard_silu(x: ArrayLike) -> Array:
    """Return x hard_sigmoid(x), also called hard swish; Howard et al. 2019.

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.hard_silu([-4.0, 0.0, 4.0]).tolist()
        [-0.0, 0.0, 4.0]
    """
    return maximum(as_float(x), -3.0) * hard_sigmoid(x)


def hard_tanh(x: ArrayLike) -> Array:
    """Return min(max(x, -1), 1).

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.hard_tanh([-3.0, 0.5, 2.0]).tolist()
        [-1.0, 0.5, 1.0]
    """
    return clip(as_float(x), -1.0, 1.0)


def log_sigmoid(x: ArrayLike) -> Array:
    """Return log(sigmoid(x)) = -log(1 + e^-x).

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.log_sigmoid([-100.0, 0.0]).tolist()
        [-100.0, -0.693...]
    """
    return -softplus(-as_float(x))


def mish(x: ArrayLike) -> Array:
    """Return x tanh(log(1 + e^x)); Misra 2019.

    Computed as x sigmoid(x) (1 + 1 / (e^x + 2 + 2 e^-x)).

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.mish([0.0, 1.0]).tolist()
        [0.0, 0.865...]
    """
    x = as_float(x)
    far = min(40.0, math.log(np.finfo(x.dtype).max) - 1)  # if |x| > far, the second term rounds to 0
    near = clip(x, -far, far)
    return silu(x) * (1 + reciprocal(exp(near) + 2 + 2 * exp(-near)))


def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> Array:
    """Return x if |x| > threshold, else 0.

    Args:
        x: array of any shape.
        threshold: float, default 0.5.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.hard_shrink([-1.0, 0.25, 2.0]).tolist()
        [-1.0, 0.0, 2.0]
    """
    x, threshold = as_float(x), as_number("hard_shrink", "threshold", threshold)
    return where(absolute(x) > threshold, x, 0.0)


def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> Array:
    """Return sign(x) max(|x| - threshold, 0).

    Args:
        x: array of any shape.
        threshold: float, default 0.5.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.soft_shrink([-1.0, 0.25, 2.0]).tolist()
        [-0.5, 0.0, 1.5]
    """
    x, threshold = as_float(x), as_number("soft_shrink", "threshold", threshold)
    return sign(x) * relu(absolute(x) - threshold)


def tanh_shrink(x: ArrayLike) -> Array:
    """Return x - tanh(x), accurate near 0 too.

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.tanh_shrink([0.0, 1.0]).tolist()
        [0.0, 0.238...]
    """
    return _smooth(as_float(x), function="tanh_shrink")


def step(x: ArrayLike) -> Array:
    """Return 1 if x > 0, else 0: the activation of Rosenblatt's perceptron (1958).

    The derivative is 0 everywhere, so that gradient descent cannot train the layers below.

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.step([-1.0, 0.0, 2.0]).tolist()
        [0.0, 0.0, 1.0]
    """
    x = as_float(x)
    return cast(x > 0, x.dtype)


def threshold(x: ArrayLike, threshold: float, default_value: float) -> Array:
    """Return x if x > threshold, else default_value.

    Args:
        x: array of any shape.
        threshold: float.
        default_value: float.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.threshold([1.0, 2.0, 3.0], threshold=1.5, default_value=0.0).tolist()
        [0.0, 2.0, 3.0]
    """
    x, threshold = as_float(x), as_number("threshold", "threshold", threshold)
    default_value = as_number("threshold", "default_value", default_value)
    return where(x > threshold, x, default_value)


def sparse_plus(x: ArrayLike) -> Array:
    """Return 0 if x <= -1, x if x >= 1, and (x + 1)^2 / 4 between.

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.sparse_plus([-2.0, 0.0, 3.0]).tolist()
        [0.0, 0.25, 3.0]
    """
    x = as_float(x)
    return where(x < 1, square(relu(minimum(x, 1.0) + 1)) * 0.25, x)


def sparse_sigmoid(x: ArrayLike) -> Array:
    """Return min(max((x + 1) / 2, 0), 1).

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.sparse_sigmoid([-2.0, 0.0, 0.5]).tolist()
        [0.0, 0.5, 0.75]
    """
    return clipped_relu(as_float(x) * 0.5 + 0.5, 1.0)


def squareplus(x: ArrayLike, b: float = 4) -> Array:
    """Return (x + sqrt(x^2 + b)) / 2; Barron 2021.

    Args:
        x: array of any shape.
        b: float, default 4.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.squareplus([0.0, 1.5]).tolist()
        [1.0, 2.0]
    """
    x, b = as_float(x), as_number("squareplus", "b", b, below=math.inf)
    if b > 0:
        return _smooth(x, function="squareplus", constants=(float(b),))
    return (x + sqrt(square(x) + b)) * 0.5


def sparsemax(x: ArrayLike, axis: int = -1) -> Array:
    """Return the point of the probability simplex nearest to x along `axis`; Martins and Astudillo 2016.

    That point is max(x - t, 0), with t such that the sum is 1. An element exceeds t if the sum of (larger element -
    element) over all larger elements is below 1. All pairs of elements along the axis are compared. The maximum is
    subtracted first, so that t keeps its digits.

    Args:
        x: array of any shape.
        axis: int, default -1.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.sparsemax([1.0, 0.5, -2.0]).tolist()
        [0.75, 0.25, 0.0]
    """
    x = as_float(x)
    at = position(axis, x.ndim)
    x = maximum(x - stop_gradient(largest_of(x, at, True)), -2.0)  # elements at least 1 below the maximum give 0
    each, others = expand_dims(x, at + 1), expand_dims(x, at)
    above = sum(relu(others - each), at + 1) < 1
    support = cast(above, x.dtype)
    t = (sum(x * support, at, True) - 1) / sum(support, at, True)
    return relu(x - t)


_softmax: Primitive = Primitive(
    Reference.softmax,
    lambda x, **_: (x.shape, x.dtype),
    lambda dy, y, x: (_softmax_backward(dy, y),),
)
_softmax_backward: Primitive = Primitive(
    Reference.softmax_backward,
    lambda dy, y: (y.shape, y.dtype),
    lambda ddx, dx, dy, y: (
        _softmax_backward(ddx, y),
        ddx * dy - ddx * sum(dy * y, -1, True) - dy * sum(ddx * y, -1, True),
    ),
)
_log_softmax: Primitive = Primitive(
    Reference.log_softmax,
    lambda x: (x.shape, x.dtype),
    lambda dy, y, x: (_log_softmax_backward(dy, y),),
)
_log_softmax_backward: Primitive = Primitive(
    Reference.log_softmax_backward,
    lambda dy, y: (y.shape, y.dtype),
    lambda ddx, dx, dy, y: (
        ddx - sum(exp(y) * ddx, -1, True),
        -exp(y) * ddx * sum(dy, -1, True),
    ),
)


def softmax(x: ArrayLike, axis: Axis = -1) -> Array:
    """Return e^x / sum(e^x) over `axis`.

    The maximum is subtracted first, so that nothing overflows.

    Args:
        x: array of any shape.
        axis: int, or ints for a sum over several axes; default -1.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.softmax([0.0, 0.0, 0.0, 0.0]).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    return _on_last_axis(_softmax, x, axis)


def log_softmax(x: ArrayLike, axis: Axis = -1) -> Array:
    """Return x - log(sum(e^x)), with the sum over `axis`.

    The maximum is subtracted first, so that nothing overflows.

    Args:
        x: array of any shape.
        axis: int, or ints for a sum over several axes; default -1.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.log_softmax([0.0, 0.0]).tolist()
        [-0.693..., -0.693...]
    """
    return _on_last_axis(_log_softmax, x, axis)


def _on_last_axis(primitive: Primitive, x: Array, axis: Axis) -> Array:
    """Apply `primitive`, whose kernel works along the last axis, over `axis`."""
    x = as_float(x)
    axes = positions(axis, x.ndim)
    if axes == (x.ndim - 1,):
        return primitive(x)
    order = [*(i for i in range(x.ndim) if i not in axes), *axes]
    moved = transpose(x, order)
    y = primitive(reshape(moved, (*moved.shape[: x.ndim - len(axes)], math.prod(x.shape[i] for i in axes))))
    return transpose(reshape(y, moved.shape), [order.index(i) for i in range(x.ndim)])
