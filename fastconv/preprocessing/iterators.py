"""Endless batches of images from arrays and folders, transformed by an `ImageDataGenerator`."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastconv.config as config
from fastconv.arguments import as_flag, as_integer, as_seed, as_size
from fastconv.preprocessing.transforms import source_of
from fastconv.typing import ArrayLike, DTypeLike
from fastconv.utils import PyDataset, img_to_array, load_img, save_img
from fastconv.utils.image import class_folders

Array = np.ndarray
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
CLASS_MODES = ("categorical", "binary", "sparse", "input", None)
SUBSETS = ("training", "validation", None)


class Iterator(PyDataset):
    """Base class of endless batches of samples, also available by index. Subclasses define `batch`.

    Args:
        n: int. The number of samples.
        batch_size: int. The number of samples in a batch; the last batch of a pass may be smaller.
        shuffle: bool. Whether each pass has a new random order.
        seed: int or None. If None, NumPy's global state is used.

    Raises:
        ValueError: there are no samples, or the batch size is below 1.

    Example:
        >>> class Indices(preprocessing.image.Iterator):
        ...     def batch(self, indices, random):
        ...         return indices.tolist()
        >>> batches = Indices(5, 2, False, None)
        >>> len(batches), next(batches), batches[2]
        (3, [0, 1], [4])
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if n < 1:
            raise ValueError(f"{type(self).__name__}: there must be images. Received: {n} images")
        self.n = n
        self.batch_size = as_integer(self, "batch_size", batch_size, 1)
        self.shuffle = as_flag(self, "shuffle", shuffle)
        self.seed = None if seed is None else as_seed(self, seed, 2**32 - 1)
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array: Array | None = None
        self.lock = threading.Lock()
        self._random: Any = self._next_random()

    def batch(self, indices: Array, random: Any) -> Any:
        """Return a batch of the samples at `indices`; `random` is a `RandomState` or the module `np.random`."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of batches in a pass."""
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise ValueError(f"There are {len(self)} batches, from 0 on. Received: {index}")
        with self.lock:
            random = self._begin()
            if self.index_array is None:
                self._set_order(random)
            indices = self._indices(index)
        return self.batch(indices, random)

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        with self.lock:
            random = self._begin()
            if self.batch_index == 0:
                self._set_order(random)
            indices = self._indices(self.batch_index)
            self.batch_index = (self.batch_index + 1) % len(self)
        return self.batch(indices, random)

    def reset(self) -> None:
        """Start a new pass."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        """Draw a new order."""
        self._set_order(self._random)

    def _next_random(self) -> Any:
        """Return the source of random numbers for the next batch."""
        return source_of(None if self.seed is None else (self.seed + self.total_batches_seen) % 2**32)

    def _begin(self) -> Any:
        self._random = self._next_random()
        self.total_batches_seen += 1
        return self._random

    def _set_order(self, random: Any) -> None:
        self.index_array = random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _indices(self, number: int) -> Array:
        assert self.index_array is not None
        return self.index_array[self.batch_size * number : self.batch_size * (number + 1)]


class ImageIterator(Iterator):
    """Batches of images that a generator transforms; they are also saved if `save_to_dir` names a folder."""

    def __init__(
        self,
        n: int,
        image_data_generator: Any,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        data_format: str | None,
        save_to_dir: str | os.PathLike[str] | None,
        save_prefix: str,
        save_format: str,
        dtype: DTypeLike | None,
    ) -> None:
        super().__init__(n, batch_size, shuffle, seed)
        self.image_data_generator = image_data_generator
        self.data_format = config.standardize_data_format(data_format)
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.dtype = dtype or config.floatx()

    def image(self, index: int) -> Array:
        """Return an image before its transformation."""
        raise NotImplementedError

    def images(self, indices: Array, random: Any) -> Array:
        """Return images after all transformations of the generator."""
        generator = self.image_data_generator
        changed = []
        for index in indices:
            x = self.image(index)
            x = generator.apply_transform(x, generator.draw(x.shape, random))
            changed.append(generator.standardize(x))
        images = np.stack(changed).astype(self.dtype, copy=False)
        if self.save_to_dir is not None:
            for index, x in zip(indices, images):
                name = f"{self.save_prefix}_{index}_{random.randint(10**7)}.{self.save_format}"
                save_img(Path(self.save_to_dir) / name, x, self.data_format)
        return images


class NumpyArrayIterator(ImageIterator):
    """Endless batches x, (x, y) or (x, y, sample_weight) of arrays.

    Args:
        x: images (N, H, W, C), or (N, C, H, W) if channels first; or (images, others), with arrays that are passed on
            unchanged.
        y: targets, or None.
        image_data_generator: the generator that transforms the images.
        batch_size: int. The number of images in a batch. Default: 32.
        shuffle: bool. Whether each pass has a new random order. Default: False.
        sample_weight: a weight per image, or None. Default: None.
        seed: int or None. If None, NumPy's global state is used. Default: None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`. Default: None.
        save_to_dir: folder in which the images of every batch are saved, or None. Default: None.
        save_prefix, save_format: the beginning and the ending of their names. Default: "" and "png".
        subset: "training", "validation" or None. The generator's `validation_split` gives the size of the validation
            set, which comes first. Default: None.
        ignore_class_split: bool. Whether the subsets may have different classes. Default: False.
        dtype: str or None. The dtype of the images; None means `config.floatx()`. Default: None.

    Raises:
        ValueError: the arrays do not fit together, or the subsets have different classes.

    Example:
        >>> generator = preprocessing.image.ImageDataGenerator(rescale=1 / 255)
        >>> batches = preprocessing.image.NumpyArrayIterator(np.full((3, 2, 2, 1), 255), None, generator, batch_size=2)
        >>> next(batches).ravel().tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike | None,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: ArrayLike | None = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: DTypeLike | None = None,
    ) -> None:
        images, others = x if isinstance(x, (tuple, list)) else (x, [])
        others = others if isinstance(others, list) else [others]
        arrays: list[Any] = [None if a is None else np.asarray(a) for a in (images, y, sample_weight, *others)]
        if arrays[0] is None or arrays[0].ndim != 4:
            raise ValueError(f"flow: images must have 4 axes, (N, H, W, C). Received: x.shape={np.shape(images)}")
        lengths = [len(a) for a in arrays if a is not None]
        if len(set(lengths)) != 1:
            raise ValueError(f"flow: all arrays must have one length. Received: lengths={lengths}")
        if check_subset(subset) is not None:
            cut = int(lengths[0] * image_data_generator.validation_split)
            targets = arrays[1]
            if targets is not None and not ignore_class_split:
                check_classes(targets[:cut], targets[cut:])
            part = slice(cut) if subset == "validation" else slice(cut, None)
            arrays = [None if a is None else a[part] for a in arrays]
        super().__init__(
            len(arrays[0]),
            image_data_generator,
            batch_size,
            shuffle,
            seed,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            dtype,
        )
        self.x: Array = np.asarray(arrays[0], self.dtype)
        self.y, self.sample_weight, *self.x_misc = arrays[1:]

    def image(self, index: int) -> Array:
        return self.x[index]

    def batches(self, shuffle: bool = False) -> Any:
        """Yield all batches; inputs without targets become a tuple, since a list would mean inputs and targets."""
        for batch in super().batches(shuffle):
            yield (batch,) if self.y is None else batch

    def batch(self, indices: Array, random: Any) -> Any:
        images = self.images(indices, random)
        inputs = [images, *(a[indices] for a in self.x_misc)] if self.x_misc else images
        if self.y is None:
            return inputs
        targets = self.y[indices]
        return (inputs, targets) if self.sample_weight is None else (inputs, targets, self.sample_weight[indices])


