"""Curves of losses whose number of points is bounded."""

from __future__ import annotations

import numpy as np

from fastconv.typing import Array

MOST = 400


class Curves:
    """The losses of all passes. If there are more than 400 points, every second one is left out."""

    def __init__(self) -> None:
        self.stride = 1  # passes between two points
        self._points: list[tuple[float, float, float]] = []

    def add(self, passes: int, train: float, test: float) -> None:
        """Add the losses after a number of passes."""
        if passes % self.stride == 0:
            self._points.append((passes, train, test))
        if len(self._points) > MOST:
            self._points = self._points[::2]
            self.stride *= 2

    def array(self) -> Array:
        """Return passes, train loss and test loss of each point, (points, 3)."""
        return np.array(self._points, np.float32).reshape(-1, 3)
