"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastconv import config, ops
from fastconv.arguments import as_flag, as_integers
from fastconv.engine import Variable
from fastconv.layers.base import check_count, check_rank, padding_of
from fastconv.layers.weighted import Activated, Weighted, choices
from fastconv.serialization import register
from fastconv.window import CONV_PADDINGS, NAMED_PADDINGS

WINDOW = ("kernel_size", "strides", "padding", "data_format", "dilation_rate")
FINISH = ("activation", "use_bias")


class Windowed(Activated, Weighted):
    """A layer with a window that slides over inputs of `rank` spatial axes, a bias and an activation."""

    rank: int
    paddings: Sequence[str] = CONV_PADDINGS
    bias: Variable

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: Any,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
        activation: Any,
        use_bias: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size = as_integers(self, "kernel_size", kernel_size, 1, self.rank)
        self.strides = as_integers(self, "strides", strides, 1, self.rank)
        self.padding = padding_of(self, padding, self.paddings)
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = as_integers(self, "dilation_rate", dilation_rate, 1, self.rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{type(self).__name__}: strides and dilation_rate must not both be above 1. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}"
            )
        self.activation = activation
        self.use_bias = as_flag(self, "use_bias", use_bias)

    def channels(self, input_shape: Sequence[int | None]) -> int:
        """How many channels inputs of a shape have. Raises ValueError where that is not known."""
        check_rank(self, input_shape, self.rank + 2)
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        if not channels:
            raise ValueError(
                f"{self.name}: the number of input channels must be known. "
                f"Received: input_shape={tuple(input_shape)}, data_format={self.data_format!r}"
            )
        return channels

    def finish(self, y: Any) -> Any:
        """activation(y + b)."""
        if self.use_bias:
            last = self.data_format == "channels_last"
            y = y + (self.bias if last else ops.reshape(self.bias, (-1, *(1,) * self.rank)))
        return self.activation(y)


