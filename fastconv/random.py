"""Random numbers that differ in every step of a graph, and repeat if the seed is the same."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_seed, as_shape
from fastconv.engine import Variable
from fastconv.typing import Array, ArrayLike, Config, DTypeLike, ShapeLike
from fastconv.utils.random import followers, next_seed

__all__ = [
    "SeedGenerator",
    "categorical",
    "dropout",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

# The difference between seeds of successive draws: an odd number unrelated to the increment of splitmix64.
STEP = np.array([0xD1342543DE82EF95], np.uint64)

_drawing = threading.Lock()  # so that no two threads draw the same seed


class SeedGenerator(Variable):
    """A seed that changes with each draw. A layer or model that has it as an attribute saves it.

    Args:
        seed: int >= 0, the first seed; None (default) for a seed derived from `utils.set_random_seed`.
        name: str, the last part of the variable's path.

    Attributes:
        seed: int, the first seed.

    Example:
        >>> generator = random.SeedGenerator(7)
        >>> a, b = random.normal((3,), seed=generator), random.normal((3,), seed=generator)
        >>> bool((a == b).any())
        False
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        start = next_seed() if seed is None else as_seed(self, seed)
        super().__init__(np.array([start], np.uint64), trainable=False, name=name or "seed_generator_state")
        self.seed = int(start)

    def get_config(self) -> Config:
        """Return the constructor arguments of a generator that gives the same seeds from the first on."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SeedGenerator:
        """Return a generator from the result of `get_config`."""
        return cls(**config)

    def next(self, ordered: bool = True) -> Array:
        """Return the seed of this draw, (1,) uint64. `ordered` has no effect: draws are always in order."""
        with _drawing:
            value = self.read()
            seed = (
                value.copy() if isinstance(value, np.ndarray) else value
            )  # a copy, since the array changes with the variable
            self.assign(seed + STEP)
        return seed


_shared: list[SeedGenerator] = []  # the generator of draws without `seed`, made at the first of them


def shared_seed() -> int | None:
    """Return the next seed of draws without a generator, or None before the first."""
    return int(_shared[0].array[0]) if _shared else None


def set_shared_seed(seed: int) -> None:
    """Continue draws without a generator from `seed`."""
    if _shared:
        _shared[0].assign(np.array([seed], np.uint64))
    else:
        _shared.append(SeedGenerator(seed))


followers.append(lambda seed: set_shared_seed(int(np.random.default_rng([seed, 1]).integers(2**63))))


def draw_seed(seed: int | SeedGenerator | None) -> Array:
    """Return the seed of a draw, (1,) uint64. An int gives the same seed in every draw."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is not None:
        return np.array([as_seed("random", seed)], np.uint64)
    if not _shared:
        _shared.append(SeedGenerator())
    return _shared[0].next()


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Array:
    """Return normally distributed random numbers.

    Args:
        shape: ints, the shape of the result.
        mean, stddev: floats, default 0 and 1.
        dtype: float dtype; None (default) for `config.floatx()`.
        seed: int for the same numbers in every draw, or a `SeedGenerator` for new numbers in every draw; None (default)
            for the generator that all draws without a seed share.

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if `dtype` is not a float dtype, or if `stddev` is negative.

    Example:
        >>> random.normal((2, 3), seed=7).shape
        (2, 3)
    """
    return ops.random_normal(shape, draw_seed(seed), mean, stddev, dtype or config.floatx())


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Array:
    """Return uniformly distributed random numbers, minval <= y < maxval.

    Args:
        shape: ints, the shape of the result.
        minval, maxval: floats, default 0 and 1.
        dtype: float dtype; None (default) for `config.floatx()`.
        seed: as for `normal`.

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if `dtype` is not a float dtype.

    Example:
        >>> y = random.uniform((100,), 2.0, 3.0, seed=7)
        >>> bool((2 <= y).all() and (y < 3).all())
        True
    """
    return ops.random_uniform(shape, draw_seed(seed), minval, maxval, dtype or config.floatx())


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Array:
    """Return normally distributed random numbers at most two standard deviations from the mean.

    Args:
        shape: ints, the shape of the result.
        mean, stddev: floats, default 0 and 1: of the distribution before it is truncated.
        dtype: float dtype; None (default) for `config.floatx()`.
        seed: as for `normal`.

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if `dtype` is not a float dtype, or if `stddev` is negative.

    Example:
        >>> y = random.truncated_normal((1000,), seed=7)
        >>> bool((abs(y) <= 2).all())
        True
    """
    return ops.random_truncated_normal(shape, draw_seed(seed), mean, stddev, dtype or config.floatx())


