"""Layers that make one tensor of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from fastconv import config, ops
from fastconv.arguments import as_axes, as_flag, as_integer, as_integers
from fastconv.layers.base import Layer
from fastconv.serialization import register


class Merge(Layer):
    """A layer of a list of inputs, at least `least` of them and at most `most`."""

    least, most = 1, 1 << 30

    def call(self, inputs: Sequence[Any]) -> Any:
        if not isinstance(inputs, (list, tuple)) or not self.least <= len(inputs) <= self.most:
            count = "2" if self.most == 2 else f"at least {self.least}"
            raise ValueError(
                f"{self.name}: {type(self).__name__} takes a list of {count} inputs. Received: inputs={inputs!r}"
            )
        return self.merge(inputs)

    def merge(self, inputs: Sequence[Any]) -> Any:
        """What is made of the inputs."""
        raise NotImplementedError


class Reduction(Merge):
    """An operation between the first two inputs, then between its result and the next; broadcast as NumPy does."""

    operation: Callable[[Any, Any], Any]

    def merge(self, inputs: Sequence[Any]) -> Any:
        return reduce(type(self).operation, inputs)


@register("layer")
class Add(Reduction):
    """The elementwise sum of a list of inputs, broadcast as NumPy does."""

    operation = staticmethod(ops.add)


@register("layer")
class Subtract(Reduction):
    """The first of two inputs less the second, broadcast as NumPy does."""

    least = most = 2
    operation = staticmethod(ops.subtract)


@register("layer")
class Multiply(Reduction):
    """The elementwise product of a list of inputs, broadcast as NumPy does."""

    operation = staticmethod(ops.multiply)


@register("layer")
class Average(Reduction):
    """The elementwise mean of a list of inputs, broadcast as NumPy does."""

    operation = staticmethod(ops.add)

    def merge(self, inputs: Sequence[Any]) -> Any:
        return super().merge(inputs) * (1 / len(inputs))


@register("layer")
class Maximum(Reduction):
    """The elementwise maximum of a list of inputs, broadcast as NumPy does."""

    operation = staticmethod(ops.maximum)


@register("layer")
class Minimum(Reduction):
    """The elementwise minimum of a list of inputs, broadcast as NumPy does."""

    operation = staticmethod(ops.minimum)


@register("layer")
class Concatenate(Merge):
    """A list of inputs one behind another along `axis`, which counts the batch."""

    ARGUMENTS = ("axis",)

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = as_integer(self, "axis", axis)

    def merge(self, inputs: Sequence[Any]) -> Any:
        return ops.concatenate(inputs, self.axis)


@register("layer")
class Dot(Merge):
    """Sums of products of two inputs along one axis of each, sample by sample: (N, A, K) and (N, B, K) give (N, A, B).

    Args:
        axes: the axis of both, or one of each; they count the batch, which cannot be one of them.
        normalize: divide by the lengths of the vectors along these axes, so that cosines come out.

    Raises:
        ValueError: the sizes of the axes differ.
    """

    ARGUMENTS = ("axes", "normalize")
    least = most = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = as_integers(self, "axes", axes, count=2)
        if not all(pair):
            raise ValueError(f"Dot: axes must not be that of the batch, 0. Received: axes={axes!r}")
        self.axes = as_axes(self, "axes", axes)
        self.normalize = as_flag(self, "normalize", normalize)

    def merge(self, inputs: Sequence[Any]) -> Any:
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        if not all(-x.ndim <= axis < x.ndim and axis % x.ndim for x, axis in zip(inputs, pair)):
            raise ValueError(
                f"{self.name}: axes must be among those of the inputs after the batch. "
                f"Received: axes={self.axes}, shapes {tuple(inputs[0].shape)} and {tuple(inputs[1].shape)}"
            )
        sides = [self._side(x, axis % x.ndim) for x, axis in zip(inputs, pair)]
        (a, kept_a), (b, kept_b) = sides
        if a.shape[-1] != b.shape[-1]:
            raise ValueError(
                f"{self.name}: the axes {self.axes} must have the same size. "
                f"Received: shapes {tuple(inputs[0].shape)} and {tuple(inputs[1].shape)}"
            )
        products = ops.matmul(a, ops.transpose(b, (0, 2, 1)))
        return ops.reshape(products, (a.shape[0], *(kept_a + kept_b or (1,))))

    def _side(self, x: Any, axis: int) -> tuple[Any, tuple[int, ...]]:
        """x as (N, all other axes, K), and the sizes of the others."""
        others = [i for i in range(1, x.ndim) if i != axis]
        kept = tuple(x.shape[i] for i in others)
        rows = ops.reshape(ops.transpose(x, (0, *others, axis)), (x.shape[0], -1, x.shape[axis]))
        if self.normalize:
            length = ops.sum(ops.square(rows), -1, True)
            rows = rows * ops.rsqrt(ops.maximum(length, config.epsilon() ** 2))
        return rows, kept


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Add` applied to `inputs`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Subtract` applied to `inputs`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Multiply` applied to `inputs`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Average` applied to `inputs`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Maximum` applied to `inputs`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Minimum` applied to `inputs`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate` applied to `inputs`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """`Dot` applied to `inputs`."""
    return Dot(axes=axes, **kwargs)(inputs)
