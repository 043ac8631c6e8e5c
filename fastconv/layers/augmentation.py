"""Data augmentation: layers that change images at random, differently in each step.

They are active in training, and if `training` is not given. If it is False, images pass unchanged.
`get_random_transformation` draws the random numbers for a batch, and `transform_images` applies them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_choice, as_number, is_number, plain
from fastconv.layers.base import Layer, check_count
from fastconv.layers.preprocessing import middle, sides
from fastconv.layers.regularization import RandomLayer
from fastconv.ops.image import batch_of, check_sampling, crop_at, flip_some, stretch
from fastconv.serialization import register
from fastconv.typing import Array, Tree

Factor = float | Sequence[float]


class RandomImageLayer(RandomLayer):
    """Base class of layers that change each image of a batch at random.

    Inputs are batches (N, H, W, C), or (N, C, H, W) if channels come first, or single images without N.

    Args:
        seed: int, the seed of the random numbers, or None to draw a seed from `utils.set_random_seed`.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
    """

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Array, training: bool = True) -> Array:
        x, unbatch = batch_of(self.name, inputs)
        return unbatch(self.transform_images(x, self.get_random_transformation(x, training), training))

    def get_random_transformation(self, data: Array, training: bool = True, seed: int | None = None) -> Tree:
        """Draw the random numbers for a batch. Return None if `training` is false.

        Each call draws new numbers unless `seed` is given.
        """
        if not training:
            return None
        return self.draw(data, self.next_seed() if seed is None else np.array([seed], np.uint64))

    def transform_images(self, images: Array, transformation: Tree, training: bool = True) -> Array:
        """Return a batch changed by `transformation`, which `get_random_transformation` has returned."""
        return self.transform(images, transformation) if training else images

    def draw(self, images: Array, seed: Array) -> Tree:
        """Return the transformation of a batch for a seed, (1,) uint64."""
        raise NotImplementedError

    def transform(self, images: Array, transformation: Tree) -> Array:
        """Return a batch changed by a transformation."""
        raise NotImplementedError


@register("layer")
class RandomFlip(RandomImageLayer):
    """Flip images at random, each with probability 1/2.

    Shapes: x and y (N, H, W, C) or (H, W, C), channels last.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical"; the last flips along both axes or not at all.
            Defaults to "horizontal_and_vertical".
        seed: int, the seed of the random numbers, or None to draw a seed from `utils.set_random_seed`.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the mode is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> image = np.array([[[1.0], [2.0]]])
        >>> y = layers.RandomFlip("horizontal", seed=0)(image)
        >>> y.ravel().tolist() in ([1.0, 2.0], [2.0, 1.0])
        True
        >>> layers.RandomFlip("horizontal")(image, training=False).ravel().tolist()
        [1.0, 2.0]
    """

    MODES = ("horizontal", "vertical", "horizontal_and_vertical")

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.mode = as_choice(self, "mode", mode, self.MODES)

    def draw(self, images: Array, seed: Array) -> dict[str, Any]:
        return {"flips": ops.random_uniform((images.shape[0], 1, 1, 1), seed) <= 0.5}

    def transform(self, images: Array, transformation: dict[str, Any]) -> Array:
        flips = ops.reshape(transformation["flips"], (images.shape[0],))
        return flip_some(images, flips, self.mode != "vertical", self.mode != "horizontal", self.data_format)


@register("layer")
class RandomCrop(RandomImageLayer):
    """Crop a batch to a random window, the same for all its images.

    The centre is cropped instead if `training` is False. Images that are not larger than the output are resized as by
    `CenterCrop`.

    Shapes, channels last: x (N, H, W, C) or (H, W, C), y (N, height, width, C) or (height, width, C).

    Args:
        height: int, the height of the output in pixels.
        width: int, the width of the output in pixels.
        seed: int, the seed of the random numbers, or None to draw a seed from `utils.set_random_seed`.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        name: str, the name of the layer, or None to make a unique name.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if a size is below 1.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.RandomCrop(24, 24)(np.zeros((4, 28, 28, 3))).shape
        (4, 24, 24, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, name=name, **kwargs)
        self.height = check_count(self, "height", height)
        self.width = check_count(self, "width", width)

    def draw(self, images: Array, seed: Array) -> tuple[Array, ...] | None:
        h, w = sides(images, self.data_format)
        if h <= self.height or w <= self.width:
            return None
        choices = np.array([h - self.height + 1, w - self.width + 1], "float32")
        starts = ops.cast(ops.random_uniform((2,), seed) * choices, "int32")
        return starts[0], starts[1]

    def transform_images(self, images: Array, transformation: Tree, training: bool = True) -> Array:
        if transformation is None or not training:
            return middle(images, self.height, self.width, self.data_format)
        starts = ops.stack([ops.convert_to_tensor(start) for start in transformation])
        return crop_at(images, starts, (self.height, self.width), self.data_format)


