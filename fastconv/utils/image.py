"""Image files, read and written with Pillow, and folders of images as datasets."""

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

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_integer, as_integers, as_number, as_seed, as_size, optional
from fastconv.typing import ArrayLike, DTypeLike
from fastconv.utils.dataset import Dataset, check_format
from fastconv.utils.files import DAMAGE, write_whole
from fastconv.utils.random import next_seed

COLOR_MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}
DEEP_MODES = ("I", "F")  # Pillow's modes of one 32-bit channel; the modes with 16 bits begin with "I;16"
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
    """Read an image file as a Pillow `Image`.

    A grayscale image of 16 or 32 bits keeps its values if `color_mode="grayscale"`. The other modes hold integers from
    0 to 255; other values are clipped, with a warning.

    Args:
        path: str or path. The file.
        color_mode: "grayscale", "rgb" or "rgba". Default: "rgb".
        target_size: (height, width), or None to keep the size. Default: None.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "hamming" or "box". Default: "nearest".
        keep_aspect_ratio: bool. Whether to crop the image to the proportions of `target_size` first. Default: False.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ImportError: Pillow is not installed.
        FileNotFoundError: the file does not exist.
        ValueError: the mode or interpolation is unknown, or the file is damaged or not an image.

    Example:
        >>> image = load_img("cat.png", target_size=(224, 224))  # doctest: +SKIP
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
    """Return the image in a file, converted to the Pillow mode of `color_mode`."""
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
    """Convert `image` to the Pillow mode of `color_mode`; grayscale images keep their 16 or 32 bits."""
    is_short = image.mode.startswith("I;16")
    image = image.convert("I") if is_short else image  # every version of Pillow can resize this mode
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


def img_to_array(img: Any, data_format: str | None = None, dtype: DTypeLike | None = None) -> np.ndarray:
    """Convert an image to an array (H, W, C), or (C, H, W) if channels first.

    Args:
        img: a Pillow image, or an array with 2 or 3 axes.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`. Default: None.
        dtype: str or None; None means `config.floatx()`. Default: None.

    Returns:
        Array with 3 axes.

    Raises:
        ValueError: the image has neither 2 nor 3 axes.

    Example:
        >>> img_to_array(np.zeros((2, 3))).shape
        (2, 3, 1)
    """
    array = np.array(img, dtype or config.floatx())
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ValueError(f"img_to_array: an image must have 2 or 3 axes. Received: shape={array.shape}")
    last = config.standardize_data_format(data_format) == "channels_last"
    return array if last else np.ascontiguousarray(array.transpose(2, 0, 1))


def array_to_img(x: ArrayLike, data_format: str | None = None, scale: bool = True, dtype: str | None = None) -> Any:
    """Convert an array (H, W, C), or (C, H, W) if channels first, to a Pillow `Image`.

    Args:
        x: array with 1, 3 or 4 channels.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`. Default: None.
        scale: bool. Whether to scale the values to the range from 0 to 255 first. Default: True.
        dtype: str or None. The dtype of the computation; None means `config.floatx()`. Default: None.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: x has not 3 axes, or another number of channels.

    Example:
        >>> array_to_img(np.zeros((2, 3, 3))).size  # doctest: +SKIP
        (3, 2)
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
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file.

    Args:
        path: str, path or binary file. Its ending gives the format if `file_format` is None.
        x: array (H, W, C), or (C, H, W) if channels first, with 1, 3 or 4 channels.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`. Default: None.
        file_format: str or None. The format, for example "png". Default: None.
        scale: bool. Whether to scale the values to the range from 0 to 255 first. Default: True.
        kwargs: options of Pillow's `Image.save`.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: x has not 3 axes, or another number of channels.

    Example:
        >>> save_img("noise.png", np.random.rand(32, 32, 3))  # doctest: +SKIP
    """
    image = array_to_img(x, data_format, scale)
    is_jpeg = (file_format or Path(path).suffix.lstrip(".")).lower() in ("jpg", "jpeg")
    image = image.convert("RGB") if is_jpeg and image.mode == "RGBA" else image
    if image.mode == "I" and image.getextrema()[1] < 2**16:  # Pillow also writes this mode into PNG files
        image = image.convert("I;16")
    image_format = "jpeg" if file_format and is_jpeg else file_format
    if hasattr(path, "write"):
        image.save(path, format=image_format, **kwargs)
        return
    content = io.BytesIO()
    content.name = os.fsdecode(path)  # Pillow takes the format from the name's ending
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
    """Create a `Dataset` of batches (images, labels) from a folder of images, decoded in threads during training.

    Args:
        directory: str or path. It has a folder per class, or only images if `labels` is None or a list.
        labels: "inferred" from the folders (default), None, or a list with an integer per file in alphabetical order.
        label_mode: "int" (default), "categorical" (one-hot), "binary" (0.0 or 1.0), or None for images without labels.
        class_names: list of the folders to read, in the order of their labels, or None for all folders in alphabetical
            order, except hidden folders (names that begin with a dot). Only for inferred labels. Default: None.
        color_mode: "grayscale", "rgb" or "rgba". Default: "rgb".
        batch_size: int, or None for single images. Default: 32.
        image_size: (height, width) to which all images are resized. Default: (256, 256).
        shuffle: bool. Whether each pass has a new random order; if False, the order is alphabetical. Default: True.
        seed: int or None. The seed of the order and of the split. Default: None.
        validation_split: float or None. The fraction of the files used for validation. Default: None.
        subset: "training", "validation", "both" for a pair of datasets, or None without a split. Default: None.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5". Default: "bilinear".
        follow_links: bool. Whether to follow links to folders. Default: False.
        crop_to_aspect_ratio: bool. Whether to crop images to the proportions of `image_size` first. Default: False.
        pad_to_aspect_ratio: bool. Whether to keep proportions and pad with zeros instead. Default: False.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`. Default: None.
        format: must be "tf", Keras's name for the kind of dataset that `Dataset` implements. Default: "tf".
        verbose: bool. Whether to print the number of files. Default: True.

    Returns:
        A dataset with the attributes `class_names` and `file_paths`. Images have dtype `config.floatx()` and values
        from 0 to 255.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: arguments contradict each other, or the folder has no images. If a file is damaged or not an image,
            the error is raised when its batch is read, and names the file.

    Example:
        >>> dataset = image_dataset_from_directory("cats_and_dogs", image_size=(128, 128))  # doctest: +SKIP
        >>> model.fit(dataset, epochs=10)  # doctest: +SKIP
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
            f"{owner}: crop_to_aspect_ratio and pad_to_aspect_ratio cannot both be True. "
            f"Received: crop_to_aspect_ratio={crop}, pad_to_aspect_ratio={pad}"
        )


