"""MNIST: 70,000 handwritten digits."""

from __future__ import annotations

from pathlib import Path

from fastconv.datasets.files import Split, checked, locate, read_npz

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
CHECKSUM = "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path: str = "mnist.npz") -> Split:
    """60,000 images to train with and 10,000 to test with; LeCun, Bottou, Bengio and Haffner 1998.

    Args:
        path: the file's name in FASTCONV_DATA or ~/.cache/fastconv (downloaded where it is in neither), or its path.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``, uint8: images (N, 28, 28) from 0 to 255, labels (N,) from 0 to 9.

    Raises:
        ImportError: it must be downloaded, and pooch is not installed.
        ValueError: a damaged file.
    """
    given = Path(path)
    source = given if given.is_file() else locate(path, URL, CHECKSUM)
    return checked(source, *read_npz(source, ("x_train", "y_train", "x_test", "y_test")))
