"""CIFAR-10: 60,000 small photographs in ten classes."""

from __future__ import annotations

import numpy as np

from fastconv.datasets.files import Split, from_records, locate, read_records

__all__ = ["load_data"]

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CHECKSUM = "md5:c32a1d4ab5d03f1284b67883e8d87530"
FOLDER = "cifar-10-batches-bin"
CONTENTS: dict[str, str | None] = {  # the files of the archive; the last file is the test set
    f"{FOLDER}/data_batch_1.bin": "md5:5dd7e06a14cb22eb9f671a540d1b7c25",
    f"{FOLDER}/data_batch_2.bin": "md5:5ea93a67294ea407fff1d09f752e9692",
    f"{FOLDER}/data_batch_3.bin": "md5:942cd6a4bcdd0dd3c604fbe906cb4421",
    f"{FOLDER}/data_batch_4.bin": "md5:ae636b3ba5c66a11e91e8cb52e771fcb",
    f"{FOLDER}/data_batch_5.bin": "md5:53f37980c15c3d472c316c40844f3f0d",
    f"{FOLDER}/test_batch.bin": "md5:803d5f7f4d78ea53de84dbe85f74fb6d",
}
RECORD = 1 + 3 * 32 * 32


def load_data() -> Split:
    """Load 50,000 training images and 10,000 test images (Krizhevsky 2009).

    The file cifar-10-binary.tar.gz is searched in FASTCONV_DATA and ~/.cache/fastconv, and downloaded if it is missing.
    This version of the dataset contains plain bytes; nothing is unpickled.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``, uint8. Images are (N, 32, 32, 3), or (N, 3, 32, 32) if
        `config.image_data_format()` is "channels_first", with values from 0 to 255. Labels are (N, 1), from 0 to 9:
        airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    Raises:
        ImportError: the file must be downloaded, and pooch is not installed.
        ValueError: the file is damaged, or contains other data.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = datasets.cifar10.load_data()  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (50000, 32, 32, 3)
    """
    path = locate("cifar-10-binary.tar.gz", URL, CHECKSUM)
    *train, test = read_records(path, CONTENTS, RECORD)
    return from_records(np.concatenate(train), 1, 0, 10), from_records(test, 1, 0, 10)
