"""Drawings made like the scans of the digits data set: upright, fitted to a box, thick as a pen, summed to 8x8."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import fastconv.ops as ops
from fastconv.typing import Array

SIDE = 32  # pixels of a scan before it was summed, and of the images that LeNet-5 reads
BOX = (20, 32)  # width and height to which the scans were stretched
INK = 0.3  # fraction of ink in the scans: 0.25 to 0.36 in 9 of 10
NARROWEST = 0.15  # of the height: a narrower drawing, such as a line for 1, is not stretched to the width of the box
LEAST_HEIGHT = 0.02  # of the canvas: a dot stays small
THICKEST = 4.8  # pixels from the middle of a stroke to its edge
STEEPEST = 1  # slant that is taken out: columns per row
MOST_STROKES, MOST_POINTS = 64, 1024


class Drawing(NamedTuple):
    """A drawing as the net reads it, and its place on the canvas: pixel = matrix @ (x, y) + offset."""

    scan: Array  # (8, 8), from 0 to 16
    matrix: Array  # (2, 2)
    offset: Array  # (2,)


def as_strokes(value: Any) -> list[Array]:
    """Return lists of points (x, y), with coordinates from 0 to 1, as arrays (points, 2).

    Raises:
        ValueError: if `value` is anything else, or too long.
    """
    if not isinstance(value, list) or len(value) > MOST_STROKES or not all(isinstance(s, list) for s in value):
        raise ValueError(f"strokes: at most {MOST_STROKES} lists of points are expected. Received: {str(value)[:60]}")
    if sum(map(len, value)) > MOST_POINTS:
        raise ValueError(f"strokes: at most {MOST_POINTS} points are expected. Received: {sum(map(len, value))}")
    if not all(_is_point(point) for stroke in value for point in stroke):
        raise ValueError(f"strokes: each point is [x, y], from 0 to 1. Received: {str(value)[:60]}")
    return [np.array(stroke, float) for stroke in value if stroke]


def _is_point(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(type(n) in (int, float) and 0 <= n <= 1 for n in point)


def enlarge(scans: Array) -> Array:
    """Interpolate scans (N, 8, 8), from 0 to 16, bilinearly: float32 images (N, 32, 32, 1), from 0 to 1."""
    images = (scans[..., None] / 16).astype(np.float32)
    return np.asarray(ops.image.resize(images, (SIDE, SIDE), interpolation="bilinear", data_format="channels_last"))


def scan_of(strokes: list[Array]) -> Drawing:
    """Return the scan of a drawing.

    The leftmost points of the top and of the bottom are put above each other, and the strokes are stretched to the box
    of the scans, 20x32 pixels. They are thickened until 30 % of the 32x32 pixels are ink, and moved until their
    centre of mass is in the middle column. Each number is the count of ink in a square of 4x4 pixels.

    Args:
        strokes: arrays (points, 2) of points (x, y) with coordinates from 0 to 1.
    """
    matrix, offset = np.eye(2) * SIDE, np.zeros(2)
    if not strokes:
        return Drawing(np.zeros((8, 8)), matrix, offset)
    slant, radius = 0.0, THICKEST / 2
    for _ in range(4):  # slant, scale and thickness depend on each other
        matrix, offset = _fit(strokes, slant, radius)
        distance = _distances([stroke @ matrix.T + offset for stroke in strokes])
        radius = min(float(np.quantile(distance, INK)), THICKEST)
        slant += _lean(distance <= radius) * matrix[1, 1] / matrix[0, 0]
        slant = min(max(slant, -STEEPEST), STEEPEST)
    ink = distance <= radius
    shift = round((SIDE - 1) / 2 - float(ink.nonzero()[1].mean()))
    scan = _moved(ink, shift).reshape(8, 4, 8, 4).sum((1, 3)).astype(float)
    return Drawing(scan, matrix, offset + np.array([shift, 0]))


def _fit(strokes: list[Array], slant: float, radius: float) -> tuple[Array, Array]:
    """Return matrix and offset that put the strokes, of this radius and without their slant, into the box."""
    upright = np.array([[1, -slant], [0, 1]])
    points = np.concatenate(strokes) @ upright.T
    low, high = points.min(0), points.max(0)
    width, height = np.maximum(high - low, LEAST_HEIGHT)
    vertical = (BOX[1] - 2 * radius) / max(height, width / 2)
    horizontal = (BOX[0] - 2 * radius) / max(width, NARROWEST * height)
    matrix = np.diag([min(horizontal, 2 * vertical), min(vertical, 2 * horizontal)]) @ upright
    return matrix, SIDE / 2 - matrix @ np.linalg.solve(upright, (low + high) / 2)


def _lean(ink: Array) -> float:
    """Return the columns per row between the leftmost ink of the bottom row and of the top row."""
    rows = np.flatnonzero(ink.any(1))
    top, bottom = rows[0], rows[-1]
    return float(ink[bottom].argmax() - ink[top].argmax()) / max(bottom - top, 1)


def _distances(strokes: list[Array]) -> Array:
    """Return the distance of each of 32x32 pixels to the nearest stroke."""
    rows, columns = np.indices((SIDE, SIDE), np.float32) + np.float32(0.5)
    return np.minimum.reduce([_distance_to_stroke(columns, rows, stroke.astype(np.float32)) for stroke in strokes])


def _distance_to_stroke(x: Array, y: Array, stroke: Array) -> Array:
    starts = stroke if len(stroke) == 1 else stroke[:-1]
    along = stroke[1:] - starts if len(stroke) > 1 else np.zeros_like(stroke)
    lengths = np.maximum((along**2).sum(1), 1e-12)[:, None, None]
    (x0, y0), (dx, dy) = starts.T[:, :, None, None], along.T[:, :, None, None]
    position = np.clip(((x - x0) * dx + (y - y0) * dy) / lengths, 0, 1)
    return np.sqrt((((x - x0) - position * dx) ** 2 + ((y - y0) - position * dy) ** 2).min(0))


def _moved(ink: Array, columns: int) -> Array:
    """Return `ink` moved to the right by `columns`, with empty pixels in their place."""
    moved = np.zeros_like(ink)
    moved[:, max(columns, 0) : SIDE + min(columns, 0)] = ink[:, max(-columns, 0) : SIDE + min(-columns, 0)]
    return moved
