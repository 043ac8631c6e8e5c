"""Layers that change the shape of arrays: flatten, reshape, pad, crop and upsample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_choice, as_integer, as_integers, is_integer, plain
from fastconv.layers.base import Layer, check_count, check_rank
from fastconv.ops import image
from fastconv.serialization import register
from fastconv.typing import Array, IntOrInts


@register("layer")
class Flatten(Layer):
    """Flatten each sample to a vector.

    Shapes: x (N, ...), y (N, product of the other sizes). Elements are in channels-last order in both data formats.

    Args:
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Flatten()(np.zeros((2, 7, 7, 64))).shape
        (2, 3136)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Array) -> Array:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.transpose(inputs, (0, *range(2, inputs.ndim), 1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))


@register("layer")
class Reshape(Layer):
    """Reshape each sample.

    Shapes: x (N, ...), y (N, *target_shape).

    Args:
        target_shape: sequence of int, the sizes of a sample. A single size may be -1, which is computed from the
            others.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if a size is below -1, if more than one size is -1, or if the number of elements would change.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Reshape((28, -1, 1))(np.zeros((2, 784))).shape
        (2, 28, 28, 1)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = as_integers(self, "target_shape", target_shape, -1)
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"Reshape: target_shape must contain -1 at most once. Received: {target_shape=}")

    def call(self, inputs: Array) -> Array:
        sizes, count = self.target_shape, math.prod(inputs.shape[1:])
        known = math.prod(n for n in sizes if n != -1)
        if sizes.count(-1) == 1 and known and count % known == 0:
            sizes = tuple(count // known if n == -1 else n for n in sizes)
        if math.prod(sizes) != count or -1 in sizes:
            raise ValueError(
                f"{self.name}: the number of elements of a sample must not change. "
                f"Received: input shape {tuple(inputs.shape[1:])}, target_shape={self.target_shape}"
            )
        return ops.reshape(inputs, (inputs.shape[0], *sizes))


@register("layer")
class Permute(Layer):
    """Permute the axes of each sample: axis i of the output is axis dims[i - 1] of the input.

    Args:
        dims: sequence of int, a permutation of 1, 2, ..., which excludes the batch axis 0.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `dims` does not contain each of 1, 2, ... exactly once.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Permute((3, 1, 2))(np.zeros((2, 28, 24, 3))).shape
        (2, 3, 28, 24)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = as_integers(self, "dims", dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Permute: dims must contain each of 1, 2, ... exactly once. Received: dims={dims!r}")

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, len(self.dims) + 1)
        return ops.transpose(inputs, (0, *self.dims))


@register("layer")
class RepeatVector(Layer):
    """Repeat each vector `n` times.

    Shapes: x (N, K), y (N, n, K).

    Args:
        n: int, the number of repetitions.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `n` is below 1, or if the input does not have two axes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.RepeatVector(2)(np.array([[1.0, 3.0]])).tolist()
        [[[1.0, 3.0], [1.0, 3.0]]]
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = check_count(self, "n", n)

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, 2)
        rows, width = inputs.shape
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (rows, self.n, width))


class Bordered(Layer):
    """Base class of layers with a number of pixels before and after each of `rank` spatial axes."""

    rank: int
    data_format: str

    def sides(self, argument: str, value: int | Sequence[int | Sequence[int]]) -> Any:
        """Return `value` as Keras stores it: a pair (before, after) per axis in a tuple, or only the pair for one axis.

        Args:
            argument: the name of the argument, for error messages.
            value: an integer for all axes, or a sequence with an integer or a pair for each axis. For a single axis, an
                integer or a pair.
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
        """Return `sides` with (0, 0) inserted for the batch axis and the channel axis."""
        none, pairs = (0, 0), (sides,) if self.rank == 1 else sides
        return (none, *pairs, none) if self.data_format == "channels_last" else (none, none, *pairs)


class ZeroPadding(Bordered):
    """Add zeros around the spatial axes."""

    def __init__(
        self, padding: int | Sequence[int | Sequence[int]] = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.padding = self.sides("padding", padding)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, self.rank + 2)
        return ops.pad(inputs, self.of_all_axes(self.padding))


@register("layer")
class ZeroPadding1D(ZeroPadding):
    """Add zeros before and after sequences.

    Shapes: x (N, W, C), y (N, before + W + after, C).

    Args:
        padding: int for both sides, or (before, after). Defaults to 1.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `padding` is negative or has another form.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.ZeroPadding1D((2, 0))(np.ones((1, 2, 1))).ravel().tolist()
        [0.0, 0.0, 1.0, 1.0]
    """

    rank = 1


@register("layer")
class ZeroPadding2D(ZeroPadding):
    """Add rows and columns of zeros around images.

    Shapes, channels last: x (N, H, W, C), y (N, top + H + bottom, left + W + right, C).

    Args:
        padding: int for all sides, (rows, columns), or ((top, bottom), (left, right)), in pixels. Defaults to 1.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `padding` is negative or has another form.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.ZeroPadding2D(((1, 0), (2, 2)))(np.zeros((1, 28, 28, 3))).shape
        (1, 29, 32, 3)
    """

    rank = 2


@register("layer")
class ZeroPadding3D(ZeroPadding):
    """Add zeros around volumes.

    Shapes, channels last: x (N, D, H, W, C), y (N, D + .., H + .., W + .., C).

    Args: as in `ZeroPadding2D`, with three integers or pairs for `padding`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.ZeroPadding3D(1)(np.zeros((1, 4, 4, 4, 2))).shape
        (1, 6, 6, 6, 2)
    """

    rank = 3


