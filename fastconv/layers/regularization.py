"""Layers that regularize training: dropout, noise and penalties on outputs."""

from __future__ import annotations

import math
from typing import Any

import fastconv.config as config
import fastconv.ops as ops
import fastconv.regularizers as regularizers
from fastconv.arguments import as_number, as_seed, as_shape
from fastconv.layers.base import Layer, check_rank
from fastconv.random import SeedGenerator, broadcast_shape
from fastconv.serialization import register
from fastconv.typing import Array, Config, DTypeLike, ShapeLike


class RandomLayer(Layer):
    """Base class of layers that draw new random numbers in each step.

    Args:
        seed: int, the seed of the random numbers, or None to draw a seed from `utils.set_random_seed`.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = None if seed is None else as_seed(self, seed)
        self.seed_state = SeedGenerator(self.seed, "seed_state")
        self.seed_state.path = f"{self.name}/seed_state"

    def next_seed(self) -> Array:
        """Return the seed of this step, an array (1,) of uint64, and advance the generator."""
        return self.seed_state.next()


class Disturbance(RandomLayer):
    """Base class of layers that change their inputs in training only, with a `rate` from 0 to 1."""

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = float(as_number(self, "rate", rate, 0, 1))

    def call(self, inputs: Array, training: bool = False) -> Array:
        if not training or not self.rate:
            return inputs
        return self.disturb(inputs) if self.rate < 1 else inputs * 0.0

    def disturb(self, x: Array) -> Array:
        """Return the changed x in training, for a rate between 0 and 1."""
        raise NotImplementedError


@register("layer")
class Dropout(Disturbance):
    """Set random elements to 0 in training, y = x mask / (1 - rate).

    Each element of the mask is 0 with probability `rate` and 1 otherwise. The division keeps the expected value of y
    equal to x. Outside training, y = x.

    Shapes: x and y have any shape.

    Args:
        rate: float, the probability to drop an element, 0 <= rate <= 1.
        noise_shape: sequence of int or None, the shape of the mask, which is broadcast against x; None in it stands for
            the size of x. Defaults to the shape of x.
        seed: int, the seed of the masks, or None to draw a seed from `utils.set_random_seed`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `rate` is outside [0, 1], or if `noise_shape` has a size below 1.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> x = np.ones((2, 100))
        >>> layer = layers.Dropout(0.5, seed=0)
        >>> sorted(set(layer(x, training=True).ravel().tolist()))
        [0.0, 2.0]
        >>> layer(x).mean().tolist()
        1.0

    References:
        Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
    """

    def __init__(
        self, rate: float, noise_shape: ShapeLike | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else as_shape(self, "noise_shape", noise_shape)
        if 0 in (self.noise_shape or ()):
            raise ValueError(
                f"{type(self).__name__}: noise_shape must be ints of at least 1 or None. Received: {noise_shape=}"
            )

    def disturb(self, x: Array) -> Array:
        if self.noise_shape is None:
            return ops.dropout(x, self.next_seed(), self.rate)
        return ops.where(self.kept(x), x, 0.0) * (1 / (1 - self.rate))

    def kept(self, x: Array) -> Array:
        """Return booleans of the noise's shape, false for dropped elements, which may be infinite or NaN."""
        return ops.dropout(ops.ones(noise_shape(self, x), self.dtype), self.next_seed(), self.rate) > 0


def noise_shape(layer: Dropout, x: Array) -> tuple[int, ...]:
    """Return `layer.noise_shape` with the sizes of x instead of None. Raises ValueError if it does not fit x."""
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
        dtype: DTypeLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = config.standardize_data_format(data_format)
        ones = (1,) * self.rank
        self.noise_shape = (None, *ones, None) if self.data_format == "channels_last" else (None, None, *ones)

    def get_config(self) -> Config:
        """Return the arguments of the constructor except `trainable`, as Keras does: the layer has no weights."""
        return {key: value for key, value in super().get_config().items() if key != "trainable"}

    def call(self, inputs: Array, training: bool = False) -> Array:
        check_rank(self, inputs, self.rank + 2)
        return super().call(inputs, training)


@register("layer")
class SpatialDropout1D(SpatialDropout):
    """Set whole channels of sequences to 0 in training; see `Dropout`.

    Shapes: x and y (N, W, C).

    Args: as in `Dropout`, without `noise_shape`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> y = layers.SpatialDropout1D(0.5, seed=0)(np.ones((1, 10, 4)), training=True)
        >>> bool((y == y[:, :1]).all())
        True
    """

    ARGUMENTS = ("rate", "seed")
    rank = 1

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, "channels_last", seed, name, dtype, **kwargs)