# ---- positions of pixels ---------------------------------------------------------------------------------------------


class RandomAffine(RandomImageLayer):
    """Base class of layers that move pixels by a different affine map for each image."""

    def __init__(
        self,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        check_sampling(type(self).__name__, interpolation, fill_mode)
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = as_number(self, "fill_value", fill_value)

    def matrices(self, images: Array, transformation: dict[str, Any]) -> Array:
        """Return the maps, (N, 8), for `ops.image.affine_transform`."""
        raise NotImplementedError

    def transform(self, images: Array, transformation: dict[str, Any]) -> Array:
        return ops.image.affine_transform(
            images,
            self.matrices(images, transformation),
            self.interpolation,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )


@register("layer")
class RandomTranslation(RandomAffine):
    """Shift images up or down and left or right at random.

    Args:
        height_factor: float or (lowest, highest), the largest shift down as a fraction of the height, from -1 to 1. A
            number f stands for (-f, f).
        width_factor: float or (lowest, highest), the largest shift to the right as a fraction of the width.
        fill_mode: "constant", "nearest", "wrap", "mirror" or "reflect", for pixels outside the image; see
            `ops.image.affine_transform`. Defaults to "reflect".
        interpolation: "nearest" or "bilinear". Defaults to "bilinear".
        seed: int, the seed of the random numbers, or None to draw a seed from `utils.set_random_seed`.
        fill_value: float, the value of pixels from outside if `fill_mode` is "constant". Defaults to 0.
        data_format: "channels_last" or "channels_first". Defaults to `config.image_data_format()`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if a factor is out of its range, or if the fill mode or interpolation is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.RandomTranslation(0.1, 0.1)(np.zeros((4, 28, 28, 3))).shape
        (4, 28, 28, 3)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = plain(height_factor)
        self.width_factor = plain(width_factor)
        self._ranges = [
            both_signs(self, "width_factor", width_factor),
            both_signs(self, "height_factor", height_factor),
        ]

    def draw(self, images: Array, seed: Array) -> dict[str, Any]:
        h, w = sides(images, self.data_format)
        shares = uniform_columns(images.shape[0], self._ranges, seed)
        return {"translations": shares * np.array([w, h], "float32")}

    def matrices(self, images: Array, transformation: dict[str, Any]) -> Array:
        x, y = columns(transformation["translations"], images.shape[0])
        return transforms(1, 0, -x, 0, 1, -y)


@register("layer")
class RandomRotation(RandomAffine):
    """Rotate images around their centre at random.

    Args:
        factor: float or (lowest, highest), the largest angle as a fraction of a full turn. A number f stands for (-f,
            f).
        Others: as in `RandomTranslation`.

    Raises:
        ValueError: if the factor is out of its range, or if the fill mode or interpolation is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.RandomRotation(0.1)(np.zeros((4, 28, 28, 3))).shape  # up to 36 degrees
        (4, 28, 28, 3)
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = factor_range(self, factor, -1)

    def draw(self, images: Array, seed: Array) -> dict[str, Any]:
        low, high = self.factor
        angle = ops.random_uniform((images.shape[0],), seed, 360 * low, 360 * high)
        return {"angle": angle, "rotation_matrix": self._rotation(images, angle * (math.pi / 180))}

    def _rotation(self, images: Array, angle: Array) -> Array:
        """Return maps that rotate around the centre of the image, for angles in radians."""
        h, w = sides(images, self.data_format)
        x, y = (w - 1) / 2, (h - 1) / 2
        cos, sin = ops.cos(angle), ops.sin(angle)
        return transforms(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)

    def matrices(self, images: Array, transformation: dict[str, Any]) -> Array:
        return transformation["rotation_matrix"]


@register("layer")
class RandomZoom(RandomAffine):
    """Zoom images around their centre at random.

    Factors above 0 make the content smaller, factors below 0 make it larger.

    Args:
        height_factor: float or (lowest, highest), the relative change of the height, above -1 and at most 1. A number f
            stands for (-f, f).
        width_factor: float or (lowest, highest), the relative change of the width, or None to zoom both axes alike.
            Defaults to None.
        Others: as in `RandomTranslation`.

    Raises:
        ValueError: if a factor is out of its range, or if the fill mode or interpolation is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.RandomZoom(0.2)(np.zeros((4, 28, 28, 3))).shape
        (4, 28, 28, 3)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = plain(height_factor)
        self.width_factor = plain(width_factor)
        both = {"height_factor": self.height_factor, "width_factor": self.width_factor}
        given = {name: factor for name, factor in both.items() if factor is not None or name == "height_factor"}
        ranges = [both_signs(self, name, factor) for name, factor in given.items()]
        if any(n <= -1 for factor in given.values() for n in (factor if isinstance(factor, Sequence) else (factor,))):
            raise ValueError(f"RandomZoom: factors must be above -1. Received: {height_factor=}, {width_factor=}")
        self._ranges = [(1 + low, 1 + high) for low, high in ranges]

    def draw(self, images: Array, seed: Array) -> dict[str, Any]:
        zooms = uniform_columns(images.shape[0], self._ranges, seed)
        return {"height_zoom": zooms[:, :1], "width_zoom": zooms[:, -1:]}

    def matrices(self, images: Array, transformation: dict[str, Any]) -> Array:
        h, w = sides(images, self.data_format)
        (x,) = columns(transformation["width_zoom"], images.shape[0])
        (y,) = columns(transformation["height_zoom"], images.shape[0])
        return transforms(x, 0, (w - 1) / 2 * (1 - x), 0, y, (h - 1) / 2 * (1 - y))


@register("layer")
class RandomShear(RandomAffine):
    """Shear images at random.

    Args:
        x_factor: float or (lowest, highest) from 0 to 1, the horizontal shift in pixels per pixel of height. Half of
            the images are sheared to the other side. Keras saves a number f as (-f, f), which is also accepted.
            Defaults to 0.
        y_factor: float or (lowest, highest) from 0 to 1, the vertical shift in pixels per pixel of width. Defaults to
            0.
        Others: as in `RandomTranslation`.

    Raises:
        ValueError: if a factor is out of its range, or if the fill mode or interpolation is unknown.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.RandomShear(x_factor=0.2)(np.zeros((4, 28, 28, 3))).shape
        (4, 28, 28, 3)
    """

    def __init__(
        self,
        x_factor: Factor = 0.0,
        y_factor: Factor = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.x_factor = plain(x_factor)
        self.y_factor = plain(y_factor)
        self._ranges = [self._range("x_factor", self.x_factor), self._range("y_factor", self.y_factor)]

    def _range(self, name: str, factor: Factor) -> tuple[float, float]:
        low, high = both_signs(self, name, factor)
        is_negative = factor < 0 if isinstance(factor, (int, float)) else low < 0 and low != -high
        if is_negative:
            raise ValueError(f"RandomShear: {name} must be at least 0. Received: {name}={factor!r}")
        return low, high

    def draw(self, images: Array, seed: Array) -> dict[str, Any]:
        n = images.shape[0]
        x, y, sign = columns(uniform_columns(n, [*self._ranges, (-1, 1)], seed), n)
        return {"shear_factor": ops.stack([x, y], 1) * ops.expand_dims(ops.where(sign > 0, 1.0, -1.0), 1)}

    def matrices(self, images: Array, transformation: dict[str, Any]) -> Array:
        x, y = columns(transformation["shear_factor"], images.shape[0])
        return transforms(1, x, 0, y, 1, 0)


# ---- values of pixels ------------------------------------------------------------------------------------------------


class RandomStretch(RandomImageLayer):
    """Base class of layers that scale and shift the values of each image and clip them to a range."""

    LOWEST = 0.0  # the smallest allowed factor

    def __init__(
        self, factor: Factor, value_range: Sequence[float] = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.factor = factor_range(self, factor, self.LOWEST)
        limits = plain(value_range)
        if not isinstance(limits, (tuple, list)) or len(limits) != 2 or not all(map(is_number, limits)):
            raise ValueError(
                f"{type(self).__name__}: value_range must be (lowest, highest). Received: value_range={value_range!r}"
            )
        self.value_range = tuple(sorted(limits))


@register("layer")
class RandomContrast(RandomStretch):
    """Change the contrast of images at random, y = (x - mean) factor + mean, clipped to a range.

    The mean is computed for each channel of each image.

    Args:
        factor: float or (lower, upper). A factor is drawn from 1 - lower to 1 + upper; a number f stands for (f, f).
        value_range: (lowest, highest) value of the images and of the result. Defaults to (0, 255).
        seed: int, the seed of the random numbers, or None to draw a seed from `utils.set_random_seed`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the factor is out of its range.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> y = layers.RandomContrast(0.5)(np.full((1, 4, 4, 1), 100.0))  # without contrast, nothing changes
        >>> round(float(y.max()), 2)
        100.0
    """

    def draw(self, images: Array, seed: Array) -> dict[str, Any]:
        lower, upper = self.factor
        return {"contrast_factor": ops.random_uniform((images.shape[0], 1, 1, 1), seed, 1 - lower, 1 + upper)}

    def transform(self, images: Array, transformation: dict[str, Any]) -> Array:
        factor = ops.cast(ops.reshape(transformation["contrast_factor"], (images.shape[0], 1)), images.dtype)
        mean = ops.mean(images, (1, 2) if self.data_format == "channels_last" else (2, 3))
        return stretch(images, factor[:, 0], mean * (1 - factor), self.value_range, self.data_format)


@register("layer")
class RandomBrightness(RandomStretch):
    """Change the brightness of images at random, y = x + factor (highest - lowest), clipped to the range of values.

    Args:
        factor: float or (lowest, highest), from -1 (black) to 1 (white). A number f stands for (-f, f).
        value_range: (lowest, highest) value of the images and of the result. Defaults to (0, 255).
        seed: int, the seed of the random numbers, or None to draw a seed from `utils.set_random_seed`.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the factor or the range of values is invalid.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> y = layers.RandomBrightness((1, 1))(np.zeros((1, 4, 4, 1)))
        >>> float(y.min())
        255.0
    """

    LOWEST = -1.0

    def draw(self, images: Array, seed: Array) -> dict[str, Any]:
        low, high = self.factor
        shares = ops.random_uniform((images.shape[0], 1, 1, 1), seed, low, high)
        return {"rgb_delta": shares * (self.value_range[1] - self.value_range[0])}

    def transform(self, images: Array, transformation: dict[str, Any]) -> Array:
        n, channels = images.shape[0], images.shape[3 if self.data_format == "channels_last" else 1]
        delta = ops.cast(ops.reshape(transformation["rgb_delta"], (n, 1)), images.dtype)
        ones = np.ones(n, images.dtype)
        return stretch(images, ones, ops.broadcast_to(delta, (n, channels)), self.value_range, self.data_format)


# ---- helpers ---------------------------------------------------------------------------------------------------------


def factor_range(layer: Layer, factor: Factor, lowest: float) -> tuple[float, float]:
    """Return (low, high) of a factor. A number f stands for (max(-f, lowest), f).

    Raises:
        ValueError: if a number is not from `lowest` to 1, or if a pair has no number in this range.
    """
    low, high = ends(factor)
    if is_number(plain(factor)):
        fits, low = lowest <= plain(factor) <= 1, max(low, lowest)
    else:
        fits = low <= 1 and high >= lowest
    if not fits:
        raise ValueError(
            f"{type(layer).__name__}: factor must be a number from {lowest:g} to 1, or a pair. Received: {factor!r}"
        )
    return low, high


def both_signs(layer: Layer, name: str, factor: Factor) -> tuple[float, float]:
    """Return (low, high) of a factor. A number f stands for (-f, f). Raises ValueError outside [-1, 1]."""
    low, high = ends(factor)
    if not -1 <= low <= high <= 1:
        raise ValueError(
            f"{type(layer).__name__}: {name} must be a number from -1 to 1, or two of them. Received: {name}={factor!r}"
        )
    return low, high


def ends(factor: Factor) -> tuple[float, float]:
    """Return the two numbers of a factor in ascending order, (-|f|, |f|) for a number f, and NaN for anything else."""
    found = plain(factor)
    if is_number(found):
        return -abs(float(found)), abs(float(found))
    if not isinstance(found, (list, tuple)) or len(found) != 2 or not all(map(is_number, found)):
        return math.nan, math.nan
    low, high = sorted(found)
    return low, high


def uniform_columns(n: int, ranges: Sequence[tuple[float, float]], seed: Array) -> Array:
    """Return uniform random numbers, (n, len(ranges)), with a column for each range."""
    low, high = np.array(ranges, "float32").T
    return ops.random_uniform((n, len(ranges)), seed) * (high - low) + low


def columns(x: Array, n: int) -> list[Array]:
    """Return the columns of x, (n, ...)."""
    x = ops.convert_to_tensor(x)
    return [ops.reshape(column, (n,)) for column in ops.split(x, x.shape[1], 1)]


def transforms(*numbers: Array) -> Array:
    """Return maps (N, 8) for six coefficients, which may be numbers or arrays (N,); the last two entries are 0."""
    n = next(len(a) for a in numbers if np.ndim(a) or hasattr(a, "shape"))
    full = [a if hasattr(a, "shape") else np.full(n, a, "float32") for a in (*numbers, 0, 0)]
    return ops.stack(full, 1)
