"""Compare gradients with differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv.arguments import as_number
from fastconv.engine import value_and_grad
from fastconv.engine.tree import leaves, rebuild
from fastconv.typing import Array, Tree


def check_gradient(f: Callable[..., Any], *args: Tree, step: float = 1e-5, tolerance: float = 1e-5) -> float:
    """Compare each derivative of f at `args` with (f(x + step) - f(x - step)) / (2 step), and return the largest error.

    Errors are relative to the largest derivative of their argument. `f` is called twice for each number of its
    arguments, which become float64.

    A function with a kink, such as relu, has no derivative there: choose arguments that are further from it than
    `step`. Weights of layers are float32, so that a function that calls layers needs a step such as 1e-2 and a
    tolerance such as 1e-2.

    Args:
        f: function that returns a scalar, as for `value_and_grad`.
        args: numbers, arrays, or lists, tuples and dicts of them, the arguments of `f`.
        step: float above 0, default 1e-5.
        tolerance: float above 0, default 1e-5, the largest relative error.

    Returns:
        The largest relative error, a float.

    Raises:
        AssertionError: if an error exceeds the tolerance. The message has the place, the derivative and the difference.
        ValueError: if `f` does not return a scalar that ops computed.

    Example:
        >>> check_gradient = utils.check_gradient
        >>> check_gradient(lambda x, w: ops.sum(ops.tanh(x * w)), np.ones(3), np.array([0.1, 0.2, 0.3])) < 1e-8
        True
    """
    step = as_number("check_gradient", "step", step, above=0)
    tolerance = as_number("check_gradient", "tolerance", tolerance, above=0)
    arrays = [np.array(leaf, np.float64) for leaf in leaves(args)]
    _, found = value_and_grad(f, tuple(range(len(args))))(*rebuild(args, arrays))
    errors = [0.0]
    for i, derivative in enumerate(np.asarray(d) for d in leaves(found)):
        difference = _differences(f, args, arrays, i, step)
        error = np.abs(derivative - difference) / max(np.abs([derivative, difference]).max(initial=0), 1e-300)
        if not (error <= tolerance).all():
            raise AssertionError(_message(i, derivative, difference, error, tolerance))
        errors.append(float(error.max(initial=0)))
    return max(errors)


def _differences(f: Callable[..., Any], args: Tree, arrays: list[np.ndarray], i: int, step: float) -> Array:
    """Return the difference quotient of f by each element of an array."""
    quotients = np.zeros_like(arrays[i])
    for place in np.ndindex(arrays[i].shape):
        ends = []
        for h in (step, -step):
            moved = arrays[i].copy()
            moved[place] += h
            ends.append(float(f(*rebuild(args, [*arrays[:i], moved, *arrays[i + 1 :]]))))
        quotients[place] = (ends[0] - ends[1]) / (2 * step)
    return quotients


def _message(i: int, derivative: Array, difference: Array, error: Array, tolerance: float) -> str:
    """Return the message for the largest error of an array; NaN counts as the largest."""
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(error), np.inf, error))), error.shape)
    index = [int(n) for n in place]
    return (
        f"check_gradient: derivatives must equal differences, up to a relative error of {tolerance:g}. "
        f"Received: array {i} of the arguments at {index}: derivative={derivative[place]:.6g}, "
        f"difference={difference[place]:.6g}, error={error[place]:.2g}"
    )
