"""Data sets of the Networks tab: points (N, 2) of the plane between -6 and 6, and their values (N,) between -1 and 1.

The functions stand on their own, since `script.py` copies their source into scripts for students.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastconv.typing import Array


def circle(rng: np.random.Generator, count: int, noise: float) -> tuple[Array, Array]:
    """Return points of a disc, whose class is 1, and of a ring around it, whose class is -1."""
    inside = np.arange(count) < count // 2
    radius = np.where(inside, rng.uniform(0, 2.5, count), rng.uniform(3.5, 5, count))
    angle = rng.uniform(0, 2 * np.pi, count)
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    moved = points + noise * rng.uniform(-5, 5, (count, 2))
    return points, np.where(np.hypot(moved[:, 0], moved[:, 1]) < 2.5, 1.0, -1.0)


def xor(rng: np.random.Generator, count: int, noise: float) -> tuple[Array, Array]:
    """Return points of four squares; the class is 1 if both coordinates have the same sign, else -1."""
    points = rng.uniform(-5, 5, (count, 2))
    points += np.copysign(0.3, points)
    moved = points + noise * rng.uniform(-5, 5, (count, 2))
    return points, np.where(moved[:, 0] * moved[:, 1] >= 0, 1.0, -1.0)


def gauss(rng: np.random.Generator, count: int, noise: float) -> tuple[Array, Array]:
    """Return points of two normal distributions around (2, 2), class 1, and (-2, -2), class -1."""
    classes = np.where(np.arange(count) < count // 2, 1.0, -1.0)
    points = 2 * classes[:, np.newaxis] + np.sqrt(0.5 + 7 * noise) * rng.normal(size=(count, 2))
    return points, classes


def spiral(rng: np.random.Generator, count: int, noise: float) -> tuple[Array, Array]:
    """Return points of two spirals, one half turn apart; their classes are 1 and -1."""
    classes = np.where(np.arange(count) < count // 2, 1.0, -1.0)
    radius = 5 * (np.arange(count) % (count // 2)) / (count // 2)
    angle = 0.7 * np.pi * radius + np.where(classes > 0, 0, np.pi)
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    return points + noise * rng.uniform(-1, 1, (count, 2)), classes


def plane(rng: np.random.Generator, count: int, noise: float) -> tuple[Array, Array]:
    """Return points whose value (x1 + x2) / 10 rises in a plane."""
    points = rng.uniform(-6, 6, (count, 2))
    moved = points + noise * rng.uniform(-6, 6, (count, 2))
    return points, moved.sum(axis=1) / 10


def bumps(rng: np.random.Generator, count: int, noise: float) -> tuple[Array, Array]:
    """Return points whose value is that of the largest of six hills and valleys."""
    centers = np.array([(-4, 2.5), (0, 2.5), (4, 2.5), (-4, -2.5), (0, -2.5), (4, -2.5)])
    signs = np.array([1, -1, 1, -1, 1, -1])
    points = rng.uniform(-6, 6, (count, 2))
    moved = points + noise * rng.uniform(-6, 6, (count, 2))
    distances = np.linalg.norm(moved[:, np.newaxis] - centers, axis=2)
    nearest = distances.argmin(axis=1)
    return points, signs[nearest] * np.maximum(0, 1 - distances.min(axis=1) / 2)


DataSet = Callable[[np.random.Generator, int, float], tuple[Array, Array]]

# Names as in the links of TensorFlow's playground.
CLASSIFICATION: dict[str, DataSet] = {"circle": circle, "xor": xor, "gauss": gauss, "spiral": spiral}
REGRESSION: dict[str, DataSet] = {"reg-plane": plane, "reg-gauss": bumps}


def chosen(problem: str, dataset: str, reg_dataset: str) -> tuple[DataSet, int]:
    """Return the data set of a problem, "classification" or "regression", and its number of points."""
    if problem == "classification":
        return CLASSIFICATION[dataset], 500
    return REGRESSION[reg_dataset], 1200


def draw(data_set: DataSet, count: int, noise: float, train_share: float, seed: int) -> tuple[Array, ...]:
    """Return points and values to train on, and points and values to test on: (N, 2), (N, 1), (M, 2), (M, 1)."""
    rng = np.random.default_rng(seed)
    points, values = data_set(rng, count, noise)
    order = rng.permutation(count)
    points, values = points[order].astype(np.float32), values[order, np.newaxis].astype(np.float32)
    train = round(count * train_share)
    return points[:train], values[:train], points[train:], values[train:]
