"""Pooling layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastconv import config, ops
from fastconv.layers.base import Layer, check_rank
from fastconv.serialization import register
from fastconv.window import spread, standardize_padding


class Pooling2D(Layer):
    """Every window of each channel reduced to one number.

    Shapes, channels last: x (N, H, W, C), y (N, OH, OW, C).

    Args:
        pool_size: an int or (KH, KW), in pixels.
        strides: an int or (SH, SW); `pool_size` when None.
        padding: "valid" or "same"; what is padded never counts.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: arguments or input shapes that do not fit together.
    """

    ARGUMENTS = ("pool_size", "strides", "padding", "data_format")
    pool: Callable[..., Any]

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: Any = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = spread("pool_size", pool_size, 2)
        self.strides = self.pool_size if strides is None else spread("strides", strides, 2)
        self.padding = standardize_padding(type(self).__name__, padding, 2)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, 4)
        return type(self).pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


@register("layer")
class MaxPooling2D(Pooling2D):
    __doc__ = "The maximum of every window.\n\n" + (Pooling2D.__doc__ or "").partition("\n\n")[2]
    pool = staticmethod(ops.max_pool)


@register("layer")
class MinPooling2D(Pooling2D):
    __doc__ = "The minimum of every window.\n\n" + (Pooling2D.__doc__ or "").partition("\n\n")[2]
    pool = staticmethod(ops.min_pool)


@register("layer")
class AveragePooling2D(Pooling2D):
    __doc__ = "The mean of every window.\n\n" + (Pooling2D.__doc__ or "").partition("\n\n")[2]
    pool = staticmethod(ops.average_pool)


class GlobalPooling2D(Layer):
    """Each channel reduced to one number: (N, H, W, C) to (N, C), or (N, 1, 1, C) with `keepdims`."""

    ARGUMENTS = ("data_format", "keepdims")
    reduce: Callable[..., Any]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, 4)
        axes = (1, 2) if self.data_format == "channels_last" else (2, 3)
        return type(self).reduce(inputs, axes, self.keepdims)


@register("layer")
class GlobalMaxPooling2D(GlobalPooling2D):
    """The maximum of each channel: (N, H, W, C) to (N, C), or (N, 1, 1, C) with `keepdims`."""

    reduce = staticmethod(ops.max)


@register("layer")
class GlobalAveragePooling2D(GlobalPooling2D):
    """The mean of each channel: (N, H, W, C) to (N, C), or (N, 1, 1, C) with `keepdims`."""

    reduce = staticmethod(ops.mean)
