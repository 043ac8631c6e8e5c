"""Locally connected layers: windows as in a convolution, with separate weights for each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_choice, as_flag, as_integer, as_integers
from fastconv.layers.base import check_count, check_rank
from fastconv.layers.weighted import Activated, Weighted
from fastconv.serialization import register
from fastconv.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    InitializerLike,
    IntOrInts,
    PartialShape,
    RegularizerLike,
    Tree,
)
from fastconv.window import NAMED_PADDINGS, Sides, named_padding, output_size


class LocallyConnected(Activated, Weighted):
    """A locally connected layer over `rank` spatial axes."""

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: str = "valid",
        data_format: str | None = None,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        implementation: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = check_count(self, "filters", filters)
        self.kernel_size = as_integers(self, "kernel_size", kernel_size, 1, self.rank)
        self.strides = as_integers(self, "strides", strides, 1, self.rank)
        self.padding = as_choice(self, "padding", padding, NAMED_PADDINGS)
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activation
        self.use_bias = as_flag(self, "use_bias", use_bias)
        self.implementation = as_integer(self, "implementation", implementation, 1, 3)
        self.choose(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Tree) -> None:
        check_rank(self, input_shape, self.rank + 2)
        if None in input_shape[1:]:
            raise ValueError(
                f"{self.name}: the sizes of the input must be known, because every window has separate weights. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.output_size = self._output_size(input_shape)
        if min(self.output_size) < 1:
            raise ValueError(
                f"{self.name}: the window must fit into the input. "
                f"Received: kernel_size={self.kernel_size}, input_shape={tuple(input_shape)}"
            )
        self.places = self._places(input_shape)
        self.kernel = self.weight("kernel", (*self.places.shape, self.filters))
        if self.use_bias:
            self.bias = self.weight("bias", (*self.output_size, self.filters))

    def compute_output_shape(self, input_shape: Tree) -> PartialShape:
        """Return the shape of the output for an input of `input_shape`, beginning with the batch."""
        check_rank(self, input_shape, self.rank + 2)
        sizes = self._output_size(input_shape)
        last = self.data_format == "channels_last"
        return (input_shape[0], *sizes, self.filters) if last else (input_shape[0], self.filters, *sizes)

    def _spatial(self, shape: Sequence[int]) -> tuple[int, ...]:
        return tuple(shape[1:-1] if self.data_format == "channels_last" else shape[2:])

    def _output_size(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the number of windows along each spatial axis."""
        undilated = (1,) * self.rank
        return output_size(
            self._spatial(input_shape), self.kernel_size, self.strides, self.sides(input_shape), undilated
        )

    def sides(self, input_shape: Sequence[int]) -> Sides:
        """Return the zeros before and after each spatial axis of inputs of a shape."""
        undilated = (1,) * self.rank
        return named_padding(self.padding, self._spatial(input_shape), self.kernel_size, self.strides, undilated)

    def _padding_of_axes(self, input_shape: Sequence[int]) -> Sides:
        """Return the zeros before and after all axes, those of batch and channels included."""
        sides, last = self.sides(input_shape), self.data_format == "channels_last"
        return ((0, 0), *sides, (0, 0)) if last else ((0, 0), (0, 0), *sides)

    def _places(self, input_shape: Sequence[int]) -> np.ndarray:
        """Return the flat index in a padded sample of each element of each window, (windows, elements of a window)."""
        last = self.data_format == "channels_last"
        shape = [n + sum(side) for n, side in zip(input_shape[1:], self._padding_of_axes(input_shape)[1:])]
        elements = np.arange(math.prod(shape)).reshape(shape)
        images = elements if last else np.moveaxis(elements, 0, -1)
        windows = np.lib.stride_tricks.sliding_window_view(images, self.kernel_size, axis=tuple(range(self.rank)))
        windows = windows[tuple(slice(None, None, step) for step in self.strides)]  # (places.., C, taps..)
        windows = np.moveaxis(windows, self.rank, -1) if last else windows
        return windows.reshape(math.prod(self.output_size), -1)

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, self.rank + 2)
        images = inputs.shape[0]
        x = ops.pad(inputs, self._padding_of_axes(inputs.shape)) if self.padding == "same" else inputs
        read = ops.take(ops.reshape(x, (images, -1)), self.places, 1)  # (N, windows, elements)
        products = ops.matmul(ops.transpose(read, (1, 0, 2)), self.kernel)  # (windows, N, filters)
        y = ops.reshape(ops.transpose(products, (1, 0, 2)), (images, *self.output_size, self.filters))
        y = self.activation(y + self.bias if self.use_bias else y)
        return y if self.data_format == "channels_last" else ops.transpose(y, (0, y.ndim - 1, *range(1, y.ndim - 1)))


@register("layer")
class LocallyConnected1D(LocallyConnected):
    """Locally connected layer over one spatial axis.

    Shapes, channels last: x (N, W, C), w (OW, KW C, filters), b (OW, filters), y (N, OW, filters).

    Args: as in `LocallyConnected2D`, with integers or tuples of length 1 for sizes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.LocallyConnected1D(filters=4, kernel_size=3)(np.zeros((2, 10, 1))).shape
        (2, 8, 4)
    """

    rank = 1


@register("layer")
class LocallyConnected2D(LocallyConnected):
    """Locally connected layer for images: a convolution whose windows have separate weights.

    y[n, oh, ow] = activation(window of x at (oh, ow) times w[oh OW + ow] + b[oh, ow]). Keras 2 has this layer; Keras 3
    does not.

    Shapes, channels last: x (N, H, W, C), w (OH OW, KH KW C, filters), b (OH, OW, filters), y (N, OH, OW, filters). If
    channels come first, the elements of a window are in the order C, KH, KW.

    Args:
        filters: int, the number of output channels.
        kernel_size: int or (KH, KW), the size of the window in pixels.
        strides: int or (SH, SW), the step of the window in pixels. Defaults to 1.
        padding: "valid", or "same" for ceil(H / SH) windows over an image with zeros around it. The weights that meet
            only zeros exist, but connect nothing: over one axis, 3 of n taps make 3n weights and 3n - 2 connections.
            Defaults to "valid".
        implementation: 1, 2 or 3, as in Keras 2, where it chooses how the same numbers are computed: window by window,
            as a dense matrix with zeros, or as a sparse matrix. Here it changes nothing: weights always have the shape
            of implementation 1, and "same" is allowed with each. Defaults to 1.
        Others: as in `Conv2D`.

    Raises:
        ValueError: if arguments or input shapes do not fit together, or if a size is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layer = layers.LocallyConnected2D(filters=4, kernel_size=3)
        >>> layer(np.zeros((1, 8, 8, 2))).shape
        (1, 6, 6, 4)
        >>> layer.kernel.shape
        (36, 18, 4)
    """

    rank = 2
