"""The ten digits as strokes of a pen, for tests that draw."""

from __future__ import annotations

import numpy as np


def arc(x, y, width, height, start, end):
    """Return points of an ellipse between two angles in degrees, which count clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 24))
    return [[x + width * float(np.cos(a)), y + height * float(np.sin(a))] for a in angles]


DIGITS = {
    0: [arc(0.5, 0.5, 0.2, 0.35, -90, 270)],
    1: [[[0.5, 0.15], [0.5, 0.85]]],
    2: [[*arc(0.5, 0.32, 0.2, 0.18, 180, 400), [0.3, 0.85], [0.72, 0.85]]],
    3: [arc(0.47, 0.32, 0.2, 0.17, 200, 450) + arc(0.47, 0.67, 0.22, 0.19, -90, 160)],
    4: [[[0.6, 0.85], [0.6, 0.15], [0.28, 0.6], [0.75, 0.6]]],
    5: [[[0.7, 0.15], [0.35, 0.15], [0.33, 0.45], *arc(0.48, 0.63, 0.22, 0.22, 230, 490)]],
    6: [[[0.62, 0.15], [0.45, 0.3], [0.34, 0.55], *arc(0.5, 0.66, 0.17, 0.19, 180, 540)]],
    7: [[[0.28, 0.15], [0.72, 0.15], [0.45, 0.85]]],
    8: [arc(0.5, 0.32, 0.15, 0.17, 90, 450) + arc(0.5, 0.67, 0.19, 0.18, -90, 270)],
    9: [[*arc(0.5, 0.33, 0.17, 0.18, 0, 360), [0.66, 0.5], [0.62, 0.85]]],
}


def slanted(strokes, columns_per_row, scale=1.0):
    """Return strokes with a slant, shrunk around the middle of the canvas."""
    return [
        [[0.5 + scale * (x - 0.5 + columns_per_row * (y - 0.5)), 0.5 + scale * (y - 0.5)] for x, y in stroke]
        for stroke in strokes
    ]
