"""Overlaps of boxes (left, top, right, bottom)."""

from __future__ import annotations

import numpy as np


def intersection_over_union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the area of the intersection divided by that of the union, (M, N), for boxes (M, 4) and (N, 4)."""
    corner = np.maximum(a[:, None, :2], b[None, :, :2])
    other = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.maximum(other - corner, 0), -1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], -1) for boxes in (a, b)]
    return both / np.maximum(areas[0][:, None] + areas[1] - both, np.finfo(float).tiny)  # 0 for two empty boxes


def suppress(boxes: np.ndarray, scores: np.ndarray, iou: float) -> np.ndarray:
    """Return the indices of boxes that do not overlap a better box by more than `iou`, the best first."""
    waiting = np.argsort(-scores, kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[intersection_over_union(boxes[[best]], boxes[waiting])[0] <= iou]
    return np.array(kept, int)
