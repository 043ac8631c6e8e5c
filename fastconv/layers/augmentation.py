"""Layers that change images at random, each in another way in every step, so that a model sees more of them.

They work in training, and where nobody says otherwise; with training=False images pass as they are. What is drawn for a
batch, and what is done with it, are methods of their own: `get_random_transformation` and `transform_images`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import config, ops
from fastconv.arguments import as_choice, as_number, is_number, plain
from fastconv.layers.base import check_count
from fastconv.layers.preprocessing import middle, sides
from fastconv.layers.regularization import RandomLayer
from fastconv.ops.image import batch_of, check_sampling, crop_at, flip_some, stretch
from fastconv.serialization import register

Factor = float | Sequence[float]


class RandomImageLayer(RandomLayer):
    """A layer that changes images (N, H, W, C), or (N, C, H, W), each by numbers of its own; or one image without N.

    Args:
        seed: what is drawn from; taken from `utils.set_random_seed` when None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
    """

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.data_format = config.standardize_data_format(data_format)

    def call(self, inputs: Any, training: bool = True) -> Any:
        x, unbatch = batch_of(self.name, inputs)
        return unbatch(self.transform_images(x, self.get_random_transformation(x, training), training))

    def get_random_transformation(self, data: Any, training: bool = True, seed: int | None = None) -> Any:
        """What is drawn for a batch, others in every call unless `seed` is given; None without training."""
        if not training:
            return None
        return self.draw(data, self.next_seed() if seed is None else np.array([seed], np.uint64))

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """A batch changed as `transformation` says, which `get_random_transformation` has returned."""
        return self.transform(images, transformation) if training else images

    def draw(self, images: Any, seed: Any) -> Any:
        """The transformation of a batch from a seed, (1,) uint64."""
        raise NotImplementedError

    def transform(self, images: Any, transformation: Any) -> Any:
        """A batch after the transformation."""
        raise NotImplementedError


@register("layer")
class RandomFlip(RandomImageLayer):
    """Half of the images, mirrored.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical", which does both or nothing.
        seed: what is drawn from; taken from `utils.set_random_seed` when None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: an unknown mode.
    """

    ARGUMENTS = ("mode", "seed", "data_format")
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

    def draw(self, images: Any, seed: Any) -> dict:
        return {"flips": ops.random_uniform((images.shape[0], 1, 1, 1), seed) <= 0.5}

    def transform(self, images: Any, transformation: dict) -> Any:
        flips = ops.reshape(transformation["flips"], (images.shape[0],))
        return flip_some(images, flips, self.mode != "vertical", self.mode != "horizontal", self.data_format)


@register("layer")
class RandomCrop(RandomImageLayer):
    """A part of images, the same for a batch; without training, and of images that are not larger, the middle.

    Args:
        height, width: of the result. Smaller images are resized as by `CenterCrop`.
        seed: what is drawn from; taken from `utils.set_random_seed` when None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: a size below 1.
    """

    ARGUMENTS = ("height", "width", "seed", "data_format")

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

    def draw(self, images: Any, seed: Any) -> tuple | None:
        h, w = sides(images, self.data_format)
        if h <= self.height or w <= self.width:
            return None
        room = np.array([h - self.height + 1, w - self.width + 1], "float32")
        starts = ops.cast(ops.random_uniform((2,), seed) * room, "int32")
        return starts[0], starts[1]

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        if transformation is None or not training:
            return middle(images, self.height, self.width, self.data_format)
        starts = ops.stack([ops.convert_to_tensor(start) for start in transformation])
        return crop_at(images, starts, (self.height, self.width), self.data_format)


# ---- places ----------------------------------------------------------------------------------------------------------


class RandomAffine(RandomImageLayer):
    """A layer that moves pixels by an affine map, another for each image."""

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

    def matrices(self, images: Any, transformation: dict) -> Any:
        """(N, 8), for `ops.image.affine_transform`."""
        raise NotImplementedError

    def transform(self, images: Any, transformation: dict) -> Any:
        return ops.image.affine_transform(
            images,
            self.matrices(images, transformation),
            self.interpolation,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )


AFFINE_ARGUMENTS = ("fill_mode", "interpolation", "seed", "fill_value", "data_format")


@register("layer")
class RandomTranslation(RandomAffine):
    """Images moved up and down, left and right.

    Args:
        height_factor, width_factor: how far at most, as a share of the image's side: a number for both directions, or
            (lowest, highest), from -1 to 1; down and to the right is positive.
        fill_mode, interpolation, fill_value: see `ops.image.affine_transform`.
        seed: what is drawn from; taken from `utils.set_random_seed` when None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: a factor out of its range, or an unknown fill_mode or interpolation.
    """

    ARGUMENTS = ("height_factor", "width_factor", *AFFINE_ARGUMENTS)

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

    def draw(self, images: Any, seed: Any) -> dict:
        h, w = sides(images, self.data_format)
        shares = uniform_columns(images.shape[0], self._ranges, seed)
        return {"translations": shares * np.array([w, h], "float32")}

    def matrices(self, images: Any, transformation: dict) -> Any:
        x, y = columns(transformation["translations"], images.shape[0])
        return transforms(1, 0, -x, 0, 1, -y)


@register("layer")
class RandomRotation(RandomAffine):
    """Images turned around their middle.

    Args:
        factor: how far at most, in whole turns: a number for both directions, or (lowest, highest).
        fill_mode, interpolation, fill_value: see `ops.image.affine_transform`.
        seed: what is drawn from; taken from `utils.set_random_seed` when None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: a factor out of its range, or an unknown fill_mode or interpolation.
    """

    ARGUMENTS = ("factor", *AFFINE_ARGUMENTS)

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

    def draw(self, images: Any, seed: Any) -> dict:
        low, high = self.factor
        angle = ops.random_uniform((images.shape[0],), seed, 360 * low, 360 * high)
        return {"angle": angle, "rotation_matrix": self._turn(images, angle * (math.pi / 180))}

    def _turn(self, images: Any, angle: Any) -> Any:
        """The middle of the image stays where it is."""
        h, w = sides(images, self.data_format)
        x, y = (w - 1) / 2, (h - 1) / 2
        cos, sin = ops.cos(angle), ops.sin(angle)
        return transforms(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)

    def matrices(self, images: Any, transformation: dict) -> Any:
        return transformation["rotation_matrix"]


@register("layer")
class RandomZoom(RandomAffine):
    """Images made smaller (factors above 0) or larger (below 0) around their middle.

    Args:
        height_factor, width_factor: by how much at most: a number for both directions, or (lowest, highest), above -1
            and at most 1. With width_factor=None both sides are zoomed alike.
        fill_mode, interpolation, fill_value: see `ops.image.affine_transform`.
        seed: what is drawn from; taken from `utils.set_random_seed` when None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Raises:
        ValueError: a factor out of its range, or an unknown fill_mode or interpolation.
    """

    ARGUMENTS = ("height_factor", "width_factor", *AFFINE_ARGUMENTS)

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

    def draw(self, images: Any, seed: Any) -> dict:
        zooms = uniform_columns(images.shape[0], self._ranges, seed)
        return {"height_zoom": zooms[:, :1], "width_zoom": zooms[:, -1:]}

    def matrices(self, images: Any, transformation: dict) -> Any:
        h, w = sides(images, self.data_format)
        (x,) = columns(transformation["width_zoom"], images.shape[0])
        (y,) = columns(transformation["height_zoom"], images.shape[0])
        return transforms(x, 0, (w - 1) / 2 * (1 - x), 0, y, (h - 1) / 2 * (1 - y))


@register("layer")
class RandomShear(RandomAffine):
    """Images leaning to one side.

    Args:
        x_factor, y_factor: how far at most a pixel moves for each pixel of the other axis, from 0 to 1: a number or
            (lowest, highest). Half of the images lean to the other side. A number x may also be written (-x, x), as
            Keras does in files, although it does not read these.
        interpolation, fill_mode, fill_value: see `ops.image.affine_transform`.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        seed: what is drawn from; taken from `utils.set_random_seed` when None.

    Raises:
        ValueError: a factor out of its range, or an unknown fill_mode or interpolation.
    """

    ARGUMENTS = ("x_factor", "y_factor", *AFFINE_ARGUMENTS)

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
        self._ranges = [self._lean("x_factor", self.x_factor), self._lean("y_factor", self.y_factor)]

    def _lean(self, name: str, factor: Factor) -> tuple[float, float]:
        low, high = both_signs(self, name, factor)
        is_negative = factor < 0 if isinstance(factor, (int, float)) else low < 0 and low != -high
        if is_negative:
            raise ValueError(f"RandomShear: {name} must be at least 0. Received: {name}={factor!r}")
        return low, high

    def draw(self, images: Any, seed: Any) -> dict:
        n = images.shape[0]
        x, y, sign = columns(uniform_columns(n, [*self._ranges, (-1, 1)], seed), n)
        return {"shear_factor": ops.stack([x, y], 1) * ops.expand_dims(ops.where(sign > 0, 1.0, -1.0), 1)}

    def matrices(self, images: Any, transformation: dict) -> Any:
        x, y = columns(transformation["shear_factor"], images.shape[0])
        return transforms(1, x, 0, y, 1, 0)


# ---- values ----------------------------------------------------------------------------------------------------------


class RandomStretch(RandomImageLayer):
    """A layer that gives the values of each image another scale and shift, and cuts them to a range."""

    ARGUMENTS = ("factor", "value_range", "seed", "data_format")
    LOWEST = 0.0  # of a factor

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
    """(x - mean) times a factor + mean, with the mean of each channel of each image, cut to a range.

    Args:
        factor: how far from 1 the factors lie: a number for up to 1 + factor, or (lower, upper) for 1 - lower up to
            1 + upper, as in Keras 3.
        value_range: (lowest, highest) value of the images, and of the result.
        seed: what is drawn from; taken from `utils.set_random_seed` when None.

    Raises:
        ValueError: a factor out of its range.
    """

    def draw(self, images: Any, seed: Any) -> dict:
        lower, upper = self.factor
        return {"contrast_factor": ops.random_uniform((images.shape[0], 1, 1, 1), seed, 1 - lower, 1 + upper)}

    def transform(self, images: Any, transformation: dict) -> Any:
        factor = ops.cast(ops.reshape(transformation["contrast_factor"], (images.shape[0], 1)), images.dtype)
        mean = ops.mean(images, (1, 2) if self.data_format == "channels_last" else (2, 3))
        return stretch(images, factor[:, 0], mean * (1 - factor), self.value_range, self.data_format)


@register("layer")
class RandomBrightness(RandomStretch):
    """x plus a part of the range of values, cut to that range.

    Args:
        factor: the part at most: a number for both directions, or (lowest, highest), from -1, black, to 1, white.
        value_range: (lowest, highest) value of the images, and of the result.
        seed: what is drawn from; taken from `utils.set_random_seed` when None.

    Raises:
        ValueError: a factor or range out of its range.
    """

    LOWEST = -1.0

    def draw(self, images: Any, seed: Any) -> dict:
        low, high = self.factor
        shares = ops.random_uniform((images.shape[0], 1, 1, 1), seed, low, high)
        return {"rgb_delta": shares * (self.value_range[1] - self.value_range[0])}

    def transform(self, images: Any, transformation: dict) -> Any:
        n, channels = images.shape[0], images.shape[3 if self.data_format == "channels_last" else 1]
        delta = ops.cast(ops.reshape(transformation["rgb_delta"], (n, 1)), images.dtype)
        ones = np.ones(n, images.dtype)
        return stretch(images, ones, ops.broadcast_to(delta, (n, channels)), self.value_range, self.data_format)


# ---- helpers ---------------------------------------------------------------------------------------------------------


def factor_range(layer: Any, factor: Factor, lowest: float) -> tuple[float, float]:
    """(low, high) of a factor; of a single number -factor, but at least `lowest`, to factor, from there to 1.

    Raises:
        ValueError: a number out of that range, or a pair that has nothing in common with it.
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