class Conv(Windowed):
    """y = activation(conv(x, w) + b): `ops.conv`, cross-correlation, with a bias for each filter."""

    ARGUMENTS = ("filters", *WINDOW, "groups", *FINISH, *choices("kernel", "bias"))

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
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
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.filters = check_count(self, "filters", filters)
        self.groups = check_count(self, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(
                f"{type(self).__name__}: filters must be a multiple of groups. Received: {filters=}, {groups=}"
            )
        self.choose(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        channels = self.channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{self.name}: the number of input channels must be a multiple of groups={self.groups}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.kernel = self.weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        if self.use_bias:
            self.bias = self.weight("bias", (self.filters,))

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Return the convolution, before the bias; a subclass may override it, say to standardise the kernel."""
        return ops.conv(inputs, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        return self.finish(self.convolution_op(inputs, self.kernel))


@register("layer", "Convolution1D")
class Conv1D(Conv):
    """`Conv2D` over one spatial axis: x (N, W, C), w (KW, C/groups, filters), y (N, OW, filters).

    `padding` may also be "causal": zeros before the first pixel alone, so that no output depends on later inputs.
    """

    rank = 1


@register("layer", "Convolution2D")
class Conv2D(Conv):
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
        activity_regularizer: a penalty on the output that is added to the loss, or None.
        kernel_constraint, bias_constraint: what the weights are held to after each step of training, or None.

    Raises:
        ValueError: arguments or input shapes that do not fit together.
    """

    rank = 2


@register("layer", "Convolution3D")
class Conv3D(Conv):
    """`Conv2D` over three spatial axes: x (N, D, H, W, C), w (KD, KH, KW, C/groups, filters)."""

    rank = 3


class ConvTranspose(Windowed):
    """y = activation(C^T x + b), where C is the matrix of a convolution: `ops.conv_transpose`."""

    ARGUMENTS = ("filters", *WINDOW, "output_padding", *FINISH, *choices("kernel", "bias"))
    paddings = NAMED_PADDINGS

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
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
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.filters = check_count(self, "filters", filters)
        self.output_padding = None if output_padding is None else self._smaller_than_strides(output_padding)
        self.choose(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def _smaller_than_strides(self, output_padding: int | Sequence[int]) -> tuple[int, ...]:
        values = as_integers(self, "output_padding", output_padding, 0, self.rank)
        if any(p >= s for p, s in zip(values, self.strides)):
            raise ValueError(
                f"{type(self).__name__}: output_padding must be below the strides. "
                f"Received: output_padding={output_padding!r}, strides={self.strides}"
            )
        return values

    def build(self, input_shape: Any) -> None:
        self.kernel = self.weight("kernel", (*self.kernel_size, self.filters, self.channels(input_shape)))
        if self.use_bias:
            self.bias = self.weight("bias", (self.filters,))

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        return self.finish(
            ops.conv_transpose(
                inputs,
                self.kernel,
                self.strides,
                self.padding,
                self.output_padding,
                self.data_format,
                self.dilation_rate,
            )
        )


@register("layer", "Convolution1DTranspose")
class Conv1DTranspose(ConvTranspose):
    """`Conv2DTranspose` over one spatial axis: x (N, W, C), w (KW, filters, C), y (N, OW, filters)."""

    rank = 1


@register("layer", "Convolution2DTranspose")
class Conv2DTranspose(ConvTranspose):
    """y = activation(C^T x + b), where C is the matrix of a convolution: `ops.conv_transpose`.

    Shapes, channels last: x (N, H, W, C), w (KH, KW, filters, C), b (filters,), y (N, OH, OW, filters), where OH is
    H SH with padding "same" and (H - 1) SH + KH, or H SH if that is more, with "valid".

    Args:
        output_padding: pixels that are added after each axis, less than the stride, or None.
        filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
            bias_constraint: as in `Conv2D`.

    Raises:
        ValueError: arguments or input shapes that do not fit together.
    """

    rank = 2


@register("layer", "Convolution3DTranspose")
class Conv3DTranspose(ConvTranspose):
    """`Conv2DTranspose` over three spatial axes: x (N, D, H, W, C), w (KD, KH, KW, filters, C).

    As in Keras, `data_format` comes before `output_padding` here.
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        output_padding: int | Sequence[int] | None = None,
        dilation_rate: int | Sequence[int] = 1,
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
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip


class DepthwiseConv(Windowed):
    """y = activation(depthwise_conv(x, w) + b): every channel has `depth_multiplier` kernels of its own."""

    ARGUMENTS = (*WINDOW, "depth_multiplier", *FINISH, *choices("depthwise", "bias"))

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = check_count(self, "depth_multiplier", depth_multiplier)
        self.choose(
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        channels = self.channels(input_shape)
        self.kernel = self.weight("depthwise", (*self.kernel_size, channels, self.depth_multiplier), "kernel")
        if self.use_bias:
            self.bias = self.weight("bias", (channels * self.depth_multiplier,))

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        return self.finish(
            ops.depthwise_conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)
        )


@register("layer")
class DepthwiseConv1D(DepthwiseConv):
    """`DepthwiseConv2D` over one spatial axis: x (N, W, C), w (KW, C, M), y (N, OW, C M)."""

    rank = 1


@register("layer")
class DepthwiseConv2D(DepthwiseConv):
    """y = activation(depthwise_conv(x, w) + b): every channel has M = `depth_multiplier` kernels of its own.

    Shapes, channels last: x (N, H, W, C), w (KH, KW, C, M), b (C M,), y (N, OH, OW, C M).

    Args:
        depth_multiplier: M.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of w.
        kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
            bias_regularizer, activity_regularizer, bias_constraint: as in `Conv2D`.

    Raises:
        ValueError: arguments or input shapes that do not fit together.
    """

    rank = 2


class SeparableConv(Windowed):
    """A depthwise convolution, whose channels a convolution with windows of one pixel mixes."""

    ARGUMENTS = ("filters", *WINDOW, "depth_multiplier", *FINISH, *choices("depthwise", "pointwise", "bias"))

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.filters = check_count(self, "filters", filters)
        self.depth_multiplier = check_count(self, "depth_multiplier", depth_multiplier)
        self.choose(
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        channels, multiplier = self.channels(input_shape), self.depth_multiplier
        self.depthwise_kernel = self.weight("depthwise", (*self.kernel_size, channels, multiplier), "depthwise_kernel")
        self.pointwise_kernel = self.weight(
            "pointwise", (*(1,) * self.rank, channels * multiplier, self.filters), "pointwise_kernel"
        )
        if self.use_bias:
            self.bias = self.weight("bias", (self.filters,))

    def call(self, inputs: Any) -> Any:
        check_rank(self, inputs, self.rank + 2)
        return self.finish(
            ops.separable_conv(
                inputs,
                self.depthwise_kernel,
                self.pointwise_kernel,
                self.strides,
                self.padding,
                self.data_format,
                self.dilation_rate,
            )
        )


@register("layer", "SeparableConvolution1D")
class SeparableConv1D(SeparableConv):
    """`SeparableConv2D` over one spatial axis: x (N, W, C), kernels (KW, C, M) and (1, C M, filters)."""

    rank = 1


@register("layer", "SeparableConvolution2D")
class SeparableConv2D(SeparableConv):
    """y = activation(separable_conv(x, w, v) + b): a depthwise convolution, whose channels one of 1 x 1 then mixes.

    Shapes, channels last: x (N, H, W, C), w (KH, KW, C, M) with M = `depth_multiplier`, v (1, 1, C M, filters),
    b (filters,), y (N, OH, OW, filters). Strides and dilation are those of the first. Chollet 2017, "Xception".

    Args:
        depth_multiplier: M.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of w.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: of v.
        filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
            bias_regularizer, activity_regularizer, bias_constraint: as in `Conv2D`.

    Raises:
        ValueError: arguments or input shapes that do not fit together.
    """

    rank = 2
