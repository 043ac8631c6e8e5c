"""Batches of images without end, from arrays and from folders, changed by an `ImageDataGenerator`."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastconv import config
from fastconv.arguments import as_flag, as_integer, as_seed, as_size
from fastconv.preprocessing.transforms import source_of
from fastconv.utils import PyDataset, img_to_array, load_img, save_img
from fastconv.utils.image import class_folders

Array = np.ndarray
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
CLASS_MODES = ("categorical", "binary", "sparse", "input", None)
SUBSETS = ("training", "validation", None)


class Iterator(PyDataset):
    """Batches by their numbers, or one after another without end. Subclasses make one of some samples, in `batch`.

    Args:
        n: how many samples there are.
        batch_size: how many a batch has; the last one of a pass may have fewer.
        shuffle: whether each pass has another order.
        seed: what is drawn from; NumPy's global state when None.

    Raises:
        ValueError: there is no sample, or a batch size below 1.
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
        """A batch of the samples at `indices`, with what is drawn from a `RandomState` or the module `np.random`."""
        raise NotImplementedError

    def __len__(self) -> int:
        """How many batches a pass has."""
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
        """Let the next pass begin."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        """Take another order."""
        self._set_order(self._random)

    def _next_random(self) -> Any:
        """What the next batch is drawn from."""
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
    """Batches whose images a generator changes, and which are kept in a folder where `save_to_dir` names one."""

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
        dtype: str | None,
    ) -> None:
        super().__init__(n, batch_size, shuffle, seed)
        self.image_data_generator = image_data_generator
        self.data_format = config.standardize_data_format(data_format)
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.dtype = dtype or config.floatx()

    def image(self, index: int) -> Array:
        """One image, as it is before it is changed."""
        raise NotImplementedError

    def images(self, indices: Array, random: Any) -> Array:
        """Images after everything that the generator does to them."""
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
    """Batches x, (x, y) or (x, y, weights) of arrays.

    Args:
        x: images (N, H, W, C), or (N, C, H, W); or (images, others), where others are arrays that go along unchanged.
        y: targets, or None.
        image_data_generator: what changes the images.
        batch_size: how many a batch has.
        shuffle: whether each pass has another order.
        sample_weight: a weight for each image, or None.
        seed: what is drawn from; NumPy's global state when None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        save_to_dir, save_prefix, save_format: a folder for the images of every batch, and how its files are called.
        subset: "training" or "validation", by the generator's `validation_split`; the validation comes first.
        ignore_class_split: whether the parts may have different classes.
        dtype: of the images; `config.floatx()` when None.

    Raises:
        ValueError: arrays that do not fit together, or parts with different classes.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: str | None = None,
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
        """All batches; inputs without targets in a tuple, since a list would be inputs and targets."""
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
    """Batches (images, labels) of a folder that has a folder for each class.

    Args:
        directory: the folder.
        image_data_generator: what changes the images.
        target_size: (height, width) to which all are resized.
        color_mode: "grayscale", "rgb" or "rgba".
        classes: the folders to read, all or some of them, in the order of their labels; when None all, in alphabetical
            order, except those whose names begin with a dot.
        class_mode: "categorical" labels are one-hot, "binary" and "sparse" ones numbers; "input" is for the images
            again, None for no labels.
        batch_size: how many a batch has.
        shuffle: whether each pass has another order; alphabetical otherwise.
        seed: what is drawn from; NumPy's global state when None.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        save_to_dir, save_prefix, save_format: a folder for the images of every batch, and how its files are called.
        follow_links: whether links to folders are followed.
        subset: "training" or "validation", by the generator's `validation_split`; of each class the validation comes
            first.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "hamming" or "box".
        keep_aspect_ratio: cut out the largest part in the middle that has the sides of `target_size` first.
        dtype: of the images; `config.floatx()` when None.

    Attributes:
        class_indices: the labels of the classes' names.
        classes: the label of each image.
        filenames: their paths within the folder.
        samples: how many there are.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: an unknown mode, or a folder without images.
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
        dtype: str | None = None,
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
    """The paths of the images in a folder and in those within it; folders, and files in them, in alphabetical order."""
    walk = sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0])
    return [os.path.join(root, f) for root, _, files in walk for f in sorted(files) if f.lower().endswith(SUFFIXES)]


def part_of(paths: list[str], start: float, end: float) -> list[str]:
    """Those from one share of all to another."""
    return paths[int(start * len(paths)) : int(end * len(paths))]


def check_subset(subset: str | None) -> str | None:
    """`subset`. Raises ValueError unless it is one of `SUBSETS`."""
    if subset not in SUBSETS:
        raise ValueError(f"subset must be 'training', 'validation' or None. Received: subset={subset!r}")
    return subset


def check_classes(first: Array, second: Array) -> None:
    """Raise ValueError where two parts of the targets do not have the same classes."""
    if not np.array_equal(np.unique(first), np.unique(second)):
        raise ValueError(
            "flow: training and validation must have the same classes; shuffle the arrays first, or pass "
            "ignore_class_split=True"
        )
