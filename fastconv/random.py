"""Random numbers that are others in every step of a graph, and the same again from the same seed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastconv import config, ops
from fastconv.arguments import as_seed, as_shape
from fastconv.engine import Variable
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

# Between the seeds of successive draws: an odd number with no simple relation to the increment of splitmix64.
STEP = np.array([0xD1342543DE82EF95], np.uint64)

_drawing = threading.Lock()  # so that no two threads draw the same seed


class SeedGenerator(Variable):
    """A seed that is another one at each draw; as an attribute of a layer or model it is saved with it.

    Args:
        seed: the first one; from `utils.set_random_seed` when None.
        name: the last part of its path.

    Attributes:
        seed: the first one.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        start = next_seed() if seed is None else as_seed(self, seed)
        super().__init__(np.array([start], np.uint64), trainable=False, name=name or "seed_generator_state")
        self.seed = int(start)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a generator of the same seeds, from the first one on."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SeedGenerator:
        """Return a generator from what `get_config` has returned."""
        return cls(**config)

    def next(self, ordered: bool = True) -> Any:
        """The seed of this draw, (1,) uint64; `ordered` is accepted as Keras does, every draw is in order."""
        with _drawing:
            now = self.read()
            seed = now.copy() if isinstance(now, np.ndarray) else now  # an array would change with the variable
            self.assign(seed + STEP)
        return seed


_shared: list[SeedGenerator] = []  # the generator for draws without one, once there is such a draw


def shared_seed() -> int | None:
    """The next seed of draws without a generator; None where there has been no such draw."""
    return int(_shared[0].array[0]) if _shared else None


def set_shared_seed(seed: int) -> None:
    """Let draws without a generator go on from `seed`."""
    if _shared:
        _shared[0].assign(np.array([seed], np.uint64))
    else:
        _shared.append(SeedGenerator(seed))


followers.append(lambda seed: set_shared_seed(int(np.random.default_rng([seed, 1]).integers(2**63))))


def draw_seed(seed: int | SeedGenerator | None) -> Any:
    """The seed of one draw, (1,) uint64: a number is the same in every draw."""
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
    dtype: str | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Normally distributed numbers.

    Args:
        shape: of the result.
        mean, stddev: of the distribution.
        dtype: a float dtype; `config.floatx()` when None.
        seed: a number for the same numbers in every draw, or a generator for others; one that all share when None.
    """
    return ops.random_normal(shape, draw_seed(seed), mean, stddev, dtype or config.floatx())


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: str | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Evenly distributed numbers from `minval` to `maxval`; other arguments as for `normal`."""
    return ops.random_uniform(shape, draw_seed(seed), minval, maxval, dtype or config.floatx())


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Normally distributed numbers at most two standard deviations from the mean; arguments as for `normal`."""
    return ops.random_truncated_normal(shape, draw_seed(seed), mean, stddev, dtype or config.floatx())


def randint(
    shape: Sequence[int], minval: int, maxval: int, dtype: str = "int32", seed: int | SeedGenerator | None = None
) -> Any:
    """Whole numbers from `minval`, inclusive, to `maxval`, in an integer dtype; `seed` as for `normal`."""
    return ops.random_integers(shape, draw_seed(seed), minval, maxval, dtype)


def categorical(logits: Any, num_samples: int, dtype: str = "int32", seed: int | SeedGenerator | None = None) -> Any:
    """(N, num_samples) classes, with the probabilities softmax(logits) of each row (N, K); `seed` as for `normal`."""
    return ops.random_categorical(logits, num_samples, draw_seed(seed), dtype)


def shuffle(x: Any, axis: int = 0, seed: int | SeedGenerator | None = None) -> Any:
    """x with its slices along `axis`, rows for 0, in a random order; `seed` as for `normal`."""
    return ops.random_shuffle(x, draw_seed(seed), axis)


def dropout(
    inputs: Any,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: int | SeedGenerator | None = None,
) -> Any:
    """Return `inputs` with each element 0 with probability `rate`, else divided by 1 - rate.

    Args:
        inputs: an array.
        rate: 0 <= rate < 1.
        noise_shape: the shape of what is drawn, which is broadcast against the inputs; None in it is the inputs' size.
        seed: as for `normal`.
    """
    if noise_shape is None:
        return ops.dropout(inputs, draw_seed(seed), rate)
    inputs = ops.convert_to_tensor(inputs)
    shape = broadcast_shape("dropout", noise_shape, inputs.shape)
    return inputs * ops.dropout(ops.ones(shape, inputs.dtype), draw_seed(seed), rate)


def broadcast_shape(owner: str, noise_shape: Sequence[int | None], shape: Sequence[int]) -> tuple[int, ...]:
    """Return `noise_shape` with the sizes of `shape` in place of None.

    Raises:
        ValueError: it is not broadcast against `shape`.
    """
    sizes = as_shape(owner, "noise_shape", noise_shape)
    if len(sizes) != len(shape) or any(n not in (None, 1, m) for n, m in zip(sizes, shape)):
        raise ValueError(
            f"{owner}: noise_shape must have 1, None or the size of the inputs for each axis. "
            f"Received: noise_shape={sizes}, shape={tuple(shape)}"
        )
    return tuple(m if n is None else n for n, m in zip(sizes, shape))
