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
LABELS = {"coarse": (0, 20), "fine": (1, 100)}  # which byte of a record it is, and how many classes there are
RECORD = 2 + 3 * 32 * 32


def load_data(label_mode: str = "fine") -> Split:
    """50,000 images to train with and 10,000 to test with; Krizhevsky 2009.

    The file cifar-100-binary.tar.gz is looked for in FASTCONV_DATA and ~/.cache/fastconv, and downloaded where it is in
    neither. It is the version that holds plain bytes; nothing in it is unpickled.

    Args:
        label_mode: "fine" for the hundred classes, "coarse" for the twenty groups of five that they form.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``: images (N, 32, 32, 3), or (N, 3, 32, 32) where
        `config.image_data_format()` is "channels_first", uint8 from 0 to 255; labels (N, 1), int64.

    Raises:
        ImportError: it must be downloaded, and pooch is not installed.
        ValueError: another `label_mode`, a damaged file, or one that holds other data.
    """
    if label_mode not in LABELS:
        raise ValueError(f"label_mode must be 'fine' or 'coarse'. Received: label_mode={label_mode!r}")
    path = locate("cifar-100-binary.tar.gz", URL, CHECKSUM)
    parts = read_records(path, CONTENTS, RECORD)
    (x_train, y_train), (x_test, y_test) = (from_records(part, 2, *LABELS[label_mode]) for part in parts)
    return (x_train, y_train.astype("int64")), (x_test, y_test.astype("int64"))
