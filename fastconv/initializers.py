"""First values of weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import config, serialization
from fastconv.arguments import as_choice, as_integer, as_integers, as_number, as_numbers, plain
from fastconv.engine import Variable
from fastconv.serialization import Configurable, register
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

Shape = Sequence[int]


class Initializer(Configurable):
    """A function of a shape and a dtype that makes an array."""

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        """An array of `shape`; `dtype` None is `config.floatx()`."""
        raise NotImplementedError

    def clone(self) -> Any:
        """Return an initializer with the same configuration."""
        return type(self).from_config(self.get_config())


@register("initializer", "zero")
class Zeros(Initializer):
    """Every weight is 0."""

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return np.zeros(shape, dtype or config.floatx())


@register("initializer", "one")
class Ones(Initializer):
    """Every weight is 1."""

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return np.ones(shape, dtype or config.floatx())


@register("initializer")
class Constant(Initializer):
    """Every weight is `value`, a number or an array that broadcasts to the shape."""

    def __init__(self, value: Any = 0.0) -> None:
        given = plain(value)
        self.value = given if isinstance(given, bool) else as_numbers(self, "value", given)

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return np.full(shape, self.value, dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class RandomInitializer(Initializer):
    """Weights drawn at random.

    Args:
        seed: with a seed, every call makes the same weights for the same shape; without one, they come from the
            generator that `utils.set_random_seed` begins anew.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else as_integer(self, "seed", seed, 0)

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        generator = random.generator() if self.seed is None else np.random.default_rng(self.seed)
        return self.draw(generator, tuple(shape), np.dtype(dtype or config.floatx()))

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array of `shape`, float32 or float64."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


@register("initializer", "normal")
class RandomNormal(RandomInitializer):
    """Weights of the normal distribution."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = as_number(self, "mean", mean)
        self.stddev = as_number(self, "stddev", stddev)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return normal(generator, shape, dtype) * dtype.type(self.stddev) + dtype.type(self.mean)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


@register("initializer")
class TruncatedNormal(RandomNormal):
    """Weights of the normal distribution, drawn again until they are at most two standard deviations from the mean."""

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return truncated_normal_within_two(generator, shape, dtype) * dtype.type(self.stddev) + dtype.type(self.mean)


@register("initializer", "uniform")
class RandomUniform(RandomInitializer):
    """Weights equally likely anywhere in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval = as_number(self, "minval", minval)
        self.maxval = as_number(self, "maxval", maxval)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return uniform(generator, shape, dtype) * dtype.type(self.maxval - self.minval) + dtype.type(self.minval)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


@register("initializer", "orthogonal")
class OrthogonalInitializer(RandomInitializer):
    """gain times a matrix with orthonormal rows or columns, whichever are fewer; Saxe et al. 2014.

    The axes of the shape but the last count as one: (KH KW CI, CO) for the kernel of a convolution.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = as_number(self, "gain", gain)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: the shape must have at least 2 axes. Received: shape={shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))  # with these signs every orthogonal matrix is as likely as any other
        return (self.gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}


@register("initializer", "identity")
class IdentityInitializer(Initializer):
    """gain times the identity matrix, of two axes."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = as_number(self, "gain", gain)

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(f"Identity: the shape must have 2 axes. Received: shape={tuple(shape)}")
        return self.gain * np.eye(*shape, dtype=np.dtype(dtype or config.floatx()))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


@register("initializer")
class VarianceScaling(RandomInitializer):
    """Weights of mean 0 and variance scale / n.

    Args:
        scale: a positive number.
        mode: what n counts: "fan_in" the inputs of an output, "fan_out" the outputs of an input, "fan_avg" their mean.
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: see `RandomInitializer`.
        input_axes, output_axes: the axes of the shape whose sizes give fan_in and fan_out; see `compute_fans` for None.

    Raises:
        ValueError: other values.
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

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, **self.choices()}

    def choices(self) -> dict[str, Any]:
        """The seed, and the axes that were chosen."""
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {"seed": self.seed, **{name: value for name, value in axes.items() if value is not None}}


class _Scaled(VarianceScaling):
    """`VarianceScaling` with scale, mode and distribution settled by the class."""

    settled: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self.settled, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return self.choices()


@register("initializer")
class GlorotUniform(_Scaled):
    """Uniform in [-l, l), l = sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010, equation 16."""

    settled = (1.0, "fan_avg", "uniform")


@register("initializer")
class GlorotNormal(_Scaled):
    """Truncated normal of variance 2 / (fan_in + fan_out); Glorot and Bengio 2010, equation 12."""

    settled = (1.0, "fan_avg", "truncated_normal")


@register("initializer")
class HeUniform(_Scaled):
    """Uniform in [-l, l), l = sqrt(6 / fan_in); He et al. 2015, equation 10."""

    settled = (2.0, "fan_in", "uniform")


@register("initializer")
class HeNormal(_Scaled):
    """Truncated normal of variance 2 / fan_in; He et al. 2015, equation 10."""

    settled = (2.0, "fan_in", "truncated_normal")


@register("initializer")
class LecunUniform(_Scaled):
    """Uniform in [-l, l), l = sqrt(3 / fan_in); LeCun et al. 1998, "Efficient BackProp", section 4.6."""

    settled = (1.0, "fan_in", "uniform")


@register("initializer")
class LecunNormal(_Scaled):
    """Truncated normal of variance 1 / fan_in; LeCun et al. 1998, "Efficient BackProp", section 4.6."""

    settled = (1.0, "fan_in", "truncated_normal")


# The standard deviation of the standard normal distribution cut off at -2 and 2.
STDDEV_WITHIN_TWO = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))


def compute_fans(
    shape: Shape, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """Return how many inputs an output has and how many outputs an input has, in a layer with weights of `shape`.

    Without both of `input_axes` and `output_axes` the last two axes are inputs and outputs; those before them are a
    convolution's window, whose size counts in both.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return (math.prod(shape),) * 2
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def normal(generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Numbers of mean 0 and standard deviation 1."""
    return generator.standard_normal(shape, dtype)


def uniform(generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Numbers in [0, 1)."""
    return generator.random(shape, dtype)


def truncated_normal_within_two(generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Numbers of the standard normal distribution, those beyond -2 and 2 drawn again."""
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


def serialize(initializer: Any) -> Any:
    """What `deserialize` makes `initializer` from again."""
    return serialization.serialize_for_keras("initializer", initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer that was serialized. Raises ValueError for unknown names."""
    return serialization.deserialize("initializer", config, custom_objects)


def get(identifier: Any) -> Any:
    """The initializer that a name such as "he_normal", a configuration or an object means; None stays None.

    Raises:
        ValueError: an unknown name.
    """
    return serialization.get("initializer", identifier)


Variable.initializer_of = staticmethod(get)
