"""CIFAR-100: 60,000 small photographs in a hundred classes."""

from __future__ import annotations

from fastconv.datasets.files import Split, from_records, locate, read_records

__all__ = ["load_data"]

URL = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"
CHECKSUM = "md5:03b5dce01913d631647c71ecec9e9cb8"
FOLDER = "cifar-100-binary"
CONTENTS: dict[str, str | None] = {  # the files of the archive, for training and for testing
    f"{FOLDER}/train.bin": "md5:6172c7755cfe09b2fe270c85cebc1b15",
    f"{FOLDER}/test.bin": "md5:4499cfba6c016c1be1438163640a0898",
}
LABELS = {"coarse": (0, 20), "fine": (1, 100)}  # index of the label's byte in a record, and number of classes
RECORD = 2 + 3 * 32 * 32


def load_data(label_mode: str = "fine") -> Split:
    """Load 50,000 training images and 10,000 test images (Krizhevsky 2009).

    The file cifar-100-binary.tar.gz is searched in FASTCONV_DATA and ~/.cache/fastconv, and downloaded if it is
    missing. This version of the dataset contains plain bytes; nothing is unpickled.

    Args:
        label_mode: "fine" for the hundred classes (default), or "coarse" for twenty groups of five classes.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``. Images are uint8, (N, 32, 32, 3), or (N, 3, 32, 32) if
        `config.image_data_format()` is "channels_first", with values from 0 to 255. Labels are int64, (N, 1).

    Raises:
        ImportError: the file must be downloaded, and pooch is not installed.
        ValueError: `label_mode` is unknown, or the file is damaged or contains other data.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = datasets.cifar100.load_data("coarse")  # doctest: +SKIP
        >>> y_train.max()  # doctest: +SKIP
        19
    """
    if label_mode not in LABELS:
        raise ValueError(f"label_mode must be 'fine' or 'coarse'. Received: label_mode={label_mode!r}")
    path = locate("cifar-100-binary.tar.gz", URL, CHECKSUM)
    parts = read_records(path, CONTENTS, RECORD)
    (x_train, y_train), (x_test, y_test) = (from_records(part, 2, *LABELS[label_mode]) for part in parts)
    return (x_train, y_train.astype("int64")), (x_test, y_test.astype("int64"))
