"""Normalization layers."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import fastconv.config as config
import fastconv.initializers as initializers
import fastconv.ops as ops
from fastconv.arguments import as_axes, as_flag, as_integer, as_number, is_integer, optional
from fastconv.engine.interrupts import assign_all
from fastconv.layers.base import Layer, check_count
from fastconv.layers.core import Wrapper
from fastconv.layers.weighted import Weighted
from fastconv.ops.norm import standardize
from fastconv.serialization import register
from fastconv.typing import (
    Array,
    Axis,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    RegularizerLike,
    Shape,
    ShapeLike,
    Tree,
)


class Affine(Weighted):
    """Base class of layers that normalize, then multiply by gamma and add beta."""

    axis: Any

    def __init__(
        self,
        axis: Axis,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: InitializerLike,
        gamma_initializer: InitializerLike,
        beta_regularizer: RegularizerLike | None,
        gamma_regularizer: RegularizerLike | None,
        beta_constraint: ConstraintLike | None,
        gamma_constraint: ConstraintLike | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = as_axes(self, "axis", axis)
        self.epsilon = as_number(self, "epsilon", epsilon)
        self.center = as_flag(self, "center", center)
        self.scale = as_flag(self, "scale", scale)
        self.choose(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def build(self, input_shape: Tree) -> None:
        shape = sizes_of(self, input_shape)
        self.gamma = self.weight("gamma", shape) if self.scale else None
        self.beta = self.weight("beta", shape) if self.center else None

    def affine(self, x: Array, axes: Sequence[int]) -> Array:
        """Return gamma x + beta for gamma and beta with the sizes of `axes`. A missing gamma or beta is left out."""
        x = ops.multiply(x, along(self.gamma, x.shape, axes)) if self.scale else x
        return ops.add(x, along(self.beta, x.shape, axes)) if self.center else x


def sizes_of(layer: Any, input_shape: ShapeLike) -> tuple[int, ...]:
    """Return the sizes of `layer.axis`. Raises ValueError if an axis does not exist or its size is unknown."""
    axes, rank = [layer.axis] if isinstance(layer.axis, int) else sorted(layer.axis), len(input_shape)
    if not all(-rank <= axis < rank and is_integer(input_shape[axis]) for axis in axes):
        raise ValueError(
            f"{layer.name}: the size of axis={layer.axis} must be known. Received: input_shape={tuple(input_shape)}"
        )
    return tuple(input_shape[axis] for axis in axes)  # type: ignore[misc]  # none of them is None


def along(vector: Array, shape: Sequence[int], axes: Sequence[int]) -> Array:
    """Return `vector`, which has the sizes of `axes`, reshaped to broadcast against an array of `shape`."""
    return ops.reshape(vector, [n if i in axes else 1 for i, n in enumerate(shape)])


@register("layer")
class BatchNormalization(Affine):
    """Batch normalization, y = gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel.

    In training the layer uses the mean and variance of the batch, and updates moving averages of both:
    moving = momentum moving + (1 - momentum) batch. Outside training, or if `trainable` is False, it uses the moving
    averages.

    Shapes: x and y (N, ..., C) if `axis` is -1; gamma, beta, moving_mean and moving_variance (C,).

    Args:
        axis: int, the axis of the channels; 1 if channels come first. Defaults to -1.
        momentum: float, the part of a moving average that an update keeps. Defaults to 0.99.
        epsilon: float, added to the variance to avoid a division by zero. Defaults to 0.001.
        center: bool, whether to add beta. Defaults to True.
        scale: bool, whether to multiply by gamma. Defaults to True.
        beta_initializer: a name or a function (shape, dtype) -> array. Defaults to "zeros".
        gamma_initializer: a name or a function (shape, dtype) -> array. Defaults to "ones".
        moving_mean_initializer: a name or a function (shape, dtype) -> array. Defaults to "zeros".
        moving_variance_initializer: a name or a function (shape, dtype) -> array. Defaults to "ones".
        beta_regularizer: a penalty on beta that is added to the loss, or None.
        gamma_regularizer: a penalty on gamma that is added to the loss, or None.
        beta_constraint: a function applied to beta after each training step, or None.
        gamma_constraint: a function applied to gamma after each training step, or None.
        renorm: bool, whether to use batch renormalization: in training the normalized x is multiplied by r and d is
            added, with r = deviation / moving deviation and d = (mean - moving mean) / moving deviation. Gradients
            treat r and d as constants. Defaults to False.
        renorm_clipping: dict of bounds with the keys "rmin", "rmax" and "dmax", or None. A missing key sets no bound.
        renorm_momentum: float, the momentum of the averages in r and d. Defaults to 0.99.
        synchronized: bool, accepted for compatibility with Keras; there is a single device. Defaults to False.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the number of channels is unknown, or if `renorm_clipping` has other keys, rmax < rmin or dmax <
            0.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> x = np.array([[1.0], [3.0]])
        >>> layer = layers.BatchNormalization(epsilon=0.0)
        >>> layer(x, training=True).tolist()
        [[-1.0], [1.0]]
        >>> [round(float(v), 4) for v in (layer.moving_mean[0], layer.moving_variance[0])]
        [0.02, 1.0]

    References:
        Ioffe and Szegedy 2015, "Batch normalization"; Ioffe 2017, "Batch renormalization".
    """

    axis: int
    moving_mean_initializer: Any
    moving_variance_initializer: Any

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            as_integer(self, "axis", axis), epsilon, center, scale, beta_initializer, gamma_initializer,
            beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip
        self.momentum = as_number(self, "momentum", momentum)
        self.renorm = as_flag(self, "renorm", renorm)
        self.renorm_clipping = _checked_bounds(renorm_clipping) if self.renorm or renorm_clipping is not None else None
        self.renorm_momentum = as_number(self, "renorm_momentum", renorm_momentum)
        self.synchronized = as_flag(self, "synchronized", synchronized)
        self.choose(
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
        )

    def build(self, input_shape: Tree) -> None:
        super().build(input_shape)
        shape = sizes_of(self, input_shape)
        self.moving_mean = self.weight("moving_mean", shape, trainable=False)
        self.moving_variance = self.weight("moving_variance", shape, trainable=False)
        if self.renorm:
            self.moving_stddev = self.add_weight(shape, self._first_stddev, trainable=False, name="moving_stddev")
            start = self.moving_mean_initializer
            self.renorm_mean = self.add_weight(shape, start, trainable=False, name="renorm_mean")
            self.renorm_stddev = self.add_weight(shape, self._first_stddev, trainable=False, name="renorm_stddev")

    def _first_stddev(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        return ops.sqrt(self.moving_variance_initializer(shape, dtype))

    def call(self, inputs: Array, training: bool = False) -> Array:
        if not training or not self.trainable:
            return ops.batch_normalization(
                inputs, self.moving_mean, self.moving_variance, self.axis, self.beta, self.gamma, self.epsilon
            )
        gamma, beta = self._renormalized(inputs) if self.renorm else (self.gamma, self.beta)
        y, mean, variance = ops.batch_norm(inputs, gamma, beta, self.axis, self.epsilon)
        if 0 in inputs.shape:
            return y  # an empty batch has no statistics
        if self.renorm:
            self._average_deviations(mean, variance)
            return y
        averages = ((self.moving_mean, mean), (self.moving_variance, variance))
        keep = self.momentum
        assign_all([(average, average * keep + ops.stop_gradient(batch) * (1 - keep)) for average, batch in averages])
        return y

    def _renormalized(self, x: Array) -> tuple[Array, Array]:
        """Return gamma r and gamma d + beta, so that y = gamma (x' r + d) + beta for the batch-normalized input x'."""
        if 0 in x.shape:
            return self.gamma, self.beta
        axes = [i for i in range(x.ndim) if i != self.axis % x.ndim]
        mean, variance = ops.moments(ops.stop_gradient(x), axes)
        stddev = ops.maximum(self.renorm_stddev, self.epsilon**0.5)
        r = ops.sqrt(variance + self.epsilon) / stddev
        d = (mean - self.renorm_mean) / stddev
        bounds = self.renorm_clipping or {}
        r = ops.maximum(r, bounds["rmin"]) if bounds.get("rmin") is not None else r
        r = ops.minimum(r, bounds["rmax"]) if bounds.get("rmax") is not None else r
        d = ops.clip(d, -bounds["dmax"], bounds["dmax"]) if bounds.get("dmax") is not None else d
        r, d = ops.stop_gradient(r), ops.stop_gradient(d)
        r, d = (r * self.gamma, d * self.gamma) if self.scale else (r, d)
        return r, d + self.beta if self.center else d

    def _average_deviations(self, mean: Array, variance: Array) -> None:
        """Update the moving means and deviations. The moving variance is computed from the moving deviation."""
        mean, stddev = ops.stop_gradient(mean), ops.stop_gradient(ops.sqrt(variance + self.epsilon))
        averages = {
            self.renorm_mean: (mean, self.renorm_momentum),
            self.renorm_stddev: (stddev, self.renorm_momentum),
            self.moving_mean: (mean, self.momentum),
        }
        moving = self.moving_stddev * self.momentum + stddev * (1 - self.momentum)
        assign_all(
            [
                *((average, average * keep + batch * (1 - keep)) for average, (batch, keep) in averages.items()),
                (self.moving_stddev, moving),
                (self.moving_variance, ops.relu(ops.square(moving) - self.epsilon)),
            ]
        )


def _checked_bounds(given: Mapping[str, float] | None) -> dict[str, float]:
    """Return a copy of the renormalization bounds. Raises ValueError if a key is unknown or a range is empty."""
    keys = ("rmin", "rmax", "dmax")
    fits = isinstance(given, (Mapping, type(None))) and (given or {}).keys() <= set(keys)
    name = "renorm_clipping"
    bounds = {k: optional(as_number, "BatchNormalization", name, n) for k, n in (given or {}).items()} if fits else {}
    rmin, rmax, dmax = (bounds.get(key) for key in keys)
    is_empty = (rmin is not None and rmax is not None and rmax < rmin) or (dmax is not None and dmax < 0)
    if is_empty or not fits:
        raise ValueError(
            "BatchNormalization: renorm_clipping must have only the keys rmin, rmax and dmax, with rmin <= rmax and "
            f"dmax >= 0. Received: renorm_clipping={given!r}"
        )
    return bounds


@register("layer")
class LayerNormalization(Affine):
    """Layer normalization, y = gamma (x - mean) / sqrt(variance + epsilon) + beta, sample by sample over `axis`.

    Shapes: x and y (N, ...); gamma and beta have the sizes of `axis`.

    Args:
        axis: int or sequence of int, the axes that are normalized together. Defaults to -1.
        epsilon: float, added to the variance to avoid a division by zero. Defaults to 0.001.
        center: bool, whether to add beta. Defaults to True.
        scale: bool, whether to multiply by gamma. Defaults to True.
        beta_initializer: a name or a function (shape, dtype) -> array. Defaults to "zeros".
        gamma_initializer: a name or a function (shape, dtype) -> array. Defaults to "ones".
        beta_regularizer: a penalty on beta that is added to the loss, or None.
        gamma_regularizer: a penalty on gamma that is added to the loss, or None.
        beta_constraint: a function applied to beta after each training step, or None.
        gamma_constraint: a function applied to gamma after each training step, or None.
        rms_scaling: bool, whether to compute y = gamma x / sqrt(variance + epsilon) instead, as Keras does. The layer
            then has gamma and no beta. Defaults to False.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the size of an axis is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0], [11.0, 13.0]])).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]

    References:
        Ba et al. 2016, "Layer normalization".
    """

    def __init__(
        self,
        axis: Axis = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None,
        rms_scaling: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            axis, epsilon, center and not rms_scaling, scale or rms_scaling, beta_initializer, gamma_initializer,
            beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip
        self.rms_scaling = as_flag(self, "rms_scaling", rms_scaling)

    def call(self, inputs: Array) -> Array:
        axes = [axis % inputs.ndim for axis in ([self.axis] if isinstance(self.axis, int) else self.axis)]
        if self.rms_scaling:
            return self.affine(inputs * ops.rsqrt(ops.var(inputs, axes, keepdims=True) + self.epsilon), axes)
        return self.affine(standardize(inputs, sorted(axes), self.epsilon), axes)


@register("layer")
class GroupNormalization(Affine):
    """Group normalization: normalize groups of channels of each sample.

    y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of the group.

    Shapes: x and y (N, ..., C) if `axis` is -1; gamma and beta (C,).

    Args:
        groups: int, the number of groups into which channels are split; -1 for one group per channel. Defaults to 32.
        axis: int, the axis of the channels. Defaults to -1.
        Others: as in `LayerNormalization`.

    Raises:
        ValueError: if the number of channels is unknown or is not a multiple of `groups`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.GroupNormalization(groups=2, epsilon=0.0)(np.array([[1.0, 3.0, 11.0, 13.0]])).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]

    References:
        Wu and He 2018, "Group normalization".
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            as_integer(self, "axis", axis), epsilon, center, scale, beta_initializer, gamma_initializer,
            beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip
        count = as_integer(self, "groups", groups)
        self.groups = count if count == -1 else check_count(self, "groups", groups)

    def build(self, input_shape: Tree) -> None:
        (channels,) = sizes_of(self, input_shape)
        groups = channels if self.groups == -1 else self.groups
        if not groups or channels % groups:
            raise ValueError(
                f"{self.name}: the number of channels must be a multiple of groups={self.groups}. Received: {channels}"
            )
        self.groups = groups
        super().build(input_shape)

    def call(self, inputs: Array) -> Array:
        at, shape = self.axis % inputs.ndim, tuple(inputs.shape)
        grouped = (*shape[:at], self.groups, shape[at] // self.groups, *shape[at + 1 :])
        axes = [i for i in range(1, len(grouped)) if i != at]
        y = standardize(ops.reshape(inputs, grouped), axes, self.epsilon)
        return self.affine(ops.reshape(y, shape), [at])


@register("layer")
class RMSNormalization(Layer):
    """Root-mean-square normalization, y = scale x / sqrt(mean(x^2) + epsilon), sample by sample over `axis`.

    Shapes: x and y (N, ...); scale has the sizes of `axis`.

    Args:
        axis: int or sequence of int, the axes that are normalized together. Defaults to -1.
        epsilon: float, added to the mean to avoid a division by zero. Defaults to 1e-6.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the size of an axis is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> y = layers.RMSNormalization(epsilon=0.0)(np.array([[1.0, 7.0]]))
        >>> [round(float(v), 4) for v in y[0]]
        [0.2, 1.4]

    References:
        Zhang and Sennrich 2019, "Root mean square layer normalization".
    """

    def __init__(self, axis: Axis = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = as_axes(self, "axis", axis)
        self.epsilon = as_number(self, "epsilon", epsilon)

    def build(self, input_shape: Tree) -> None:
        self.scale = self.add_weight(sizes_of(self, input_shape), "ones", name="scale")

    def call(self, x: Array) -> Array:
        axes = [axis % x.ndim for axis in ([self.axis] if isinstance(self.axis, int) else self.axis)]
        shares = ops.rsqrt(ops.mean(ops.square(x), axes, keepdims=True) + self.epsilon)
        return ops.multiply(x * shares, along(self.scale, x.shape, axes))


@register("layer")
class LocalResponseNormalization(Layer):
    """Normalization by neighbouring channels, y_c = x_c / (k + alpha sum(x_j^2))^beta over channels j around c.

    The sum runs over size // 2 channels before and after c, as far as they exist. This is the formula of AlexNet with
    its constants; the sum is not divided by the number of channels.

    Shapes: x and y (N, ..., C), or (N, C, ...) if channels come first.

    Args:
        size: odd int, the number of channels in a sum. Defaults to 5.
        alpha: float, the factor of the sum. Defaults to 1e-4.
        beta: float, the exponent. Defaults to 0.75.
        k: float, added to the sum. Defaults to 2.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `size` is not an odd integer of at least 1, or if another argument is not a number.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> x = np.array([[1.0, 2.0, 3.0]])
        >>> layers.LocalResponseNormalization(size=3, alpha=1.0, beta=1.0, k=0.0)(x)[0].round(3).tolist()
        [0.200..., 0.143..., 0.231...]

    References:
        Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks", section 3.3.
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = as_integer(self, "size", size, 1)
        if self.size % 2 == 0:
            raise ValueError(f"{type(self).__name__}: size must be odd. Received: size={size!r}")
        self.alpha = as_number(self, "alpha", alpha, below=math.inf)
        self.beta = as_number(self, "beta", beta, below=math.inf)
        self.k = as_number(self, "k", k, below=math.inf)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Array) -> Array:
        if inputs.ndim < 2:
            raise ValueError(
                f"{self.name}: inputs must have an axis of channels. Received: shape={tuple(inputs.shape)}"
            )
        at = (inputs.ndim if self.data_format == "channels_last" else 2) - 1
        before, channels = (slice(None),) * at, inputs.shape[at]
        near = min(self.size // 2, max(channels - 1, 0))  # of more channels, none exists
        width = [(near, near) if axis == at else (0, 0) for axis in range(inputs.ndim)]
        squares = ops.pad(ops.square(inputs), width)
        shifted = [squares[(*before, slice(i, i + channels))] for i in range(2 * near + 1)]
        return inputs * ops.power(functools.reduce(ops.add, shifted) * self.alpha + self.k, -self.beta)


@register("layer")
class UnitNormalization(Layer):
    """Normalize vectors to length 1, y = x / sqrt(sum(x^2)), along `axis`.

    Args:
        axis: int or sequence of int, the axes of a vector. Defaults to -1.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> y = layers.UnitNormalization()(np.array([[3.0, 4.0]]))
        >>> [round(float(v), 4) for v in y[0]]
        [0.6, 0.8]
    """

    def __init__(self, axis: Axis = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = as_axes(self, "axis", axis)

    def call(self, inputs: Array) -> Array:
        largest = ops.stop_gradient(ops.max(ops.abs(inputs), self.axis, keepdims=True))
        scaled = inputs / ops.maximum(largest, 1e-12)  # the squares neither overflow nor vanish
        shortest = ops.square(1e-12 / ops.maximum(largest, 1e-12))
        return scaled * ops.rsqrt(ops.maximum(ops.sum(ops.square(scaled), self.axis, keepdims=True), shortest))


@register("layer")
class SpectralNormalization(Wrapper):
    """Wrapper that divides the kernel of a layer by its largest singular value in each training call.

    The kernel is used as a matrix (all other axes, outputs). Its largest singular value is estimated by power
    iteration, which continues from the vector of the previous call.

    Args:
        layer: a `Layer` with an attribute `kernel`.
        power_iterations: int, the number of iterations in each call. Defaults to 1.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if `power_iterations` is below 1, or if the layer has no kernel.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layer = layers.SpectralNormalization(layers.Dense(3), power_iterations=50)
        >>> layer(np.zeros((2, 4)), training=True).shape
        (2, 3)
        >>> round(float(np.linalg.svd(layer.kernel.numpy())[1][0]), 2)
        1.0

    References:
        Miyato et al. 2018, "Spectral normalization for generative adversarial networks".
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.power_iterations = check_count(self, "power_iterations", power_iterations)

    def build(self, input_shape: Tree) -> None:  # type: ignore[override]  # needs the shape
        super().build(input_shape)
        if not hasattr(self.layer, "kernel"):
            raise ValueError(f"{self.name}: the layer must have a kernel. Received: layer={self.layer!r}")
        outputs = self.layer.kernel.shape[-1]
        start = initializers.TruncatedNormal(stddev=0.02)
        self.kernel = self.layer.kernel  # the first weight, as in Keras
        self.vector_u = self.add_weight((1, outputs), start, trainable=False, name="vector_u")

    def call(self, inputs: Array, training: bool = False) -> Array:
        if training:
            self._divide()
        return self.layer(inputs)

    def _divide(self) -> None:
        kernel, u = self.layer.kernel, self.vector_u.read()
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(matrix)))
            u = _unit(ops.matmul(v, matrix))
        value = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))
        self.vector_u.assign(ops.stop_gradient(u))
        kernel.assign(ops.stop_gradient(kernel / ops.maximum(ops.reshape(value, ()), 1e-12)))


def _unit(x: Array) -> Array:
    """Return x divided by its length."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x)), 1e-24))
