"""One channel and a large kernel: through Fourier transforms of tiles, two tiles at a time."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import log2, prod
from typing import Any

import numpy as np

import fastconv._fourier as _fourier
import fastconv.config as config
from fastconv.backends.cpu.algorithms.algorithm import Algorithm, Direction, Limits
from fastconv.backends.cpu.algorithms.fold import FOLDED_PIXELS
from fastconv.backends.reference import Array
from fastconv.geometry import Convolution
from fastconv.window import Shape

# Taps, with each row extended by a vector. Windows smaller than 5x5 are about as fast directly.
LEAST_TAPS = 100
# Sizes of the tiles that are transformed: multiples of a vector, and powers of four times 1, 2 or 3.
POINTS = (16, 32, 48, 64, 128, 192, 256, 512)
# A larger tile exceeds a second-level cache of 1 MB, and each point takes twice the time.
CACHED_POINTS = 1 << 16
COMPLEX_BYTES = 8
# Time of a multiply-add with a vector of 16 outputs, divided by the time of a radix-2 step of one point.
GAIN = 0.15


# ---- when it is used -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def choose_tile(
    images: int, outputs: tuple[int, ...], taps: tuple[int, ...], most_points: int
) -> tuple[int, ...] | None:
    """Return the tile with which one channel is convolved through spectra, or None if direct convolution is faster.

    Threads share the kernel's spectrum, of at most `most_points` complex numbers. The tiles of an image are transformed
    in pairs. Transforming the kernel counts as half a pair.
    """

    def cost(points: tuple[int, ...]) -> float:
        across = [-(-o // (p - k + 1)) for o, p, k in zip(outputs, points, taps)]
        pairs = images * -(-prod(across) // 2) + 0.5
        return pairs * prod(points) * (log2(prod(points)) + 4) * (1 if prod(points) <= CACHED_POINTS else 2)

    sides = ([p for p in POINTS if p >= k] for k in taps)
    tiles = [points for points in product(*sides) if prod(points) <= most_points]
    folded_taps = taps[0] * (taps[1] + 15)
    if folded_taps < LEAST_TAPS or not tiles:
        return None
    best = min(tiles, key=cost)
    pixels = images * prod(outputs)
    direct = pixels * (folded_taps if pixels >= FOLDED_PIXELS else 16 * prod(taps))
    return best if cost(best) < GAIN * direct else None


def tile_points(c: Convolution, outputs: Shape, most_workspace: int) -> Shape:
    """Return the points of the tiles that compute `outputs` of one channel; empty if direct convolution is faster."""
    if len(c.size) != 2 or c.channels > 1 or c.kernel_shape[-1] > 1 or (*c.strides, *c.dilation) != (1, 1, 1, 1):
        return ()
    return choose_tile(c.images, outputs, c.size, most_workspace // COMPLEX_BYTES) or ()


def saves_products(c: Convolution, limits: Limits, outputs: Shape) -> str:
    points = tile_points(c, outputs, limits.most_workspace)
    return f"one channel and many taps: spectra of tiles of {points[0]} x {points[1]} points" if points else ""


def suits_outputs(c: Convolution, limits: Limits) -> str:
    return saves_products(c, limits, c.outputs)


def suits_input_gradient(c: Convolution, limits: Limits) -> str:
    return saves_products(c, limits, c.inputs)


# ---- how it computes -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def roots_of_unity(points: int) -> Array:
    """exp(-2 pi i j k / block) for k = 1, 2, 3 and 0 < j < block / 4, with block = points, points / 4, and so on."""
    roots = []
    block = points
    while block % 4 == 0:
        angles = np.outer(np.arange(1, block // 4), [1, 2, 3]) * (-2 * np.pi / block)
        roots.append(np.stack([np.cos(angles), np.sin(angles)], axis=-1).ravel())
        block //= 4
    return np.concatenate(roots).astype(np.float32)


def roots_of_tile(points: Shape) -> tuple[Array, Array]:
    """Return the roots of unity of both axes."""
    return roots_of_unity(points[0]), roots_of_unity(points[1])


def correlate(
    c: Convolution, points: Shape, x: Array, w: Array, bias: Array | None, y: Array, activation: int, alpha: float
) -> None:
    """y = act(bias + x * w), by tiles of `points`"""
    _fourier.conv(c, x, w, bias, y, activation, alpha, points, roots_of_tile(points))


def correlate_back(
    c: Convolution, points: Shape, dy: Array, w: Array, bias: Array | None, dx: Array, activation: int, alpha: float
) -> None:
    """dx = act(bias + C^T dy): the correlation of dy with the kernel turned by 180 degrees"""
    turned = np.ascontiguousarray(w[::-1, ::-1])
    padding = tuple((k - 1 - before, k - 1 - after) for k, (before, after) in zip(c.size, c.padding))
    back = c._replace(inputs=c.outputs, outputs=c.inputs, padding=padding)
    correlate(back, points, dy, turned, bias, dx, activation, alpha)


def correlate_gradients(c: Convolution, points: Shape, x: Array, dy: Array, dw: Array) -> None:
    """dw = x correlated with dy"""
    _fourier.conv_backward_kernel(c, x, dy, dw, points, roots_of_tile(points))


def forward(c: Convolution, *arguments: Any) -> None:
    correlate(c, tile_points(c, c.outputs, config.max_workspace()), *arguments)


def backward_input(c: Convolution, *arguments: Any) -> None:
    correlate_back(c, tile_points(c, c.inputs, config.max_workspace()), *arguments)


def backward_kernel(c: Convolution, *arguments: Any) -> None:
    correlate_gradients(c, tile_points(c, c.outputs, config.max_workspace()), *arguments)


FOURIER = Algorithm(
    "fourier",
    lambda c, direction, lanes: "spectra of whole tiles",
    Direction(suits_outputs, forward),
    Direction(suits_input_gradient, backward_input),
    Direction(suits_outputs, backward_kernel),
    exact=False,
    # One channel and 5 x 5 taps over 64 x 64 pixels; large images of one channel take several times as long directly.
    # In batches, 5 x 5 taps over 28 x 28 pixels take at most 1.4 times as long directly, and 9 x 9 taps 5 times in the
    # gradient.
    small_products=1 << 17,
    small_image_products=1 << 15,
)
