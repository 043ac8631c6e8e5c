"""Locally connected layers: windows as in a convolution, each place with weights of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import config, ops
from fastconv.arguments import as_choice, as_flag, as_integers
from fastconv.layers.base import check_count, check_rank
from fastconv.layers.weighted import Activated, Weighted, choices
from fastconv.serialization import register
from fastconv.window import output_size


class LocallyConnected(Activated, Weighted):
    """A layer of windows whose weights are not shared, over `rank` spatial axes."""

    ARGUMENTS = ("filters", "kernel_size", "strides", "padding", "data_format", "activation", "use_bias",
                 *choices("kernel", "bias"))  # fmt: skip
    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = check_count(self, "filters", filters)
        self.kernel_size = as_integers(self, "kernel_size", kernel_size, 1, self.rank)
        self.strides = as_integers(self, "strides", strides, 1, self.rank)
        self.padding = as_choice(self, "padding", padding, ("valid",))
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activation
        self.use_bias = as_flag(self, "use_bias", use_bias)
        self.choose(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        check_rank(self, input_shape, self.rank + 2)
        if None in input_shape[1:]:
            raise ValueError(
                f"{self.name}: the sizes of the input must be known, since every place has weights of its own. "
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

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the output for an input of `input_shape` (batch first)."""
        check_rank(self, input_shape, self.rank + 2)
        sizes = self._output_size(input_shape)
        last = self.data_format == "channels_last"
        return (input_shape[0], *sizes, self.filters) if last else (input_shape[0], self.filters, *sizes)

    def _spatial(self, shape: Sequence[int]) -> tuple[int, ...]:
        return tuple(shape[1:-1] if self.data_format == "channels_last" else shape[2:])

    def _output_size(self, input_shape: Sequence[int]) -> tuple[int, ...]:
        """Return how many windows fit into each spatial axis."""
        unpadded, undilated = ((0, 0),) * self.rank, (1,) * self.rank
        return output_size(self._spatial(input_shape), self.kernel_size, self.strides, unpadded, undilated)

    def _places(self, input_shape: Sequence[int]) -> np.ndarray:
        """(windows, elements of one): where in an input, as one row, each window reads each element."""
        last = self.data_format == "channels_last"
        elements = np.arange(math.prod(input_shape[1:])).reshape(input_shape[1:])
        images = elements if last else np.moveaxis(elements, 0, -1)
        windows = np.lib.stride_tricks.sliding_window_view(images, self.kernel_size, axis=tuple(range(self.rank)))
        windows = windows[tuple(slice(None, None, step) for step in self.strides)]  # (places.., C, taps..)
        windows = np.moveaxis(windows, self.rank, -1) if last else windows
        return windows.reshape(math.prod(self.output_size), -1)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        images = inputs.shape[0]
        read = ops.take(ops.reshape(inputs, (images, -1)), self.places, 1)  # (N, windows, elements)
        products = ops.matmul(ops.transpose(read, (1, 0, 2)), self.kernel)  # (windows, N, filters)
        y = ops.reshape(ops.transpose(products, (1, 0, 2)), (images, *self.output_size, self.filters))
        y = self.activation(y + self.bias if self.use_bias else y)
        return y if self.data_format == "channels_last" else ops.transpose(y, (0, y.ndim - 1, *range(1, y.ndim - 1)))


@register("layer")
class LocallyConnected1D(LocallyConnected):
    """`LocallyConnected2D` over one spatial axis: x (N, W, C), w (OW, KW C, filters), b (OW, filters)."""

    rank = 1


@register("layer")
class LocallyConnected2D(LocallyConnected):
    """y[n, oh, ow] = activation(window of x at (oh, ow) times w[oh OW + ow] + b[oh, ow]): nothing is shared.

    Shapes, channels last: x (N, H, W, C), w (OH OW, KH KW C, filters), b (OH, OW, filters), y (N, OH, OW, filters).
    With channels first the elements of a window lie in the order C, KH, KW. Keras 2 has this layer, Keras 3 does not.

    Args:
        filters: how many outputs each window has.
        kernel_size: an int or (KH, KW), in pixels.
        strides: an int or (SH, SW).
        padding: "valid".
        data_format, activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, kernel_constraint, bias_constraint: as in `Conv2D`.

    Raises:
        ValueError: arguments or input shapes that do not fit together, or a size that is unknown.
    """

    rank = 2
