"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastconv.utils.files import FilePath
from fastconv.visualize.drawing import LINES, panels
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

VALIDATION = "val_"
PANEL = 3.2  # inches


def history(history: Any, ax: Axes | None = None, path: FilePath | None = None) -> Picture:
    """Draw the loss and the metrics of each epoch, with validation beside training.

    Args:
        history: the `History` that `fit` returns, or a dict from names to lists of numbers.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with an array (epochs,) for each quantity.

    Raises:
        ValueError: there are no numbers.

    Example:
        >>> visualize.history({"loss": [1.0, 0.5], "val_loss": [1.1, 0.8]})
        Picture(loss=(2,), val_loss=(2,))
    """
    curves = _curves_of(history)
    names = list(dict.fromkeys(name.removeprefix(VALIDATION) for name in curves))
    ax = axes_for("history", ax, path, (PANEL * len(names) + 0.8, PANEL))
    for panel, name in zip(panels(ax, len(names), len(names), gap=0.25), names):
        draw_curves(panel, name, curves)
    return finish(ax, path, curves)


def _curves_of(history: Any) -> dict[str, np.ndarray]:
    """Return the quantities that have a single number for each epoch."""
    logs = getattr(history, "history", history)
    if not isinstance(logs, Mapping):
        raise ValueError(f"history: history must be a History or a dict. Received: {type(history).__name__}")
    curves = {str(name): np.asarray(values, np.float64) for name, values in logs.items()}
    plain = {name: values for name, values in curves.items() if values.ndim == 1 and len(values)}
    if not plain:
        raise ValueError(f"history: history must have a number for at least one epoch. Received: {dict(logs)}")
    return plain


def draw_curves(ax: Axes, name: str, curves: Mapping[str, np.ndarray]) -> None:
    """Draw a quantity and its validation against the number of the epoch."""
    for key, label, colour in ((name, "training", LINES[0]), (VALIDATION + name, "validation", LINES[1])):
        if key in curves:
            epochs = np.arange(1, len(curves[key]) + 1)
            ax.plot(epochs, curves[key], marker="o", markersize=3, color=colour, label=label)
    ax.set_xlabel("epoch")
    ax.set_title(name, fontsize=10)
    ax.legend(fontsize=8)
    ax.xaxis.get_major_locator().set_params(integer=True)
