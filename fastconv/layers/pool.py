"""Pooling layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_flag, as_integers
from fastconv.layers.base import Layer, check_rank, padding_of
from fastconv.memory import check_fits
from fastconv.ops.convert import as_float
from fastconv.serialization import register
from fastconv.typing import Array, IntOrInts, PaddingLike


class Pooling(Layer):
    """Reduce each window of each channel to a single number, over `rank` spatial axes."""

    rank: int
    pool: Callable[..., Any]

    def __init__(
        self,
        pool_size: IntOrInts = 2,
        strides: IntOrInts | None = None,
        padding: PaddingLike = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = as_integers(self, "pool_size", pool_size, 1, self.rank)
        self.strides = self.pool_size if strides is None else as_integers(self, "strides", strides, 1, self.rank)
        self.padding = padding_of(self, padding)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, self.rank + 2)
        return type(self).pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class GlobalPooling(Layer):
    """Reduce each channel to a single number, over `rank` spatial axes."""

    rank: int
    reduce: Callable[..., Any]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = as_flag(self, "keepdims", keepdims)

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, self.rank + 2)
        first = 1 if self.data_format == "channels_last" else 2
        return type(self).reduce(inputs, tuple(range(first, first + self.rank)), self.keepdims)


class AdaptivePooling(Layer):
    """Reduce each channel to `output_size` numbers per axis, over `rank` spatial axes.

    Output i of O along an axis of size N is computed from inputs floor(i N / O) to ceil((i + 1) N / O) - 1. If O
    divides N, the windows have equal sizes and do not overlap.
    """

    rank: int
    reduce: Callable[..., Any]

    def __init__(self, output_size: IntOrInts, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = as_integers(self, "output_size", output_size, 1, self.rank)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Array) -> Array:
        check_rank(self, inputs, self.rank + 2)
        first = 1 if self.data_format == "channels_last" else 2
        y = inputs
        for axis, wanted in enumerate(self.output_size, first):
            y = self._reduce_axis(y, axis, wanted)
        return y

    def _reduce_axis(self, x: Array, axis: int, wanted: int) -> Array:
        """Reduce one axis. A maximum or mean over several axes is computed axis by axis."""
        size, reduce = x.shape[axis], type(self).reduce
        if size % wanted == 0:
            windows = ops.reshape(x, (*x.shape[:axis], wanted, size // wanted, *x.shape[axis + 1 :]))
            return reduce(windows, axis + 1)
        longest = -(-size // wanted) + 1
        check_fits(self.name, (*x.shape[:axis], wanted, longest, *x.shape[axis + 1 :]), x.dtype, 3)
        check_fits(self.name, (wanted, longest), "int64", 4)
        numbers = np.arange(wanted)[:, None]
        places, ends = numbers * size // wanted + np.arange(longest), -(-(numbers + 1) * size // wanted)
        windows = ops.take(x, np.minimum(places, ends - 1), axis)
        inside = (places < ends).reshape((wanted, longest, *(1,) * (len(x.shape) - axis - 1)))
        return self.reduce_inside(windows, inside, axis + 1)

    def reduce_inside(self, x: Array, inside: np.ndarray, axis: int) -> Array:
        """Reduce `axis` of x over the elements for which `inside` is true.

        The other elements repeat the last element of their window, so a maximum may include them.
        """
        raise NotImplementedError


class MaxPooling(Pooling):
    """The maximum of each window."""

    pool = staticmethod(ops.max_pool)


@register("layer", "MaxPool1D")
class MaxPooling1D(MaxPooling):
    """Maximum of each window over one spatial axis.

    Shapes, channels last: x (N, W, C), y (N, OW, C).

    Args: as in `MaxPooling2D`, with integers or tuples of length 1 for sizes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.MaxPooling1D(2)(np.array([[[1.0], [5.0], [2.0], [3.0]]])).tolist()
        [[[5.0], [3.0]]]
    """

    rank = 1


@register("layer", "MaxPool2D")
class MaxPooling2D(MaxPooling):
    """Maximum of each window of each channel.

    Shapes, channels last: x (N, H, W, C), y (N, OH, OW, C). OH is ceil(H / SH) if padding is "same", and
    floor((H - KH) / SH) + 1 if it is "valid"; OW likewise.

    Args:
        pool_size: int or (KH, KW), the size of the window in pixels. Defaults to 2.
        strides: int or (SH, SW), the step of the window in pixels. Defaults to `pool_size`.
        padding: "valid", "same", or ((top, bottom), (left, right)) in pixels. Padding never is the maximum. Defaults to
            "valid".
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        name: str, the name of the layer, or None to make a unique name.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> layers.MaxPooling2D(pool_size=2)(image).reshape(2, 2).tolist()
        [[5.0, 7.0], [13.0, 15.0]]
    """

    rank = 2


@register("layer", "MaxPool3D")
class MaxPooling3D(MaxPooling):
    """Maximum of each window over three spatial axes.

    Shapes, channels last: x (N, D, H, W, C), y (N, OD, OH, OW, C).

    Args: as in `MaxPooling2D`, with integers or tuples of length 3 for sizes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.MaxPooling3D(2)(np.zeros((1, 8, 8, 8, 3))).shape
        (1, 4, 4, 4, 3)
    """

    rank = 3


class MinPooling(Pooling):
    """The minimum of each window."""

    pool = staticmethod(ops.min_pool)


@register("layer", "MinPool1D")
class MinPooling1D(MinPooling):
    """Minimum of each window over one spatial axis.

    Shapes, channels last: x (N, W, C), y (N, OW, C).

    Args: as in `MinPooling2D`, with integers or tuples of length 1 for sizes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.MinPooling1D(2)(np.array([[[1.0], [5.0], [2.0], [3.0]]])).tolist()
        [[[1.0], [2.0]]]
    """

    rank = 1


@register("layer", "MinPool2D")
class MinPooling2D(MinPooling):
    """Minimum of each window of each channel. Keras has no such layer.

    Shapes, channels last: x (N, H, W, C), y (N, OH, OW, C).

    Args:
        pool_size: int or (KH, KW), the size of the window in pixels. Defaults to 2.
        strides: int or (SH, SW), the step of the window in pixels. Defaults to `pool_size`.
        padding: "valid", "same", or ((top, bottom), (left, right)) in pixels. Padding never is the minimum. Defaults to
            "valid".
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        name: str, the name of the layer, or None to make a unique name.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> layers.MinPooling2D(pool_size=2)(image).reshape(2, 2).tolist()
        [[0.0, 2.0], [8.0, 10.0]]
    """

    rank = 2


@register("layer", "MinPool3D")
class MinPooling3D(MinPooling):
    """Minimum of each window over three spatial axes.

    Shapes, channels last: x (N, D, H, W, C), y (N, OD, OH, OW, C).

    Args: as in `MinPooling2D`, with integers or tuples of length 3 for sizes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.MinPooling3D(2)(np.zeros((1, 8, 8, 8, 3))).shape
        (1, 4, 4, 4, 3)
    """

    rank = 3


class AveragePooling(Pooling):
    """The mean of each window."""

    pool = staticmethod(ops.average_pool)


@register("layer", "AvgPool1D")
class AveragePooling1D(AveragePooling):
    """Mean of each window over one spatial axis.

    Shapes, channels last: x (N, W, C), y (N, OW, C).

    Args: as in `AveragePooling2D`, with integers or tuples of length 1 for sizes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.AveragePooling1D(2)(np.array([[[1.0], [5.0], [2.0], [3.0]]])).tolist()
        [[[3.0], [2.5]]]
    """

    rank = 1


@register("layer", "AvgPool2D")
class AveragePooling2D(AveragePooling):
    """Mean of each window of each channel.

    Shapes, channels last: x (N, H, W, C), y (N, OH, OW, C). OH is ceil(H / SH) if padding is "same", and
    floor((H - KH) / SH) + 1 if it is "valid"; OW likewise.

    Args:
        pool_size: int or (KH, KW), the size of the window in pixels. Defaults to 2.
        strides: int or (SH, SW), the step of the window in pixels. Defaults to `pool_size`.
        padding: "valid", "same", or ((top, bottom), (left, right)) in pixels. Padding is left out of the mean. Defaults
            to "valid".
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        name: str, the name of the layer, or None to make a unique name.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if arguments or input shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> layers.AveragePooling2D(pool_size=2)(image).reshape(2, 2).tolist()
        [[2.5, 4.5], [10.5, 12.5]]
    """

    rank = 2


@register("layer", "AvgPool3D")
class AveragePooling3D(AveragePooling):
    """Mean of each window over three spatial axes.

    Shapes, channels last: x (N, D, H, W, C), y (N, OD, OH, OW, C).

    Args: as in `AveragePooling2D`, with integers or tuples of length 3 for sizes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.AveragePooling3D(2)(np.zeros((1, 8, 8, 8, 3))).shape
        (1, 4, 4, 4, 3)
    """

    rank = 3


class GlobalMaxPooling(GlobalPooling):
    """The maximum of each channel."""

    reduce = staticmethod(ops.max)

    def reduce_inside(self, x: Array, inside: np.ndarray, axis: int) -> Array:
        return ops.max(x, axis)


@register("layer", "GlobalMaxPool1D")
class GlobalMaxPooling1D(GlobalMaxPooling):
    """Maximum of each channel over one spatial axis.

    Shapes, channels last: x (N, W, C), y (N, C), or (N, 1, C) if `keepdims` is True.

    Args: as in `GlobalMaxPooling2D`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.GlobalMaxPooling1D()(np.array([[[1.0], [5.0], [2.0]]])).tolist()
        [[5.0]]
    """

    rank = 1


@register("layer", "GlobalMaxPool2D")
class GlobalMaxPooling2D(GlobalMaxPooling):
    """Maximum of each channel over the whole image.

    Shapes, channels last: x (N, H, W, C), y (N, C), or (N, 1, 1, C) if `keepdims` is True.

    Args:
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        keepdims: bool, whether to keep the spatial axes with size 1. Defaults to False.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.GlobalMaxPooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[3.0]]
    """

    rank = 2


@register("layer", "GlobalMaxPool3D")
class GlobalMaxPooling3D(GlobalMaxPooling):
    """Maximum of each channel over three spatial axes.

    Shapes, channels last: x (N, D, H, W, C), y (N, C), or (N, 1, 1, 1, C) if `keepdims` is True.

    Args: as in `GlobalMaxPooling2D`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.GlobalMaxPooling3D(keepdims=True)(np.zeros((2, 4, 4, 4, 3))).shape
        (2, 1, 1, 1, 3)
    """

    rank = 3


class GlobalAveragePooling(GlobalPooling):
    """The mean of each channel."""

    reduce = staticmethod(ops.mean)

    def reduce_inside(self, x: Array, inside: np.ndarray, axis: int) -> Array:
        x = as_float(x)
        return ops.divide(ops.sum(ops.where(inside, x, 0.0), axis), inside.sum(1).astype(x.dtype))


@register("layer", "GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalAveragePooling):
    """Mean of each channel over one spatial axis.

    Shapes, channels last: x (N, W, C), y (N, C), or (N, 1, C) if `keepdims` is True.

    Args: as in `GlobalAveragePooling2D`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.GlobalAveragePooling1D()(np.array([[[1.0], [3.0]]])).tolist()
        [[2.0]]
    """

    rank = 1


@register("layer", "GlobalAvgPool2D")
class GlobalAveragePooling2D(GlobalAveragePooling):
    """Mean of each channel over the whole image.

    Shapes, channels last: x (N, H, W, C), y (N, C), or (N, 1, 1, C) if `keepdims` is True.

    Args:
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        keepdims: bool, whether to keep the spatial axes with size 1. Defaults to False.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.GlobalAveragePooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[1.5]]

    References:
        Lin et al. 2014, "Network in network", section 3.2.
    """

    rank = 2


@register("layer", "GlobalAvgPool3D")
class GlobalAveragePooling3D(GlobalAveragePooling):
    """Mean of each channel over three spatial axes.

    Shapes, channels last: x (N, D, H, W, C), y (N, C), or (N, 1, 1, 1, C) if `keepdims` is True.

    Args: as in `GlobalAveragePooling2D`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.GlobalAveragePooling3D()(np.zeros((2, 4, 4, 4, 3))).shape
        (2, 3)
    """

    rank = 3


class AdaptiveMaxPooling(AdaptivePooling):
    """The maximum of each of `output_size` windows per axis."""

    reduce = staticmethod(ops.max)

    def reduce_inside(self, x: Array, inside: np.ndarray, axis: int) -> Array:
        return ops.max(x, axis)


@register("layer")
class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """Maximum of each of `output_size` windows that cover the spatial axis.

    Shapes, channels last: x (N, W, C), y (N, OW, C).

    Args: as in `AdaptiveMaxPooling2D`, with an integer for `output_size`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.AdaptiveMaxPooling1D(2)(np.array([[[1.0], [5.0], [2.0], [3.0]]])).tolist()
        [[[5.0], [3.0]]]
    """

    rank = 1


@register("layer")
class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """Maximum of each of OH x OW windows that cover the image, whatever its size.

    Output i of OH is computed from rows floor(i H / OH) to ceil((i + 1) H / OH) - 1; columns likewise.

    Shapes, channels last: x (N, H, W, C), y (N, OH, OW, C).

    Args:
        output_size: int or (OH, OW), the size of the output in pixels.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if a size is below 1.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.AdaptiveMaxPooling2D(3)(np.zeros((1, 10, 17, 2))).shape
        (1, 3, 3, 2)
    """

    rank = 2


@register("layer")
class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """Maximum of each of OD x OH x OW windows that cover the volume.

    Shapes, channels last: x (N, D, H, W, C), y (N, OD, OH, OW, C).

    Args: as in `AdaptiveMaxPooling2D`, with an integer or (OD, OH, OW) for `output_size`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.AdaptiveMaxPooling3D(2)(np.zeros((1, 5, 6, 7, 3))).shape
        (1, 2, 2, 2, 3)
    """

    rank = 3


class AdaptiveAveragePooling(AdaptivePooling):
    """The mean of each of `output_size` windows per axis."""

    reduce = staticmethod(ops.mean)

    def reduce_inside(self, x: Array, inside: np.ndarray, axis: int) -> Array:
        x = as_float(x)
        return ops.divide(ops.sum(ops.where(inside, x, 0.0), axis), inside.sum(1).astype(x.dtype))


@register("layer")
class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """Mean of each of `output_size` windows that cover the spatial axis.

    Shapes, channels last: x (N, W, C), y (N, OW, C).

    Args: as in `AdaptiveAveragePooling2D`, with an integer for `output_size`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.AdaptiveAveragePooling1D(2)(np.array([[[1.0], [5.0], [2.0], [3.0]]])).tolist()
        [[[3.0], [2.5]]]
    """

    rank = 1


@register("layer")
class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """Mean of each of OH x OW windows that cover the image, whatever its size.

    Output i of OH is computed from rows floor(i H / OH) to ceil((i + 1) H / OH) - 1; columns likewise.

    Shapes, channels last: x (N, H, W, C), y (N, OH, OW, C).

    Args:
        output_size: int or (OH, OW), the size of the output in pixels.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if a size is below 1.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.AdaptiveAveragePooling2D((1, 2))(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[[[1.0], [2.0]]]]
    """

    rank = 2


@register("layer")
class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """Mean of each of OD x OH x OW windows that cover the volume.

    Shapes, channels last: x (N, D, H, W, C), y (N, OD, OH, OW, C).

    Args: as in `AdaptiveAveragePooling2D`, with an integer or (OD, OH, OW) for `output_size`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.AdaptiveAveragePooling3D(2)(np.zeros((1, 5, 6, 7, 3))).shape
        (1, 2, 2, 2, 3)
    """

    rank = 3
