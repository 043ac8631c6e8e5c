"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_flag, as_integers
from fastconv.engine import Variable
from fastconv.layers.base import check_count, check_rank, padding_of
from fastconv.layers.weighted import Activated, Weighted
from fastconv.serialization import register
from fastconv.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    InitializerLike,
    IntOrInts,
    PaddingLike,
    RegularizerLike,
    ShapeLike,
    Tree,
)
from fastconv.window import CONV_PADDINGS, NAMED_PADDINGS


class Windowed(Activated, Weighted):
    """A layer whose window slides over `rank` spatial axes, with a bias and an activation."""

    rank: int
    paddings: Sequence[str] = CONV_PADDINGS
    bias: Variable

    def __init__(
        self,
        kernel_size: IntOrInts,
        strides: IntOrInts,
        padding: PaddingLike,
        data_format: str | None,
        dilation_rate: IntOrInts,
        activation: ActivationLike | None,
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

    def channels(self, input_shape: ShapeLike) -> int:
        """Return the number of channels of inputs of a shape. Raises ValueError if it is not known."""
        check_rank(self, input_shape, self.rank + 2)
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        if not channels:
            raise ValueError(
                f"{self.name}: the number of input channels must be known. "
                f"Received: input_shape={tuple(input_shape)}, data_format={self.data_format!r}"
            )
        return channels

    def finish(self, y: Array) -> Array:
        """activation(y + b)."""
        if self.use_bias:
            last = self.data_format == "channels_last"
            y = ops.add(y, self.bias if last else ops.reshape(self.bias, (-1, *(1,) * self.rank)))
        return self.activation(y)


class Conv(Windowed):
    """Convolution layer, y = activation(conv(x, w) + b), over `rank` spatial axes.

    `ops.conv` is cross-correlation: the kernel is not flipped. Each filter has a bias.
    """

    _channels = 0  # of the inputs for which the layer was built; 0 if a subclass builds its own kernel

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: PaddingLike = "valid",
        data_format: str | None = None,
        dilation_rate: IntOrInts = 1,
        groups: int = 1,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
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

    def build(self, input_shape: Tree) -> None:
        channels = self.channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{self.name}: the number of input channels must be a multiple of groups={self.groups}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self._channels = channels
        self.kernel = self.weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        if self.use_bias:
            self.bias = self.weight("bias", (self.filters,))

    def convolution_op(self, inputs: Array, kernel: Array) -> Array:
        """Return the convolution before the bias. A subclass may override it, for example to standardize the kernel."""
        return ops.conv(inputs, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, self.rank + 2)
        channels = inputs.shape[-1 if self.data_format == "channels_last" else 1]
        if channels != self._channels and self._channels:  # `ops.conv` would make groups of them
            raise ValueError(
                f"{self.name}: inputs must have {self._channels} channels, as when the layer was built with "
                f"groups={self.groups}. Received: inputs.shape={tuple(inputs.shape)}, data_format={self.data_format!r}"
            )
        return self.finish(self.convolution_op(inputs, self.kernel))


@register("layer", "Convolution1D")
class Conv1D(Conv):
    """Convolution over one spatial axis, y = activation(conv(x, w) + b), for sequences and time series.

    Shapes, channels last: x (N, W, C), w (KW, C/groups, filters), b (filters,), y (N, OW, filters).

    Args:
        padding: "valid", "same", "causal" or (before, after). "causal" adds zeros before the first element only, so
            that an output never depends on later inputs. Defaults to "valid".
        Others: as in `Conv2D`, with integers or tuples of length 1 for sizes.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Conv1D(filters=4, kernel_size=3, padding="causal")(np.zeros((2, 10, 1))).shape
        (2, 10, 4)
    """

    rank = 1


@register("layer", "Convolution2D")
class Conv2D(Conv):
    """Convolution of images, y = activation(conv(x, w) + b).

    `ops.conv` computes cross-correlation, as deep learning frameworks do: the kernel is not flipped.

    Shapes, channels last: x (N, H, W, C), w (KH, KW, C/groups, filters), b (filters,), y (N, OH, OW, filters). OH is
    ceil(H / SH) if padding is "same", and floor((H - DH (KH - 1) - 1) / SH) + 1 if it is "valid"; OW likewise.

    Args:
        filters: int, the number of output channels.
        kernel_size: int or (KH, KW), the size of the window in pixels.
        strides: int or (SH, SW), the step of the window in pixels. Defaults to 1.
        padding: "valid" (no padding), "same" (zeros on all sides), or ((top, bottom), (left, right)) in pixels.
            Defaults to "valid".
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        dilation_rate: int or (DH, DW), the distance in pixels between the elements of the window. Defaults to 1.
        groups: int, the number of groups of channels; each filter reads a single group. Defaults to 1.
        activation: a name, a function written with ops, or None for no activation.
        use_bias: bool, whether to add b. Defaults to True.
        kernel_initializer: a name or a function (shape, dtype) -> array. Defaults to "glorot_uniform".
        bias_initializer: a name or a function (shape, dtype) -> array. Defaults to "zeros".
        kernel_regularizer: a penalty on w that is added to the loss, or None.
        bias_regularizer: a penalty on b that is added to the loss, or None.
        activity_regularizer: a penalty on the output that is added to the loss, or None.
        kernel_constraint: a function applied to w after each training step, or None.
        bias_constraint: a function applied to b after each training step, or None.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> images = np.zeros((1, 28, 28, 3))
        >>> layer = layers.Conv2D(filters=8, kernel_size=3, activation="relu")
        >>> layer(images).shape
        (1, 26, 26, 8)
        >>> layer.kernel.shape
        (3, 3, 3, 8)
        >>> layers.Conv2D(8, 3, strides=2, padding="same")(images).shape
        (1, 14, 14, 8)

    References:
        LeCun et al. 1998, "Gradient-based learning applied to document recognition"; Dumoulin and Visin 2016, "A guide
        to convolution arithmetic for deep learning".
    """

    rank = 2


@register("layer", "Convolution3D")
class Conv3D(Conv):
    """Convolution over three spatial axes, y = activation(conv(x, w) + b), for volumes and videos.

    Shapes, channels last: x (N, D, H, W, C), w (KD, KH, KW, C/groups, filters), b (filters,), y (N, OD, OH, OW,
    filters).

    Args: as in `Conv2D`, with integers or tuples of length 3 for sizes.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Conv3D(filters=2, kernel_size=3)(np.zeros((1, 8, 8, 8, 1))).shape
        (1, 6, 6, 6, 2)
    """

    rank = 3


class ConvTranspose(Windowed):
    """Transposed convolution, y = activation(C^T x + b), over `rank` spatial axes; C is the matrix of a convolution."""

    paddings = NAMED_PADDINGS

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: PaddingLike = "valid",
        output_padding: IntOrInts | None = None,
        data_format: str | None = None,
        dilation_rate: IntOrInts = 1,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
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

    def _smaller_than_strides(self, output_padding: IntOrInts) -> tuple[int, ...]:
        values = as_integers(self, "output_padding", output_padding, 0, self.rank)
        if any(p >= s for p, s in zip(values, self.strides)):
            raise ValueError(
                f"{type(self).__name__}: output_padding must be below the strides. "
                f"Received: output_padding={output_padding!r}, strides={self.strides}"
            )
        return values

    def build(self, input_shape: Tree) -> None:
        self.kernel = self.weight("kernel", (*self.kernel_size, self.filters, self.channels(input_shape)))
        if self.use_bias:
            self.bias = self.weight("bias", (self.filters,))

    def call(self, inputs: Array) -> Array:
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
    """Transposed convolution over one spatial axis, for sequences that become longer.

    Shapes, channels last: x (N, W, C), w (KW, filters, C), b (filters,), y (N, OW, filters).

    Args: as in `Conv2DTranspose`, with integers or tuples of length 1 for sizes.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Conv1DTranspose(filters=4, kernel_size=3, strides=2, padding="same")(np.zeros((2, 5, 1))).shape
        (2, 10, 4)
    """

    rank = 1


@register("layer", "Convolution2DTranspose")
class Conv2DTranspose(ConvTranspose):
    """Transposed convolution of images, y = activation(C^T x + b), which makes images larger.

    C is the matrix of the convolution from y to x, so the layer computes the gradient of a convolution with respect to
    its input. It is often called deconvolution.

    Shapes, channels last: x (N, H, W, C), w (KH, KW, filters, C), b (filters,), y (N, OH, OW, filters). OH is H SH if
    padding is "same", and max((H - 1) SH + KH, H SH) if it is "valid"; OW likewise.

    Args:
        filters: int, the number of output channels.
        kernel_size: int or (KH, KW), the size of the window in pixels.
        strides: int or (SH, SW), the factor by which images become larger. Defaults to 1.
        padding: "valid" or "same". Defaults to "valid".
        output_padding: int or (PH, PW), pixels added at the end of each axis, less than the stride, or None to find the
            output size from the padding. Defaults to None.
        Others: as in `Conv2D`.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> images = np.zeros((1, 14, 14, 8))
        >>> layers.Conv2DTranspose(filters=3, kernel_size=3, strides=2, padding="same")(images).shape
        (1, 28, 28, 3)

    References:
        Zeiler et al. 2010, "Deconvolutional networks"; Dumoulin and Visin 2016, "A guide to convolution arithmetic for
        deep learning", chapter 4.
    """

    rank = 2


@register("layer", "Convolution3DTranspose")
class Conv3DTranspose(ConvTranspose):
    """Transposed convolution over three spatial axes, for volumes that become larger.

    Shapes, channels last: x (N, D, H, W, C), w (KD, KH, KW, filters, C), b (filters,), y (N, OD, OH, OW, filters).

    Args: as in `Conv2DTranspose`, with integers or tuples of length 3 for sizes. As in Keras, `data_format` comes
        before `output_padding`.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Conv3DTranspose(filters=2, kernel_size=2, strides=2)(np.zeros((1, 4, 4, 4, 1))).shape
        (1, 8, 8, 8, 2)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: PaddingLike = "valid",
        data_format: str | None = None,
        output_padding: IntOrInts | None = None,
        dilation_rate: IntOrInts = 1,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip


class DepthwiseConv(Windowed):
    """Depthwise convolution, y = activation(depthwise_conv(x, w) + b), over `rank` spatial axes."""

    def __init__(
        self,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: PaddingLike = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: IntOrInts = 1,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        depthwise_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
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

    def build(self, input_shape: Tree) -> None:
        channels = self.channels(input_shape)
        self.kernel = self.weight("depthwise", (*self.kernel_size, channels, self.depth_multiplier), "kernel")
        if self.use_bias:
            self.bias = self.weight("bias", (channels * self.depth_multiplier,))

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, self.rank + 2)
        return self.finish(
            ops.depthwise_conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)
        )


@register("layer")
class DepthwiseConv1D(DepthwiseConv):
    """Depthwise convolution over one spatial axis: each channel has M = `depth_multiplier` kernels of its own.

    Shapes, channels last: x (N, W, C), w (KW, C, M), b (C M,), y (N, OW, C M).

    Args: as in `DepthwiseConv2D`, with integers or tuples of length 1 for sizes.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.DepthwiseConv1D(kernel_size=3, depth_multiplier=2)(np.zeros((1, 10, 4))).shape
        (1, 8, 8)
    """

    rank = 1


@register("layer")
class DepthwiseConv2D(DepthwiseConv):
    """Depthwise convolution of images: each channel has M = `depth_multiplier` kernels of its own.

    y = activation(depthwise_conv(x, w) + b). Output channel c M + m is computed from input channel c only.

    Shapes, channels last: x (N, H, W, C), w (KH, KW, C, M), b (C M,), y (N, OH, OW, C M).

    Args:
        kernel_size: int or (KH, KW), the size of the window in pixels.
        strides: int or (SH, SW), the step of the window in pixels. Defaults to 1.
        padding: "valid", "same", or ((top, bottom), (left, right)) in pixels. Defaults to "valid".
        depth_multiplier: int, the number M of kernels of each channel. Defaults to 1.
        depthwise_initializer: a name or a function (shape, dtype) -> array for w. Defaults to "glorot_uniform".
        depthwise_regularizer: a penalty on w that is added to the loss, or None.
        depthwise_constraint: a function applied to w after each training step, or None.
        Others: as in `Conv2D`.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layer = layers.DepthwiseConv2D(kernel_size=3, depth_multiplier=2)
        >>> layer(np.zeros((1, 28, 28, 8))).shape
        (1, 26, 26, 16)
        >>> layer.kernel.shape
        (3, 3, 8, 2)

    References:
        Howard et al. 2017, "MobileNets".
    """

    rank = 2


class SeparableConv(Windowed):
    """Depthwise convolution followed by a pointwise convolution, over `rank` spatial axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: PaddingLike = "valid",
        data_format: str | None = None,
        dilation_rate: IntOrInts = 1,
        depth_multiplier: int = 1,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike | None = None,
        pointwise_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        depthwise_constraint: ConstraintLike | None = None,
        pointwise_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
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

    def build(self, input_shape: Tree) -> None:
        channels, multiplier = self.channels(input_shape), self.depth_multiplier
        self.depthwise_kernel = self.weight("depthwise", (*self.kernel_size, channels, multiplier), "depthwise_kernel")
        self.pointwise_kernel = self.weight(
            "pointwise", (*(1,) * self.rank, channels * multiplier, self.filters), "pointwise_kernel"
        )
        if self.use_bias:
            self.bias = self.weight("bias", (self.filters,))

    def call(self, inputs: Array) -> Array:
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
    """Depthwise separable convolution over one spatial axis.

    Shapes, channels last: x (N, W, C), w (KW, C, M), v (1, C M, filters), b (filters,), y (N, OW, filters).

    Args: as in `SeparableConv2D`, with integers or tuples of length 1 for sizes.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.SeparableConv1D(filters=6, kernel_size=3)(np.zeros((1, 10, 4))).shape
        (1, 8, 6)
    """

    rank = 1


@register("layer", "SeparableConvolution2D")
class SeparableConv2D(SeparableConv):
    """Depthwise separable convolution of images, y = activation(conv(depthwise_conv(x, w), v) + b).

    A depthwise convolution filters each channel. A convolution with a 1 x 1 window then mixes the channels. Strides and
    dilation apply to the depthwise convolution.

    Shapes, channels last: x (N, H, W, C), w (KH, KW, C, M), v (1, 1, C M, filters), b (filters,), y (N, OH, OW,
    filters).

    Args:
        filters: int, the number of output channels.
        kernel_size: int or (KH, KW), the size of the window in pixels.
        depth_multiplier: int, the number M of depthwise kernels of each channel. Defaults to 1.
        depthwise_initializer: a name or a function (shape, dtype) -> array for w. Defaults to "glorot_uniform".
        pointwise_initializer: a name or a function (shape, dtype) -> array for v. Defaults to "glorot_uniform".
        depthwise_regularizer: a penalty on w that is added to the loss, or None.
        pointwise_regularizer: a penalty on v that is added to the loss, or None.
        depthwise_constraint: a function applied to w after each training step, or None.
        pointwise_constraint: a function applied to v after each training step, or None.
        Others: as in `Conv2D`.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layer = layers.SeparableConv2D(filters=16, kernel_size=3, padding="same")
        >>> layer(np.zeros((1, 28, 28, 8))).shape
        (1, 28, 28, 16)
        >>> layer.depthwise_kernel.shape, layer.pointwise_kernel.shape
        ((3, 3, 8, 1), (1, 1, 8, 16))

    References:
        Chollet 2017, "Xception: deep learning with depthwise separable convolutions".
    """

    rank = 2
