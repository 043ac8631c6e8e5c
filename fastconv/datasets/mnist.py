"""MNIST: 70,000 handwritten digits."""

from __future__ import annotations

from pathlib import Path

from fastconv.datasets.files import Split, as_idx, check_content, checked, locate, read_npz

__all__ = ["load_data"]

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
CHECKSUM = "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"  # of the file at `URL`
CONTENTS = {  # of the original idx files, decompressed
    "x_train": "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "y_train": "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "x_test": "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "y_test": "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load_data(path: str = "mnist.npz") -> Split:
    """Load 60,000 training images and 10,000 test images (LeCun, Bottou, Bengio and Haffner 1998).

    Args:
        path: str. The file's name in FASTCONV_DATA or ~/.cache/fastconv; it is downloaded if it is missing. Or the path
            of your own file in the same format, whose content is not checked. Default: "mnist.npz".

    Returns:
        ``((x_train, y_train), (x_test, y_test))``, uint8. Images are (N, 28, 28), with values from 0 to 255. Labels are
        (N,), from 0 to 9.

    Raises:
        ImportError: the file must be downloaded, and pooch is not installed.
        ValueError: the file is damaged, or contains other data.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = datasets.mnist.load_data()  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (60000, 28, 28)
    """
    if Path(path).is_file():
        return checked(Path(path), *read_npz(Path(path), tuple(CONTENTS)))
    source = locate(path, URL, CHECKSUM)
    arrays = read_npz(source, tuple(CONTENTS))
    for array, (name, digest) in zip(arrays, CONTENTS.items()):
        check_content(f"{source}, {name}", as_idx(array), digest)
    return checked(source, *arrays)