def _check_split(validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> None:
    if (validation_split is None) != (subset is None) or subset not in ("training", "validation", "both", None):
        raise ValueError(
            "validation_split must be given together with subset, 'training', 'validation' or 'both'. "
            f"Received: validation_split={validation_split!r}, subset={subset!r}"
        )
    if validation_split is not None and shuffle and seed is None:
        raise ValueError("validation_split with shuffle=True needs a seed; otherwise its parts might overlap")


def _check_label_mode(label_mode: str | None, names: list[str]) -> None:
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(f"label_mode must be 'int', 'categorical', 'binary' or None. Received: {label_mode!r}")
    if label_mode == "binary" and len(names) != 2:
        raise ValueError(f"label_mode 'binary' needs two classes. Received: class_names={names}")


def _split(count: int, validation_split: float) -> tuple[slice, slice]:
    """Return the training files and the validation files, which come last, of `count` files."""
    first = count - int(validation_split * count)
    return slice(0, first), slice(first, None)


def _files(
    directory: Path, labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[str], list[int], list[str]]:
    """Return the paths of images in alphabetical order, their labels, and the names of the classes."""
    if not directory.is_dir():
        raise ValueError(f"directory must be a folder. Received: directory={os.fspath(directory)!r}")
    if isinstance(labels, str) and labels != "inferred":
        raise ValueError(f"labels must be 'inferred', None or a list. Received: labels={labels!r}")
    if not isinstance(labels, str):
        if class_names is not None:
            raise ValueError(f"class_names needs labels='inferred'. Received: class_names={class_names!r}")
        paths = _images_in(directory, follow_links)
        numbers = (
            [0] * len(paths) if labels is None else list(as_integers("image_dataset_from_directory", "labels", labels))
        )
        if len(numbers) != len(paths):
            raise ValueError(f"labels must have a label for each of {len(paths)} files. Received: {len(numbers)}")
        names = [str(number) for number in sorted(set(numbers))] if labels is not None else []
    else:
        names = class_folders(directory, class_names)
        groups = [_images_in(directory / name, follow_links) for name in names]
        paths = [path for group in groups for path in group]
        numbers = [number for number, group in enumerate(groups) for _ in group]
    if not paths:
        raise ValueError(f"directory must contain images ({', '.join(SUFFIXES)}). Received: {os.fspath(directory)!r}")
    return paths, numbers, names


def class_folders(directory: str | os.PathLike[str], names: Sequence[str] | None = None) -> list[str]:
    """Return the names of the folders in `directory`, one per class, in the order of their labels.

    A folder whose name begins with a dot is not a class.

    Args:
        directory: the folder of the dataset.
        names: the folders to use, in their order, or None for all folders in alphabetical order.

    Raises:
        ValueError: `names` has a duplicate, or a name without a folder.
    """
    found = sorted(path.name for path in Path(directory).iterdir() if path.is_dir() and not path.name.startswith("."))
    if names is None:
        return found
    if isinstance(names, str) or not set(names) <= set(found) or len(set(names)) < len(names):
        raise ValueError(f"class_names must be distinct names of the folders {found}. Received: {names!r}")
    return list(names)


def _images_in(folder: Path, follow_links: bool) -> list[str]:
    """Return the paths of all images in a folder and its subfolders."""
    walk = os.walk(folder, followlinks=follow_links)
    return sorted(os.path.join(root, n) for root, _, names in walk for n in names if n.lower().endswith(SUFFIXES))


def _decode(path: str, color_mode: str) -> np.ndarray:
    """Return the image in a file as an array with channels last."""
    return img_to_array(load_img(path, color_mode), "channels_last")


def _resized(image: np.ndarray, size: Sequence[int], interpolation: str, crop: bool, pad: bool) -> np.ndarray:
    """Resize `image`; if `crop`, its centre is cut out first, and if `pad`, it is surrounded by zeros afterwards."""
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
    """Convert an image from channels last to `data_format`."""
    last = config.standardize_data_format(data_format) == "channels_last"
    return image if last else np.ascontiguousarray(image.transpose(2, 0, 1))


def _label(number: int, mode: str, classes: int) -> Any:
    if mode == "categorical":
        return np.eye(classes, dtype=config.floatx())[number]
    return np.array([number], config.floatx()) if mode == "binary" else np.int32(number)