class Cropping(Bordered):
    """Remove the outermost pixels of the spatial axes."""

    def __init__(
        self, cropping: int | Sequence[int | Sequence[int]] = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.cropping = self.sides("cropping", cropping)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, self.rank + 2)
        sides = self.of_all_axes(self.cropping)
        if any(n <= before + after for n, (before, after) in zip(inputs.shape, sides) if before + after):
            raise ValueError(
                f"{self.name}: cropping must leave at least one element of every axis. "
                f"Received: shape={tuple(inputs.shape)}, cropping={self.cropping}"
            )
        return inputs[tuple(slice(before, n - after) for n, (before, after) in zip(inputs.shape, sides))]


@register("layer")
class Cropping1D(Cropping):
    """Remove the first and last elements of sequences.

    Shapes: x (N, W, C), y (N, W - before - after, C).

    Args:
        cropping: int for both sides, or (before, after). Defaults to 1.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `cropping` is negative, has another form, or leaves no element.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Cropping1D((1, 0))(np.array([[[1.0], [2.0], [3.0]]])).ravel().tolist()
        [2.0, 3.0]
    """

    ARGUMENTS = ("cropping",)
    rank = 1

    def __init__(self, cropping: int | Sequence[int | Sequence[int]] = 1, **kwargs: Any) -> None:
        super().__init__(cropping, "channels_last", **kwargs)


@register("layer")
class Cropping2D(Cropping):
    """Remove the outermost rows and columns of images.

    Shapes, channels last: x (N, H, W, C), y (N, H - top - bottom, W - left - right, C).

    Args:
        cropping: int for all sides, (rows, columns), or ((top, bottom), (left, right)), in pixels. Defaults to 0.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `cropping` is negative, has another form, or leaves no pixel.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Cropping2D(((2, 2), (4, 4)))(np.zeros((1, 28, 28, 3))).shape
        (1, 24, 20, 3)
    """

    rank = 2

    def __init__(
        self, cropping: int | Sequence[int | Sequence[int]] = 0, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


@register("layer")
class Cropping3D(Cropping):
    """Remove the outermost voxels of volumes.

    Args: as in `Cropping2D`, with three integers or pairs for `cropping`. Defaults to 1.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Cropping3D(1)(np.zeros((1, 6, 6, 6, 2))).shape
        (1, 4, 4, 4, 2)
    """

    rank = 3


class UpSampling(Layer):
    """Repeat each pixel `size` times along each of `rank` spatial axes."""

    rank: int

    def __init__(self, size: IntOrInts = 2, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size: Any = as_integers(self, "size", size, 1, self.rank)
        self.data_format = config.standardize_data_format(data_format)

    def sizes(self) -> Sequence[int]:
        """Return the factor by which each axis becomes longer."""
        sizes: Sequence[int] = self.size
        return sizes

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, self.rank + 2)
        return self.repeat(inputs)

    def repeat(self, x: Array) -> Array:
        """Repeat each pixel: insert an axis after each spatial axis, broadcast it, and merge both axes."""
        first = 1 if self.data_format == "channels_last" else 2
        split, spread_out, joined = list(x.shape[:first]), list(x.shape[:first]), list(x.shape[:first])
        for n, times in zip(x.shape[first:], self.sizes()):
            split += [n, 1]
            spread_out += [n, times]
            joined.append(n * times)
        rest = x.shape[first + self.rank :]
        return ops.reshape(ops.broadcast_to(ops.reshape(x, (*split, *rest)), (*spread_out, *rest)), (*joined, *rest))


@register("layer")
class UpSampling1D(UpSampling):
    """Repeat each element of a sequence `size` times.

    Shapes: x (N, W, C), y (N, W size, C).

    Args:
        size: int, the number of repetitions. Defaults to 2.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `size` is below 1.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.UpSampling1D(2)(np.array([[[1.0], [2.0]]])).ravel().tolist()
        [1.0, 1.0, 2.0, 2.0]
    """

    ARGUMENTS = ("size",)
    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(size, "channels_last", **kwargs)
        self.size = as_integer(self, "size", size, 1)

    def sizes(self) -> Sequence[int]:
        return (self.size,)


@register("layer")
class UpSampling2D(UpSampling):
    """Enlarge images by (SH, SW).

    Shapes, channels last: x (N, H, W, C), y (N, H SH, W SW, C).

    Args:
        size: int or (SH, SW), the factors. Defaults to (2, 2).
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5". Defaults to "nearest".
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if a size is below 1, or if the interpolation is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.UpSampling2D((1, 2))(np.array([[[[1.0], [2.0]]]])).ravel().tolist()
        [1.0, 1.0, 2.0, 2.0]
    """

    rank = 2

    def __init__(
        self,
        size: IntOrInts = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(size, data_format, **kwargs)
        self.interpolation = as_choice(self, "interpolation", interpolation, image.INTERPOLATIONS)

    def repeat(self, x: Array) -> Array:
        if self.interpolation == "nearest":
            return super().repeat(x)
        spatial = x.shape[1:3] if self.data_format == "channels_last" else x.shape[2:]
        larger = [n * times for n, times in zip(spatial, self.size)]
        return image.resize(x, larger, self.interpolation, data_format=self.data_format)


@register("layer")
class UpSampling3D(UpSampling):
    """Repeat each voxel (SD, SH, SW) times along the three spatial axes.

    Shapes, channels last: x (N, D, H, W, C), y (N, D SD, H SH, W SW, C).

    Args:
        size: int or (SD, SH, SW), the factors. Defaults to 2.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if a size is below 1.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.UpSampling3D(2)(np.zeros((1, 2, 2, 2, 3))).shape
        (1, 4, 4, 4, 3)
    """

    rank = 3