def both_signs(layer: Any, name: str, factor: Factor) -> tuple[float, float]:
    """(low, high) of a factor; of a single number -factor to factor. Raises ValueError outside [-1, 1]."""
    low, high = ends(factor)
    if not -1 <= low <= high <= 1:
        raise ValueError(
            f"{type(layer).__name__}: {name} must be a number from -1 to 1, or two of them. Received: {name}={factor!r}"
        )
    return low, high


def ends(factor: Factor) -> tuple[float, float]:
    """The two numbers of a factor in order; -factor and factor for a single one; NaN for anything else."""
    found = plain(factor)
    if is_number(found):
        return -abs(float(found)), abs(float(found))
    if not isinstance(found, (list, tuple)) or len(found) != 2 or not all(map(is_number, found)):
        return math.nan, math.nan
    low, high = sorted(found)
    return low, high


def uniform_columns(n: int, ranges: Sequence[tuple[float, float]], seed: Any) -> Any:
    """(n, len(ranges)): numbers from each of the ranges."""
    low, high = np.array(ranges, "float32").T
    return ops.random_uniform((n, len(ranges)), seed) * (high - low) + low


def columns(x: Any, n: int) -> list:
    """The columns of x, (n, ..)."""
    x = ops.convert_to_tensor(x)
    return [ops.reshape(column, (n,)) for column in ops.split(x, x.shape[1], 1)]


def transforms(*numbers: Any) -> Any:
    """(N, 8), the last two 0, of six numbers, which may be arrays (N,)."""
    n = next(len(a) for a in numbers if np.ndim(a) or hasattr(a, "shape"))
    full = [a if hasattr(a, "shape") else np.full(n, a, "float32") for a in (*numbers, 0, 0)]
    return ops.stack(full, 1)