def randint(
    shape: Sequence[int], minval: int, maxval: int, dtype: str = "int32", seed: int | SeedGenerator | None = None
) -> Array:
    """Return random integers, minval <= y < maxval.

    Args:
        shape: ints, the shape of the result.
        minval, maxval: ints.
        dtype: integer dtype, default "int32".
        seed: as for `normal`.

    Returns:
        Array of shape `shape`.

    Raises:
        ValueError: if `dtype` is not an integer dtype, or if minval >= maxval.

    Example:
        >>> sorted(set(random.randint((100,), 1, 4, seed=7).tolist()))
        [1, 2, 3]
    """
    return ops.random_integers(shape, draw_seed(seed), minval, maxval, dtype)


def categorical(
    logits: ArrayLike, num_samples: int, dtype: str = "int32", seed: int | SeedGenerator | None = None
) -> Array:
    """Return random classes, with probabilities softmax(logits).

    Args:
        logits: (N, K).
        num_samples: int, the number of classes drawn for each row.
        dtype: dtype of the result, default "int32".
        seed: as for `normal`.

    Returns:
        (N, num_samples).

    Raises:
        ValueError: if `logits` does not have 2 axes.

    Example:
        >>> random.categorical([[0.0, 100.0]], 3, seed=7).tolist()
        [[1, 1, 1]]
    """
    return ops.random_categorical(logits, num_samples, draw_seed(seed), dtype)


def shuffle(x: ArrayLike, axis: int = 0, seed: int | SeedGenerator | None = None) -> Array:
    """Return x with its slices along `axis` in random order.

    Args:
        x: array of at least one axis.
        axis: int, default 0.
        seed: as for `normal`.

    Returns:
        Array with the shape of x.

    Example:
        >>> sorted(random.shuffle([1, 2, 3], seed=7).tolist())
        [1, 2, 3]
    """
    return ops.random_shuffle(x, draw_seed(seed), axis)


def dropout(
    inputs: ArrayLike,
    rate: float,
    noise_shape: ShapeLike | None = None,
    seed: int | SeedGenerator | None = None,
) -> Array:
    """Return `inputs` with each element 0 with probability `rate`, else divided by 1 - rate.

    Args:
        inputs: array of any shape.
        rate: float, 0 <= rate < 1.
        noise_shape: ints, the shape of the random mask, which broadcasts to the inputs; None in it stands for the size
            of the inputs. None (default) for a mask of the inputs' shape.
        seed: as for `normal`.

    Returns:
        Array with the shape of `inputs`.

    Raises:
        ValueError: if `rate` is outside [0, 1), or if `noise_shape` does not broadcast to the inputs.

    Example:
        >>> y = random.dropout(np.ones(1000, "float32"), 0.5, seed=7)
        >>> sorted(set(y.tolist()))
        [0.0, 2.0]
    """
    if noise_shape is None:
        return ops.dropout(inputs, draw_seed(seed), rate)
    inputs = ops.convert_to_tensor(inputs)
    shape = broadcast_shape("dropout", noise_shape, inputs.shape)
    return inputs * ops.dropout(ops.ones(shape, inputs.dtype), draw_seed(seed), rate)


def broadcast_shape(owner: str, noise_shape: ShapeLike, shape: Sequence[int]) -> tuple[int, ...]:
    """Return `noise_shape` with the sizes of `shape` in place of None.

    Raises:
        ValueError: if it does not broadcast to `shape`.
    """
    sizes = as_shape(owner, "noise_shape", noise_shape)
    if len(sizes) != len(shape) or any(n not in (None, 1, m) for n, m in zip(sizes, shape)):
        raise ValueError(
            f"{owner}: noise_shape must have 1, None or the size of the inputs for each axis. "
            f"Received: noise_shape={sizes}, shape={tuple(shape)}"
        )
    return tuple(m if n is None else n for n, m in zip(sizes, shape))
