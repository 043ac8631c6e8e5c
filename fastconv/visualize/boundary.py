"""The decision boundary of a model of two features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv.arguments import as_integer, as_pair
from fastconv.backends.gpu.transfer import to_host
from fastconv.typing import AnyModel, ArrayLike
from fastconv.utils.files import FilePath
from fastconv.visualize.arguments import as_numbers
from fastconv.visualize.drawing import LINES, SIGNED
from fastconv.visualize.labels import as_labels
from fastconv.visualize.network import network_of
from fastconv.visualize.picture import Axes, Picture, axes_for, finish

FINEST = 2000  # places along each side
TWO_CLASSES = (LINES[1], LINES[0])  # of points, if a single output tells two classes: orange and blue, as SIGNED
MARGIN = 0.1  # around the points, as a fraction of their range
SIDES = (-1.0, 1.0)


def decision_boundary(
    model: AnyModel,
    points: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    features: Callable[[np.ndarray], Any] | None = None,
    x_range: ArrayLike | None = None,
    y_range: ArrayLike | None = None,
    resolution: int = 200,
    ax: Axes | None = None,
    path: FilePath | None = None,
) -> Picture:
    """Draw the output of a model for each place of a plane, with points of data over it.

    A model with a single output is drawn from red to blue, with a line where it decides: at 0.5 after a sigmoid, and
    otherwise at 0. A model with an output for each class is drawn in the colours of the largest outputs.

    Args:
        model: a built model whose input has two features, or the features that `features` returns.
        points: (N, 2), points to draw, or None. Default: None.
        labels: (N,), the classes of the points as integers; -1 and 1, or 0 and 1, for a single output. Default: None.
        features: function of points (N, 2) that returns the inputs of the model, for example ``lambda p: p ** 2``, or
            None. Default: None.
        x_range, y_range: (low, high) of the plane; None for the range of the points, or -1 to 1. Default: None.
        resolution: int from 2 to 2000. The number of places along each side. Default: 200.
        ax: the axes to draw in, or None for a new figure. Default: None.
        path: the file to write, or None. Default: None.

    Returns:
        `Picture` with "x" and "y" (resolution,), and "values" (resolution, resolution, outputs), in which the first
        axis is y.

    Raises:
        ValueError: the model does not take two features, or a shape or range is wrong.

    Example:
        >>> model = Sequential([Input((2,)), layers.Dense(1, activation="tanh")])
        >>> visualize.decision_boundary(model, resolution=50)
        Picture(x=(50,), y=(50,), values=(50, 50, 1))
    """
    ax = axes_for("decision_boundary", ax, path, (5, 5))
    resolution = as_integer("decision_boundary", "resolution", resolution, 2, FINEST)
    data = _points(points)
    sides = [
        _side(name, given, data, i) for i, (name, given) in enumerate((("x_range", x_range), ("y_range", y_range)))
    ]
    x, y = (np.linspace(*side, resolution) for side in sides)
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    values = _outputs(model, places if features is None else features(places)).reshape(resolution, resolution, -1)
    draw_boundary(ax, x, y, values, _level(model))
    if data is not None:
        draw_points(ax, data, labels, values.shape[-1])
    return finish(ax, path, {"x": x, "y": y, "values": values})


def _points(points: ArrayLike | None) -> np.ndarray | None:
    """Return points as an array (N, 2)."""
    if points is None:
        return None
    data = as_numbers("decision_boundary", "points", points)
    if data.ndim != 2 or data.shape[1] != 2 or not len(data):
        raise ValueError(f"decision_boundary: points must have the shape (N, 2). Received: points.shape={data.shape}")
    return data


def _side(name: str, given: ArrayLike | None, data: np.ndarray | None, axis: int) -> tuple[float, float]:
    """Return the range of a side of the plane."""
    if given is not None:
        low, high = as_pair("decision_boundary", name, given)
        if low >= high:
            raise ValueError(f"decision_boundary: {name} must be (low, high). Received: {name}={given!r}")
        return low, high
    if data is None:
        return SIDES
    low, high = float(data[:, axis].min()), float(data[:, axis].max())
    margin = MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _outputs(model: AnyModel, inputs: Any) -> np.ndarray:
    """Return the outputs (N, outputs) of a model for features (N, features)."""
    network = network_of("decision_boundary", model)
    array = as_numbers("decision_boundary", "features", inputs).astype(np.float32)
    shapes = [t.shape for t in network.inputs]
    if len(shapes) != 1 or shapes[0][1:] != array.shape[1:] or len(network.outputs[0].shape) != 2:
        raise ValueError(
            "decision_boundary: the model must take the features of a point and return numbers, (batch, outputs). "
            f"Received: {network.name}, input shapes={shapes}, output shapes={[t.shape for t in network.outputs]}, "
            f"features of shape {array.shape[1:]}"
        )
    return to_host(network.run([array])[network.outputs[0]])


def _level(model: AnyModel) -> float:
    """Return the output at which a model with a single output decides."""
    last = network_of("decision_boundary", model).steps[-1].operation
    function = getattr(last, "activation", last)
    return 0.5 if getattr(function, "__name__", "") == "sigmoid" else 0.0


def draw_boundary(ax: Axes, x: np.ndarray, y: np.ndarray, values: np.ndarray, level: float) -> None:
    """Draw the outputs on a plane."""
    from matplotlib.colors import ListedColormap

    extent = (x[0], x[-1], y[0], y[-1])
    if values.shape[-1] > 1:
        classes = values.argmax(axis=-1)
        colours = ListedColormap([LINES[i % len(LINES)] for i in range(values.shape[-1])])
        look = {"cmap": colours, "vmin": -0.5, "vmax": values.shape[-1] - 0.5, "alpha": 0.4}
        ax.imshow(classes, extent=extent, origin="lower", aspect="auto", interpolation="nearest", **look)
        return
    surface = values[..., 0]
    limit = float(np.abs(surface - level).max()) or 1.0
    look = {"cmap": SIGNED, "vmin": level - limit, "vmax": level + limit, "alpha": 0.7}
    ax.imshow(surface, extent=extent, origin="lower", aspect="auto", interpolation="bilinear", **look)
    if surface.min() < level < surface.max():
        ax.contour(x, y, surface, levels=[level], colors="black", linewidths=1.5)


def draw_points(ax: Axes, points: np.ndarray, labels: ArrayLike | None, outputs: int) -> None:
    """Draw points in the colours of their classes."""
    colours: Any = "black"
    if labels is not None:
        given = np.asarray(to_host(labels))
        classes = as_labels("decision_boundary", "labels", np.maximum(given, 0) if outputs == 1 else given)
        if len(classes) != len(points):
            raise ValueError(
                f"decision_boundary: each point needs a label. Received: {len(points)} points, {len(classes)} labels"
            )
        palette = TWO_CLASSES if outputs == 1 else LINES
        colours = [palette[c % len(palette)] for c in classes]
    ax.scatter(points[:, 0], points[:, 1], c=colours, s=18, edgecolors="white", linewidths=0.6)
    ax.set(xlabel="x1", ylabel="x2")
