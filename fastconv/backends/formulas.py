"""What is computed element by element, as formulas over `xp`: arrays of NumPy or CuPy, or symbols that write C.

Each is called as formula(xp, *arrays, *constants). They use operators, `astype` and functions that gpu_fused.py knows.
"""

from __future__ import annotations

from math import erfc, pi, sqrt
from typing import Any

Array = Any

# name: (f(xp, x, alpha), df(xp, y, alpha)): the derivative is a function of the output y, so that x need not be kept.
ACTIVATIONS = {
    "relu": (lambda xp, x, a: xp.maximum(x, 0), lambda xp, y, a: (y > 0).astype(y.dtype)),
    "leaky_relu": (lambda xp, x, a: xp.where(x > 0, x, a * x), lambda xp, y, a: xp.where(y > 0, 1, a).astype(y.dtype)),
    "elu": (
        lambda xp, x, a: xp.where(x > 0, x, a * xp.expm1(xp.minimum(x, 0))),
        lambda xp, y, a: xp.where(y > 0, 1, y + a).astype(y.dtype),
    ),
    "sigmoid": (lambda xp, x, a: 0.5 * (1 + xp.tanh(0.5 * x)), lambda xp, y, a: y * (1 - y)),
    "tanh": (lambda xp, x, a: xp.tanh(x), lambda xp, y, a: 1 - y * y),
    "clipped_relu": (lambda xp, x, a: xp.clip(x, 0, a), lambda xp, y, a: ((y > 0) & (y < a)).astype(y.dtype)),
}


def activate(xp: Any, x: Array, activation: str, alpha: float) -> Array:
    """f(x) for a name in ACTIVATIONS."""
    return ACTIVATIONS[activation][0](xp, x, alpha)


def activate_backward(xp: Any, dy: Array, y: Array, activation: str, alpha: float) -> Array:
    """dy f'(x), with f' written in terms of y = f(x)."""
    return dy * ACTIVATIONS[activation][1](xp, y, alpha)


def gate(xp: Any, x: Array, linear: float, cubic: float) -> Array:
    """x sigmoid(p), where p = x (linear + cubic x^2)."""
    return x * activate(xp, x * (linear + cubic * x * x), "sigmoid", 0)


def gate_backward(xp: Any, dy: Array, x: Array, linear: float, cubic: float) -> Array:
    """dy (s + x s (1 - s) p'), where s = sigmoid(p)."""
    s = activate(xp, x * (linear + cubic * x * x), "sigmoid", 0)
    return dy * (s + x * s * (1 - s) * (linear + 3 * cubic * x * x))


def normal_share(xp: Any, x: Array) -> Array:
    """P(x) = erfc(-x / sqrt(2)) / 2, the share of the normal distribution below x; CUDA calls it normcdf.

    NumPy has neither: Python computes one element after another.
    """
    if hasattr(xp, "normcdf"):
        return xp.normcdf(x)
    flat = [erfc(-a / sqrt(2)) / 2 for a in x.ravel().tolist()]
    return xp.asarray(flat, x.dtype).reshape(x.shape)


def gelu(xp: Any, x: Array) -> Array:
    """x P(x)."""
    return x * normal_share(xp, x)


def gelu_backward(xp: Any, dy: Array, x: Array) -> Array:
    """dy (P(x) + x p(x)), where p(x) = exp(-x^2/2) / sqrt(2 pi)."""
    return dy * (normal_share(xp, x) + x * (xp.exp(x * x * -0.5) / sqrt(2 * pi)))


def normalize(xp: Any, x: Array, mean: Array, variance: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta."""
    return (x - mean) * (gamma / xp.sqrt(variance + epsilon)) + beta


def normal_backward(
    xp: Any, dy: Array, x: Array, mean: Array, variance: Array, gamma: Array, dgamma: Array, dbeta: Array,
    epsilon: float, n: int,
) -> Array:  # fmt: skip
    """dx of a batch of n, of which mean and variance are the statistics; Ioffe and Szegedy 2015, section 3."""
    inverse = 1 / xp.sqrt(variance + epsilon)
    return (dy - dbeta / n - (x - mean) * inverse * (dgamma / n)) * (gamma * inverse)


def scale_shift(xp: Any, x: Array, scale: Array, shift: Array) -> Array:
    """x scale + shift."""
    return x * scale + shift


def stretch(xp: Any, x: Array, scale: Array, shift: Array, low: float, high: float) -> Array:
    """min(max(x scale + shift, low), high)."""
    return xp.clip(x * scale + shift, low, high)


def where(xp: Any, condition: Array, x: Array, y: Array) -> Array:
    """x where `condition` holds, else y."""
    return xp.where(condition, x, y)


def uniform(xp: Any, seed: Array, i: Array) -> Array:
    """(splitmix64(seed + i * 0x9E3779B97F4A7C15) >> 40) / 2^24; Steele, Lea and Flood 2014. seed and i are uint64."""
    z = seed + (i + xp.uint64(1)) * xp.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> xp.uint64(30))) * xp.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> xp.uint64(27))) * xp.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> xp.uint64(31))) >> xp.uint64(40)).astype("float32") * xp.float32(2**-24)


def dropout(xp: Any, x: Array, seed: Array, i: Array, rate: float) -> Array:
    """x / (1 - rate) where uniform(seed, i) >= rate, else 0."""
    keep = uniform(xp, seed, i) >= xp.float32(rate)
    return xp.where(keep, x * (1 / (1 - rate)), x.dtype.type(0))
