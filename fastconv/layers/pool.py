"""Pooling layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastconv import config, ops
from fastconv.arguments import as_flag, as_integers
from fastconv.layers.base import Layer, check_rank, padding_of
from fastconv.memory import check_fits
from fastconv.ops.convert import as_float
from fastconv.serialization import register


class Pooling(Layer):
    """Every window of each channel reduced to one number, over `rank` spatial axes."""

    ARGUMENTS = ("pool_size", "strides", "padding", "data_format")
    rank: int
    pool: Callable[..., Any]

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Any = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = as_integers(self, "pool_size", pool_size, 1, self.rank)
        self.strides = self.pool_size if strides is None else as_integers(self, "strides", strides, 1, self.rank)
        self.padding = padding_of(self, padding)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        return type(self).pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class GlobalPooling(Layer):
    """Each channel reduced to one number, over `rank` spatial axes."""

    ARGUMENTS = ("data_format", "keepdims")
    rank: int
    reduce: Callable[..., Any]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = as_flag(self, "keepdims", keepdims)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        first = 1 if self.data_format == "channels_last" else 2
        return type(self).reduce(inputs, tuple(range(first, first + self.rank)), self.keepdims)


class AdaptivePooling(Layer):
    """Each channel reduced to `output_size` numbers an axis, over `rank` spatial axes.

    Output i of O along an axis of N is made of inputs floor(i N / O) to ceil((i + 1) N / O) - 1: windows of equal size
    where O divides N, otherwise such as overlap.
    """

    ARGUMENTS = ("output_size", "data_format")
    rank: int
    reduce: Callable[..., Any]

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = as_integers(self, "output_size", output_size, 1, self.rank)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        first = 1 if self.data_format == "channels_last" else 2
        y = inputs
        for axis, wanted in enumerate(self.output_size, first):
            y = self._reduce_axis(y, axis, wanted)
        return y

    def _reduce_axis(self, x: Any, axis: int, wanted: int) -> Any:
        """One axis reduced; maxima and means over several axes are those over one after the other."""
        size, reduce = x.shape[axis], type(self).reduce
        if size % wanted == 0:
            apart = ops.reshape(x, (*x.shape[:axis], wanted, size // wanted, *x.shape[axis + 1 :]))
            return reduce(apart, axis + 1)
        longest = -(-size // wanted) + 1
        check_fits(self.name, (*x.shape[:axis], wanted, longest, *x.shape[axis + 1 :]), x.dtype, 3)
        check_fits(self.name, (wanted, longest), "int64", 4)
        numbers = np.arange(wanted)[:, None]
        places, ends = numbers * size // wanted + np.arange(longest), -(-(numbers + 1) * size // wanted)
        apart = ops.take(x, np.minimum(places, ends - 1), axis)
        inside = (places < ends).reshape((wanted, longest, *(1,) * (len(x.shape) - axis - 1)))
        return self.reduce_inside(apart, inside, axis + 1)

    def reduce_inside(self, x: Any, inside: np.ndarray, axis: int) -> Any:
        """x reduced over `axis`, of windows of which the places `inside` count; the last of them fills the rest."""
        raise NotImplementedError


class MaxPooling(Pooling):
    """The maximum of every window."""

    pool = staticmethod(ops.max_pool)


@register("layer", "MaxPool1D")
class MaxPooling1D(MaxPooling):
    """`MaxPooling2D` over one spatial axis: x (N, W, C), y (N, OW, C)."""

    rank = 1


@register("layer", "MaxPool2D")
class MaxPooling2D(MaxPooling):
    """The maximum of every window.

    Shapes, channels last: x (N, H, W, C), y (N, OH, OW, C).

    Args:
        pool_size: an int or (KH, KW), in pixels.
        strides: an int or (SH, SW); `pool_size` when None.
        padding: "valid", "same", or ((top, bottom), (left, right)); what is padded never counts.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: arguments or input shapes that do not fit together.
    """

    rank = 2


@register("layer", "MaxPool3D")
class MaxPooling3D(MaxPooling):
    """`MaxPooling2D` over three spatial axes: x (N, D, H, W, C), y (N, OD, OH, OW, C)."""

    rank = 3


class MinPooling(Pooling):
    """The minimum of every window."""

    pool = staticmethod(ops.min_pool)


@register("layer", "MinPool1D")
class MinPooling1D(MinPooling):
    """`MinPooling2D` over one spatial axis: x (N, W, C), y (N, OW, C)."""

    rank = 1


@register("layer", "MinPool2D")
class MinPooling2D(MinPooling):
    """The minimum of every window.

    Shapes, channels last: x (N, H, W, C), y (N, OH, OW, C).

    Args:
        pool_size: an int or (KH, KW), in pixels.
        strides: an int or (SH, SW); `pool_size` when None.
        padding: "valid", "same", or ((top, bottom), (left, right)); what is padded never counts.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: arguments or input shapes that do not fit together.
    """

    rank = 2


@register("layer", "MinPool3D")
class MinPooling3D(MinPooling):
    """`MinPooling2D` over three spatial axes: x (N, D, H, W, C), y (N, OD, OH, OW, C)."""

    rank = 3


class AveragePooling(Pooling):
    """The mean of every window."""

    pool = staticmethod(ops.average_pool)


@register("layer", "AvgPool1D")
class AveragePooling1D(AveragePooling):
    """`AveragePooling2D` over one spatial axis: x (N, W, C), y (N, OW, C)."""

    rank = 1


@register("layer", "AvgPool2D")
class AveragePooling2D(AveragePooling):
    """The mean of every window.

    Shapes, channels last: x (N, H, W, C), y (N, OH, OW, C).

    Args:
        pool_size: an int or (KH, KW), in pixels.
        strides: an int or (SH, SW); `pool_size` when None.
        padding: "valid", "same", or ((top, bottom), (left, right)); what is padded never counts.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: arguments or input shapes that do not fit together.
    """

    rank = 2


@register("layer", "AvgPool3D")
class AveragePooling3D(AveragePooling):
    """`AveragePooling2D` over three spatial axes: x (N, D, H, W, C), y (N, OD, OH, OW, C)."""

    rank = 3


class GlobalMaxPooling(GlobalPooling):
    """The maximum of each channel."""

    reduce = staticmethod(ops.max)

    def reduce_inside(self, x: Any, inside: np.ndarray, axis: int) -> Any:
        return ops.max(x, axis)


@register("layer", "GlobalMaxPool1D")
class GlobalMaxPooling1D(GlobalMaxPooling):
    """The maximum of each channel: (N, W, C) to (N, C), or (N, 1, C) with `keepdims`."""

    rank = 1


@register("layer", "GlobalMaxPool2D")
class GlobalMaxPooling2D(GlobalMaxPooling):
    """The maximum of each channel: (N, H, W, C) to (N, C), or (N, 1, 1, C) with `keepdims`."""

    rank = 2


@register("layer", "GlobalMaxPool3D")
class GlobalMaxPooling3D(GlobalMaxPooling):
    """The maximum of each channel: (N, D, H, W, C) to (N, C), or (N, 1, 1, 1, C) with `keepdims`."""

    rank = 3


class GlobalAveragePooling(GlobalPooling):
    """The mean of each channel."""

    reduce = staticmethod(ops.mean)

    def reduce_inside(self, x: Any, inside: np.ndarray, axis: int) -> Any:
        x = as_float(x)
        return ops.sum(ops.where(inside, x, 0.0), axis) / inside.sum(1).astype(x.dtype)


@register("layer", "GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of each channel: (N, W, C) to (N, C), or (N, 1, C) with `keepdims`."""

    rank = 1


