"""Layers that move, repeat or leave out elements without changing them; and those that make images larger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastconv import config, ops
from fastconv.arguments import as_choice, as_integer, as_integers, is_integer, plain
from fastconv.layers.base import Layer, check_count, check_rank
from fastconv.ops import image
from fastconv.serialization import register


@register("layer")
class Flatten(Layer):
    """Each input as one row: (N, ...) to (N, product of the other axes), in channels-last order."""

    ARGUMENTS = ("data_format",)

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.transpose(inputs, (0, *range(2, inputs.ndim), 1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))


@register("layer")
class Reshape(Layer):
    """Each input in another shape: (N, ...) to (N, *target_shape); one size may be -1.

    Raises:
        ValueError: a size below -1, two of -1, or the number of elements would change.
    """

    ARGUMENTS = ("target_shape",)

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = as_integers(self, "target_shape", target_shape, -1)
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"Reshape: target_shape must have -1 once at most. Received: {target_shape=}")

    def call(self, inputs: Any) -> Any:
        sizes, one = self.target_shape, math.prod(inputs.shape[1:])
        known = math.prod(n for n in sizes if n != -1)
        if sizes.count(-1) == 1 and known and one % known == 0:
            sizes = tuple(one // known if n == -1 else n for n in sizes)
        if math.prod(sizes) != one or -1 in sizes:
            raise ValueError(
                f"{self.name}: the number of elements of one input must stay. "
                f"Received: input shape {tuple(inputs.shape[1:])}, target_shape={self.target_shape}"
            )
        return ops.reshape(inputs, (inputs.shape[0], *sizes))


@register("layer")
class Permute(Layer):
    """The axes behind the batch in another order: axis i of the output is axis dims[i - 1] of the input.

    Raises:
        ValueError: `dims` does not have each of 1, 2, ... once.
    """

    ARGUMENTS = ("dims",)

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = as_integers(self, "dims", dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Permute: dims must have each of 1, 2, ... once. Received: dims={dims!r}")

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, len(self.dims) + 1)
        return ops.transpose(inputs, (0, *self.dims))


@register("layer")
class RepeatVector(Layer):
    """Each vector `n` times: (N, K) to (N, n, K)."""

    ARGUMENTS = ("n",)

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = check_count(self, "n", n)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, 2)
        rows, width = inputs.shape
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (rows, self.n, width))


class Bordered(Layer):
    """A layer with a number of pixels before and behind each of `rank` spatial axes."""

    ARGUMENTS: tuple[str, ...] = ("padding", "data_format")
    rank: int
    data_format: str

    def sides(self, argument: str, value: Any) -> Any:
        """Return `value` as Keras keeps it: (before, after) for each axis in a tuple, of a single axis the pair itself.

        Args:
            argument: named in errors.
            value: an integer for all axes, an integer or a pair for each, or, of one axis, an integer or its pair.
        """
        axes = plain(value)
        if is_integer(axes):
            axes = (axes,) * self.rank
        elif self.rank == 1:
            axes = (axes,)
        if not isinstance(axes, (list, tuple)) or len(axes) != self.rank:
            raise ValueError(
                f"{type(self).__name__}: {argument} must be an int, or an int or a pair for each of {self.rank} axes. "
                f"Received: {argument}={value!r}"
            )
        pairs = tuple(as_integers(self, argument, side, 0, 2) for side in axes)
        return pairs[0] if self.rank == 1 else pairs

    def of_all_axes(self, sides: Any) -> tuple[tuple[int, int], ...]:
        """`sides` among those of the batch and the channels, which have none."""
        none, pairs = (0, 0), (sides,) if self.rank == 1 else sides
        return (none, *pairs, none) if self.data_format == "channels_last" else (none, none, *pairs)


class ZeroPadding(Bordered):
    """Zeros around the spatial axes."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = self.sides("padding", padding)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        return ops.pad(inputs, self.of_all_axes(self.padding))


@register("layer")
class ZeroPadding1D(ZeroPadding):
    """Sequences (N, W, C) with zeros before and behind them: an int for both sides, or (before, after)."""

    rank = 1


