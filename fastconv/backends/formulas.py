"""Elementwise formulas over `xp`: arrays of NumPy or CuPy, or symbols that write C.

They are called as formula(xp, *arrays, *constants). They use operators, `astype` and the functions that
`gpu/elementwise.py` knows.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erfc, factorial, pi, sqrt

from fastconv.typing import Array, ArrayModule


def sigmoid(xp: ArrayModule, x: Array) -> Array:
    """1 / (1 + e^-x), without overflow, and accurate near 0."""
    e = xp.exp(-abs(x))
    return xp.where(x >= 0, x.dtype.type(1), e) / (1 + e)


# name: (f(xp, x, alpha), df(xp, dy, y, alpha)): the gradient is a function of the output y, so that x need not be kept.
# If the derivative is 0, dx is 0 by choice instead of by a product, so that an infinite dy gives 0 too.
ACTIVATIONS = {
    "relu": (lambda xp, x, a: xp.maximum(x, 0), lambda xp, dy, y, a: xp.where(y > 0, dy, dy.dtype.type(0))),
    "leaky_relu": (lambda xp, x, a: xp.where(x > 0, x, a * x), lambda xp, dy, y, a: xp.where(y > 0, dy, a * dy)),
    "elu": (
        lambda xp, x, a: xp.where(x > 0, x, a * xp.expm1(xp.minimum(x, 0))),
        lambda xp, dy, y, a: xp.where(y > 0, dy, dy * (y + a)),
    ),
    "sigmoid": (lambda xp, x, a: sigmoid(xp, x), lambda xp, dy, y, a: dy * (y * (1 - y))),
    "tanh": (lambda xp, x, a: xp.tanh(x), lambda xp, dy, y, a: dy * ((1 - y) * (1 + y))),
    "clipped_relu": (
        lambda xp, x, a: xp.clip(x, 0, a),
        lambda xp, dy, y, a: xp.where((y > 0) & (y < a), dy, dy.dtype.type(0)),
    ),
}

# Activations whose gradient in terms of y = f(x) is also that in terms of x, since both lie in the same interval.
PIECEWISE = frozenset({"relu", "leaky_relu", "clipped_relu"})


# Every function that a product may apply to its result: ACTIVATIONS, and x sigmoid(x), whose gradient needs x.
EPILOGUES = {
    **{name: f for name, (f, _) in ACTIVATIONS.items()},
    "silu": lambda xp, x, a: gate(xp, x, 1.0, 0.0),
}


def activate(xp: ArrayModule, x: Array, activation: str, alpha: float) -> Array:
    """f(x) for a name in EPILOGUES."""
    return EPILOGUES[activation](xp, x, alpha)


def activate_backward(xp: ArrayModule, dy: Array, y: Array, activation: str, alpha: float) -> Array:
    """dy f'(x), with f' written in terms of y = f(x)."""
    return ACTIVATIONS[activation][1](xp, dy, y, alpha)


def gate_bound(cubic: float) -> int:
    """The x beyond which x sigmoid(p) is x or 0 in every float dtype, while the powers of x in p are finite."""
    return 40 if cubic else 1000


def gate(xp: ArrayModule, x: Array, linear: float, cubic: float) -> Array:
    """x sigmoid(p), with p = x (linear + cubic x^2)."""
    a = xp.clip(x, -gate_bound(cubic), gate_bound(cubic))
    return xp.maximum(x, -gate_bound(cubic)) * sigmoid(xp, a * (linear + cubic * a * a))


def gate_backward(xp: ArrayModule, dy: Array, x: Array, linear: float, cubic: float) -> Array:
    """dy s (1 + x (1 - s) p'), with s = sigmoid(p)."""
    a = xp.clip(x, -gate_bound(cubic), gate_bound(cubic))
    p = a * (linear + cubic * a * a)
    s, rest = sigmoid(xp, p), sigmoid(xp, -p)
    return dy * (s * (1 + a * rest * (linear + 3 * cubic * a * a)))


def normal_share(xp: ArrayModule, x: Array) -> Array:
    """P(x) = erfc(-x / sqrt(2)) / 2, the standard normal cumulative distribution function; CUDA calls it normcdf.

    NumPy has no such function, so Python computes the elements one by one.
    """
    if hasattr(xp, "normcdf"):
        return xp.normcdf(x)
    flat = [erfc(-a / sqrt(2)) / 2 for a in x.ravel().tolist()]
    return xp.asarray(flat, x.dtype).reshape(x.shape)


WIDEST = 40  # beyond 40 standard deviations, P(x) rounds to 0 or 1 in every float dtype


def gelu(xp: ArrayModule, x: Array) -> Array:
    """x P(x)."""
    return xp.maximum(x, -WIDEST) * normal_share(xp, x)


def gelu_backward(xp: ArrayModule, dy: Array, x: Array) -> Array:
    """dy (P(x) + x p(x)), with the density p(x) = exp(-x^2/2) / sqrt(2 pi)."""
    a = xp.clip(x, -WIDEST, WIDEST)
    return dy * (normal_share(xp, x) + a * (xp.exp(a * a * -0.5) / sqrt(2 * pi)))


def softplus(xp: ArrayModule, x: Array) -> Array:
    """log(1 + e^x)."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-abs(x)))


def sigmoid_loss(xp: ArrayModule, x: Array, target: Array) -> Array:
    """log(1 + e^x) - target x, accurate for small losses.

    Equal to log(1 + e^u) - m u with m = min(target, 1 - target), and u = -x if target > 1/2, else u = x.
    """
    u, m = xp.where(target > 0.5, -x, x), xp.minimum(target, 1 - target)
    return softplus(xp, u) - m * xp.where(m == 0, x.dtype.type(0), u)


def sigmoid_loss_slope(xp: ArrayModule, x: Array, target: Array) -> Array:
    """sigmoid(x) - target, accurate for small slopes."""
    flipped = target > 0.5
    slope = sigmoid(xp, xp.where(flipped, -x, x)) - xp.minimum(target, 1 - target)
    return xp.where(flipped, -slope, slope)


def softsign(xp: ArrayModule, x: Array) -> Array:
    """x / (1 + |x|), written as sign(x) (1 - 1 / (1 + |x|)) for large x, which may be infinite."""
    near = xp.clip(x, -1, 1)
    return xp.where(abs(x) < 1, near / (1 + abs(near)), xp.sign(x) * (1 - 1 / (1 + abs(x))))


def squareplus(xp: ArrayModule, x: Array, b: float) -> Array:
    """(x + sqrt(x^2 + b)) / 2, written as b / 2 / (sqrt(x^2 + b) - x) for negative x; b is positive."""
    root = xp.hypot(x, x.dtype.type(sqrt(b)))
    return xp.where(x > 0, 0.5 * x + 0.5 * root, 0.5 * b / (root - xp.minimum(x, 0)))


# 2k / (2k + 1)! for k = 10, 9, .. 1.
TANH_SHRINK = tuple(2 * k / factorial(2 * k + 1) for k in range(10, 0, -1))


def tanh_shrink(xp: ArrayModule, x: Array) -> Array:
    """x - tanh(x); near 0, (x cosh x - sinh x) / cosh x, with the numerator as a series of terms of equal sign."""
    near = xp.clip(x, -1, 1)
    square, series = near * near, TANH_SHRINK[0]
    for coefficient in TANH_SHRINK[1:]:
        series = series * square + coefficient
    cosh = 0.5 * (xp.exp(near) + xp.exp(-near))
    return xp.where(abs(x) < 1, series * square * near / cosh, x - xp.tanh(x))


# Functions of x and constants whose gradients are composed of ops.
SMOOTH: dict[str, Callable[..., Array]] = {
    "softplus": softplus,
    "softsign": softsign,
    "squareplus": squareplus,
    "tanh_shrink": tanh_shrink,
}


def smooth(xp: ArrayModule, x: Array, function: str, constants: tuple) -> Array:
    """f(x) for a name in SMOOTH."""
    return SMOOTH[function](xp, x, *constants)


def normalize(
    xp: ArrayModule, x: Array, mean: Array, variance: Array, gamma: Array, beta: Array, epsilon: float,
    activation: str | None = None, alpha: float = 0.0,
) -> Array:  # fmt: skip
    """f(gamma (x - mean) / sqrt(variance + epsilon) + beta)."""
    y = (x - mean) * (gamma / xp.sqrt(variance + epsilon)) + beta
    return y if activation is None else activate(xp, y, activation, alpha)


def scale_and_shift(xp: ArrayModule, variance: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, Array]:
    """The scale and shift of `normalize`, which is (x - mean) scale + shift."""
    return gamma / xp.sqrt(variance + epsilon), beta + 0


def normalize_activate(
    xp: ArrayModule, x: Array, mean: Array, scale: Array, shift: Array, activation: str, alpha: float
) -> Array:
    """f((x - mean) scale + shift)."""
    return activate(xp, (x - mean) * scale + shift, activation, alpha)


def normalize_activate_backward(
    xp: ArrayModule, dy: Array, x: Array, mean: Array, scale: Array, shift: Array, activation: str, alpha: float
) -> Array:
    """dy f'((x - mean) scale + shift)."""
    return activate_backward(
        xp, dy, normalize_activate(xp, x, mean, scale, shift, activation, alpha), activation, alpha
    )


def normal_backward(
    xp: ArrayModule, dy: Array, x: Array, mean: Array, variance: Array, gamma: Array, dgamma: Array, dbeta: Array,
    epsilon: float, n: int,
) -> Array:  # fmt: skip
    """dx of a batch of n with these statistics; Ioffe and Szegedy 2015, section 3."""
    inverse = 1 / xp.sqrt(variance + epsilon)
    return (dy - dbeta / n - (x - mean) * inverse * (dgamma / n)) * (gamma * inverse)


def scale_shift(xp: ArrayModule, x: Array, scale: Array, shift: Array) -> Array:
    """x scale + shift."""
    return x * scale + shift


def stretch(xp: ArrayModule, x: Array, scale: Array, shift: Array, low: float, high: float) -> Array:
    """min(max(x scale + shift, low), high)."""
    return xp.clip(x * scale + shift, low, high)


def where(xp: ArrayModule, condition: Array, x: Array, y: Array) -> Array:
    """x if `condition` is True, else y."""
    return xp.where(condition, x, y)


def uniform(xp: ArrayModule, seed: Array, i: Array) -> Array:
    """(splitmix64(seed + i * 0x9E3779B97F4A7C15) >> 40) / 2^24; Steele, Lea and Flood 2014. seed and i are uint64."""
    z = seed + (i + xp.uint64(1)) * xp.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> xp.uint64(30))) * xp.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> xp.uint64(27))) * xp.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> xp.uint64(31))) >> xp.uint64(40)).astype("float32") * xp.float32(2**-24)


def dropout(xp: ArrayModule, x: Array, seed: Array, i: Array, rate: float) -> Array:
    """x / (1 - rate) if uniform(seed, i) >= rate, else 0."""
    keep = uniform(xp, seed, i) >= xp.float32(rate)
    return xp.where(keep, x * (1 / (1 - rate)), x.dtype.type(0))
