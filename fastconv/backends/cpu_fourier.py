"""Convolution of one channel with a large kernel, and its gradients, through Fourier transforms of tiles."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fastconv import _fourier
from fastconv.backends.reference import Array, Shape, Sides


@lru_cache(maxsize=16)
def roots_of_unity(points: int) -> Array:
    """exp(-2 pi i j k / block) for k = 1, 2, 3 and 0 < j < block / 4, where block = points, points / 4, and so on."""
    roots = []
    block = points
    while block % 4 == 0:
        angles = np.outer(np.arange(1, block // 4), [1, 2, 3]) * (-2 * np.pi / block)
        roots.append(np.stack([np.cos(angles), np.sin(angles)], axis=-1).ravel())
        block //= 4
    return np.concatenate(roots).astype(np.float32)


def roots_of_tile(points: Shape) -> tuple[Array, Array]:
    return roots_of_unity(points[0]), roots_of_unity(points[1])


def conv(
    x: Array, w: Array, bias: Array | None, y: Array, padding: Sides, points: Shape, activation: int, alpha: float
) -> Array:
    _fourier.conv(x, w, bias, y, padding, points, roots_of_tile(points), activation, alpha)
    return y


def conv_backward_input(
    dy: Array, w: Array, bias: Array | None, dx: Array, padding: Sides, points: Shape, activation: int, alpha: float
) -> Array:
    """The correlation of dy with the kernel turned by 180 degrees."""
    (top, bottom), (left, right) = padding
    kh, kw = w.shape[:2]
    turned = np.ascontiguousarray(w[::-1, ::-1])
    around = ((kh - 1 - top, kh - 1 - bottom), (kw - 1 - left, kw - 1 - right))
    return conv(dy, turned, bias, dx, around, points, activation, alpha)


def conv_backward_kernel(x: Array, dy: Array, dw: Array, padding: Sides, points: Shape) -> Array:
    _fourier.conv_backward_kernel(x, dy, dw, padding, points, roots_of_tile(points))
    return dw
