"""Activations. Those that a kernel computes as it writes its output have one primitive; the others are made of ops."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv.arguments import as_number
from fastconv.backends.reference import Reference
from fastconv.engine import Primitive, lift
from fastconv.ops.broadcast import position, positions, reshape, sum
from fastconv.ops.convert import as_float, cast, stop_gradient
from fastconv.ops.elementwise import absolute, clip, exp, maximum, minimum, reciprocal, sign, sqrt, square, where
from fastconv.ops.reduce import max as largest_of
from fastconv.ops.shape import expand_dims, part, transpose

# Every activation but relu and gelu, which take more arguments in Keras's activations. The functions of `ops` and of
# `activations`, the names that layers accept and the names in files follow from this list.
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

# d/dy of f'(x) as a function of y = f(x): what a second derivative needs of each activation.
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


def _gate_curvature(x: Any, *, linear: float, cubic: float) -> Any:
    """The second derivative of x s, where s = sigmoid(p) and p = x (linear + cubic x^2)."""
    s = sigmoid(x * (linear + cubic * x * x))
    slope = linear + 3 * cubic * x * x
    return s * (1 - s) * (2 * slope + x * ((1 - 2 * s) * slope * slope + 6 * cubic * x))


# Of gates x sigmoid(x (linear + cubic x^2)).
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

# df(x, y) of the functions in formulas.SMOOTH.
SLOPES: dict[str, Callable[[Any, Any], Any]] = {
    "softplus": lambda x, y: sigmoid(x),
    "softsign": lambda x, y: square(reciprocal(absolute(x) + 1)),
    "squareplus": lambda x, y: reciprocal(2 - finite(x) / finite(y)),
    "tanh_shrink": lambda x, y: square(tanh(x)),
}


def finite(x: Any) -> Any:
    """x, with the largest numbers of its dtype in place of infinite ones."""
    largest = float(np.finfo(x.dtype).max)
    return clip(x, -largest, largest)


def relu(x: Any) -> Any:
    """max(x, 0); the derivative at 0 is taken as 0."""
    return _activate(as_float(x), activation="relu")


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where it is positive, else negative_slope x. Raises ValueError for a negative slope below 0."""
    slope = _at_least_zero("leaky_relu", "negative_slope", negative_slope)
    if slope == 0:
        return relu(x)
    return _activate(as_float(x), activation="leaky_relu", alpha=slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha (e^x - 1); Clevert et al. 2016. Raises ValueError for alpha below 0."""
    return _activate(as_float(x), activation="elu", alpha=_at_least_zero("elu", "alpha", alpha))


def _at_least_zero(op: str, name: str, value: Any) -> float:
    """`value` as a float. Raises ValueError unless it is a finite number of at least 0."""
    if type(value) is float and 0 <= value < math.inf:
        return value
    return float(as_number(op, name, value, 0, below=math.inf))


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return _activate(as_float(x), activation="sigmoid")


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return _activate(as_float(x), activation="tanh")


def linear(x: Any) -> Any:
    """x."""
    return x


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6)."""
    return clipped_relu(x, 6.0)


@lift
def clipped_relu(x: Any, max_value: float) -> Any:
    """min(max(x, 0), max_value); the derivative at both ends is taken as 0."""
    return _activate(
        as_float(x), activation="clipped_relu", alpha=float(as_number("clipped_relu", "max_value", max_value))
    )


def softplus(x: Any) -> Any:
    """log(1 + e^x)."""
    return _smooth(as_float(x), function="softplus")


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return _smooth(as_float(x), function="softsign")


def silu(x: Any) -> Any:
    """x sigmoid(x), also called swish."""
    return _gate(as_float(x), **SILU)


def gelu(x: Any, approximate: bool = True) -> Any:
    """x times the normal distribution's share below x; Hendrycks and Gimpel 2016, section 2.

    Args:
        x: any shape.
        approximate: whether in the tanh form, x (1 + tanh(p/2)) / 2 = x sigmoid(p) with
            p = sqrt(8/pi) (x + 0.044715 x^3), which differs by up to 5e-4.
    """
    return _gate(as_float(x), **GELU) if approximate else _gelu(as_float(x))


def hard_sigmoid(x: Any) -> Any:
    """min(max(x/6 + 1/2, 0), 1)."""
    return clipped_relu(as_float(x) * (1 / 6) + 0.5, 1.0)


def selu(x: Any) -> Any:
    """1.0507 elu(x, 1.67326); Klambauer et al. 2017."""
    return elu(x, 1.6732632423543772) * 1.0507009873554805


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha (e^(x / alpha) - 1); Barron 2017. Raises ValueError unless alpha > 0."""
    alpha = as_number("celu", "alpha", alpha, above=0, below=math.inf)
    x = as_float(x)
    return where(x > 0, x, elu(x / alpha) * alpha)


def glu(x: Any, axis: int = -1) -> Any:
    """a sigmoid(b), where a and b are the halves of x along `axis`; Dauphin et al. 2017.

    Raises:
        ValueError: the size of the axis is odd.
    """
    x = as_float(x)
    at = position(axis, x.ndim)
    half, odd = divmod(x.shape[at], 2)
    if odd:
        raise ValueError(f"glu: the size of the axis must be even. Received: x.shape={tuple(x.shape)}, axis={axis}")
    before = (slice(None),) * at
    return part(x, (*before, slice(half))) * sigmoid(part(x, (*before, slice(half, None))))


def hard_silu(x: Any) -> Any:
    """x hard_sigmoid(x), also called hard swish; Howard et al. 2019."""
    return maximum(as_float(x), -3.0) * hard_sigmoid(x)


def hard_tanh(x: Any) -> Any:
    """min(max(x, -1), 1)."""
    return clip(as_float(x), -1.0, 1.0)


def log_sigmoid(x: Any) -> Any:
    """-log(1 + e^-x)."""
    return -softplus(-as_float(x))


def mish(x: Any) -> Any:
    """x tanh(log(1 + e^x)) = x sigmoid(x) (1 + 1 / (e^x + 2 + 2 e^-x)); Misra 2019."""
    x = as_float(x)
    far = min(40.0, math.log(np.finfo(x.dtype).max) - 1)  # beyond, the second term is 0 beside 1
    near = clip(x, -far, far)
    return silu(x) * (1 + reciprocal(exp(near) + 2 + 2 * exp(-near)))


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x where |x| > threshold, else 0."""
    x, threshold = as_float(x), as_number("hard_shrink", "threshold", threshold)
    return where(absolute(x) > threshold, x, 0.0)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x nearer to 0 by the threshold, and 0 where |x| is not above it."""
    x, threshold = as_float(x), as_number("soft_shrink", "threshold", threshold)
    return sign(x) * relu(absolute(x) - threshold)


def tanh_shrink(x: Any) -> Any:
    """x - tanh(x), with all digits near 0, too."""
    return _smooth(as_float(x), function="tanh_shrink")


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x where it is above the threshold, else the default value."""
    x, threshold = as_float(x), as_number("threshold", "threshold", threshold)
    default_value = as_number("threshold", "default_value", default_value)
    return where(x > threshold, x, default_value)


def sparse_plus(x: Any) -> Any:
    """0 up to -1, x from 1 on, (x + 1)^2 / 4 in between."""
    x = as_float(x)
    return where(x < 1, square(relu(minimum(x, 1.0) + 1)) * 0.25, x)


def sparse_sigmoid(x: Any) -> Any:
    """(x + 1) / 2, but at least 0 and at most 1."""
    return clipped_relu(as_float(x) * 0.5 + 0.5, 1.0)


def squareplus(x: Any, b: float = 4) -> Any:
    """(x + sqrt(x^2 + b)) / 2; Barron 2021."""
    x, b = as_float(x), as_number("squareplus", "b", b, below=math.inf)
    if b > 0:
        return _smooth(x, function="squareplus", constants=(float(b),))
    return (x + sqrt(square(x) + b)) * 0.5


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The point of the probability simplex that is nearest to x along `axis`; Martins and Astudillo 2016.

    That is max(x - t, 0), where t makes the sum 1: an element is above t where larger ones exceed it by less than 1 in
    all. All pairs of elements along the axis are compared. The largest is subtracted first: t keeps its digits.
    """
    x = as_float(x)
    at = position(axis, x.ndim)
    x = maximum(x - stop_gradient(largest_of(x, at, True)), -2.0)  # 0 is left of all that are below the largest by 1
    mine, others = expand_dims(x, at + 1), expand_dims(x, at)
    above = sum(relu(others - mine), at + 1) < 1
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


def softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """e^x / sum(e^x) along `axis`, or several axes together, with the maximum subtracted first: nothing overflows."""
    return _on_last_axis(_softmax, x, axis)


def log_softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """x - log(sum(e^x)) along `axis`, or several together, with the maximum subtracted first: nothing overflows."""
    return _on_last_axis(_log_softmax, x, axis)


def _on_last_axis(primitive: Primitive, x: Any, axis: int | Sequence[int]) -> Any:
    """The kernels work along the last axis; others are brought there, as one, and back."""
    x = as_float(x)
    axes = positions(axis, x.ndim)
    if axes == (x.ndim - 1,):
        return primitive(x)
    order = [*(i for i in range(x.ndim) if i not in axes), *axes]
    moved = transpose(x, order)
    y = primitive(reshape(moved, (*moved.shape[: x.ndim - len(axes)], math.prod(x.shape[i] for i in axes))))
    return transpose(reshape(y, moved.shape), [order.index(i) for i in range(x.ndim)])
