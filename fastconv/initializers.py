"""Initializers: functions that make the initial values of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.serialization as serialization
from fastconv.arguments import as_choice, as_integer, as_integers, as_number, as_numbers, plain
from fastconv.engine import Variable
from fastconv.serialization import Configurable, register
from fastconv.typing import Array, ArrayLike, Config, DTypeLike, InitializerLike
from fastconv.utils import random

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


class Initializer(Configurable):
    """Base class of initializers: functions of a shape and a dtype that return an array.

    Example:
        >>> import numpy as np
        >>> from fastconv import initializers, layers
        >>> class Ramp(initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return np.arange(np.prod(shape), dtype=dtype).reshape(shape)
        >>> layer = layers.Dense(2, kernel_initializer=Ramp())
        >>> layer.build((None, 2))
        >>> layer.kernel.numpy().tolist()
        [[0.0, 1.0], [2.0, 3.0]]
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Array:  # Any: subclasses choose types
        """Return an array of `shape`. `dtype` defaults to `config.floatx()`."""
        raise NotImplementedError

    def clone(self) -> Any:
        """Return an initializer with the same configuration."""
        return type(self).from_config(self.get_config())


@register("initializer", "zero")
class Zeros(Initializer):
    """Set every weight to 0.

    Example:
        >>> from fastconv import initializers
        >>> initializers.Zeros()((2,)).tolist()
        [0.0, 0.0]
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        return np.zeros(shape, dtype or config.floatx())


@register("initializer", "one")
class Ones(Initializer):
    """Set every weight to 1.

    Example:
        >>> from fastconv import initializers
        >>> initializers.Ones()((2,)).tolist()
        [1.0, 1.0]
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        return np.ones(shape, dtype or config.floatx())


@register("initializer")
class Constant(Initializer):
    """Set every weight to a constant.

    Args:
        value: float, or array that broadcasts to the shape. Defaults to 0.

    Example:
        >>> from fastconv import initializers
        >>> initializers.Constant(0.5)((2,)).tolist()
        [0.5, 0.5]
    """

    def __init__(self, value: ArrayLike = 0.0) -> None:
        given = plain(value)
        self.value = given if isinstance(given, bool) else as_numbers(self, "value", given)

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        return np.full(shape, self.value, dtype or config.floatx())

    def get_config(self) -> Config:
        return {"value": self.value}


class RandomInitializer(Initializer):
    """Base class of initializers that draw random weights.

    Args:
        seed: int >= 0; every call then returns the same weights for the same shape. If it is None, weights come from
            the generator that `utils.set_random_seed` seeds.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else as_integer(self, "seed", seed, 0)

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        generator = random.generator() if self.seed is None else np.random.default_rng(self.seed)
        return self.draw(generator, tuple(shape), np.dtype(dtype or config.floatx()))

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return an array of `shape`, float32 or float64."""
        raise NotImplementedError

    def get_config(self) -> Config:
        return {"seed": self.seed}


@register("initializer", "normal")
class RandomNormal(RandomInitializer):
    """Draw weights from a normal distribution.

    Args:
        mean: float. Defaults to 0.
        stddev: float, the standard deviation. Defaults to 0.05.
        seed: int >= 0, for equal weights in every call, or None to use the global generator.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.RandomNormal(stddev=0.1, seed=0)((100, 100))
        >>> w.shape, round(float(w.std()), 2)
        ((100, 100), 0.1)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = as_number(self, "mean", mean)
        self.stddev = as_number(self, "stddev", stddev)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return normal(generator, shape, dtype) * dtype.type(self.stddev) + dtype.type(self.mean)

    def get_config(self) -> Config:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


@register("initializer")
class TruncatedNormal(RandomNormal):
    """Draw weights from a normal distribution, without values more than two standard deviations away from the mean.

    Args:
        mean: float. Defaults to 0.
        stddev: float, the standard deviation before truncation. Defaults to 0.05.
        seed: int >= 0, for equal weights in every call, or None to use the global generator.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.TruncatedNormal(stddev=0.1, seed=0)((100, 100))
        >>> bool(abs(w).max() <= 0.2001)
        True
    """

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return truncated_normal_within_two(generator, shape, dtype) * dtype.type(self.stddev) + dtype.type(self.mean)


@register("initializer", "uniform")
class RandomUniform(RandomInitializer):
    """Draw weights uniformly from [minval, maxval).

    Args:
        minval: float. Defaults to -0.05.
        maxval: float. Defaults to 0.05.
        seed: int >= 0, for equal weights in every call, or None to use the global generator.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.RandomUniform(0.0, 1.0, seed=0)((100, 100))
        >>> bool(w.min() >= 0), bool(w.max() < 1)
        (True, True)
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval = as_number(self, "minval", minval)
        self.maxval = as_number(self, "maxval", maxval)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return uniform(generator, shape, dtype) * dtype.type(self.maxval - self.minval) + dtype.type(self.minval)

    def get_config(self) -> Config:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


@register("initializer", "orthogonal")
class OrthogonalInitializer(RandomInitializer):
    """Random orthogonal matrix multiplied by `gain`.

    Rows are orthonormal if there are fewer rows than columns, columns otherwise. All axes of the shape but the last
    form the rows: (KH KW CI, CO) for the kernel of a convolution.

    Args:
        gain: float. Defaults to 1.
        seed: int >= 0, for equal weights in every call, or None to use the global generator.

    Raises:
        ValueError: if the shape has fewer than 2 axes.

    Example:
        >>> import numpy as np
        >>> from fastconv import initializers
        >>> w = initializers.OrthogonalInitializer(seed=0)((4, 3))
        >>> bool(np.allclose(w.T @ w, np.eye(3), atol=1e-5))
        True

    References:
        Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks".
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = as_number(self, "gain", gain)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: the shape must have at least 2 axes. Received: shape={shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))  # with these signs all orthogonal matrices are equally likely
        return (self.gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)

    def get_config(self) -> Config:
        return {"gain": self.gain, **super().get_config()}


@register("initializer", "identity")
class IdentityInitializer(Initializer):
    """Identity matrix multiplied by `gain`.

    Args:
        gain: float. Defaults to 1.

    Raises:
        ValueError: if the shape does not have 2 axes.

    Example:
        >>> from fastconv import initializers
        >>> initializers.IdentityInitializer()((2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = as_number(self, "gain", gain)

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(f"Identity: the shape must have 2 axes. Received: shape={tuple(shape)}")
        return self.gain * np.eye(*shape, dtype=np.dtype(dtype or config.floatx()))

    def get_config(self) -> Config:
        return {"gain": self.gain}


@register("initializer")
class VarianceScaling(RandomInitializer):
    """Draw weights with mean 0 and variance scale / n, in which n is computed from the shape.

    Args:
        scale: float > 0. Defaults to 1.
        mode: "fan_in" (n inputs of each output), "fan_out" (n outputs of each input) or "fan_avg" (the mean of both).
            Defaults to "fan_in".
        distribution: "truncated_normal", "untruncated_normal" or "uniform". Defaults to "truncated_normal".
        seed: int >= 0, for equal weights in every call, or None to use the global generator.
        input_axes: sequence of int, the axes of the shape that are inputs, or None; see `compute_fans`.
        output_axes: sequence of int, the axes of the shape that are outputs, or None.

    Raises:
        ValueError: if an argument has another value.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.VarianceScaling(scale=2.0, seed=0)((200, 100))
        >>> round(float(w.std()), 2)  # sqrt(2 / 200)
        0.1
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        self.scale = as_number(self, "scale", scale, 0)
        if not self.scale:
            raise ValueError(f"VarianceScaling: scale must be positive. Received: scale={scale!r}")
        self.mode = as_choice(self, "mode", mode, ("fan_in", "fan_out", "fan_avg"))
        self.distribution = as_choice(
            self,
            "distribution",
            "truncated_normal" if distribution == "normal" else distribution,
            ("truncated_normal", "untruncated_normal", "uniform"),
        )
        self.input_axes = None if input_axes is None else list(as_integers(self, "input_axes", input_axes))
        self.output_axes = None if output_axes is None else list(as_integers(self, "output_axes", output_axes))

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(fan, 1))
        if self.distribution == "uniform":
            return (uniform(generator, shape, dtype) * 2 - 1) * dtype.type(stddev * math.sqrt(3))
        if self.distribution == "untruncated_normal":
            return normal(generator, shape, dtype) * dtype.type(stddev)
        return truncated_normal_within_two(generator, shape, dtype) * dtype.type(stddev / STDDEV_WITHIN_TWO)

    def get_config(self) -> Config:
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, **self.choices()}

    def choices(self) -> dict[str, Any]:
        """Return the seed and the axes that were given."""
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {"seed": self.seed, **{name: value for name, value in axes.items() if value is not None}}


class _Scaled(VarianceScaling):
    """`VarianceScaling` with scale, mode and distribution fixed by the class."""

    scaling: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self.scaling, seed, input_axes, output_axes)

    def get_config(self) -> Config:
        return self.choices()


@register("initializer")
class GlorotUniform(_Scaled):
    """Uniform distribution in [-l, l) with l = sqrt(6 / (fan_in + fan_out)).

    Args:
        seed: int >= 0, for equal weights in every call, or None to use the global generator.
        input_axes: sequence of int, the axes of the shape that are inputs, or None; see `compute_fans`.
        output_axes: sequence of int, the axes of the shape that are outputs, or None.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.GlorotUniform(seed=0)((300, 300))
        >>> round(float(abs(w).max()), 2)
        0.1

    References:
        Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", equation
            16.
    """

    scaling = (1.0, "fan_avg", "uniform")


@register("initializer")
class GlorotNormal(_Scaled):
    """Truncated normal distribution with variance 2 / (fan_in + fan_out).

    Args:
        seed: int >= 0, for equal weights in every call, or None to use the global generator.
        input_axes: sequence of int, the axes of the shape that are inputs, or None; see `compute_fans`.
        output_axes: sequence of int, the axes of the shape that are outputs, or None.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.GlorotNormal(seed=0)((200, 200))
        >>> round(float(w.std()), 2)
        0.07

    References:
        Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", equation
            12.
    """

    scaling = (1.0, "fan_avg", "truncated_normal")


@register("initializer")
class HeUniform(_Scaled):
    """Uniform distribution in [-l, l) with l = sqrt(6 / fan_in).

    Args:
        seed: int >= 0, for equal weights in every call, or None to use the global generator.
        input_axes: sequence of int, the axes of the shape that are inputs, or None; see `compute_fans`.
        output_axes: sequence of int, the axes of the shape that are outputs, or None.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.HeUniform(seed=0)((600, 100))
        >>> round(float(abs(w).max()), 2)
        0.1

    References:
        He et al. 2015, "Delving deep into rectifiers", equation 10.
    """

    scaling = (2.0, "fan_in", "uniform")


@register("initializer")
class HeNormal(_Scaled):
    """Truncated normal distribution with variance 2 / fan_in, for layers followed by ReLU.

    Args:
        seed: int >= 0, for equal weights in every call, or None to use the global generator.
        input_axes: sequence of int, the axes of the shape that are inputs, or None; see `compute_fans`.
        output_axes: sequence of int, the axes of the shape that are outputs, or None.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.HeNormal(seed=0)((200, 200))
        >>> round(float(w.std()), 2)
        0.1

    References:
        He et al. 2015, "Delving deep into rectifiers", equation 10.
    """

    scaling = (2.0, "fan_in", "truncated_normal")


@register("initializer")
class LecunUniform(_Scaled):
    """Uniform distribution in [-l, l) with l = sqrt(3 / fan_in).

    Args:
        seed: int >= 0, for equal weights in every call, or None to use the global generator.
        input_axes: sequence of int, the axes of the shape that are inputs, or None; see `compute_fans`.
        output_axes: sequence of int, the axes of the shape that are outputs, or None.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.LecunUniform(seed=0)((300, 100))
        >>> round(float(abs(w).max()), 2)
        0.1

    References:
        LeCun et al. 1998, "Efficient BackProp", section 4.6.
    """

    scaling = (1.0, "fan_in", "uniform")


@register("initializer")
class LecunNormal(_Scaled):
    """Truncated normal distribution with variance 1 / fan_in, for layers followed by `selu`.

    Args:
        seed: int >= 0, for equal weights in every call, or None to use the global generator.
        input_axes: sequence of int, the axes of the shape that are inputs, or None; see `compute_fans`.
        output_axes: sequence of int, the axes of the shape that are outputs, or None.

    Example:
        >>> from fastconv import initializers
        >>> w = initializers.LecunNormal(seed=0)((100, 100))
        >>> round(float(w.std()), 2)
        0.1

    References:
        LeCun et al. 1998, "Efficient BackProp", section 4.6.
    """

    scaling = (1.0, "fan_in", "truncated_normal")


# The standard deviation of the standard normal distribution truncated to [-2, 2].
STDDEV_WITHIN_TWO = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """Return the number of inputs of an output and the number of outputs of an input, for weights of `shape`.

    If `input_axes` or `output_axes` is None, the last two axes are inputs and outputs. The axes before them are the
    window of a convolution, whose size multiplies both numbers.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return (math.prod(shape),) * 2
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def normal(generator: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return random numbers with mean 0 and standard deviation 1."""
    return generator.standard_normal(shape, np.dtype(dtype))


def uniform(generator: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return random numbers in [0, 1)."""
    return generator.random(shape, np.dtype(dtype))


def truncated_normal_within_two(generator: np.random.Generator, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return standard normal random numbers; numbers outside [-2, 2] are drawn again."""
    values = np.asarray(normal(generator, shape, dtype))
    beyond = np.abs(values) > 2
    while beyond.any():
        values[beyond] = normal(generator, (int(beyond.sum()),), dtype)
        beyond = np.abs(values) > 2
    return values


zeros = Zeros
ones = Ones
constant = Constant
Orthogonal = orthogonal = OrthogonalInitializer
Identity = identity = IdentityInitializer
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform = GlorotUniform
glorot_normal = GlorotNormal
he_uniform = HeUniform
he_normal = HeNormal
lecun_uniform = LecunUniform
lecun_normal = LecunNormal


def serialize(initializer: InitializerLike) -> Any:
    """Return the configuration of `initializer` as plain data.

    Args:
        initializer: an `Initializer` or a function.

    Example:
        >>> from fastconv import initializers
        >>> initializers.serialize(initializers.Constant(0.5))["config"]
        {'value': 0.5}
    """
    return serialization.serialize_for_keras("initializer", initializer)


def deserialize(config: str | Config | None, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the initializer for a name or for a configuration that `serialize` has returned.

    Args:
        config: str or dict, the name or the configuration.
        custom_objects: dict of the user's classes and functions by name, or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import initializers
        >>> initializers.deserialize(initializers.serialize(initializers.Constant(0.5))).value
        0.5
    """
    return serialization.deserialize("initializer", config, custom_objects)


def get(identifier: InitializerLike | None) -> Any:
    """Return the initializer for a name such as "he_normal", a configuration or an initializer; None for None.

    Args:
        identifier: str, dict, `Initializer`, function or None.

    Raises:
        ValueError: if the name is unknown.

    Example:
        >>> from fastconv import initializers
        >>> initializers.get("ones")((2,)).tolist()
        [1.0, 1.0]
    """
    return serialization.get("initializer", identifier)


Variable.initializer_of = staticmethod(get)
