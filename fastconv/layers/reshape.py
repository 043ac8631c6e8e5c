"""Layers that move elements without changing them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastconv import config, ops
from fastconv.layers.base import Layer, check_rank
from fastconv.serialization import register
from fastconv.window import explicit_sides


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
        ValueError: the number of elements would change.
    """

    ARGUMENTS = ("target_shape",)

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

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
class ZeroPadding2D(Layer):
    """Images with rows and columns of zeros around them.

    Args:
        padding: an int for all sides, (rows, columns), or ((top, bottom), (left, right)), in pixels.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: negative or ill-shaped padding.
    """

    ARGUMENTS = ("padding", "data_format")

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = explicit_sides("ZeroPadding2D", padding, 2)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, 4)
        none = (0, 0)
        last = self.data_format == "channels_last"
        return ops.pad(inputs, (none, *self.padding, none) if last else (none, none, *self.padding))