class DirectoryIterator(ImageIterator):
    """Endless batches (images, labels) from a folder with a subfolder per class.

    Args:
        directory: str or path. The folder.
        image_data_generator: the generator that transforms the images.
        target_size: (height, width) to which all images are resized. Default: (256, 256).
        color_mode: "grayscale", "rgb" or "rgba". Default: "rgb".
        classes: list of the subfolders to read, in the order of their labels, or None for all in alphabetical order,
            except hidden folders (names that begin with a dot). Default: None.
        class_mode: the labels: "categorical" (one-hot, the default), "binary" or "sparse" (numbers), "input" (the
            images themselves), or None for no labels.
        batch_size: int. The number of images in a batch. Default: 32.
        shuffle: bool. Whether each pass has a new random order; if False, the order is alphabetical. Default: True.
        seed: int or None. If None, NumPy's global state is used. Default: None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`. Default: None.
        save_to_dir: folder in which the images of every batch are saved, or None. Default: None.
        save_prefix, save_format: the beginning and the ending of their names. Default: "" and "png".
        follow_links: bool. Whether to follow links to folders. Default: False.
        subset: "training", "validation" or None. The generator's `validation_split` gives the size of the validation
            set, the first images of each class. Default: None.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "hamming" or "box". Default: "nearest".
        keep_aspect_ratio: bool. Whether to crop images to the proportions of `target_size` first. Default: False.
        dtype: str or None. The dtype of the images; None means `config.floatx()`. Default: None.

    Attributes:
        class_indices: dict from the classes' names to labels.
        classes: the label of each image.
        filenames: the images' paths within the folder.
        samples: the number of images.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: a mode is unknown, or the folder has no images.

    Example:
        >>> generator = preprocessing.image.ImageDataGenerator(rescale=1 / 255)
        >>> batches = generator.flow_from_directory("cats_and_dogs", target_size=(128, 128))  # doctest: +SKIP
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: DTypeLike | None = None,
    ) -> None:
        if color_mode not in CHANNELS:
            raise ValueError(f"color_mode must be one of {', '.join(CHANNELS)}. Received: color_mode={color_mode!r}")
        if class_mode not in CLASS_MODES:
            raise ValueError(f"class_mode must be one of {CLASS_MODES}. Received: class_mode={class_mode!r}")
        share = image_data_generator.validation_split
        ends = {"validation": (0, share), "training": (share, 1), None: (0, 1)}[check_subset(subset)]
        names = class_folders(directory, classes or None)
        self.class_indices = {name: label for label, name in enumerate(names)}
        self.num_classes = len(names)
        found = [
            (os.path.relpath(path, directory), label)
            for name, label in self.class_indices.items()
            for path in part_of(images_below(Path(directory) / name, follow_links), *ends)
        ]
        print(f"Found {len(found)} images belonging to {self.num_classes} classes.")
        super().__init__(
            len(found),
            image_data_generator,
            batch_size,
            shuffle,
            seed,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            dtype,
        )
        self.directory = directory
        self.target_size = as_size(self, "target_size", target_size)
        self.color_mode = color_mode
        self.class_mode = class_mode
        self.interpolation = interpolation
        self.keep_aspect_ratio = keep_aspect_ratio
        self.samples = len(found)
        self.filenames = [name for name, _ in found]
        self.filepaths = [os.path.join(directory, name) for name in self.filenames]
        self.classes = np.array([label for _, label in found], "int32")
        last = self.data_format == "channels_last"
        channels = (CHANNELS[color_mode],)
        self.image_shape = (*self.target_size, *channels) if last else (*channels, *self.target_size)

    @property
    def labels(self) -> Array:
        """The label of each image."""
        return self.classes

    def image(self, index: int) -> Array:
        image = load_img(
            self.filepaths[index], self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio
        )
        return img_to_array(image, self.data_format, self.dtype)

    def batch(self, indices: Array, random: Any) -> Any:
        images = self.images(indices, random)
        if self.class_mode is None:
            return images
        if self.class_mode == "input":
            return images, images.copy()
        labels = self.classes[indices]
        if self.class_mode == "categorical":
            return images, np.eye(self.num_classes, dtype=self.dtype)[labels]
        return images, labels.astype(self.dtype)


def images_below(folder: Path, follow_links: bool) -> list[str]:
    """Return the paths of the images in a folder and its subfolders, sorted by folder, then by name."""
    walk = sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0])
    return [os.path.join(root, f) for root, _, files in walk for f in sorted(files) if f.lower().endswith(SUFFIXES)]


def part_of(paths: list[str], start: float, end: float) -> list[str]:
    """Return the paths from the fraction `start` to the fraction `end` of the list."""
    return paths[int(start * len(paths)) : int(end * len(paths))]


def check_subset(subset: str | None) -> str | None:
    """Return `subset`. Raises ValueError unless it is in `SUBSETS`."""
    if subset not in SUBSETS:
        raise ValueError(f"subset must be 'training', 'validation' or None. Received: subset={subset!r}")
    return subset


def check_classes(first: Array, second: Array) -> None:
    """Raise ValueError if two subsets of the targets have different classes."""
    if not np.array_equal(np.unique(first), np.unique(second)):
        raise ValueError(
            "flow: training and validation must have the same classes; shuffle the arrays first, or pass "
            "ignore_class_split=True"
        )
