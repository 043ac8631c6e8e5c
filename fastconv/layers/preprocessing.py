"""Layers that prepare data, mostly images, for a model; they compute the same in training and inference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_axes, as_choice, as_flag, as_number, as_numbers
from fastconv.engine import Variable
from fastconv.engine.interrupts import assign_all
from fastconv.engine.symbolic import KerasTensor
from fastconv.layers.base import Layer, check_count
from fastconv.ops.image import INTERPOLATIONS
from fastconv.serialization import register
from fastconv.typing import Array, ArrayLike, Axis, Config, Tree


@register("layer")
class Rescaling(Layer):
    """Rescale values, y = x scale + offset.

    Args:
        scale: float, or sequence of float with a number for each channel.
        offset: float, or sequence of float with a number for each channel. Defaults to 0.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Rescaling(0.5, offset=-1)(np.array([0.0, 2.0, 4.0])).tolist()
        [-1.0, 0.0, 1.0]
    """

    def __init__(self, scale: ArrayLike, offset: ArrayLike = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = as_numbers(self, "scale", scale)
        self.offset = as_numbers(self, "offset", offset)

    def call(self, inputs: Array) -> Array:
        if inputs.ndim and np.ndim(self.scale) == np.ndim(self.offset) == 0:  # one pass over the inputs
            numbers = (0, 1, self.offset, self.scale)
            mean, variance, offset, scale = (np.full(inputs.shape[-1], number, self.dtype) for number in numbers)
            return ops.batch_normalization(inputs, mean, variance, -1, offset, scale, epsilon=0.0)
        scale, offset = (np.asarray(numbers, self.dtype) for numbers in (self.scale, self.offset))
        if config.image_data_format() == "channels_first":
            scale, offset = (array.reshape(*array.shape, *(1,) * (3 - array.ndim)) for array in (scale, offset))
        return ops.add(ops.multiply(inputs, scale), offset)


@register("layer")
class Normalization(Layer):
    """Standardize values, y = (x - mean) / max(sqrt(variance), epsilon).

    The mean and the variance are given, or computed from data by `adapt`.

    Shapes: x and y (N, ...); mean and variance have the sizes of `axis`.

    Args:
        axis: int or sequence of int, the axes whose elements have separate means and variances, or None for a single
            mean and variance. Defaults to -1.
        mean: float or array that broadcasts to the sizes of `axis`, or None to compute it by `adapt`.
        variance: float or array that broadcasts to the sizes of `axis`, or None to compute it by `adapt`.
        invert: bool, whether to compute the inverse, x max(sqrt(variance), epsilon) + mean. Defaults to False.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if only one of `mean` and `variance` is given, if their shapes differ, or if they have too many
            axes.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> data = np.array([[0.0], [2.0]])
        >>> layer = layers.Normalization()
        >>> layer.adapt(data)
        >>> layer(data).tolist()
        [[-1.0], [1.0]]
    """

    ARGUMENTS = ("axis", "invert")

    def __init__(
        self,
        axis: Axis | None = -1,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else as_axes(self, "axis", axis)
        self.axis = (axes,) if isinstance(axes, int) else tuple(axes)
        shape, shape_of_variance = (None if given is None else np.asarray(given).shape for given in (mean, variance))
        if shape != shape_of_variance:
            raise ValueError(
                "Normalization: mean and variance must both be given, in one shape, or neither. "
                f"Received: mean={mean}, variance={variance}"
            )
        if shape is not None and len(shape) > len(self.axis):
            raise ValueError(
                f"Normalization: mean must have at most as many axes as `axis`. Received: {mean=}, axis={self.axis}"
            )
        self.input_mean = None if mean is None else as_numbers(self, "mean", mean)
        self.input_variance = None if variance is None else as_numbers(self, "variance", variance)
        self.invert = as_flag(self, "invert", invert)

    def get_config(self) -> Config:
        return {**super().get_config(), "mean": self.input_mean, "variance": self.input_variance}

    def build(self, input_shape: Tree) -> None:
        rank = len(input_shape)
        if not all(-rank <= a < rank and input_shape[a] is not None for a in self.axis):
            raise ValueError(
                f"{self.name}: the sizes of axis={self.axis} must be known. Received: input_shape={tuple(input_shape)}"
            )
        kept = sorted(a % rank for a in self.axis)
        self._reduced = tuple(a for a in range(rank) if a not in kept)
        self._broadcast = tuple(n if a in kept else 1 for a, n in enumerate(input_shape))
        if self.input_mean is None:
            shape = [input_shape[a] for a in kept]
            self.adapt_mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(shape, "ones", trainable=False, name="variance")
            self.count = self.add_weight(
                (), "zeros", "int32", trainable=False, name="count"
            )  # unused; saved files of Keras contain it
        else:
            self._mean, self._variance = (self._placed(numbers) for numbers in (self.input_mean, self.input_variance))

    def _placed(self, numbers: Array) -> np.ndarray:
        """Return an array, whose axes belong to the last axes in `axis`, in a shape that broadcasts against inputs."""
        array = np.asarray(numbers, self.dtype)
        rank = len(self._broadcast)
        kept = [a for a in range(rank) if a not in self._reduced][-array.ndim or rank :]
        sizes = dict(zip(kept, array.shape))
        return array.reshape([sizes.get(a, 1) for a in range(rank)])

    @property
    def mean(self) -> Array:
        """The mean, in a shape that broadcasts against inputs. Raises ValueError if the layer is not built."""
        self._check_built()
        return self._mean if self.input_mean is not None else ops.reshape(self.adapt_mean, self._broadcast)

    @property
    def variance(self) -> Array:
        """The variance, in a shape that broadcasts against inputs. Raises ValueError if the layer is not built."""
        self._check_built()
        return self._variance if self.input_mean is not None else ops.reshape(self.adapt_variance, self._broadcast)

    def _check_built(self) -> None:
        if not self.built:
            raise ValueError(f"{self.name}: the layer must be built by a call, build(input_shape) or adapt(data)")

    def adapt(self, data: Array) -> None:
        """Compute the mean and the variance from data.

        Args:
            data: an array, or an iterable of batches such as a `Dataset` or a `PyDataset`. Batches are x, (x, y) or
                (x, y, sample_weight).

        Raises:
            ValueError: if mean and variance were given, if there is no data, or if its shape does not fit the inputs.
        """
        if self.input_mean is not None:
            raise ValueError(f"{self.name}: adapt must not be called if mean and variance were given")
        count, mean, squares = 0, np.float64(0), np.float64(0)
        for batch in batches_of(data):
            self._fit_to(batch.shape)
            n = math.prod(batch.shape[a] for a in self._reduced)
            if not n:
                continue
            distance = batch.mean(self._reduced, dtype="float64") - mean
            count += n
            squares = squares + batch.var(self._reduced, dtype="float64") * n + distance**2 * n * (count - n) / count
            mean = mean + distance * n / count
        if not count:
            raise ValueError(f"{self.name}: adapt needs data. Received: none")
        assign_all([(self.adapt_mean, mean), (self.adapt_variance, squares / count)])

    def _fit_to(self, shape: tuple[int, ...]) -> None:
        if not self.built:
            self.build(shape)
        if len(shape) != len(self._broadcast) or any(
            n != shape[a] for a, n in enumerate(self._broadcast) if a not in self._reduced
        ):
            raise ValueError(
                f"{self.name}: data must have the shape of the inputs for axis={self.axis}, "
                f"{self.build_shape}. Received: shape={shape}"
            )

    def call(self, inputs: Array) -> Array:
        mean, variance = self.mean, ops.maximum(self.variance, config.epsilon() ** 2)
        if not self.invert and inputs.ndim and max(mean.shape[:-1], default=1) == 1:  # one pass over the inputs
            mean, variance = (ops.broadcast_to(ops.reshape(a, (-1,)), inputs.shape[-1:]) for a in (mean, variance))
            return ops.batch_normalization(inputs, mean, variance, -1, epsilon=0.0)
        deviation = ops.sqrt(variance)
        if self.invert:
            return ops.add(ops.multiply(inputs, deviation), mean)
        return ops.divide(ops.subtract(inputs, mean), deviation)


def batches_of(data: Array) -> Iterator[np.ndarray]:
    """Yield the inputs of batches x, (x, y) or (x, y, sample_weight). An array is a single batch."""
    if hasattr(data, "shape") or isinstance(data, (list, tuple)) or not isinstance(data, Iterable):
        yield np.asarray(data)
        return
    for batch in data:
        yield np.asarray(batch[0] if isinstance(batch, tuple) else batch)


# ---- images ----------------------------------------------------------------------------------------------------------


class ImageLayer(Layer):
    """Base class of layers that return images of a given size.

    Inputs are batches (N, H, W, C), or (N, C, H, W) if channels come first, or single images without N.

    Args:
        height: int, the height of the output in pixels.
        width: int, the width of the output in pixels.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = check_count(self, "height", height)
        self.width = check_count(self, "width", width)
        self.data_format = config.standardize_data_format(data_format)