@register("layer")
class SpatialDropout2D(SpatialDropout):
    """Set whole channels of images to 0 in training; see `Dropout`.

    Neighbouring pixels of a channel are strongly correlated, so that dropping single pixels removes little information.

    Shapes: x and y (N, H, W, C), or (N, C, H, W) if channels come first.

    Args:
        rate: float, the probability to drop a channel, 0 <= rate <= 1.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        seed: int, the seed of the masks, or None to draw a seed from `utils.set_random_seed`.
        name: str, the name of the layer, or None to make a unique name.
        dtype: the name of a dtype. Defaults to `config.floatx()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `rate` is outside [0, 1].

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> y = layers.SpatialDropout2D(0.5, seed=0)(np.ones((1, 8, 8, 4)), training=True)
        >>> bool((y == y[:, :1, :1]).all())
        True

    References:
        Tompson et al. 2015, "Efficient object localization using convolutional networks".
    """

    rank = 2


@register("layer")
class SpatialDropout3D(SpatialDropout):
    """Set whole channels of volumes to 0 in training; see `Dropout`.

    Shapes: x and y (N, D, H, W, C), or (N, C, D, H, W) if channels come first.

    Args: as in `SpatialDropout2D`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.SpatialDropout3D(0.5)(np.ones((1, 4, 4, 4, 2)), training=True).shape
        (1, 4, 4, 4, 2)
    """

    rank = 3


@register("layer")
class AlphaDropout(Dropout):
    """Dropout for networks with `selu`, which keeps the mean and variance of their activations.

    In training y = a (x mask + low (1 - mask)) + b. The lowest value of selu is low = -1.7581,
    a = ((1 - rate) (1 + rate low^2))^(-1/2) and b = -a low rate. Outside training, y = x.

    Args: as in `Dropout`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> y = layers.AlphaDropout(0.5, seed=0)(np.zeros((2, 100)), training=True)
        >>> len(set(y.ravel().tolist()))
        2

    References:
        Klambauer et al. 2017, "Self-normalizing neural networks", section 3.
    """

    LOW = -1.6732632423543772 * 1.0507009873554805

    def disturb(self, x: Array) -> Array:
        keep = 1 - self.rate
        a = (keep * (1 + self.rate * self.LOW**2)) ** -0.5
        return a * ops.where(self.kept(x), x, self.LOW) - a * self.LOW * self.rate


@register("layer")
class GaussianDropout(Disturbance):
    """Multiply by normal noise in training; the noise has mean 1 and standard deviation sqrt(rate / (1 - rate)).

    Args:
        rate: float, the strength of the noise, 0 <= rate <= 1.
        seed: int, the seed of the noise, or None to draw a seed from `utils.set_random_seed`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `rate` is outside [0, 1].

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.GaussianDropout(0.5)(np.ones((2, 3)), training=True).shape
        (2, 3)

    References:
        Srivastava et al. 2014, "Dropout", section 10.
    """

    def disturb(self, x: Array) -> Array:
        noise = ops.random_normal(x.shape, self.next_seed(), dtype=x.dtype)
        return x * (noise * math.sqrt(self.rate / (1 - self.rate)) + 1.0)


@register("layer")
class GaussianNoise(RandomLayer):
    """Add normal noise in training; the noise has mean 0 and standard deviation `stddev`.

    Args:
        stddev: float, the standard deviation of the noise, 0 <= stddev <= 1.
        seed: int, the seed of the noise, or None to draw a seed from `utils.set_random_seed`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `stddev` is below 0 or above 1.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.GaussianNoise(0.1)(np.zeros((2, 3))).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.stddev = float(as_number(self, "stddev", stddev, 0, 1))

    def call(self, inputs: Array, training: bool = False) -> Array:
        if not training or not self.stddev:
            return inputs
        return inputs + ops.random_normal(inputs.shape, self.next_seed(), dtype=inputs.dtype) * self.stddev


@register("layer")
class ActivityRegularization(Layer):
    """Return x unchanged, and add l1 sum(|x|) + l2 sum(x^2) to the loss, divided by the batch size.

    Args:
        l1: float, the strength of the penalty on |x|. Defaults to 0.
        l2: float, the strength of the penalty on x^2. Defaults to 0.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layer = layers.ActivityRegularization(l1=0.5)
        >>> layer(np.array([[1.0, -3.0]])).tolist()
        [[1.0, -3.0]]
        >>> float(layer.losses[0])
        2.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        penalty = regularizers.L1L2(l1, l2)
        super().__init__(activity_regularizer=penalty, **kwargs)
        self.l1, self.l2 = penalty.l1, penalty.l2

    def get_config(self) -> Config:
        return {name: value for name, value in super().get_config().items() if name != "activity_regularizer"}

    def call(self, inputs: Array) -> Array:
        return inputs
