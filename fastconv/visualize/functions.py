"""Activation functions with their derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import fastconv.activations as activations
import fastconv.ops as ops
from fastconv.arguments import as_number
from fastconv.backends.gpu.transfer import to_host
from fastconv.engine import value_and_grad
from fastconv.typing import ActivationLike, Array
from fastconv.utils.files import FilePath
from fastconv.visualize.drawing import LINES, columns_of, panels
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

USUAL = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "silu", "gelu", "selu")
POINTS = 401
PANEL = 2.3  # inches


def activation_functions(
    names: ActivationLike | Sequence[ActivationLike] = USUAL,
    low: float = -4.0,
    high: float = 4.0,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw activation functions f(x) and their derivatives f'(x), each in a panel.

    Args:
        names: a name or function of x written with ops, or a list of these. Default: nine usual functions.
        low: float. The smallest x. Default: -4.
        high: float. The largest x. Default: 4.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "x" (points,), and "values" and "derivatives" (functions, points).

    Raises:
        ValueError: there is no name, a name is unknown, a function is not elementwise, such as softmax, or low is not
            below high.

    Example:
        >>> picture = visualize.activation_functions("tanh", low=-1, high=1)
        >>> float(picture["x"][200]), float(picture["derivatives"][0, 200])
        (0.0, 1.0)
    """
    low = as_number("activation_functions", "low", low, below=math.inf)
    high = as_number("activation_functions", "high", high, above=low, below=math.inf)
    several = list(names) if isinstance(names, Sequence) and not isinstance(names, str) else [names]
    if not several:
        raise ValueError("activation_functions: names must have at least one entry. Received: []")
    functions = [(name_of(name), activations.get(name)) for name in several]
    columns = columns_of(len(functions))
    ax = axes_for("activation_functions", ax, path, (PANEL * columns, PANEL * -(-len(functions) // columns)))
    x = np.linspace(low, high, POINTS)
    values, derivatives = map(np.stack, zip(*(_curves(name, f, x) for name, f in functions)))
    draw_functions(ax, [name for name, _ in functions], x, values, derivatives)
    return finish(ax, path, {"x": x, "values": values, "derivatives": derivatives})


def name_of(function: object) -> str:
    return function if isinstance(function, str) else str(getattr(function, "__name__", type(function).__name__))


def _curves(name: str, function: Array, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return f(x) and f'(x)."""
    values = to_host(function(x))
    half = len(x) // 2
    if values.shape != x.shape or not np.allclose(to_host(function(x[:half])), values[:half], equal_nan=True):
        raise ValueError(
            f"activation_functions: each number of the result must depend only on the same number of x. "
            f"Received: {name}, which mixes numbers"
        )
    slopes = value_and_grad(lambda x: ops.sum(function(x)))(x)[1]
    return values, to_host(slopes)


def draw_functions(ax: Axes, names: Sequence[str], x: np.ndarray, values: np.ndarray, derivatives: np.ndarray) -> None:
    """Draw functions and derivatives in panels."""
    for i, panel in enumerate(panels(ax, len(names), columns_of(len(names)), gap=0.32)):
        panel.axhline(0, color="0.8", linewidth=0.8)
        panel.axvline(0, color="0.8", linewidth=0.8)
        panel.plot(x, values[i], color=LINES[0], label="f(x)")
        panel.plot(x, derivatives[i], color=LINES[1], linestyle="--", label="f'(x)")
        panel.set_title(names[i], fontsize=9, pad=2)
        panel.tick_params(labelsize=7)
    panel.legend(fontsize=7)