@register("layer", "GlobalAvgPool2D")
class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel: (N, H, W, C) to (N, C), or (N, 1, 1, C) with `keepdims`."""

    rank = 2


@register("layer", "GlobalAvgPool3D")
class GlobalAveragePooling3D(GlobalAveragePooling):
    """The mean of each channel: (N, D, H, W, C) to (N, C), or (N, 1, 1, 1, C) with `keepdims`."""

    rank = 3


class AdaptiveMaxPooling(AdaptivePooling):
    """The maximum of windows as many as asked for."""

    reduce = staticmethod(ops.max)

    def reduce_inside(self, x: Any, inside: np.ndarray, axis: int) -> Any:
        return ops.max(x, axis)


@register("layer")
class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """The maximum of `output_size` windows that cover each axis: (N, W, C) to (N, OW, C)."""

    rank = 1


@register("layer")
class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The maximum of `output_size` windows that cover each axis: (N, H, W, C) to (N, OH, OW, C)."""

    rank = 2


@register("layer")
class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """The maximum of `output_size` windows that cover each axis: (N, D, H, W, C) to (N, OD, OH, OW, C)."""

    rank = 3


class AdaptiveAveragePooling(AdaptivePooling):
    """The mean of windows as many as asked for."""

    reduce = staticmethod(ops.mean)

    def reduce_inside(self, x: Any, inside: np.ndarray, axis: int) -> Any:
        x = as_float(x)
        return ops.sum(ops.where(inside, x, 0.0), axis) / inside.sum(1).astype(x.dtype)


@register("layer")
class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """The mean of `output_size` windows that cover each axis: (N, W, C) to (N, OW, C)."""

    rank = 1


@register("layer")
class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The mean of `output_size` windows that cover each axis: (N, H, W, C) to (N, OH, OW, C)."""

    rank = 2


@register("layer")
class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """The mean of `output_size` windows that cover each axis: (N, D, H, W, C) to (N, OD, OH, OW, C)."""

    rank = 3