@register("layer")
class ZeroPadding2D(ZeroPadding):
    """Images with rows and columns of zeros around them.

    Args:
        padding: an int for all sides, (rows, columns), or ((top, bottom), (left, right)), in pixels.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: negative or ill-shaped padding.
    """

    rank = 2


@register("layer")
class ZeroPadding3D(ZeroPadding):
    """`ZeroPadding2D` over three spatial axes."""

    rank = 3


class Cropping(Bordered):
    """Without the outermost pixels of the spatial axes."""

    ARGUMENTS: tuple[str, ...] = ("cropping", "data_format")

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = self.sides("cropping", cropping)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        sides = self.of_all_axes(self.cropping)
        if any(n <= before + after for n, (before, after) in zip(inputs.shape, sides) if before + after):
            raise ValueError(
                f"{self.name}: cropping must leave something of every axis. "
                f"Received: shape={tuple(inputs.shape)}, cropping={self.cropping}"
            )
        return inputs[tuple(slice(before, n - after) for n, (before, after) in zip(inputs.shape, sides))]


@register("layer")
class Cropping1D(Cropping):
    """Sequences (N, W, C) without their first and last elements: an int for both sides, or (before, after)."""

    ARGUMENTS = ("cropping",)
    rank = 1

    def __init__(self, cropping: Any = 1, **kwargs: Any) -> None:
        super().__init__(cropping, "channels_last", **kwargs)


@register("layer")
class Cropping2D(Cropping):
    """Images without their outermost rows and columns.

    Args:
        cropping: an int for all sides, (rows, columns), or ((top, bottom), (left, right)), in pixels; none by default.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: negative or ill-shaped cropping, or nothing would be left.
    """

    rank = 2

    def __init__(self, cropping: Any = 0, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)


@register("layer")
class Cropping3D(Cropping):
    """`Cropping2D` over three spatial axes."""

    rank = 3


class UpSampling(Layer):
    """Every pixel `size` times along each of `rank` spatial axes."""

    ARGUMENTS: tuple[str, ...] = ("size", "data_format")
    rank: int

    def __init__(self, size: int | Sequence[int] = 2, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size: Any = as_integers(self, "size", size, 1, self.rank)
        self.data_format = config.standardize_data_format(data_format)

    def sizes(self) -> Sequence[int]:
        """How many times each axis becomes as long."""
        return self.size

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        return self.repeat(inputs)

    def repeat(self, x: Any) -> Any:
        """Every pixel beside itself: axes of the repetitions behind those of the pixels, which they then join."""
        first = 1 if self.data_format == "channels_last" else 2
        apart, spread_out, joined = list(x.shape[:first]), list(x.shape[:first]), list(x.shape[:first])
        for n, times in zip(x.shape[first:], self.sizes()):
            apart += [n, 1]
            spread_out += [n, times]
            joined.append(n * times)
        rest = x.shape[first + self.rank :]
        return ops.reshape(ops.broadcast_to(ops.reshape(x, (*apart, *rest)), (*spread_out, *rest)), (*joined, *rest))


@register("layer")
class UpSampling1D(UpSampling):
    """Every element of a sequence `size` times: (N, W, C) to (N, W size, C)."""

    ARGUMENTS = ("size",)
    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(size, "channels_last", **kwargs)
        self.size = as_integer(self, "size", size, 1)

    def sizes(self) -> Sequence[int]:
        return (self.size,)


@register("layer")
class UpSampling2D(UpSampling):
    """Images (SH, SW) times as large.

    Args:
        size: an int or (SH, SW).
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".

    Raises:
        ValueError: a size below 1, or an unknown interpolation.
    """

    ARGUMENTS = ("size", "data_format", "interpolation")
    rank = 2

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(size, data_format, **kwargs)
        self.interpolation = as_choice(self, "interpolation", interpolation, image.INTERPOLATIONS)

    def repeat(self, x: Any) -> Any:
        if self.interpolation == "nearest":
            return super().repeat(x)
        spatial = x.shape[1:3] if self.data_format == "channels_last" else x.shape[2:]
        larger = [n * times for n, times in zip(spatial, self.size)]
        return image.resize(x, larger, self.interpolation, data_format=self.data_format)


@register("layer")
class UpSampling3D(UpSampling):
    """Every voxel (SD, SH, SW) times along the three axes."""

    rank = 3
