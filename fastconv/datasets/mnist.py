"""MNIST: 70,000 handwritten digits."""

from __future__ import annotations

from pathlib import Path

from fastconv.datasets.files import Split, as_idx, check_content, checked, locate, read_npz

__all__ = ["load_data"]

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
CHECKSUM = "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"  # of the file at `URL`
CONTENTS = {  # of the idx files of the original, decompressed
    "x_train": "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "y_train": "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "x_test": "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "y_test": "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load_data(path: str = "mnist.npz") -> Split:
    """60,000 images to train with and 10,000 to test with; LeCun, Bottou, Bengio and Haffner 1998.

    Args:
        path: the file's name in FASTCONV_DATA or ~/.cache/fastconv, downloaded when neither has it; or the path of a
            file of your own in the same form, whose images and labels are taken as they are.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``, uint8: images (N, 28, 28) from 0 to 255, labels (N,) from 0 to 9.

    Raises:
        ImportError: it must be downloaded, and pooch is not installed.
        ValueError: a damaged file, or one that holds other data.
    """
    if Path(path).is_file():
        return checked(Path(path), *read_npz(Path(path), tuple(CONTENTS)))
    source = locate(path, URL, CHECKSUM)
    arrays = read_npz(source, tuple(CONTENTS))
    for array, (name, digest) in zip(arrays, CONTENTS.items()):
        check_content(f"{source}, {name}", as_idx(array), digest)
    return checked(source, *arrays)
