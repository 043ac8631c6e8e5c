"""Fashion-MNIST: 70,000 pictures of clothes, in the format of MNIST."""

from __future__ import annotations

from fastconv.datasets.files import DEBIAN, Split, checked, locate, read_idx

__all__ = ["load_data"]

URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
CHECKSUMS = {  # of the files at `URL`
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
CONTENTS = {  # of the same files, decompressed
    "train-images-idx3-ubyte.gz": "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def load_data() -> Split:
    """Load 60,000 training images and 10,000 test images (Xiao, Rasul and Vollgraf 2017).

    The files are searched in the folder fashion-mnist of FASTCONV_DATA, ~/.cache/fastconv and /usr/share/datasets (the
    Debian package dataset-fashion-mnist), and downloaded if they are missing. Checksums are computed from the
    decompressed images and labels.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``, uint8. Images are (N, 28, 28), with values from 0 to 255. Labels are
        (N,), from 0 to 9: T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Raises:
        ImportError: the files must be downloaded, and pooch is not installed.
        ValueError: a file is damaged, or contains other data.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = datasets.fashion_mnist.load_data()  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (60000, 28, 28)
    """
    paths = [locate(f"fashion-mnist/{name}", URL + name, check, [DEBIAN]) for name, check in CHECKSUMS.items()]
    x_train, y_train, x_test, y_test = map(read_idx, paths, (3, 1, 3, 1), CONTENTS.values())
    return checked(paths[0].parent, x_train, y_train, x_test, y_test)
