"""Activations. Those that a kernel computes as it writes its output have one primitive; the others are made of ops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fastconv.engine import Primitive
from fastconv.ops.broadcast import positions, sum
from fastconv.ops.convert import as_float, cast
from fastconv.ops.elementwise import absolute, exp, logaddexp, maximum, minimum
from fastconv.ops.shape import transpose

_activate: Primitive = Primitive(
    "activate",
    lambda x, **_: (x.shape, x.dtype),
    lambda dy, y, x, **params: (_activate_backward(dy, y, **params),),
    elementwise=True,
)
_activate_backward: Primitive = Primitive(
    "activate_backward",
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
}


_gate: Primitive = Primitive(
    "gate",
    lambda x, **_: (x.shape, x.dtype),
    lambda dy, y, x, **params: (_gate_backward(dy, x, **params),),
    elementwise=True,
)
_gate_backward: Primitive = Primitive(
    "gate_backward",
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


def relu(x: Any) -> Any:
    """max(x, 0); the derivative at 0 is taken as 0."""
    return _activate(as_float(x), activation="relu")


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where it is positive, else negative_slope x. Raises ValueError for a negative slope below 0."""
    return _activate(as_float(x), activation="leaky_relu", alpha=_at_least_zero("leaky_relu", negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha (e^x - 1); Clevert et al. 2016. Raises ValueError for alpha below 0."""
    return _activate(as_float(x), activation="elu", alpha=_at_least_zero("elu", alpha))


def _at_least_zero(name: str, alpha: float) -> float:
    if not alpha >= 0:
        raise ValueError(f"{name}: the slope must be at least 0. Received: {alpha!r}")
    return float(alpha)


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
    return minimum(relu(x), 6.0)


def softplus(x: Any) -> Any:
    """log(1 + e^x)."""
    return logaddexp(as_float(x), 0.0)


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    x = as_float(x)
    return x / (absolute(x) + 1)


def silu(x: Any) -> Any:
    """x sigmoid(x), also called swish."""
    return _gate(as_float(x), **SILU)


def gelu(x: Any, approximate: bool = True) -> Any:
    """x times the normal distribution's cumulative function, in its tanh form; Hendrycks and Gimpel 2016, section 2.

    That form is x (1 + tanh(p/2)) / 2 = x sigmoid(p) with p = sqrt(8/pi) (x + 0.044715 x^3).

    Raises:
        ValueError: approximate=False, which needs the error function.
    """
    if not approximate:
        raise ValueError("gelu: only the tanh form is built. Received: approximate=False")
    return _gate(as_float(x), **GELU)


def hard_sigmoid(x: Any) -> Any:
    """min(max(x/6 + 1/2, 0), 1)."""
    return minimum(maximum(as_float(x) * (1 / 6) + 0.5, 0.0), 1.0)


def selu(x: Any) -> Any:
    """1.0507 elu(x, 1.67326); Klambauer et al. 2017."""
    return elu(x, 1.6732632423543772) * 1.0507009873554805


_softmax: Primitive = Primitive(
    "softmax",
    lambda x, **_: (x.shape, x.dtype),
    lambda dy, y, x: (_softmax_backward(dy, y),),
)
_softmax_backward: Primitive = Primitive(
    "softmax_backward",
    lambda dy, y: (y.shape, y.dtype),
    lambda ddx, dx, dy, y: (
        _softmax_backward(ddx, y),
        ddx * dy - ddx * sum(dy * y, -1, True) - dy * sum(ddx * y, -1, True),
    ),
)
_log_softmax: Primitive = Primitive(
    "log_softmax",
    lambda x: (x.shape, x.dtype),
    lambda dy, y, x: (_log_softmax_backward(dy, y),),
)
_log_softmax_backward: Primitive = Primitive(
    "log_softmax_backward",
    lambda dy, y: (y.shape, y.dtype),
    lambda ddx, dx, dy, y: (
        ddx - sum(exp(y) * ddx, -1, True),
        -exp(y) * ddx * sum(dy, -1, True),
    ),
)


def softmax(x: Any, axis: int = -1) -> Any:
    """e^x / sum(e^x) along `axis`, with the maximum subtracted first, so that nothing overflows."""
    return _on_last_axis(_softmax, x, axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """x - log(sum(e^x)) along `axis`, with the maximum subtracted first, so that nothing overflows."""
    return _on_last_axis(_log_softmax, x, axis)


def _on_last_axis(primitive: Primitive, x: Any, axis: int) -> Any:
    """The kernels work along the last axis; another one is brought there and back."""
    x = as_float(x)
    (axis,) = positions(axis, x.ndim)
    if axis == x.ndim - 1:
        return primitive(x)
    order = [i for i in range(x.ndim) if i != axis] + [axis]
    return transpose(primitive(transpose(x, order)), [order.index(i) for i in range(x.ndim)])
