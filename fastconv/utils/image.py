"""Images in files, read and written by Pillow, and whole folders of them as datasets."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from fastconv import config, ops
from fastconv.arguments import as_integer, as_integers, as_number, as_seed, as_size, optional
from fastconv.utils.dataset import Dataset, check_format
from fastconv.utils.files import DAMAGE, write_whole
from fastconv.utils.random import next_seed

COLOR_MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}
DEEP_MODES = ("I", "F")  # Pillow's modes of one channel of 32 bits; those of 16 bits begin with "I;16"
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "hamming", "box")
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
WORKERS = 4  # threads that decode files


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Images in files need Pillow: pip install fastconv[images]") from error
    return Image


def _color_mode(mode: str) -> tuple[str, int]:
    if mode not in COLOR_MODES:
        raise ValueError(f"color_mode must be one of {', '.join(COLOR_MODES)}. Received: color_mode={mode!r}")
    return COLOR_MODES[mode]


def load_img(
    path: str | os.PathLike[str],
    color_mode: str = "rgb",
    target_size: Sequence[int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Return the image in a file as Pillow's `Image`.

    A grayscale image of 16 or 32 bits keeps its values under `color_mode="grayscale"`. The other modes hold integers
    from 0 to 255; other values are cut off, with a warning.

    Args:
        path: the file.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: (height, width), or None to leave it as it is.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "hamming" or "box".
        keep_aspect_ratio: cut out the largest part in the middle that has the sides of `target_size` first.

    Raises:
        ImportError: Pillow is not installed.
        FileNotFoundError: there is no such file.
        ValueError: an unknown mode or interpolation, or a file that is no image or a damaged one.
    """
    _color_mode(color_mode)
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}. Received: {interpolation!r}")
    size = optional(as_size, "load_img", "target_size", target_size)
    image = _read(path, color_mode)
    if size is None:
        return image
    height, width = size
    box = None
    if keep_aspect_ratio:
        part_width = min(image.width, image.height * width // height)
        part_height = min(image.height, image.width * height // width)
        left, top = (image.width - part_width) // 2, (image.height - part_height) // 2
        box = (left, top, left + part_width, top + part_height)
    if (image.height, image.width) == (height, width):
        return image
    return image.resize((width, height), getattr(_pillow().Resampling, interpolation.upper()), box=box)


def _read(path: str | os.PathLike[str], color_mode: str) -> Any:
    """The image in a file, in the mode of Pillow's that `color_mode` asks for."""
    image_module = _pillow()
    try:
        with image_module.open(path) as image:
            image.load()
            return _in_color_mode(image, color_mode, path)
    except (*DAMAGE, SyntaxError, ValueError, image_module.DecompressionBombError) as error:
        if getattr(error, "filename", None) is not None:  # the file cannot be opened, and the error names it
            raise
        raise ValueError(f"{path}: a file must hold an image that Pillow can read. Received: {error}") from error


def _in_color_mode(image: Any, color_mode: str, path: Any) -> Any:
    """`image` in the mode of Pillow's that `color_mode` asks for; grayscale images keep their 16 or 32 bits."""
    is_short = image.mode.startswith("I;16")
    image = image.convert("I") if is_short else image  # which Pillow can resize in every version
    if image.mode in DEEP_MODES:
        if color_mode == "grayscale":
            return image
        low, high = image.getextrema()
        if image.mode == "F" or low < 0 or high > 255:
            warnings.warn(
                f"{path}: color_mode={color_mode!r} cuts the values of this image off to integers from 0 to 255; "
                f"color_mode='grayscale' keeps them. Received: values from {low} to {high}",
                stacklevel=4,
            )
    mode, _ = COLOR_MODES[color_mode]
    return image if image.mode == mode else image.convert(mode)


def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> np.ndarray:
    """An image as an array (H, W, C), or (C, H, W) with data_format="channels_first"; `config.floatx()` by default."""
    array = np.array(img, dtype or config.floatx())
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ValueError(f"img_to_array: an image must have 2 or 3 axes. Received: shape={array.shape}")
    last = config.standardize_data_format(data_format) == "channels_last"
    return array if last else np.ascontiguousarray(array.transpose(2, 0, 1))


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None) -> Any:
    """An array (H, W, C), or (C, H, W), as Pillow's `Image`.

    Args:
        x: 1, 3 or 4 channels.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        scale: whether its numbers are brought to the range from 0 to 255 first.
        dtype: of the numbers on the way; `config.floatx()` when None.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: another number of axes or channels.
    """
    array = np.asarray(x, dtype or config.floatx())
    if array.ndim != 3:
        raise ValueError(f"array_to_img: x must have 3 axes. Received: shape={array.shape}")
    if config.standardize_data_format(data_format) == "channels_first":
        array = array.transpose(1, 2, 0)
    if array.shape[2] not in (1, 3, 4):
        raise ValueError(f"array_to_img: x must have 1, 3 or 4 channels. Received: {array.shape[2]}")
    if scale:
        array = array - array.min()
        largest = array.max()
        array = array / largest * 255 if largest else array
    if array.shape[2] == 1 and array.max(initial=0) > 255:
        return _pillow().fromarray(array[:, :, 0].astype("int32"))
    return _pillow().fromarray(np.squeeze(array.astype("uint8"), 2) if array.shape[2] == 1 else array.astype("uint8"))


def save_img(
    path: str | os.PathLike[str],
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image into a file; its ending says how unless `file_format` does. See `array_to_img`."""
    image = array_to_img(x, data_format, scale)
    is_jpeg = (file_format or Path(path).suffix.lstrip(".")).lower() in ("jpg", "jpeg")
    image = image.convert("RGB") if is_jpeg and image.mode == "RGBA" else image
    if image.mode == "I" and image.getextrema()[1] < 2**16:  # which Pillow writes into PNG files, too
        image = image.convert("I;16")
    image_format = "jpeg" if file_format and is_jpeg else file_format
    if hasattr(path, "write"):
        image.save(path, format=image_format, **kwargs)
        return
    content = io.BytesIO()
    content.name = os.fsdecode(path)  # whose ending tells Pillow the format
    image.save(content, format=image_format, **kwargs)
    write_whole(path, lambda file: file.write(content.getvalue()))


# ---- folders ---------------------------------------------------------------------------------------------------------


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The images in a folder as a `Dataset` of batches (images, labels), decoded in threads while a model trains.

    Args:
        directory: has a folder for each class, or just images where `labels` is None or a list.
        labels: "inferred" from the folders, None, or a list with a whole number for each file in alphabetical order.
        label_mode: "int", "categorical" (one-hot), "binary" (0.0 or 1.0), or None for images alone.
        class_names: the folders to read, all or some of them, in the order of their labels; when None all, in
            alphabetical order, except those whose names begin with a dot. Only for inferred labels.
        color_mode: "grayscale", "rgb" or "rgba".
        batch_size: None for single images.
        image_size: (height, width) to which all are resized.
        shuffle: whether each pass has another order; alphabetical otherwise.
        seed: of the orders, and of the split.
        validation_split: the share of the files that belongs to the validation.
        subset: "training", "validation", or "both" for a pair of datasets.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        follow_links: whether links to folders are followed.
        crop_to_aspect_ratio: cut out the largest part in the middle that has the sides of `image_size` first.
        pad_to_aspect_ratio: keep the sides of an image in proportion, and surround it by zeros.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        format: only "tf", Keras's name for data sets with the methods of `Dataset`.
        verbose: whether to print how many files there are.

    Returns:
        A dataset with the attributes `class_names` and `file_paths`; its images are `config.floatx()` from 0 to 255.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: arguments that do not fit together, or a folder without images. A file that is no image, or a
            damaged one, is an error that names it when its batch is read.
    """
    _pillow()
    _color_mode(color_mode)
    owner = "image_dataset_from_directory"
    batch_size = optional(as_integer, owner, "batch_size", batch_size, 1)
    image_size = as_size(owner, "image_size", image_size)
    seed = None if seed is None else as_seed(owner, seed)
    validation_split = optional(as_number, owner, "validation_split", validation_split, above=0, below=1)
    check_format(owner, format)
    _check_aspect_ratio(owner, crop_to_aspect_ratio, pad_to_aspect_ratio)
    _check_split(validation_split, subset, shuffle, seed)
    resize = partial(_resized, crop=crop_to_aspect_ratio, pad=pad_to_aspect_ratio)
    paths, numbers, names = _files(Path(directory), labels, class_names, follow_links)
    _check_label_mode(label_mode, names)
    if verbose:
        print(f"Found {len(paths)} files belonging to {len(names)} classes.")
    first_seed = next_seed() % 2**31 if seed is None else seed
    if shuffle:
        order = np.random.default_rng(first_seed).permutation(len(paths))
        paths, numbers = [paths[i] for i in order], [numbers[i] for i in order]

    def dataset(part: slice) -> Any:
        files = Dataset.from_tensor_slices((np.array(paths[part], object), np.array(numbers[part])))
        files = files.shuffle(max(len(files), 1), seed=first_seed) if shuffle else files

        def element(path: str, number: int) -> Any:
            image = _in_layout(resize(_decode(path, color_mode), image_size, interpolation), data_format)
            return image if label_mode is None or labels is None else (image, _label(number, label_mode, len(names)))

        images: Any = files.map(element, WORKERS)
        images = images if batch_size is None else images.batch(batch_size)
        images.class_names, images.file_paths = names, paths[part]
        return images

    training, validation = _split(len(paths), validation_split or 0)
    if subset == "both":
        return dataset(training), dataset(validation)
    return dataset(validation if subset == "validation" else training)


def _check_aspect_ratio(owner: str, crop: bool, pad: bool) -> None:
    if crop and pad:
        raise ValueError(
            f"{owner}: only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be True. "
            f"Received: crop_to_aspect_ratio={crop}, pad_to_aspect_ratio={pad}"
        )


def _check_split(validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> None:
    if (validation_split is None) != (subset is None) or subset not in ("training", "validation", "both", None):
        raise ValueError(
            "validation_split goes with subset, 'training', 'validation' or 'both'. "
            f"Received: validation_split={validation_split!r}, subset={subset!r}"
        )
    if validation_split is not None and shuffle and seed is None:
        raise ValueError("A validation split of shuffled files needs a seed, or its parts might overlap")


def _check_label_mode(label_mode: str | None, names: list[str]) -> None:
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(f"label_mode must be 'int', 'categorical', 'binary' or None. Received: {label_mode!r}")
    if label_mode == "binary" and len(names) != 2:
        raise ValueError(f"label_mode 'binary' is for two classes. Received: class_names={names}")


def _split(count: int, validation_split: float) -> tuple[slice, slice]:
    """Return the training files and the validation files, which come last, of `count` files."""
    first = count - int(validation_split * count)
    return slice(0, first), slice(first, None)


def _files(
    directory: Path, labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[str], list[int], list[str]]:
    """The paths of images in alphabetical order, their labels, and the names of the classes."""
    if not directory.is_dir():
        raise ValueError(f"directory must be a folder. Received: directory={os.fspath(directory)!r}")
    if isinstance(labels, str) and labels != "inferred":
        raise ValueError(f"labels must be 'inferred', None or a list. Received: labels={labels!r}")
    if not isinstance(labels, str):
        if class_names is not None:
            raise ValueError(f"class_names goes with labels='inferred'. Received: class_names={class_names!r}")
        paths = _images_in(directory, follow_links)
        numbers = (
            [0] * len(paths) if labels is None else list(as_integers("image_dataset_from_directory", "labels", labels))
        )
        if len(numbers) != len(paths):
            raise ValueError(f"There must be a label for each of {len(paths)} files. Received: {len(numbers)}")
        names = [str(number) for number in sorted(set(numbers))] if labels is not None else []
    else:
        names = class_folders(directory, class_names)
        groups = [_images_in(directory / name, follow_links) for name in names]
        paths = [path for group in groups for path in group]
        numbers = [number for number, group in enumerate(groups) for _ in group]
    if not paths:
        raise ValueError(f"There must be images ({', '.join(SUFFIXES)}) in {os.fspath(directory)!r}; none were found")
    return paths, numbers, names


def class_folders(directory: str | os.PathLike[str], names: Sequence[str] | None = None) -> list[str]:
    """Return the names of the folders in `directory`, one for each class, in the order of their labels.

    A folder whose name begins with a dot is no class.

    Args:
        directory: the folder of the data set.
        names: some of the folders in another order; all in alphabetical order when None.

    Raises:
        ValueError: `names` has a name twice, or one that no folder has.
    """
    found = sorted(path.name for path in Path(directory).iterdir() if path.is_dir() and not path.name.startswith("."))
    if names is None:
        return found
    if isinstance(names, str) or not set(names) <= set(found) or len(set(names)) < len(names):
        raise ValueError(f"The names of classes must be names of folders, {found}, each once. Received: {names!r}")
    return list(names)


def _images_in(folder: Path, follow_links: bool) -> list[str]:
    """The paths of all images in a folder and in those within it."""
    walk = os.walk(folder, followlinks=follow_links)
    return sorted(os.path.join(root, n) for root, _, names in walk for n in names if n.lower().endswith(SUFFIXES))


def _decode(path: str, color_mode: str) -> np.ndarray:
    """An image of a file, channels last."""
    return img_to_array(load_img(path, color_mode), "channels_last")


def _resized(image: np.ndarray, size: Sequence[int], interpolation: str, crop: bool, pad: bool) -> np.ndarray:
    """`image` in another size, of which the middle is cut out first, or which is surrounded by zeros afterwards."""
    height, width = size
    h, w = image.shape[:2]
    if crop:
        h, w = min(h, w * height // width), min(w, h * width // height)
        top, left = (image.shape[0] - h) // 2, (image.shape[1] - w) // 2
        image = image[top : top + h, left : left + w]
    if not pad:
        return ops.image.resize(image[None], size, interpolation, data_format="channels_last")[0]
    shrinking = max(h / height, w / width)
    inner = max(1, int(h / shrinking)), max(1, int(w / shrinking))
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    padded = np.zeros((height, width, image.shape[2]), image.dtype)
    padded[top : top + inner[0], left : left + inner[1]] = ops.image.resize(
        image[None], inner, interpolation, data_format="channels_last"
    )[0]
    return padded


def _in_layout(image: np.ndarray, data_format: str | None) -> np.ndarray:
    """An image with channels last in the layout that `data_format` means."""
    last = config.standardize_data_format(data_format) == "channels_last"
    return image if last else np.ascontiguousarray(image.transpose(2, 0, 1))


def _label(number: int, mode: str, classes: int) -> Any:
    if mode == "categorical":
        return np.eye(classes, dtype=config.floatx())[number]
    return np.array([number], config.floatx()) if mode == "binary" else np.int32(number)
