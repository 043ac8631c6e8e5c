"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv import activations, config, initializers, ops, regularizers
from fastconv.layers.base import Layer, check_rank
from fastconv.serialization import register
from fastconv.window import spread, standardize_padding


@register("layer")
class Conv2D(Layer):
    """y = activation(conv(x, w) + b): `ops.conv`, cross-correlation, with a bias for each filter.

    Shapes, channels last: x (N, H, W, C), w (KH, KW, C/groups, filters), b (filters,), y (N, OH, OW, filters).

    Args:
        filters: how many output channels.
        kernel_size: an int or (KH, KW), in pixels.
        strides: an int or (SH, SW).
        padding: "valid", "same", or ((top, bottom), (left, right)).
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        dilation_rate: an int or (DH, DW).
        groups: into how many groups the channels are split; each filter reads one group.
        activation: a name, a function written with ops, or None.
        use_bias: whether b exists.
        kernel_initializer, bias_initializer: names or functions (shape, dtype) -> array.
        kernel_regularizer, bias_regularizer: penalties added to the loss, or None.

    Raises:
        ValueError: arguments or input shapes that do not fit together.
    """

    ARGUMENTS = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups",
                 "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
                 "bias_regularizer")  # fmt: skip

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(filters, int) or filters < 1 or not isinstance(groups, int) or groups < 1 or filters % groups:
            raise ValueError(
                "Conv2D: filters must be an int of at least 1 and a multiple of groups. "
                f"Received: filters={filters!r}, groups={groups!r}"
            )
        self.filters = filters
        self.kernel_size = spread("kernel_size", kernel_size, 2)
        self.strides = spread("strides", strides, 2)
        self.padding = standardize_padding("Conv2D", padding, 2)
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = spread("dilation_rate", dilation_rate, 2)
        self.groups = groups
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def build(self, input_shape: Any) -> None:
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"{self.name}: the number of input channels must be known and a multiple of groups={self.groups}. "
                f"Received: input_shape={input_shape}, data_format={self.data_format!r}"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(
            shape, self.kernel_initializer, regularizer=self.kernel_regularizer, name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,), self.bias_initializer, regularizer=self.bias_regularizer, name="bias"
            )

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, 4)
        y = ops.conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)
        if self.use_bias:
            y = y + (self.bias if self.data_format == "channels_last" else ops.reshape(self.bias, (-1, 1, 1)))
        return self.activation(y)