@register("layer")
class Resizing(ImageLayer):
    """Resize images.

    Integer images stay integers: results are rounded and clipped to the range of the dtype.

    Shapes, channels last: x (N, H, W, C) or (H, W, C), y (N, height, width, C) or (height, width, C).

    Args:
        height: int, the height of the output in pixels.
        width: int, the width of the output in pixels.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5". Defaults to "bilinear".
        crop_to_aspect_ratio: bool, whether to first crop the images to the largest central part that has the aspect
            ratio of the output. Defaults to False.
        pad_to_aspect_ratio: bool, whether to first pad the images to the aspect ratio of the output. Defaults to False.
        fill_mode: only "constant", padding with `fill_value`.
        fill_value: float, the value of padding. Defaults to 0.
        antialias: bool, whether all pixels contribute if images are made smaller. Defaults to False.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if a size is below 1, if the interpolation or fill mode is unknown, or if both cropping and padding
            are requested.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Resizing(32, 24)(np.zeros((1, 28, 28, 3))).shape
        (1, 32, 24, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, data_format, **kwargs)
        self.interpolation = as_choice(self, "interpolation", interpolation, INTERPOLATIONS)
        self.crop_to_aspect_ratio = as_flag(self, "crop_to_aspect_ratio", crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = as_flag(self, "pad_to_aspect_ratio", pad_to_aspect_ratio)
        self.fill_mode = as_choice(self, "fill_mode", fill_mode, ("constant",))
        self.fill_value = as_number(self, "fill_value", fill_value)
        self.antialias = as_flag(self, "antialias", antialias)

    def _cast(self, tree: Tree) -> Tree:
        is_whole = isinstance(tree, np.ndarray) and tree.dtype.kind in "iu"
        return tree if is_whole or isinstance(tree, (KerasTensor, Variable)) else super()._cast(tree)

    def call(self, inputs: Array) -> Array:
        y = ops.image.resize(
            inputs,
            (self.height, self.width),
            self.interpolation,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )
        if inputs.dtype.kind not in "iu":
            return y
        limits = np.iinfo(inputs.dtype)
        return ops.cast(ops.clip(ops.round(y), limits.min, limits.max), inputs.dtype)


@register("layer")
class CenterCrop(ImageLayer):
    """Crop images to their centre.

    If an image is smaller than the output, its largest central part with the aspect ratio of the output is resized.

    Shapes, channels last: x (N, H, W, C) or (H, W, C), y (N, height, width, C) or (height, width, C).

    Args:
        height: int, the height of the output in pixels.
        width: int, the width of the output in pixels.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if a size is below 1.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.CenterCrop(2, 2)(np.arange(16.0).reshape(1, 4, 4, 1)).ravel().tolist()
        [5.0, 6.0, 9.0, 10.0]
    """

    def call(self, inputs: Array) -> Array:
        return middle(inputs, self.height, self.width, self.data_format)


def middle(images: Array, height: int, width: int, data_format: str) -> Array:
    """Return the centre of images; see `CenterCrop`."""
    h, w = sides(images, data_format)
    if h < height or w < width:
        return ops.image.resize(images, (height, width), crop_to_aspect_ratio=True, data_format=data_format)
    top, left = (h - height) // 2, (w - width) // 2
    part = (..., slice(top, top + height), slice(left, left + width))
    return images[(*part, slice(None)) if data_format == "channels_last" else part]


def sides(images: Array, data_format: str) -> tuple[int, int]:
    """Return (H, W) of an image or a batch. Raises ValueError unless it has 3 or 4 axes."""
    if len(images.shape) not in (3, 4):
        raise ValueError(f"Images must have 3 axes, or 4 in a batch. Received: images.shape={tuple(images.shape)}")
    h, w = images.shape[-3:-1] if data_format == "channels_last" else images.shape[-2:]
    return h, w
