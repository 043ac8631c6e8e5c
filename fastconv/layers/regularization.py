"""Layers that disturb training so that the model generalises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastconv import config, ops, regularizers
from fastconv.arguments import as_number, as_seed, as_shape
from fastconv.layers.base import Layer, check_rank
from fastconv.random import SeedGenerator, broadcast_shape
from fastconv.serialization import register


class RandomLayer(Layer):
    """A layer that draws random numbers, others in every step.

    Args:
        seed: what they are drawn from; taken from `utils.set_random_seed` when None.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = None if seed is None else as_seed(self, seed)
        self.seed_state = SeedGenerator(self.seed, "seed_state")
        self.seed_state.path = f"{self.name}/seed_state"

    def next_seed(self) -> Any:
        """The seed of this step, (1,) uint64."""
        return self.seed_state.next()


class Disturbance(RandomLayer):
    """A layer that changes its inputs in training only, by a `rate` from 0 to 1."""

    ARGUMENTS: tuple[str, ...] = ("rate", "seed")

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = float(as_number(self, "rate", rate, 0, 1))

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or not self.rate:
            return inputs
        return self.disturb(inputs) if self.rate < 1 else inputs * 0.0

    def disturb(self, x: Any) -> Any:
        """What training sees of x, at a rate between 0 and 1."""
        raise NotImplementedError


@register("layer")
class Dropout(Disturbance):
    """In training, each element is 0 with probability `rate` and divided by 1 - rate otherwise; else x itself.

    Srivastava et al. 2014.

    Args:
        rate: 0 <= rate <= 1.
        noise_shape: the shape of what is drawn, which is broadcast against the inputs; None in it is the inputs' size.
        seed: what the masks are drawn from; taken from `utils.set_random_seed` when None.

    Raises:
        ValueError: a rate outside [0, 1].
    """

    ARGUMENTS: tuple[str, ...] = ("rate", "noise_shape", "seed")

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else as_shape(self, "noise_shape", noise_shape)
        if 0 in (self.noise_shape or ()):
            raise ValueError(
                f"{type(self).__name__}: noise_shape must be ints of at least 1 or None. Received: {noise_shape=}"
            )

    def disturb(self, x: Any) -> Any:
        if self.noise_shape is None:
            return ops.dropout(x, self.next_seed(), self.rate)
        return ops.where(self.kept(x), x, 0.0) * (1 / (1 - self.rate))

    def kept(self, x: Any) -> Any:
        """Booleans of the noise's shape, false where elements are dropped, which may be infinite or no numbers."""
        return ops.dropout(ops.ones(noise_shape(self, x), self.dtype), self.next_seed(), self.rate) > 0


def noise_shape(layer: Any, x: Any) -> tuple[int, ...]:
    """Return `layer.noise_shape` with the sizes of x in place of None. Raises ValueError if it does not fit x."""
    return tuple(x.shape) if layer.noise_shape is None else broadcast_shape(layer.name, layer.noise_shape, x.shape)


class SpatialDropout(Dropout):
    """Dropout of whole channels, over `rank` spatial axes; Tompson et al. 2015."""

    ARGUMENTS: tuple[str, ...] = ("rate", "data_format", "seed")
    rank: int

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = config.standardize_data_format(data_format)
        ones = (1,) * self.rank
        self.noise_shape = (None, *ones, None) if self.data_format == "channels_last" else (None, None, *ones)

    def get_config(self) -> dict:
        """Return the arguments of the constructor, as in Keras without `trainable`: there is nothing to train."""
        return {key: value for key, value in super().get_config().items() if key != "trainable"}

    def call(self, inputs: Any, training: bool = False) -> Any:
        check_rank(self, inputs, self.rank + 2)
        return super().call(inputs, training)


@register("layer")
class SpatialDropout1D(SpatialDropout):
    """Dropout of whole channels of sequences (N, W, C)."""

    ARGUMENTS = ("rate", "seed")
    rank = 1

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, "channels_last", seed, name, dtype, **kwargs)


@register("layer")
class SpatialDropout2D(SpatialDropout):
    """Dropout of whole channels of images (N, H, W, C), or (N, C, H, W); Tompson et al. 2015."""

    rank = 2


@register("layer")
class SpatialDropout3D(SpatialDropout):
    """Dropout of whole channels of volumes (N, D, H, W, C), or (N, C, D, H, W)."""

    rank = 3


@register("layer")
class AlphaDropout(Dropout):
    """Dropout that keeps mean and variance of what `selu` gives: dropped elements take its lowest value.

    Klambauer et al. 2017, section 3: y = a (x kept + low (1 - kept)) + b, a = ((1 - rate) (1 + rate low^2))^(-1/2) and
    b = -a low rate.
    """

    LOW = -1.6732632423543772 * 1.0507009873554805

    def disturb(self, x: Any) -> Any:
        keep = 1 - self.rate
        a = (keep * (1 + self.rate * self.LOW**2)) ** -0.5
        return a * ops.where(self.kept(x), x, self.LOW) - a * self.LOW * self.rate


@register("layer")
class GaussianDropout(Disturbance):
    """In training, x times normal numbers of mean 1 and standard deviation sqrt(rate / (1 - rate)).

    Srivastava et al. 2014, section 10.
    """

    def disturb(self, x: Any) -> Any:
        noise = ops.random_normal(x.shape, self.next_seed(), dtype=x.dtype)
        return x * (noise * math.sqrt(self.rate / (1 - self.rate)) + 1.0)


@register("layer")
class GaussianNoise(RandomLayer):
    """In training, x plus normal numbers of mean 0 and standard deviation `stddev`.

    Raises:
        ValueError: a standard deviation below 0 or above 1.
    """

    ARGUMENTS = ("stddev", "seed")

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.stddev = float(as_number(self, "stddev", stddev, 0, 1))

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or not self.stddev:
            return inputs
        return inputs + ops.random_normal(inputs.shape, self.next_seed(), dtype=inputs.dtype) * self.stddev


@register("layer")
class ActivityRegularization(Layer):
    """x; l1 sum(|x|) + l2 sum(x^2) is added to the loss."""

    ARGUMENTS = ("l1", "l2")

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        penalty = regularizers.L1L2(l1, l2)
        super().__init__(activity_regularizer=penalty, **kwargs)
        self.l1, self.l2 = penalty.l1, penalty.l2

    def get_config(self) -> dict:
        return {name: value for name, value in super().get_config().items() if name != "activity_regularizer"}

    def call(self, inputs: Any) -> Any:
        return inputs
