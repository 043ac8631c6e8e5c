"""ImageDataGenerator: random augmentation and normalization of images."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastconv.config as config
from fastconv.arguments import as_integer, as_number, as_pair, optional, plain
from fastconv.preprocessing.iterators import DirectoryIterator, NumpyArrayIterator
from fastconv.preprocessing.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    check_sampling,
    source_of,
)
from fastconv.typing import ArrayLike, DTypeLike

Array = np.ndarray
Transform = dict[str, Any]


class ImageDataGenerator:
    """Generate batches of randomly augmented images, with Keras's arguments and results.

    `flow` reads images from arrays, `flow_from_directory` from a folder. Random numbers come from NumPy's global state,
    which scripts may seed, or from a `seed` if it is given.

    Args:
        featurewise_center: bool. Whether to subtract the mean of each channel over the images given to `fit`.
            Default: False.
        samplewise_center: bool. Whether to subtract each image's mean. Default: False.
        featurewise_std_normalization: bool. Whether to divide by the standard deviation of each channel over the images
            given to `fit`. Default: False.
        samplewise_std_normalization: bool. Whether to divide by each image's standard deviation. Default: False.
        zca_whitening: bool. Whether to remove the correlations between pixels that `fit` found. Default: False.
        zca_epsilon: float. Added to the singular values of the whitening. Default: 1e-6.
        rotation_range: float. The largest rotation, in degrees. Default: 0.
        width_shift_range, height_shift_range: the shift. A float below 1 is the largest fraction of the side; a larger
            float is a number of pixels; an int is an exclusive limit in integer pixels; in a list, the possible shifts.
            Default: 0.
        brightness_range: (lowest, highest) factor of the brightness, or None. Default: None.
        shear_range: float. The largest shear, in degrees. Default: 0.
        zoom_range: (lowest, highest) visible part of the sides; a number z means (1 - z, 1 + z). Default: 0.
        channel_shift_range: float. The largest number added to all channels. Default: 0.
        fill_mode: the values outside the image, as in SciPy: "nearest" (default), "constant", "reflect" or "wrap".
        cval: float. The constant of fill_mode="constant". Default: 0.
        horizontal_flip, vertical_flip: bool. Whether to flip half of the images. Default: False.
        rescale: float or None. A factor applied before normalization. Default: None.
        preprocessing_function: function of an image, applied after augmentation and before scaling, or None.
            Default: None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`. Default: None.
        validation_split: float. The fraction of images for subset="validation". Default: 0.
        interpolation_order: 1 for linear interpolation, 0 for the nearest pixel. Default: 1.
        dtype: str or None. The dtype of the images; None means `config.floatx()`. Default: None.

    Raises:
        ValueError: an argument is outside its range.

    Example:
        >>> augment = preprocessing.image.ImageDataGenerator(rotation_range=20, horizontal_flip=True)
        >>> batches = augment.flow(np.zeros((10, 8, 8, 3)), np.arange(10), batch_size=4, shuffle=False)
        >>> x, y = next(batches)
        >>> x.shape, y.tolist()
        ((4, 8, 8, 3), [0, 1, 2, 3])
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: float | Sequence[float] = 0.0,
        height_shift_range: float | Sequence[float] = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], Array] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: DTypeLike | None = None,
    ) -> None:
        check_sampling(fill_mode, interpolation_order)
        zoom = plain(zoom_range)
        if not isinstance(zoom, (list, tuple)):
            zoom = as_number(self, "zoom_range", zoom, below=math.inf)
            zoom = [1 - zoom, 1 + zoom]
        self.featurewise_std_normalization = featurewise_std_normalization and not zca_whitening
        self.featurewise_center = featurewise_center or featurewise_std_normalization or zca_whitening
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = as_number(self, "zca_epsilon", zca_epsilon, 0, below=math.inf)
        self.rotation_range = as_number(self, "rotation_range", rotation_range, below=math.inf)
        self.width_shift_range = _as_shift(self, "width_shift_range", width_shift_range)
        self.height_shift_range = _as_shift(self, "height_shift_range", height_shift_range)
        self.brightness_range = optional(as_pair, self, "brightness_range", brightness_range)
        self.shear_range = as_number(self, "shear_range", shear_range, below=math.inf)
        self.zoom_range = as_pair(self, "zoom_range", zoom)
        self.channel_shift_range = as_number(self, "channel_shift_range", channel_shift_range, below=math.inf)
        self.fill_mode = fill_mode
        self.cval = as_number(self, "cval", cval)
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = optional(as_number, self, "rescale", rescale, below=math.inf)
        self.preprocessing_function = preprocessing_function
        self.data_format = config.standardize_data_format(data_format)
        self.validation_split = as_number(self, "validation_split", validation_split, 0, below=1)
        self.interpolation_order = interpolation_order
        self.dtype = dtype or config.floatx()
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None

    # ---- batches -------------------------------------------------------------------------------------------------

    def flow(
        self,
        x: ArrayLike,
        y: ArrayLike | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: ArrayLike | None = None,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Return endless batches x, (x, y) or (x, y, sample_weight) of arrays; see `NumpyArrayIterator`."""
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            ignore_class_split=ignore_class_split,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Return endless batches of the images in a folder with a subfolder per class; see `DirectoryIterator`."""
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
        )

    # ---- single images -------------------------------------------------------------------------------------------

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> Transform:
        """Draw random parameters for an image of shape `img_shape`, to be passed to `apply_transform`."""
        return self.draw(img_shape, source_of(seed))

    def draw(self, img_shape: Sequence[int], random: Any) -> Transform:
        """Draw the parameters of `get_random_transform` from a `RandomState` or the module `np.random`."""

        def within(size: float) -> float:
            return random.uniform(-size, size) if size else 0

        theta = within(self.rotation_range)
        tx = _shift(self.height_shift_range, img_shape[self.row_axis - 1], random)
        ty = _shift(self.width_shift_range, img_shape[self.col_axis - 1], random)
        shear = within(self.shear_range)
        zx, zy = (1, 1) if self.zoom_range == [1, 1] else random.uniform(*self.zoom_range, 2)
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": (random.random_sample() < 0.5) * self.horizontal_flip,
            "flip_vertical": (random.random_sample() < 0.5) * self.vertical_flip,
            "channel_shift_intensity": within(self.channel_shift_range) if self.channel_shift_range else None,
            "brightness": None if self.brightness_range is None else random.uniform(*self.brightness_range),
        }

    def apply_transform(self, x: Array, transform_parameters: Transform) -> Array:
        """Transform an image by the parameters that `get_random_transform` returns, or some of them.

        Args:
            x: array (H, W, C), or (C, H, W) if channels first.
            transform_parameters: dict with "theta" and "shear" in degrees, "tx", "ty", "zx", "zy", "flip_horizontal",
                "flip_vertical", "channel_shift_intensity" and "brightness"; see `apply_affine_transform`.
        """
        row, column, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        given = transform_parameters
        x = apply_affine_transform(
            x,
            given.get("theta", 0),
            given.get("tx", 0),
            given.get("ty", 0),
            given.get("shear", 0),
            given.get("zx", 1),
            given.get("zy", 1),
            row_axis=row,
            col_axis=column,
            channel_axis=channel,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if given.get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, given["channel_shift_intensity"], channel)
        if given.get("flip_horizontal", False):
            x = np.flip(x, column)
        if given.get("flip_vertical", False):
            x = np.flip(x, row)
        if given.get("brightness") is not None:
            x = apply_brightness_shift(x, given["brightness"], False, channel)
        return x

    def random_transform(self, x: Array, seed: int | None = None) -> Array:
        """Transform an image by random parameters."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    # ---- normalization -------------------------------------------------------------------------------------------

    def standardize(self, x: Array) -> Array:
        """Apply `preprocessing_function` and the normalization to images; x is not modified."""
        x = np.array(x)  # a function may work in place
        x = np.asarray(self.preprocessing_function(x)) if self.preprocessing_function else x
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        if self.rescale:
            x = x * x.dtype.type(self.rescale)
        if self.samplewise_center:
            x = x - x.mean(keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (x.std(keepdims=True) + 1e-6)
        if self.featurewise_center and self._was_fit(self.mean, "featurewise_center"):
            x = x - self.mean
        if self.featurewise_std_normalization and self._was_fit(self.std, "featurewise_std_normalization"):
            x = x / (self.std + 1e-6)
        if self.zca_whitening and self._was_fit(self.zca_whitening_matrix, "zca_whitening"):
            x = (x.reshape(-1, math.prod(x.shape[-3:])) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _was_fit(self, found: Array | None, argument: str) -> bool:
        if found is None:
            warnings.warn(f"ImageDataGenerator: {argument} has no effect before fit(x) is called", stacklevel=3)
        return found is not None

    def fit(self, x: ArrayLike, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute the statistics of images: mean, standard deviation and whitening matrix, as the arguments require.

        Args:
            x: array (N, H, W, C), or (N, C, H, W) if channels first.
            augment: bool. Whether to transform the images randomly first. Default: False.
            rounds: int. The number of random versions per image. Default: 1.
            seed: int or None. If None, NumPy's global state is used. Default: None.

        Raises:
            ValueError: x does not have 4 axes.
        """
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"ImageDataGenerator: fit takes a batch of images, with 4 axes. Received: shape={x.shape}")
        if self.rescale:
            x *= self.rescale
        if augment:
            random, rounds = source_of(seed), as_integer("fit", "rounds", rounds, 1)
            changed = [self.apply_transform(a, self.draw(a.shape, random)) for _ in range(rounds) for a in x]
            x = np.stack(changed).astype(self.dtype)
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = x.mean(axes, keepdims=True)[0]
            x = x - self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(axes, keepdims=True)[0]
            x = x / (self.std + 1e-6)
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (math.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T


def _as_shift(owner: Any, name: str, value: Any) -> Any:
    """Return `value`, a finite number or a list of finite numbers, as Python numbers."""
    given = plain(value)
    if isinstance(given, (list, tuple)) and given:
        return [as_number(owner, name, number, below=math.inf) for number in given]
    return as_number(owner, name, given, 0, below=math.inf)


def _shift(size: Any, side: int, random: Any) -> float:
    """Return a random shift in pixels; `size` is a value of `width_shift_range`."""
    if isinstance(size, float):
        largest, shift = size, random.uniform(-size, size) if size else 0.0
    elif np.ndim(size) or size:
        largest, shift = np.max(size), random.choice(size) * random.choice([-1, 1])
    else:
        return 0
    return shift * side if largest < 1 else shift
